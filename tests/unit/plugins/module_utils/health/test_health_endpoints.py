"""Endpoints: where they are, what strangers answer there, and what the gate makes of it. Real sockets, no engine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.health import endpoints, http_client
from ansible_collections.selfhost.postiz.plugins.module_utils.health.endpoints import Answer
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import ContainerState, Http, Snapshot

URL = Http("http://localhost/", (200,), "", {}, "", True, 2.0)
SERVICE = replace(URL, url="", service="web", path="/api/")
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One: 1\r\n\r\nok"


def published(*ports: str) -> Snapshot:
    """A project whose service web publishes these ports."""
    state = ContainerState(
        "1",
        "x-web-1",
        "web",
        "i",
        "running",
        "",
        False,
        "no",
        0,
        0,
        False,
        "",
        1.0,
        None,
        (),
        False,
        True,
        (),
        (),
        ports,
    )
    return Snapshot("x", (state,))


@pytest.mark.parametrize(
    ("ports", "options", "url"),
    [
        (("127.0.0.1:4007->5000",), {}, "http://127.0.0.1:4007/api/"),
        (("0.0.0.0:80->8080", ":::80->8080"), {}, "http://127.0.0.1:80/api/"),
        ((":::4007->5000",), {}, "http://[::1]:4007/api/"),
        (("127.0.0.1:1->500", "127.0.0.1:2->5000"), {"port": 5000}, "http://127.0.0.1:2/api/"),
        (("10.0.0.1:443->5000",), {"scheme": "https"}, "https://10.0.0.1:443/api/"),
    ],
)
def test_where_a_service_is_published(ports: tuple[str, ...], options: dict[str, object], url: str) -> None:
    resolved, trouble = endpoints.resolve(replace(SERVICE, **options), published(*ports))
    assert trouble is None
    assert resolved.url == url


@pytest.mark.parametrize(("ports", "port"), [((), 0), (("127.0.0.1:1->500",), 5000), (("127.0.0.1:1->15000",), 5000)])
def test_a_port_that_is_not_published(ports: tuple[str, ...], port: int) -> None:
    _resolved, trouble = endpoints.resolve(replace(SERVICE, port=port), published(*ports))
    assert trouble is not None
    assert trouble.code == "http-refused"


@pytest.mark.parametrize(
    ("answer", "options", "code", "words"),
    [
        (Answer(200, "hello", {}), {"body": "hell"}, "", ""),
        (Answer(502, "", {}), {}, "http-502", "nothing listens behind it"),
        (Answer(503, "", {}), {"status": (503,)}, "", ""),
        (Answer(404, "", {}), {"status": (200, 307)}, "http-status", "404, and shall with 200 or 307"),
        (Answer(200, "bye", {}), {"body": "hello"}, "http-body", "'bye', without 'hello'"),
        (Answer(200, "", {"server": "nginx"}), {"headers": {"Server": "caddy"}}, "http-header", "is 'nginx'"),
        (Answer(200, "", {}), {"headers": {"Server": "caddy"}}, "http-header", "is missing"),
        (Answer(0, "", {}, "Connection refused"), {}, "http-refused", "cannot be reached (Connection refused)"),
        (Answer(0, "", {}, failure="http-timeout"), {}, "http-timeout", "within 2 s"),
        (Answer(0, "", {}, "self-signed", "http-tls"), {}, "http-tls", "cannot be trusted (self-signed)"),
    ],
)
def test_answers(answer: Answer, options: dict[str, object], code: str, words: str) -> None:
    trouble = endpoints.judge(replace(URL, **options), answer)
    assert (trouble.code if trouble else "") == code
    assert words in (trouble.state if trouble else "")


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[tuple[float, bytes]], list[bytes]]]:
    """URL, what it says (pause in seconds, bytes) to whoever connects, and what it was asked."""
    says: list[tuple[float, bytes]] = []
    asked: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65536))
                    try:
                        for pause, text in says:
                            time.sleep(pause)
                            connection.sendall(text)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", says, asked


Stranger = tuple[str, list[tuple[float, bytes]], list[bytes]]


def test_a_plain_answer(stranger: Stranger) -> None:
    url, says, asked = stranger
    says.append((0, GOOD))
    assert http_client.ask(replace(URL, url=url, host="stack.example.org")) == Answer(
        200, "ok", {"content-length": "2", "x-one": "1"}
    )
    assert b"Host: stack.example.org\r\n" in asked[0]


@pytest.mark.parametrize(
    ("says", "status", "failure"),
    [
        ([(0, b"SSH-2.0-OpenSSH_9.2\r\n")], 0, "http-refused"),
        ([(0, b"")], 0, "http-refused"),
        ([(0, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort")], 200, ""),
        ([(0, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 99\r\n\r\nshort")], 502, ""),
        ([(0, b"HTTP/1.1 307 See\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")], 307, ""),
        ([(0, b"HTTP/1.1 200 OK\r\n\r\n"), *[(0.3, b"drip")] * 20], 0, "http-timeout"),
        ([(5, b"")], 0, "http-timeout"),
    ],
)
def test_strangers(stranger: Stranger, says: list[tuple[float, bytes]], status: int, failure: str) -> None:
    stranger[1].extend(says)
    since = time.monotonic()
    answer = http_client.ask(replace(URL, url=stranger[0], timeout_seconds=1.0))
    assert time.monotonic() - since < 1.5
    assert answer.status == status
    assert status or answer.failure == failure


def test_plain_http_at_a_port_that_shall_speak_tls(stranger: Stranger) -> None:
    stranger[1].append((0, GOOD))
    answer = http_client.ask(replace(URL, url=stranger[0].replace("http:", "https:")))
    assert (answer.status, answer.failure) == (0, "http-tls")


def test_nobody_there_and_no_such_name() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    answer = http_client.ask(replace(URL, url=f"http://127.0.0.1:{port}/"))
    assert (answer.failure, answer.problem) == ("http-refused", "Connection refused")
    answer = http_client.ask(replace(URL, url="http://no-such-name.invalid/"))
    assert answer.failure == "http-refused"


def test_a_published_port_is_not_asked_for_by_a_proxy(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    stranger[1].append((0, GOOD))
    assert http_client.ask(replace(SERVICE, url=stranger[0])).status == 200
    assert http_client.ask(replace(URL, url=stranger[0])).status == 0
