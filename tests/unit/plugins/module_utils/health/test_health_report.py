"""What a person reads: the first cause, the lines that speak of trouble, and no secret."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import HealthProbe
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.health import report, signatures
from ansible_collections.selfhost.postiz.plugins.module_utils.health.causes import chains, first_cause
from ansible_collections.selfhost.postiz.plugins.module_utils.health.evidence import (
    Evidence,
    as_dict,
    collect,
    telling_lines,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import (
    Judgement,
    ServiceJudgement,
    Trouble,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import ContainerState, Expectation
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import PLACEHOLDER, Redactor
from fake_engine import FakeEngine

SECRET = "planted-report-secret"
STATE = ContainerState(
    identifier="1",
    name="x-temporal-1",
    service="temporal",
    image="i",
    state="exited",
    health="",
    has_healthcheck=True,
    restart_policy="no",
    restarts=2,
    exit_code=1,
    oom_killed=False,
    error="",
    started_at=1767225600.0,
    finished_at=1767225660.0,
    probes=(),
    terminal=False,
    exposes_ports=True,
    depends_on=(),
)


class LogEngine(FakeEngine):
    """An engine with one log, or with a reason why it cannot be read."""

    def __init__(self, log: str | EngineFailed) -> None:
        self.log = log
        self.since: float | None = None

    def log_tail(self, _identifier: str, _lines: int, since: float | None = None) -> str:
        self.since = since
        if isinstance(self.log, EngineFailed):
            raise self.log
        return self.log


def evidence(log: str | EngineFailed, lines: int = 10, **more: object) -> Evidence:
    return collect(LogEngine(log), replace(STATE, **more), lines, Redactor({SECRET}))


def test_of_a_long_log_the_telling_lines_are_kept_too() -> None:
    log = "\n".join(["fatal: cannot open", *(f"line {number}" for number in range(50))])
    assert telling_lines(log, 4) == ("fatal: cannot open", "line 47", "line 48", "line 49")
    assert telling_lines(log, 1) == ("line 49",)
    assert telling_lines("", 4) == ()
    assert telling_lines("\x1b[31mred\x1b[0m\n\n", 4) == ("red",)
    assert telling_lines("a\n" + "failed\n" * 20 + "b\n", 4) == ("a", "failed", "b")


@pytest.mark.parametrize("limit", range(1, 9))
def test_never_more_lines_than_asked_for_and_none_twice(limit: int) -> None:
    log = "\n".join(f"{'error' if number % 3 else 'fine'} {number}" for number in range(30))
    found = telling_lines(log, limit)
    assert len(found) == limit
    assert len(set(found)) == limit


def test_secrets_are_gone_before_anything_is_cut_off() -> None:
    probe = HealthProbe("2026-01-01T00:00:00Z", 1, "x" * 390 + SECRET)
    found = evidence("y" * 395 + SECRET + f"\nDATABASE postgres://user:{SECRET}@db/", probes=(probe,))
    text = str(as_dict(found)) + str(found.log)
    assert SECRET[:6] not in text
    assert PLACEHOLDER[:4] in text


def test_no_log_of_a_container_that_never_ran_and_none_when_none_is_wanted() -> None:
    assert evidence("old words", started_at=None).log == ()
    assert evidence("words", lines=0).log == ()


def test_a_log_that_cannot_be_read_is_told_as_such() -> None:
    found = evidence(EngineFailed("The engine could not read a container's log: 501.", "."))
    assert found.log == ("(no log: The engine could not read a container's log: 501.)",)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("could not write: No space left on device", "The disk is full"),
        ("FATAL: password authentication failed for user", "refuses the password"),
        ("sql schema version compatibility check failed", "cannot reach its database"),
        ("connect ECONNREFUSED 172.18.0.5:7233", "does not listen"),
        ("Error: listen EADDRINUSE: address already in use :::3000", "A port inside the container is held"),
        ("Waiting for Elasticsearch to start up.", "waits for Elasticsearch"),
        (
            "Unable to create search attributes: cannot have more than 3 search attribute of type Text.",
            "search attributes",
        ),
        ("Unable to create dynamic config client", "dynamic configuration"),
        ("ERR_PNPM_META_FETCH_FAIL", "npm registry"),
        ("MASTRA_STORAGE_PG_CREATE_TABLE_FAILED", "assistant's tables"),
        ("everything is fine", ""),
    ],
)
def test_known_lines(line: str, meaning: str) -> None:
    match = signatures.search(f"start\n{line}\nlast words")
    assert (meaning in match.signature.meaning) if match else not meaning


def trouble(service: str, state: str, **more: object) -> Trouble:
    return Trouble(service=service, container=f"x-{service}-1", state=state, **{"code": "unhealthy", **more})


def test_the_first_cause_is_the_longest_way_to_what_explains_most() -> None:
    troubles = (
        trouble("a", "is paused"),
        trouble("app", "was never started"),
        trouble("db", "ended"),
        trouble("mid", "x"),
    )
    found = chains(troubles, {"app": ("mid",), "mid": ("db",)})
    assert first_cause(found) == "app was never started, because mid x, because db ended"
    assert first_cause(()) == ""


def test_findings_blame_the_cause_and_give_its_remedy() -> None:
    cause = trouble("temporal", "ended with exit code 1", code="exited", hint="look twice; ")
    found = chains((cause, trouble("app", "was never started", code="not-started")), {"app": ("temporal",)})
    first, second = report.findings(found, {})
    assert (first.component, first.code) == ("temporal", "exited")
    assert first.remedy.startswith("look twice; read its log")
    assert second.evidence == "it was never started, because temporal ended with exit code 1."
    assert second.remedy == "repair temporal first."
    known = evidence("No space left on device")
    (first, _second) = report.findings(found, {"temporal": known})
    assert "The disk is full (it says: No space left on device)" in first.evidence
    assert "free space" in first.remedy


def test_every_code_of_a_trouble_has_a_remedy() -> None:
    from ansible_collections.selfhost.postiz.plugins.module_utils.codes import containers

    assert set(report._REMEDIES) == set(containers.CODES)


def test_the_report() -> None:
    cause = trouble("temporal", "ended with exit code 1", code="exited")
    fine = ServiceJudgement(
        "web", replace(STATE, service="web", state="running", health="healthy"), Expectation.HEALTHY, None
    )
    missing = ServiceJudgement("gone", None, Expectation.RUNNING, trouble("gone", "has no container"))
    judged = Judgement((ServiceJudgement("temporal", STATE, Expectation.HEALTHY, cause), fine, missing))
    known = evidence("starting\nno usable database connection found")
    told = report.findings(chains((cause,), {}), {})
    assert report.text("Not healthy.", "temporal ended", told, judged, (known,)).splitlines() == [
        "Not healthy.",
        "First cause: temporal ended.",
        "",
        "SERVICE   STATE             EXPECTED",
        "temporal  exited            healthy   <-- exited",
        "web       running, healthy  healthy",
        "gone      no container      running   <-- unhealthy",
        "",
        "[exited] temporal: it ended with exit code 1. Remedy: read its log, repair the cause, then start it again.",
        "",
        "temporal (x-temporal-1): exited, exit code 1, 2 restarts, started 2026-01-01T00:00:00Z, ended 2026-01-01T00:01:00Z",
        "  | starting",
        "  | no usable database connection found",
        "",
        "Do next: read its log, repair the cause, then start it again.",
    ]
    assert report.service_dict(missing)["state"] == "missing"
    assert report.service_dict(fine)["started_at"] == "2026-01-01T00:00:00Z"
