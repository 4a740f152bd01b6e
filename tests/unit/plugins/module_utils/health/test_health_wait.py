"""The wait itself, on an engine that does what a lab cannot be made to do at will."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock, parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    ContainerDetail,
    ContainerEvent,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    BadInput,
    ContainerGone,
    EngineLost,
    EngineUnreachable,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.health import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.health.endpoints import Answer
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Http, Request, Settings
from ansible_collections.selfhost.postiz.plugins.module_utils.health.wait import Gate, Outcome
from fake_engine import FakeEngine

SECRET = "planted-wait-secret"
LABELS = {"com.docker.compose.project": "x", "com.docker.compose.service": "web"}
LISTED = Container("1", "x-web-1", "i", "running", "", LABELS, (), ())
DETAIL = ContainerDetail(
    environment={"API_TOKEN": SECRET},
    health="healthy",
    health_output="",
    exit_code=0,
    restarts=0,
    oom_killed=False,
    started_at="2026-01-01T00:00:00.5Z",
    error="",
    address="",
    state="running",
    restart_policy="always",
    has_healthcheck=True,
)
STARTING = replace(DETAIL, health="starting")
DEAD = replace(DETAIL, state="exited", health="unhealthy", exit_code=137, finished_at="2026-01-01T00:00:01Z")


class FakeClock(Clock):
    """Time passes only while somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return 1767225700.0 + self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Script:
    """Events in their order: after `delay` seconds, `detail` is true and the event arrives; an error ends the stream."""

    def __init__(self, clock: FakeClock, engine: ScriptedEngine, steps: list[tuple[float, object, str]]) -> None:
        self.clock, self.engine, self.steps = clock, engine, deque(steps)

    def next(self, timeout_seconds: float) -> ContainerEvent | None:
        if self.steps and self.steps[0][0] <= timeout_seconds:
            delay, detail, action = self.steps.popleft()
            self.clock.time += delay
            if isinstance(detail, Exception):
                raise detail
            self.engine.current = detail
            return ContainerEvent("1", action)
        self.clock.time += timeout_seconds
        return None

    def close(self) -> None:
        self.steps.clear()


class ScriptedEngine(FakeEngine):
    """One container whose inspection is `current`."""

    def __init__(self, clock: FakeClock, first: object, steps: list[tuple[float, object, str]]) -> None:
        self.clock, self.current, self.steps = clock, first, steps

    def events(self, _project: str) -> Script:
        return Script(self.clock, self, self.steps)

    def project_containers(self, _project: str) -> tuple[Container, ...]:
        return () if self.current is None else (LISTED,)

    def containers(self) -> tuple[Container, ...]:
        return ()

    def detail(self, _identifier: str) -> ContainerDetail:
        if self.current is None:
            raise ContainerGone("gone", "look again.")
        assert isinstance(self.current, ContainerDetail)
        return self.current

    def log_tail(self, _identifier: str, _lines: int, _since: float | None) -> str:
        return f"fatal: No space left on device, token {SECRET}\n"


def request(**more: object) -> Request:
    values = {
        "project": "x",
        "project_src": "",
        "expectations": {},
        "http": (),
        "settings": Settings(),
        "timeout_seconds": 60.0,
        "evidence": "culprit",
        "log_lines": 5,
        **more,
    }
    return Request(**values)


def wait(
    first: object, steps: list[tuple[float, object, str]], **more: object
) -> tuple[Outcome, ScriptedEngine, FakeClock]:
    clock = FakeClock()
    engine = ScriptedEngine(clock, first, steps)
    return Gate(lambda: engine, lambda _: Answer(200, "", {}), clock, request(**more), None).wait(), engine, clock


def test_it_returns_at_the_event_and_not_later() -> None:
    outcome, _engine, clock = wait(STARTING, [(7.0, DETAIL, "health_status: healthy")])
    assert outcome.healthy
    assert clock.time == 7.0


def test_it_returns_at_once_when_all_is_well() -> None:
    outcome, _engine, clock = wait(DETAIL, [])
    assert outcome.healthy
    assert clock.time == 0


def test_the_deadline_is_hard() -> None:
    outcome, engine, clock = wait(STARTING, [])
    assert clock.time == 60
    told = gate.result(outcome, request(), engine)
    assert told.findings[0].code == "starting-too-long"


def test_an_end_without_a_return_is_settled_early_and_told_without_secrets() -> None:
    outcome, engine, clock = wait(STARTING, [(5.0, DEAD, "die")])
    assert clock.time < 10
    told = gate.result(outcome, request(), engine)
    assert told.verdict is Verdict.UNHEALTHY
    assert "The disk is full" in told.findings[0].evidence
    assert SECRET not in str(told)


def test_a_kill_for_memory_is_known_from_its_event() -> None:
    outcome, engine, _clock = wait(STARTING, [(1.0, STARTING, "oom"), (1.0, DEAD, "die")])
    assert gate.result(outcome, request(), engine).findings[0].code == "oom-killed"


def test_a_container_that_survives_such_a_kill_is_healthy_with_a_warning() -> None:
    outcome, engine, _clock = wait(STARTING, [(1.0, STARTING, "oom"), (1.0, DETAIL, "health_status")])
    told = gate.result(outcome, request(), engine)
    assert told.verdict is Verdict.HEALTHY
    assert [(finding.code, finding.severity.value) for finding in told.findings] == [("oom-killed", "warning")]
    assert "x-web-1" in told.report


def test_a_crash_loop_ends_the_wait_beyond_the_restarts_allowed() -> None:
    steps = [(5.0, replace(STARTING, restarts=count), "start") for count in range(1, 9)]
    outcome, engine, clock = wait(STARTING, steps)
    assert clock.time == 20
    assert gate.result(outcome, request(), engine).findings[0].code == "crash-loop"


def test_restarts_outside_the_window_are_forgiven() -> None:
    steps = [(40.0, replace(STARTING, restarts=count), "start") for count in range(1, 9)]
    steps.append((1.0, replace(DETAIL, restarts=8), "health_status: healthy"))
    settings = Settings(restart_window=100.0)
    outcome, _engine, clock = wait(STARTING, steps, timeout_seconds=600.0, settings=settings)
    assert outcome.healthy
    assert clock.time == 321


def test_an_engine_that_comes_back_is_looked_at_again() -> None:
    clock = FakeClock()
    lost = ScriptedEngine(clock, STARTING, [(3.0, EngineLost("lost", "."), "")])
    answers: deque[object] = deque([lost, EngineUnreachable("away", "."), ScriptedEngine(clock, DETAIL, [])])

    def connect() -> object:
        found = answers.popleft()
        if isinstance(found, Exception):
            raise found
        return found

    outcome = Gate(connect, lambda _: Answer(200, "", {}), clock, request(), None).wait()
    assert outcome.healthy
    assert clock.time == 4.0


def test_an_engine_that_stays_away_is_unknown() -> None:
    clock = FakeClock()
    engines: deque[object] = deque([ScriptedEngine(clock, STARTING, [(3.0, EngineLost("lost", "."), "")])])

    def connect() -> object:
        if engines:
            return engines.popleft()
        raise EngineUnreachable("No Docker Engine answers.", "start it.")

    outcome = Gate(connect, lambda _: Answer(200, "", {}), clock, request(), None).wait()
    told = gate.result(outcome, request(), None)
    assert told.verdict is Verdict.UNKNOWN
    assert told.findings[0].code == "engine-unreachable"
    assert clock.time == pytest.approx(60)


def test_an_engine_that_hangs_is_found_out_when_the_time_is_up() -> None:
    clock = FakeClock()
    engines: deque[object] = deque([ScriptedEngine(clock, STARTING, [])])

    def connect() -> object:
        if engines:
            return engines.popleft()
        raise EngineUnreachable("No Docker Engine answers: timed out.", "start it.")

    outcome = Gate(connect, lambda _: Answer(200, "", {}), clock, request(), None).wait()
    told = gate.result(outcome, request(), None)
    assert told.verdict is Verdict.UNKNOWN
    assert "timed out" in told.findings[0].evidence
    assert clock.time == pytest.approx(60)


def test_what_happened_unseen_is_seen_when_the_time_is_up() -> None:
    clock = FakeClock()
    engines = deque([ScriptedEngine(clock, STARTING, []), ScriptedEngine(clock, DETAIL, [])])
    assert Gate(engines.popleft, lambda _: Answer(200, "", {}), clock, request(), None).wait().healthy


def test_one_look_says_starting_and_asks_each_endpoint_once() -> None:
    clock = FakeClock()
    engine = ScriptedEngine(clock, STARTING, [])
    asked = []

    def ask(endpoint: Http) -> Answer:
        asked.append(endpoint.timeout_seconds)
        return Answer(502, "", {})

    wanted = request(timeout_seconds=0.0, http=(Http("http://x/", (200,), "", {}, "", True, 5.0),))
    outcome = Gate(lambda: engine, ask, clock, wanted, None).wait()
    assert [finding.code for finding in gate.result(outcome, wanted, engine).findings] == ["http-502", "starting"]
    assert asked == [5.0]
    assert clock.time == 0


def test_an_endpoint_gets_no_more_than_the_time_that_is_left() -> None:
    clock = FakeClock()
    engine = ScriptedEngine(clock, DETAIL, [])
    given = []

    def ask(endpoint: Http) -> Answer:
        given.append(endpoint.timeout_seconds)
        clock.time += endpoint.timeout_seconds
        return Answer(0, "", {}, failure="http-timeout")

    endpoint = Http("http://x/", (200,), "", {}, "", True, 5.0)
    outcome = Gate(lambda: engine, ask, clock, request(timeout_seconds=8.0, http=(endpoint,)), None).wait()
    assert not outcome.healthy
    assert given == [5.0, 2.5, 1.0]
    assert clock.time == 9.0


@pytest.mark.parametrize(("first", "seconds"), [("starting", 0.8), ("healthy", 10.8), ("unhealthy", 10.8)])
def test_recovery_must_hold_and_a_slow_first_start_is_none(first: str, seconds: float) -> None:
    steps = [(0.4, replace(DETAIL, health="unhealthy"), "health_status"), (0.4, DETAIL, "health_status")]
    endpoint = Http("http://x/", (200,), "", {}, "", True, 5.0)
    clock = FakeClock()
    engine = ScriptedEngine(clock, replace(DETAIL, health=first), steps)
    # The endpoint keeps the gate shut until the container has been unhealthy.
    outcome = Gate(
        lambda: engine,
        lambda _: Answer(200 if clock.time >= 0.8 else 500, "", {}),
        clock,
        request(http=(endpoint,)),
        None,
    ).wait()
    assert outcome.healthy
    assert clock.time == pytest.approx(seconds)


def test_a_gap_while_a_container_is_replaced_is_not_healthy() -> None:
    steps = [
        (1.0, None, "destroy"),
        (5.0, replace(DETAIL, health="starting"), "create"),
        (5.0, DETAIL, "health_status"),
    ]
    outcome, _engine, clock = wait(STARTING, steps)
    assert outcome.healthy
    assert clock.time == 11.0


def test_a_project_that_is_taken_down_during_the_wait_is_missed() -> None:
    outcome, engine, _clock = wait(STARTING, [(1.0, None, "destroy")])
    (finding,) = gate.result(outcome, request(), engine).findings
    assert finding.code == "missing-container"
    assert "was removed while this was watched" in finding.evidence


def test_a_restart_policy_that_gave_up_is_settled() -> None:
    gave_up = replace(DEAD, exit_code=1, restarts=2)
    steps = [(1.0, replace(STARTING, restarts=1), "start"), (1.0, replace(STARTING, restarts=2), "start")]
    outcome, engine, clock = wait(STARTING, [*steps, (1.0, gave_up, "die")])
    assert clock.time < 10
    (finding,) = gate.result(outcome, request(), engine).findings
    assert finding.code == "crash-loop"
    assert "again and again (2 restarts)" in finding.evidence


def test_an_unknown_project_is_bad_input() -> None:
    with pytest.raises(BadInput, match="has no container"):
        wait(None, [])


def test_an_endpoint_is_asked_again_until_it_answers() -> None:
    clock = FakeClock()
    engine = ScriptedEngine(clock, DETAIL, [])
    answers = deque([Answer(502, "", {}), Answer(0, "", {}, "refused"), Answer(200, "hello", {})])
    endpoint = Http("http://x/", (200,), "hello", {}, "", True, 5.0)
    outcome = Gate(lambda: engine, lambda _: answers.popleft(), clock, request(http=(endpoint,)), None).wait()
    assert outcome.healthy
    assert clock.time == 1.0


def test_the_service_of_an_endpoint_must_exist() -> None:
    endpoint = Http("", (200,), "", {}, "", True, 5.0, service="wep")
    with pytest.raises(BadInput, match="Did you mean: web"):
        wait(DETAIL, [], http=(endpoint,))


def test_times_of_the_engine() -> None:
    assert parse_time("2026-01-01T00:00:00.5Z") == 1767225600.5
    assert parse_time("2026-01-01T01:00:00.123456789+01:00") == pytest.approx(1767225600.123456789)
    assert parse_time("0001-01-01T00:00:00Z") is None
    assert parse_time("") is None
