"""The PM2 gate on the real process tree; what it says of each fault is in test_faults.py."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import modules
import pytest
from contract import disagreements
from labkit import pm2
from labkit.faults import repair
from labkit.stack import Stack
from modules import Result
from shared import PROJECT, VARIABLES


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return VARIABLES


def look(stack: Stack, **parameters: Any) -> Result:
    """One look without a quiet window, unless something else is said."""
    given = {"timeout": 0, "fail_on_unhealthy": False, "settle_seconds": 0, **parameters}
    return modules.run("pm2_health", project=stack.project, **given)


def test_the_quiet_window(stack: Stack) -> None:
    result = look(stack, settle_seconds=100_000)
    assert result.values["verdict"] == "settling"
    assert result.codes == ["pm2-settling"]
    assert result.values["settling_seconds"] > 1000
    assert look(stack, settle_seconds=100_000, pollers_seen=True).values["verdict"] == "healthy"


class Forward(socketserver.BaseRequestHandler):
    """One connection to the engine's socket."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect("/var/run/docker.sock")
            other = {self.request: engine, engine: self.request}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)


@pytest.fixture
def remote() -> Iterator[str]:
    """The engine at a TCP address, as a remote one."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_remote_engine_gives_the_same(stack: Stack, remote: str) -> None:
    given = {"project": stack.project, "timeout": 0, "fail_on_unhealthy": False, "settle_seconds": 0}
    inside = modules.run("pm2_health", {"DOCKER_HOST": remote}, **given)
    outside = look(stack)
    assert inside.values["containers"][0]["probe"] == "exec"
    assert outside.values["containers"][0]["probe"] == "host"

    def shape(result: Result) -> list[tuple[str, list[int], bool]]:
        apps = result.values["containers"][0]["apps"]
        return sorted((app["name"], app["pids"], app["listening"]) for app in apps)

    assert shape(inside) == shape(outside)


def test_an_image_without_pm2(stack: Stack) -> None:
    result = look(stack, service="postiz-redis", proxy_port=0)
    assert result.values["verdict"] == "unhealthy"
    assert result.codes == ["pm2-daemon-missing"]
    assert "there is no folder of PM2" in result.finding("pm2-daemon-missing")["evidence"]
    assert disagreements("pm2_health", result.values) == []


def test_a_dead_daemon_and_a_line_of_a_former_start(stack: Stack) -> None:
    stack.run("postiz", "sh", "-c", "echo 'Error: listen EADDRINUSE :::3000' >> /root/.pm2/logs/backend-error.log")
    assert "app-log" in look(stack).codes
    daemon = next(item for item in pm2.processes(stack) if "God Daemon" in item.command)
    stack.run("postiz", "sh", "-c", f"kill -s KILL {daemon.pid}")
    try:
        result = look(stack)
        assert result.codes == ["pm2-daemon-missing"]
        assert "backend (pid " in result.finding("pm2-daemon-missing")["evidence"]
        assert look(stack).codes == ["pm2-daemon-missing"], "a look must not start a daemon"
        assert not [item for item in pm2.processes(stack) if "God Daemon" in item.command]
    finally:
        repair.restart_postiz(stack)
    assert look(stack).codes == [], "a line of a former start is no finding"


def test_input_that_cannot_be_meant(stack: Stack) -> None:
    assert "Its services: postiz" in look(stack, service="postgres").values["msg"]
    assert "apps is empty" in look(stack, apps=[]).values["msg"]
    assert "has the port 'x'" in look(stack, ports={"backend": "x"}).values["msg"]
    assert "less than 0" in look(stack, settle_seconds=-1).values["msg"]
