"""One look through all layers, and Temporal's own gate, under each fault: the first cause that a person would want."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import modules
import pytest
from labkit import faults, pm2, posts
from labkit.faults import repair
from labkit.stack import Stack
from labkit.temporal import SWEEP, Temporal
from labkit.waiting import wait_for
from modules import Result

LOOKS = 50
SETTLE_SECONDS = 20


@pytest.fixture(scope="module")
def project() -> str:
    return "postiz-health"


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return {"stack_port": 4121, "stack_temporal_ui_port": 8121}


def look(stack: Stack, **parameters: Any) -> Result:
    """One look without a quiet window, unless something else is said."""
    given = {"timeout": 0, "fail_on_unhealthy": False, "settle_seconds": 0, **parameters}
    return modules.run("stack_health", project=stack.project, **given)


def ask(stack: Stack, **parameters: Any) -> Result:
    """Temporal alone."""
    given = {"timeout": 0, "fail_on_unhealthy": False, **parameters}
    return modules.run("temporal_health", project=stack.project, **given)


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


def test_a_sound_stack_is_never_called_anything_else(stack: Stack) -> None:
    results = [look(stack) for _ in range(LOOKS)]
    assert {result.values["verdict"] for result in results} == {"healthy"}, next(
        result.values["report"] for result in results if result.values["verdict"] != "healthy"
    )
    assert results[-1].values["first_cause"] == ""


def test_no_secret_leaves_the_modules(stack: Stack) -> None:
    text = look(stack).text + ask(stack).text
    secrets = {
        value
        for service in ("postiz", "postiz-postgres", "temporal", "temporal-postgresql")
        for name, value in stack.environment(service).items()
        if any(word in name for word in ("SECRET", "PASSWORD", "PWD", "DATABASE_URL")) and len(value) > 8
    }
    assert secrets
    assert not [value for value in secrets if value in text]


def test_a_boot_is_settling_and_then_healthy_before_the_window_ends(stack: Stack) -> None:
    stack.container("postiz").restart(timeout=repair.GRACE_SECONDS)
    began = time.monotonic()
    seen: list[str] = []
    while time.monotonic() - began < 90 and (not seen or seen[-1] != "healthy"):
        seen.append(look(stack, settle_seconds=150).values["verdict"])
    assert set(seen) <= {"settling", "healthy"}, seen
    assert seen[0] == "settling"
    assert seen[-1] == "healthy"
    assert time.monotonic() - began < 90


FIRST_CAUSES = [
    ("silent-worker", "worker-not-polling", "orchestrator"),
    ("ghost-orchestrator", "ghost-process", "orchestrator"),
    ("port-collision", "port-held-by-ghost", "backend"),
    ("backend-502", "not-listening", "backend"),
    ("hung-at-start", "hung-at-start", "backend"),
    ("temporal-down", "exited", "temporal"),
    ("database-down", "exited", "postiz-postgres"),
    ("elasticsearch-down", "exited", "temporal-elasticsearch"),
]


@pytest.mark.parametrize(("fault", "code", "component"), FIRST_CAUSES, ids=[item[0] for item in FIRST_CAUSES])
def test_first_cause(stack: Stack, broken: Callable[[str], str], fault: str, code: str, component: str) -> None:
    broken(fault)
    result = look(stack)
    print(result.values["report"])
    assert result.values["verdict"] == "unhealthy"
    first = result.values["findings"][0]
    assert (first["code"], first["component"]) == (code, component), result.values["report"]
    assert "First cause: " in result.values["report"]
    judged = {layer["layer"]: layer["judged"] for layer in result.values["layers"]}
    if fault in ("temporal-down", "database-down", "elasticsearch-down"):
        assert not judged["pm2"]
        assert not judged["temporal"]
    if fault == "silent-worker":
        others = {layer["verdict"] for layer in result.values["layers"] if layer["layer"] not in ("temporal", "posts")}
        assert others == {"healthy"}, "everything else looks green"


def test_a_hung_start_is_not_settling_for_ever(stack: Stack, broken: Callable[[str], str]) -> None:
    broken("hung-at-start")
    assert look(stack, settle_seconds=1000).values["verdict"] in ("settling", "unhealthy")
    wait_for("its code", lambda: "hung-at-start" in look(stack, settle_seconds=SETTLE_SECONDS).codes, 60)


def test_slow_temporal_is_not_healthy(stack: Stack, broken: Callable[[str], str]) -> None:
    broken("slow-temporal")
    since = time.monotonic()
    result = look(stack)
    assert result.values["verdict"] != "healthy"
    assert time.monotonic() - since < 60


def test_pollers_of_a_dead_container_do_not_count(stack: Stack, temporal: Temporal) -> None:
    stack.container("postiz").kill()
    try:
        result = ask(stack)
        assert result.codes[0] == "worker-not-polling"
        assert temporal.pollers(), "they are still listed"
        assert "no container of Postiz runs" in result.values["findings"][0]["evidence"]
    finally:
        repair.start_service(stack, "postiz")
        repair.wait_works(stack)
    wait_for("living pollers", lambda: ask(stack).codes == [], 30)


def test_the_sweeper_and_the_queues(stack: Stack, temporal: Temporal) -> None:
    queues = {"main": ["workflow", "activity"], "nobody": ["activity"]}
    assert ask(stack, queues=queues).codes == ["queue-not-polled"]
    temporal.terminate(SWEEP)
    try:
        assert wait_for("its end", lambda: ask(stack).codes, 20) == ["sweeper-failed"]
        assert ask(stack, sweeper=False).codes == []
    finally:
        repair.restart_postiz(stack)
    wait_for("the sweeper", lambda: ask(stack).codes == [], 60)


@pytest.mark.parametrize(
    ("parameters", "code", "verdict"),
    [
        ({"namespace": "nope"}, "namespace-missing", "unhealthy"),
        ({"address": "temporal:1"}, "temporal-unreachable", "unhealthy"),
        ({"address": "no-such-host:7233"}, "temporal-unreachable", "unhealthy"),
        ({"cli_service": "postiz"}, "temporal-cli-missing", "unknown"),
    ],
)
def test_what_cannot_be_asked(stack: Stack, parameters: dict[str, str], code: str, verdict: str) -> None:
    result = ask(stack, **parameters)
    assert result.codes == [code]
    assert result.values["verdict"] == verdict
    assert result.seconds < 20


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("#!/bin/sh\necho '{\"status\": SERV'\n", "temporal-answer-malformed"),
        ("#!/bin/sh\nsleep 600\n", "temporal-slow"),
    ],
)
def test_a_client_that_goes_wrong(stack: Stack, script: str, code: str) -> None:
    """The client of the container is another program for a moment."""
    service = "temporal-admin-tools"
    path = stack.run(service, "sh", "-c", "command -v temporal").text.strip()

    def as_root(words: str) -> None:
        assert stack.container(service).exec_run(["sh", "-c", words, script], user="root").exit_code == 0

    as_root(f"mv {path} {path}.real && printf '%s' \"$0\" > {path} && chmod 755 {path}")
    try:
        result = ask(stack, deadline=1)
        assert result.codes == [code]
        assert result.values["verdict"] != "healthy"
        assert result.seconds < 20
    finally:
        as_root(f"mv {path}.real {path}")


def test_without_the_admin_tools_the_server_s_own_client_is_asked(stack: Stack) -> None:
    stack.container("temporal-admin-tools").stop(timeout=1)
    try:
        assert ask(stack).values["verdict"] == "healthy"
    finally:
        repair.start_service(stack, "temporal-admin-tools")


def test_overdue_posts_are_counted(stack: Stack) -> None:
    fresh, *_ = posts.insert(stack, overdue=600)
    lost, *_ = posts.insert(stack, overdue=2 * 3600)
    old, *_ = posts.insert(stack, overdue=5 * 86400)
    try:
        result = look(stack)
        assert set(result.codes) == {"posts-overdue", "posts-older-than-sweep"}
        assert result.finding("posts-overdue")["evidence"].startswith("1 posts")
        assert result.values["verdict"] == "unhealthy"
        assert look(stack, skip=["posts"]).values["verdict"] == "healthy"
    finally:
        stack.change('DELETE FROM "Post" WHERE id = ANY(%s)', [fresh, lost, old])


def test_an_app_that_ends_again_and_again_is_told_by_rate(stack: Stack) -> None:
    def end_backend() -> None:
        for process in pm2.workers(pm2.processes(stack), "backend"):
            stack.run("postiz", "sh", "-c", f"kill -s KILL {process.pid}", check=False)

    for _ in range(5):
        wait_for("a backend", lambda: pm2.workers(pm2.processes(stack), "backend"), 30)
        end_backend()
        time.sleep(1)
    try:
        assert "app-crash-loop" in wait_for("codes", lambda: look(stack).codes, 20)
    finally:
        repair.restart_postiz(stack)
    assert look(stack).values["verdict"] in ("healthy", "settling", "unhealthy")
    wait_for("a sound stack", lambda: look(stack).values["verdict"] == "healthy", 60)


def test_a_sweeper_that_is_gone(stack: Stack, temporal: Temporal) -> None:
    temporal.terminate(SWEEP)
    words = ("temporal", "workflow", "delete", "--workflow-id", SWEEP, "--address", "temporal:7233")
    stack.run("temporal-admin-tools", *words)
    try:
        assert wait_for("its end", lambda: ask(stack).codes == ["sweeper-missing"], 120)
    finally:
        repair.restart_postiz(stack)
    wait_for("the sweeper", lambda: ask(stack).codes == [], 60)
