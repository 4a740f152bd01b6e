"""What the play promises, looked at from outside: sockets, files, containers, and work that flows."""

from __future__ import annotations

import re
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from labkit import posts, social
from labkit.stack import SERVICES, Stack
from labkit.temporal import Temporal
from labkit.waiting import wait_for
from testinfra.host import Host

POSTIZ_PORT = 4207
TEMPORAL_UI_PORT = 8280
PLANTED = "planted-postgres-password-7f3c"
SHORTEST_SECRET = 12
SECRET_NAME = re.compile(r"PASSWORD|SECRET|PWD|DATABASE_URL", re.IGNORECASE)
EXPECTED_SERVICES = sorted(set(SERVICES) - {"spotlight"})
RECAP = re.compile(r": ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")


def listening(host: Host) -> dict[int, set[str]]:
    """Addresses on which this machine listens, by port."""
    found: dict[int, set[str]] = {}
    for socket in host.socket.get_listening_sockets():
        kind, _, rest = socket.partition("://")
        address, _, port = rest.rpartition(":")
        if kind == "tcp":
            found.setdefault(int(port), set()).add(address)
    return found


def secrets(stack: Stack) -> dict[str, str]:
    """Secret values of the stack's own .env, by name."""
    pairs = (line.split("=", 1) for line in (stack.folder / ".env").read_text().splitlines() if "=" in line)
    values = {name.strip(): value.strip().strip("'\"") for name, value in pairs if not name.startswith("#")}
    return {name: value for name, value in values.items() if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET}


def process_arguments() -> str:
    """The argument lists of all that runs now; a process that ends meanwhile has none."""
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            texts.append(path.read_text(errors="replace"))
    return "\n".join(texts)


@pytest.mark.parametrize("port", [POSTIZ_PORT, TEMPORAL_UI_PORT])
def test_ports_are_published_on_loopback_only(host: Host, port: int) -> None:
    assert listening(host).get(port) == {"127.0.0.1"}


def test_no_other_port_is_published(stack: Stack) -> None:
    published = {
        (binding["HostIp"], int(binding["HostPort"]))
        for container in stack.containers().values()
        for bindings in container.attrs["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    assert published == {("127.0.0.1", POSTIZ_PORT), ("127.0.0.1", TEMPORAL_UI_PORT)}


@pytest.mark.parametrize(("name", "mode"), [(".env", 0o600), ("state", 0o700)])
def test_secrets_and_state_are_for_the_owner_only(host: Host, stack: Stack, name: str, mode: int) -> None:
    assert host.file(str(stack.folder / name)).mode == mode


def test_secrets_are_nowhere_but_in_env(stack: Stack) -> None:
    values = secrets(stack)
    others = [path for path in stack.folder.rglob("*") if path.is_file() and path.name != ".env"]
    leaks = [
        (name, path.name)
        for path in others
        for name, value in values.items()
        if value in path.read_text(errors="replace")
    ]
    assert leaks == []


def test_services_are_there_and_healthy(stack: Stack) -> None:
    states = {service: stack.state(service) for service in stack.containers()}
    assert sorted(states) == EXPECTED_SERVICES
    assert states == dict.fromkeys(states, ("running", "healthy"))


def test_api_answers() -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{POSTIZ_PORT}/api/", timeout=10) as answer:
        assert answer.read().decode() == "App is running!"


@pytest.mark.parametrize("kind", ["workflow", "activity"])
def test_workers_of_this_container_poll_main(stack: Stack, kind: str) -> None:
    assert Temporal(stack).fresh_pollers("main", kind)


def test_a_scheduled_post_is_published_exactly_once(stack: Stack) -> None:
    post = posts.schedule(stack, seconds=5)
    wait_for("the post published", lambda: posts.read(stack, post).state == "PUBLISHED", 90)
    assert social.published(post) == 1


def test_a_second_run_predicts_no_change(second_run: str) -> None:
    assert RECAP.findall(second_run) == [("0", "0", "0")], second_run[-4000:]


def test_no_secret_was_printed(stack: Stack, printed: str) -> None:
    values = secrets(stack)
    assert PLANTED in values.values()
    assert [name for name, value in values.items() if value in printed] == []


def test_no_secret_is_an_argument_of_a_program(stack: Stack) -> None:
    arguments = process_arguments()
    assert [name for name, value in secrets(stack).items() if value in arguments] == []
