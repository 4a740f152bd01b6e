"""The container gate's judge: rules one by one, and what holds whatever the containers are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import HealthProbe
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.health import causes, expect
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judge import judge, recovered_at
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import (
    ContainerState,
    Declared,
    Dependency,
    Expectation,
    History,
    Settings,
    Snapshot,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import dependencies
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_000_000.0
HEALTHY = ContainerState(
    identifier="1",
    name="x-web-1",
    service="web",
    image="i",
    state="running",
    health="healthy",
    has_healthcheck=True,
    restart_policy="unless-stopped",
    restarts=0,
    exit_code=0,
    oom_killed=False,
    error="",
    started_at=NOW - 100,
    finished_at=None,
    probes=(),
    terminal=False,
    exposes_ports=True,
    depends_on=(),
)
PLAIN = replace(HEALTHY, health="", has_healthcheck=False)
ENDED = replace(PLAIN, state="exited", finished_at=NOW - 60, exit_code=1)
SETTINGS = Settings()


def verdict_of(container: ContainerState, expectation: Expectation | None = None, **more: object) -> tuple[str, bool]:
    """Code ('' if satisfied) and whether it is settled."""
    wanted = {} if expectation is None else {container.service: expectation}
    history = more.get("history", History())
    assert isinstance(history, History)
    found = judge(Snapshot("x", (container,)), wanted, replace(SETTINGS, final=bool(more.get("final"))), history, NOW)
    (item,) = found.services
    return (item.trouble.code, item.trouble.settled) if item.trouble else ("", False)


@pytest.mark.parametrize(
    ("container", "expectation", "answer"),
    [
        (HEALTHY, None, ("", False)),
        (replace(HEALTHY, health="unhealthy"), None, ("unhealthy", False)),
        (replace(HEALTHY, health="starting"), None, ("starting", False)),
        (replace(HEALTHY, health="starting"), Expectation.RUNNING, ("", False)),
        (replace(HEALTHY, state="paused"), None, ("paused", False)),
        (replace(HEALTHY, state="dead"), None, ("dead", True)),
        (replace(HEALTHY, state="removing"), None, ("missing-container", False)),
        (replace(HEALTHY, state="created"), None, ("not-started", False)),
        (replace(HEALTHY, state="created", error="port taken"), None, ("not-started", True)),
        (replace(HEALTHY, state="new kind"), None, ("state-unknown", False)),
        (PLAIN, None, ("", False)),
        (replace(PLAIN, started_at=NOW - 9), None, ("no-healthcheck-unstable", False)),
        (ENDED, None, ("exited", True)),
        (replace(ENDED, finished_at=NOW - 1), None, ("exited", False)),
        (replace(ENDED, oom_killed=True), None, ("oom-killed", True)),
        (replace(ENDED, state="restarting"), None, ("crash-loop", False)),
        (replace(ENDED, exit_code=0), Expectation.COMPLETED, ("", False)),
        (replace(ENDED, exit_code=0), None, ("exited", True)),
        (ENDED, Expectation.COMPLETED, ("exited", True)),
        (PLAIN, Expectation.COMPLETED, ("not-completed", False)),
        (PLAIN, Expectation.ABSENT, ("unexpected-container", False)),
        (replace(PLAIN, restarts=9, started_at=NOW - 2), None, ("crash-loop", False)),
    ],
)
def test_one_container(container: ContainerState, expectation: Expectation | None, answer: tuple[str, bool]) -> None:
    assert verdict_of(container, expectation) == answer


def test_starting_is_too_long_once_nobody_waits_any_more() -> None:
    assert verdict_of(replace(HEALTHY, health="starting"), final=True) == ("starting-too-long", False)


def test_a_crash_loop_is_settled_beyond_the_restarts_allowed() -> None:
    looping = replace(ENDED, state="restarting", restarts=5)
    assert verdict_of(looping, history=History(restarts={"1": 3})) == ("crash-loop", False)
    assert verdict_of(looping, history=History(restarts={"1": 4})) == ("crash-loop", True)
    assert verdict_of(HEALTHY, history=History(restarts={"1": 4})) == ("crash-loop", True)
    assert verdict_of(HEALTHY, history=History(restarts={"1": 3})) == ("", False)


def test_a_kill_that_the_engine_forgets_is_known_from_its_event() -> None:
    assert verdict_of(ENDED, history=History(oom=frozenset({"1"}))) == ("oom-killed", True)


def probe(seconds: int, exit_code: int) -> HealthProbe:
    return HealthProbe(f"1970-01-12T13:46:{seconds:02d}Z", exit_code, "")


@pytest.mark.parametrize(
    ("codes", "recovered"),
    [((1, 1, 0), None), ((0, 0), None), ((0, 1, 0), 30), ((0, 1, 1), None), ((1, 0, 1, 0, 0), 40), ((), None)],
)
def test_recovery_is_a_success_after_a_failure_after_a_success(codes: tuple[int, ...], recovered: int | None) -> None:
    probes = tuple(probe(10 * number, code) for number, code in enumerate(codes, 1))
    found = recovered_at(replace(HEALTHY, probes=probes))
    assert found == (None if recovered is None else parse_time(probe(recovered, 0).ended_at))


def test_flapping_holds_the_gate_until_it_is_stable() -> None:
    flapped = replace(HEALTHY, probes=(probe(10, 0), probe(20, 1), probe(35, 0)))
    assert verdict_of(flapped) == ("flapping", False)
    assert verdict_of(HEALTHY, history=History(recovered={"1": NOW - 9})) == ("flapping", False)
    assert verdict_of(HEALTHY, history=History(recovered={"1": NOW - 11})) == ("", False)


def test_probes_from_before_a_restart_do_not_count() -> None:
    restarted = replace(HEALTHY, probes=(probe(10, 0), probe(20, 1), probe(35, 0)), started_at=NOW - 22)
    assert recovered_at(restarted) is None


def test_one_shots_are_known_by_their_dependants_or_by_their_looks() -> None:
    quiet = replace(PLAIN, restart_policy="no", exposes_ports=False)
    assert expect.derive(quiet, set()) is Expectation.COMPLETED
    assert expect.derive(replace(quiet, exposes_ports=True), set()) is Expectation.RUNNING
    assert expect.derive(replace(quiet, terminal=True), set()) is Expectation.RUNNING
    assert expect.derive(HEALTHY, {"web"}) is Expectation.COMPLETED
    waits = replace(HEALTHY, depends_on=(Dependency("job", "service_completed_successfully"),))
    assert expect.one_shots(Snapshot("x", (waits,))) == {"job"}


def test_labels_of_dependencies() -> None:
    assert dependencies("a:service_healthy:false,b") == (
        Dependency("a", "service_healthy"),
        Dependency("b", "service_started"),
    )
    assert dependencies("") == ()


def test_declared_services_are_missed() -> None:
    snapshot = Snapshot("x", (HEALTHY,), {"web": Declared(2), "db": Declared(1), "job": Declared(1)})
    found = judge(snapshot, {"job": Expectation.IGNORED}, SETTINGS, History(), NOW)
    assert [(item.service, item.code) for item in found.troubles] == [
        ("db", "missing-container"),
        ("web", "missing-container"),
    ]


def test_input_that_cannot_be_meant() -> None:
    with pytest.raises(BadInput, match="Projects that have: other"):
        expect.check(Snapshot("x", ()), {}, (), {"other"})
    with pytest.raises(BadInput, match="Did you mean: web"):
        expect.check(Snapshot("x", (HEALTHY,)), {"wep": Expectation.HEALTHY}, (), set())
    with pytest.raises(BadInput, match="has no health check"):
        expect.check(Snapshot("x", (PLAIN,)), {"web": Expectation.HEALTHY}, (), set())
    expect.check(Snapshot("x", (PLAIN,)), {"gone": Expectation.ABSENT}, (), set())
    expect.check(Snapshot("x", (), {"web": Declared(1)}), {}, (), set())


def test_nothing_expected_is_unknown() -> None:
    found = judge(Snapshot("x", (HEALTHY,)), {"web": Expectation.IGNORED}, SETTINGS, History(), NOW)
    assert found.verdict is Verdict.UNKNOWN


def trouble(service: str, state: str = "is unhealthy") -> Trouble:
    return Trouble("unhealthy", service, "", state)


def test_the_deepest_cause_is_named_and_comes_first() -> None:
    troubles = (trouble("postiz", "was never started"), trouble("temporal"), trouble("es", "ended"))
    found = causes.chains(troubles, {"postiz": ("db", "temporal"), "temporal": ("es",), "es": ()})
    assert [chain.links[0].service for chain in found] == ["es", "temporal", "postiz"]
    assert found[-1].sentence == "postiz was never started, because temporal is unhealthy, because es ended"


def test_the_sentence_does_not_begin_with_what_time_may_mend() -> None:
    passing = Trouble("flapping", "postiz", "", "is healthy again for 9 s only")
    found = causes.chains((passing, trouble("db", "ended")), {"postiz": ("db",)})
    assert causes.first_cause(found) == "db ended"
    assert causes.first_cause(causes.chains((passing,), {})) == "postiz is healthy again for 9 s only"


def test_the_way_down_leads_through_what_has_not_noticed_yet() -> None:
    needs = {"tools": ("temporal",), "temporal": ("es",), "es": ()}
    found = causes.chains((trouble("tools"), replace(trouble("es", "ended"), code="exited")), needs)
    assert found[0].first_cause.service == "es"
    assert causes.first_cause(found) == "tools is unhealthy, because es ended"


def test_what_ended_comes_before_what_only_fails_its_checks() -> None:
    found = causes.chains((trouble("tools"), replace(trouble("es", "ended"), code="exited")), {})
    assert [chain.first_cause.service for chain in found] == ["es", "tools"]


def test_a_circle_ends() -> None:
    found = causes.chains((trouble("a"), trouble("b")), {"a": ("b",), "b": ("a",)})
    assert {chain.first_cause.service for chain in found} == {"a", "b"}


containers = st.builds(
    replace,
    st.just(HEALTHY),
    identifier=st.uuids().map(str),
    service=st.sampled_from(["web", "db", "job", "cache"]),
    state=st.sampled_from(["running", "created", "exited", "restarting", "paused", "dead", "removing", "odd"]),
    health=st.sampled_from(["", "starting", "healthy", "unhealthy"]),
    has_healthcheck=st.booleans(),
    restart_policy=st.sampled_from(["no", "always", "on-failure", "unless-stopped"]),
    restarts=st.integers(0, 9),
    exit_code=st.integers(0, 255),
    oom_killed=st.booleans(),
    started_at=st.one_of(st.none(), st.floats(0, NOW)),
    finished_at=st.one_of(st.none(), st.floats(0, NOW)),
    terminal=st.booleans(),
    exposes_ports=st.booleans(),
)
wants = st.dictionaries(st.sampled_from(["web", "db", "job", "cache"]), st.sampled_from(list(Expectation)))


@given(st.lists(containers, max_size=6), wants, containers)
def test_one_more_ailing_service_never_makes_it_better(
    found: list[ContainerState], wanted: dict[str, Expectation], more: ContainerState
) -> None:
    before = judge(Snapshot("x", tuple(found)), wanted, SETTINGS, History(), NOW)
    ailing = replace(more, service="ailing", state="exited", exit_code=1, restart_policy="no")
    after = judge(Snapshot("x", (*found, ailing)), wanted, SETTINGS, History(), NOW)
    assert after.verdict is Verdict.UNHEALTHY
    assert len(after.troubles) == len(before.troubles) + 1


@given(st.lists(containers, max_size=6), wants)
def test_healthy_means_that_every_expectation_is_met(
    found: list[ContainerState], wanted: dict[str, Expectation]
) -> None:
    judged = judge(Snapshot("x", tuple(found)), wanted, SETTINGS, History(), NOW)
    if judged.verdict is not Verdict.HEALTHY:
        return
    for item in judged.services:
        assert item.container is not None
        if item.expectation is Expectation.HEALTHY:
            assert (item.container.state, item.container.health in ("healthy", "")) == ("running", True)
        elif item.expectation is Expectation.RUNNING:
            assert item.container.state == "running"
        else:
            assert item.expectation is Expectation.COMPLETED
            assert (item.container.state, item.container.exit_code) == ("exited", 0)


@given(containers, st.floats(0, 1000))
def test_time_alone_only_steadies_or_settles(container: ContainerState, later: float) -> None:
    def at(now: float) -> tuple[bool, bool]:
        judged = judge(Snapshot("x", (container,)), {}, SETTINGS, History(), now)
        return judged.verdict is Verdict.HEALTHY, judged.settled

    healthy, settled = at(NOW)
    assert at(NOW + later)[0] >= healthy
    assert at(NOW + later)[1] >= settled
