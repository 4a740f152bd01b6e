"""Who answers at the engine's address, and what the gate says when it is no engine that it can use."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.events import StreamEvents
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineLost, EngineTooOld, EngineUnreachable
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import GateResult
from ansible_collections.selfhost.postiz.plugins.module_utils.health.gate import look
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Request, Settings

Answer = Callable[[socket.socket], None]


@pytest.fixture
def engine_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], None]]:
    """Put something at the address that DOCKER_HOST names."""
    servers: list[socket.socket] = []

    def serve(server: socket.socket, answer: Answer) -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def place(answer: Answer) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / "engine.sock"))
        server.listen()
        servers.append(server)
        threading.Thread(target=serve, args=(server, answer), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")

    yield place
    for server in servers:
        server.close()


def engine_of(api: str) -> Answer:
    """An engine that knows its version and nothing else."""

    def answer(connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(65536):
                known = b"/version" in request
                body = json.dumps(
                    {"Version": "1", "ApiVersion": api} if known else {"message": "no such page"}
                ).encode()
                status = b"200 OK" if known else b"404 Not Found"
                head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
                    status,
                    len(body),
                )
                connection.sendall(head + body)

    return answer


def stranger(connection: socket.socket) -> None:
    """A web server at the wrong place."""
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


def hanging(connection: socket.socket) -> None:
    """An engine that takes calls and never answers."""
    with connection:
        time.sleep(60)


def gate(**more: object) -> GateResult:
    """The container gate at that address."""
    values = {
        "project": "x",
        "project_src": "",
        "expectations": {},
        "http": (),
        "settings": Settings(),
        "timeout_seconds": 2.0,
        "evidence": "culprit",
        "log_lines": 5,
        **more,
    }
    return look(Request(**values))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("unix:///nowhere/docker.sock", "No Docker Engine answers at unix:///nowhere/docker.sock: No such file"),
        ("unix:///etc/passwd", "No Docker Engine answers at unix:///etc/passwd: Connection refused"),
        ("tcp://127.0.0.1:1", "No Docker Engine answers at tcp://127.0.0.1:1: Connection refused"),
        ("nonsense://here", "No Docker Engine answers at nonsense://here: "),
        ("tcp://host:many", "No Docker Engine answers at tcp://host:many: "),
    ],
)
def test_nobody_there(monkeypatch: pytest.MonkeyPatch, address: str, words: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    told = gate()
    assert told.verdict is Verdict.UNKNOWN
    assert [finding.code for finding in told.findings] == ["engine-unreachable"]
    assert words in told.report
    assert "DOCKER_HOST" in told.findings[0].remedy
    assert told.details["services"] == []


def test_certificates_that_do_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", "/nowhere")
    with pytest.raises(EngineUnreachable):
        connect()


def test_a_stranger(engine_at: Callable[[Answer], None]) -> None:
    engine_at(stranger)
    told = gate()
    assert told.findings[0].code == "engine-unreachable"


@pytest.mark.parametrize("api", ["1.12", "1.40"])
def test_an_engine_that_is_too_old(engine_at: Callable[[Answer], None], api: str) -> None:
    engine_at(engine_of(api))
    told = gate()
    assert told.verdict is Verdict.UNKNOWN
    assert [finding.code for finding in told.findings] == ["engine-too-old"]
    assert told.findings[0].remedy == "upgrade the Docker Engine."
    with pytest.raises(EngineTooOld):
        connect()


def test_an_engine_that_answers_with_errors_is_unknown(engine_at: Callable[[Answer], None]) -> None:
    engine_at(engine_of("1.41"))
    told = gate(timeout_seconds=0.0)
    assert told.verdict is Verdict.UNKNOWN
    assert "no such page" in told.findings[0].evidence
    assert "stayed away" not in told.report
    assert "stayed away" in gate(timeout_seconds=1.0).report


def test_an_engine_that_hangs_holds_nobody_for_long(engine_at: Callable[[Answer], None]) -> None:
    engine_at(hanging)
    since = time.monotonic()
    told = gate()
    assert time.monotonic() - since < 8
    assert told.verdict is Verdict.UNKNOWN


def test_a_subscription_that_hangs() -> None:
    with pytest.raises(EngineLost, match="did not answer within 1 s"):
        StreamEvents(lambda: time.sleep(60), 1)


def test_a_subscription_that_is_refused() -> None:
    def refuse() -> None:
        raise OSError("refused")

    events = StreamEvents(refuse, 5)
    with pytest.raises(EngineLost, match="refused"):
        events.next(5)
    with pytest.raises(EngineLost, match="refused"):
        events.next(5)
    events.close()
