"""The engine's archive streams: from its socket, with answers that are none, and in chunks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine import docker_archives
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed, EngineLost


def everything(source: ByteSource, most: int = 3) -> bytes:
    view = memoryview(bytearray(most))
    found = b""
    while True:
        count = source.readinto(view)
        if not count:
            return found
        found += bytes(view[:count])


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[list[bytes]]:
    """A socket that gives one answer, in these parts."""
    parts: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()

    def serve() -> None:
        client, _address = listener.accept()
        client.recv(1 << 12)
        for part in parts:
            client.sendall(part)
        client.close()

    threading.Thread(target=serve, daemon=True).start()
    yield parts
    listener.close()


def ask(tmp_path: Path) -> ByteSource:
    return docker_archives.open_socket(str(tmp_path / "socket"), "/v1.41/containers/x/archive?path=%2Fa", 5)


def test_the_body_follows_wherever_the_headers_end(tmp_path: Path, answering: list[bytes]) -> None:
    answering += [b"HTTP/1.0 200 OK\r\nContent-Type: x\r", b"\n\r\nabcd", b"efgh"]
    source = ask(tmp_path)
    assert everything(source) == b"abcdefgh"
    source.close()


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (b'HTTP/1.0 404 Not Found\r\n\r\n{"message":"Could not find the file"}', LookupError, "Could not find"),
        (b'HTTP/1.0 500 Bad\r\n\r\n{"message":"disk broken."}', EngineFailed, "disk broken"),
        (b"HTTP/1.0 500 Bad\r\n\r\nno json", EngineFailed, "no json"),
        (b"", EngineFailed, "no proper answer"),
        (b"HTTP/1.0 200 OK\r\n", EngineFailed, "no proper answer"),
        (b"x" * 200_000, (EngineFailed, EngineLost), "answer|broke off"),
    ],
)
def test_answers_that_are_no_stream(
    tmp_path: Path,
    answering: list[bytes],
    answer: bytes,
    kind: type[Exception] | tuple[type[Exception], ...],
    told: str,
) -> None:
    answering.append(answer)
    with pytest.raises(kind, match=told):
        ask(tmp_path)


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(EngineLost, match="broke off"):
        ask(tmp_path)


def test_chunks_of_any_size() -> None:
    source = docker_archives.ChunkSource(iter([b"abcdefg", b"", b"h"]), OSError, lambda: None)
    assert everything(source) == b"abcdefgh"


def test_chunks_that_break_off() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"abc"
        raise OSError("cut")

    source = docker_archives.ChunkSource(chunks(), OSError, lambda: None)
    with pytest.raises(EngineLost, match="cut"):
        everything(source)


@pytest.mark.parametrize(
    ("address", "path"),
    [("", "/var/run/docker.sock"), ("unix:///run/x.sock", "/run/x.sock"), ("tcp://h:1", None), ("ssh://h", None)],
)
def test_where_the_socket_is(monkeypatch: pytest.MonkeyPatch, address: str, path: str | None) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    assert docker_archives.socket_path() == path
