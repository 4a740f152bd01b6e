"""The PM2 gate on the real process tree, under each fault of the apps."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import modules
import pytest
from labkit import faults, pm2
from labkit.faults import repair
from labkit.stack import Stack
from labkit.waiting import wait_for
from modules import Result

SETTLE_SECONDS = 20


@pytest.fixture(scope="module")
def project() -> str:
    return "postiz-pm2"


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return {"stack_port": 4111, "stack_temporal_ui_port": 8111, "stack_visibility": "postgresql"}


def look(stack: Stack, **parameters: Any) -> Result:
    """One look without a quiet window, unless something else is said."""
    given = {"timeout": 0, "fail_on_unhealthy": False, "settle_seconds": 0, **parameters}
    return modules.run("pm2_health", project=stack.project, **given)


@pytest.fixture
def broken(stack: Stack) -> Iterator[Callable[[str], str]]:
    """Apply a fault; it is healed at the end."""
    applied = []

    def apply(name: str) -> str:
        fault = faults.named(name, stack)
        applied.append(fault)
        return faults.apply(fault)

    yield apply
    for fault in applied:
        faults.heal(fault)
    repair.wait_works(stack)


def test_a_sound_stack_is_never_called_unhealthy(stack: Stack) -> None:
    answers = {look(stack).values["verdict"] for _ in range(20)}
    assert answers == {"healthy"}


def test_no_secret_leaves_the_module(stack: Stack) -> None:
    text = look(stack).text
    secrets = {
        value
        for name, value in stack.environment("postiz").items()
        if any(word in name for word in ("SECRET", "PASSWORD", "DATABASE_URL")) and len(value) > 8
    }
    assert secrets
    assert not [value for value in secrets if value in text]


def test_the_quiet_window(stack: Stack) -> None:
    result = look(stack, settle_seconds=100_000)
    assert result.values["verdict"] == "settling"
    assert result.codes == ["pm2-settling"]
    assert result.values["settling_seconds"] > 1000
    assert look(stack, settle_seconds=100_000, pollers_seen=True).values["verdict"] == "healthy"


def test_a_boot_is_settling_and_then_healthy(stack: Stack) -> None:
    stack.container("postiz").restart(timeout=repair.GRACE_SECONDS)
    seen = []
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and (not seen or seen[-1] != "healthy"):
        seen.append(look(stack, settle_seconds=SETTLE_SECONDS).values["verdict"])
    assert set(seen) <= {"settling", "healthy"}, seen
    assert seen[0] == "settling"
    assert seen[-1] == "healthy"
    repair.wait_works(stack)


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


def test_a_ghost_after_a_restart_by_pm2(stack: Stack, broken: Callable[[str], str]) -> None:
    broken("ghost-orchestrator")
    result = look(stack, settle_seconds=1000)
    assert result.values["verdict"] == "unhealthy"
    finding = result.finding("ghost-process")
    assert finding["component"] == "orchestrator"
    assert "holds port 3002" in finding["evidence"]
    lost = {item.pid for item in pm2.ghosts(pm2.processes(stack), pm2.apps(stack).values())}
    assert any(f"pid {pid} " in finding["evidence"] for pid in lost)
    assert "port-held-by-ghost" in result.codes
    assert "pm2 restart" in finding["remedy"]
    wait_for(
        "a rate, not a counter",
        lambda: "app-crash-loop" in look(stack, restarts_allowed=2).codes,
        90,
        pause=2,
    )


def test_stolen_ports(stack: Stack, broken: Callable[[str], str]) -> None:
    broken("port-collision")
    result = look(stack)
    assert result.values["verdict"] == "unhealthy"
    held = [item for item in result.values["findings"] if item["code"] == "port-held-by-ghost"]
    assert {item["component"] for item in held} >= {"backend"}
    assert "stranger" in held[0]["evidence"]


def test_a_backend_that_does_not_listen(stack: Stack, broken: Callable[[str], str]) -> None:
    broken("backend-502")
    result = look(stack)
    assert result.codes == ["not-listening"]
    assert result.finding("not-listening")["component"] == "backend"
    assert "port 3000" in result.finding("not-listening")["evidence"]


def test_a_start_that_hung(stack: Stack, broken: Callable[[str], str]) -> None:
    broken("hung-at-start")
    assert look(stack, settle_seconds=1000).values["verdict"] == "settling"
    result = look(stack)
    assert result.codes == ["hung-at-start"]
    assert result.values["verdict"] == "unhealthy"


def test_old_lines_of_a_log_are_no_finding(stack: Stack) -> None:
    repair.restart_postiz(stack)
    stack.run("postiz", "sh", "-c", "echo 'Error: listen EADDRINUSE :::3000' >> /root/.pm2/logs/backend-error.log")
    assert "app-log" in look(stack).codes
    repair.restart_postiz(stack)
    assert look(stack).codes == []


def test_a_dead_daemon_is_told_with_what_lives_on(stack: Stack) -> None:
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


def test_a_container_that_does_not_run(stack: Stack) -> None:
    stack.container("postiz").stop(timeout=5)
    try:
        assert look(stack).codes == ["exited"]
    finally:
        repair.start_service(stack, "postiz")
        repair.wait_works(stack)


def test_input_that_cannot_be_meant(stack: Stack) -> None:
    assert "Its services: postiz" in look(stack, service="postgres").values["msg"]
    assert "apps is empty" in look(stack, apps=[]).values["msg"]
    assert "has the port 'x'" in look(stack, ports={"backend": "x"}).values["msg"]
    assert "less than 0" in look(stack, settle_seconds=-1).values["msg"]
