"""Judgement of a stack's services."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.info import (
    ServiceState,
    collect,
    judge,
    report,
    telling_lines,
    verdict,
)
from fake_engine import FakeEngine

GOOD = ServiceState(
    "postiz", "x-postiz-1", "i", "running", "healthy", (), 0, 0, False, "2026-01-01T00:00:00Z", "", "", "", False
)


class DyingPostiz(FakeEngine):
    """One dying Postiz whose log shows its password."""

    def containers(self) -> tuple[Container, ...]:
        labels = {"com.docker.compose.project": "x", "com.docker.compose.service": "postiz"}
        return (Container("1", "x-postiz-1", "planted-secret/image", "exited", "", labels, (), ()),)

    def detail(self, _identifier: str) -> ContainerDetail:
        environment = {"JWT_SECRET": "planted-secret"}
        return ContainerDetail(environment, "unhealthy", "probe planted-secret", 1, 0, False, "", "", "")

    def log_tail(self, _identifier: str, _lines: int) -> str:
        return "error: planted-secret, postgresql://u:other@db/x"


def test_secrets_leave_the_texts_and_names_stay() -> None:
    (service,) = collect(DyingPostiz(), "x", 15)
    assert service.log == "error: ********, postgresql://u:********@db/x"
    assert service.health_output == "probe ********"
    assert service.image == "planted-secret/image"
    assert collect(DyingPostiz(), "other", 15) == ()


def test_a_healthy_stack() -> None:
    assert judge((GOOD,), ("postiz",)) == ()
    assert verdict((GOOD,), ()) is Verdict.HEALTHY
    assert report(()) == ""


@pytest.mark.parametrize("health", ["unhealthy", "starting"])
def test_only_healthy_is_healthy(health: str) -> None:
    (finding,) = judge((replace(GOOD, health=health, health_output="status 502", log="a\nb"),), ())
    assert finding.code == "container-not-healthy"
    assert "status 502" in finding.evidence
    assert "        b" in finding.evidence


def test_the_cause_comes_before_its_consequences() -> None:
    waiting = replace(GOOD, service="a-postiz", state="created", health="starting")
    dead = replace(
        GOOD, service="temporal", state="exited", health="unhealthy", exit_code=1, restarts=3, oom_killed=True
    )
    findings = judge((waiting, dead), ("postiz-redis",))
    assert [finding.component for finding in findings] == ["temporal", "a-postiz", "postiz-redis"]
    assert "exit code 1, 3 restarts, killed for lack of memory" in findings[0].evidence
    assert "more memory" in findings[0].remedy


def test_no_container_is_no_statement() -> None:
    assert verdict((), ()) is Verdict.UNKNOWN


def test_the_line_that_tells_the_cause_is_kept_among_the_last_ones() -> None:
    log = "\n".join(["start", "Error: no database", "", *(f"noise {number}" for number in range(50))])
    lines = telling_lines(log, 6).splitlines()
    assert lines == ["Error: no database", *(f"noise {number}" for number in range(45, 50))]


def test_a_log_full_of_errors_shows_the_latest_of_them_and_the_end() -> None:
    log = "\n".join([*(f"error {number}" for number in range(50)), *(f"noise {number}" for number in range(10))])
    lines = telling_lines(log, 6).splitlines()
    assert lines == ["error 47", "error 48", "error 49", "noise 7", "noise 8", "noise 9"]


def test_a_short_log_is_shown_whole() -> None:
    assert telling_lines("a\nerror\nb", 15) == "a\nerror\nb"
