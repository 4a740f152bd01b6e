"""All layers as one: which finding comes first, and what is told when the engine cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import gate, steady
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import layers as module
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import look as look_module
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import (
    CONTAINERS,
    ENDPOINTS,
    ENGINE,
    LAYERS,
    PM2,
    TEMPORAL,
    Layer,
    Request,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    EngineAway,
    EngineFailed,
    EnginePermissionDenied,
    EngineTooOld,
    EngineUnreachable,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict, error, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Trouble
from fake_engine import FakeEngine


class OneContainer(FakeEngine):
    def project_containers(self, project: str) -> tuple[Container, ...]:
        labels = {"com.docker.compose.service": "postiz", "com.docker.compose.project": project}
        return (Container("1", "postiz-1", "postiz", "running", "", labels, (), (), "sha256:1"),)


def request(timeout: float = 0.0) -> Request:
    given = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    return parse({**given, "project": "x", "timeout": timeout})


def layers(**found: tuple[Verdict, tuple[Finding, ...]]) -> tuple[Layer, ...]:
    return tuple(
        Layer(name, *found[name], summary=f"{name} seen") if name in found else Layer(name, Verdict.HEALTHY)
        for name in LAYERS
    )


FLAPPING = error("flapping", "temporal-admin-tools", "it is healthy again for 4 s only.", "look at the load.")
DEAF = error("worker-not-polling", "orchestrator", "no living process polls.", "restart the Postiz container.")
GHOST = error("ghost-process", "orchestrator", "pid 7 belongs to no app.", "restart the Postiz container.")
REFUSED = error("http-502", "postiz", "it answers with 502.", "see the layers.")
OLD = warning("app-log", "orchestrator", "an old line.", "read it.")


def test_what_has_recovered_comes_after_what_is_broken() -> None:
    seen = layers(**{CONTAINERS: (Verdict.SETTLING, (FLAPPING,)), TEMPORAL: (Verdict.UNHEALTHY, (OLD, DEAF))})
    assert gate.findings(seen) == (DEAF, FLAPPING, OLD)
    told = gate.result(seen, request(), 0.0)
    assert told.details["first_cause"] == "orchestrator: no living process polls."
    assert told.report.splitlines()[-1] == "Do next: restart the Postiz container."


def test_the_apps_explain_what_their_proxy_shows() -> None:
    seen = layers(**{ENDPOINTS: (Verdict.UNHEALTHY, (REFUSED,)), PM2: (Verdict.UNHEALTHY, (GHOST,))})
    assert gate.findings(seen) == (GHOST, REFUSED)


SLOW = error("temporal-slow", "temporal", "no answer in time.", "look at the load.")
FAILS = error("unhealthy", "temporal-admin-tools", "it is unhealthy.", "read its health checks.")
ENDED = error("exited", "temporal-admin-tools", "it ended.", "start it.")


@pytest.mark.parametrize(("container", "first"), [(FAILS, SLOW), (FLAPPING, SLOW), (ENDED, ENDED)])
def test_a_slow_temporal_explains_the_health_checks_that_ask_it(container: Finding, first: Finding) -> None:
    seen = layers(**{CONTAINERS: (Verdict.UNHEALTHY, (container,)), TEMPORAL: (Verdict.UNHEALTHY, (SLOW,))})
    assert gate.findings(seen)[0] == first


@pytest.mark.parametrize(
    ("ailing", "slow", "asked", "judged"),
    [
        ({"temporal": "unhealthy"}, True, 1, True),
        ({"temporal": "unhealthy"}, False, 1, False),
        ({"temporal": "exited"}, True, 0, False),
        ({"temporal": "unhealthy", "temporal-elasticsearch": "unhealthy"}, True, 0, False),
    ],
)
def test_a_temporal_that_fails_its_health_check_is_asked_whether_it_is_slow(
    monkeypatch: pytest.MonkeyPatch, ailing: dict[str, str], slow: bool, asked: int, judged: bool
) -> None:
    layer = Layer(TEMPORAL, Verdict.UNHEALTHY, (SLOW,)) if slow else None
    calls: list[Request] = []
    outcome = SimpleNamespace(
        observation=SimpleNamespace(
            snapshot=SimpleNamespace(
                containers=[SimpleNamespace(service="postiz", state="running", depends_on=())], project="x"
            )
        ),
        judgement=SimpleNamespace(troubles=tuple(Trouble(code, name, "", "ails") for name, code in ailing.items())),
    )
    seen = Layer(CONTAINERS, Verdict.UNHEALTHY)
    monkeypatch.setattr(look_module, "look_at_containers", lambda *_given: (seen, outcome))
    monkeypatch.setattr(look_module, "slow_temporal", lambda _engine, given, _clock: calls.append(given) or layer)
    found = look_module.look(OneContainer, request(), Clock(), 0.0)  # type: ignore[arg-type, return-value]
    assert len(calls) == asked
    assert next(item for item in found if item.name == TEMPORAL).judged is judged


def test_settling_tells_no_cause_and_says_to_wait() -> None:
    told = gate.result(layers(**{CONTAINERS: (Verdict.SETTLING, (FLAPPING,))}), request(), 0.0)
    assert told.verdict is Verdict.SETTLING
    assert "First cause" not in told.report
    (remedy,) = (text for text in told.report.splitlines() if text.startswith("Do next"))
    assert told.report.endswith(f"\n\n{remedy}")
    assert remedy.startswith("Do next: wait (timeout")


class Passing(Clock):
    """Time passes only while somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.mark.parametrize(
    ("problem", "code", "waited"),
    [
        (EngineUnreachable("nobody.", "start it."), "engine-unreachable", 30.0),
        (EngineFailed("an error.", "look."), "engine-unreachable", 30.0),
        (EnginePermissionDenied("refused.", "become."), "engine-permission-denied", 0.0),
        (EngineTooOld("old.", "upgrade."), "engine-too-old", 0.0),
    ],
)
def test_an_engine_that_cannot_be_asked_is_waited_for_if_it_may_come_back(
    problem: EngineAway, code: str, waited: float
) -> None:
    def connect() -> Engine:
        raise problem

    clock = Passing()
    found, seconds = gate.wait(connect, request(30.0), clock)
    told = gate.result(found, request(30.0), seconds)
    assert told.verdict is Verdict.UNKNOWN
    assert [finding.code for finding in told.findings] == [code]
    assert seconds == waited
    assert [layer.name for layer in found if layer.judged] == [ENGINE]


@pytest.mark.parametrize(("judge", "verdict"), [(error, Verdict.UNHEALTHY), (warning, Verdict.HEALTHY)])
def test_a_frontend_that_nobody_can_judge_is_not_unhealthy(
    monkeypatch: pytest.MonkeyPatch, judge: Callable[..., Finding], verdict: Verdict
) -> None:
    told = judge("bundle-image-mismatch", "postiz-1", "it serves the build b.", "look.")
    monkeypatch.setattr(module, "served_mismatch", lambda *_given: told)
    layer = module.with_frontend(Layer(ENDPOINTS, Verdict.HEALTHY), OneContainer(), request())  # type: ignore[arg-type]
    assert (layer.verdict, layer.findings) == (verdict, (told,))


def running(pid: int, started: str = "t1", **more: tuple[Verdict, tuple[Finding, ...]]) -> tuple[Layer, ...]:
    service = {"service": "postiz", "container": "postiz-1", "state": "running", "started_at": started}
    app = {"name": "backend", "status": "online", "pid": pid}
    details = {
        CONTAINERS: {"services": [service]},
        PM2: {"containers": [{"container": "postiz-1", "apps": [app]}]},
    }
    return tuple(replace(layer, details=details.get(layer.name, {})) for layer in layers(**more))


class Talking(OneContainer):
    def log_tail(self, _identifier: str, _lines: int) -> str:
        return "0|backend  | TypeError: nothing there\n1|frontend | Error: of another app\n0|backend  | started"

    def detail(self, _identifier: str) -> ContainerDetail:
        return ContainerDetail({}, "", "", 0, 0, False, "", "", "")


@pytest.mark.parametrize(
    ("later", "verdict", "cause"),
    [
        ([running(1)] * 20, Verdict.HEALTHY, ""),
        ([running(1)] * 3 + [running(2)] * 20, Verdict.UNHEALTHY, "TypeError: nothing there"),
        ([running(1)] * 3 + [running(2, "t2")] * 20, Verdict.UNHEALTHY, "postiz: it started anew within 20 s"),
        # A look that fails for a moment is no restart.
        ([running(1, **{ENDPOINTS: (Verdict.UNHEALTHY, (REFUSED,))})] + [running(1)] * 20, Verdict.HEALTHY, ""),
        ([running(1, **{ENDPOINTS: (Verdict.UNHEALTHY, (REFUSED,))})] * 200, Verdict.UNHEALTHY, "it answers with 502"),
    ],
)
def test_what_became_healthy_must_stay_so(
    monkeypatch: pytest.MonkeyPatch, later: list[tuple[Layer, ...]], verdict: Verdict, cause: str
) -> None:
    looks = iter([running(1), *later])
    for place in (gate, steady):
        monkeypatch.setattr(place, "look", lambda *_given: next(looks))
    asked = replace(request(30.0), steady_seconds=40.0)
    found, seconds = steady.wait_steady(Talking, asked, Passing())
    told = gate.result(found, asked, seconds)
    assert told.verdict is verdict
    assert cause in told.details["first_cause"]
    assert (seconds >= 40.0) == (verdict is Verdict.HEALTHY or "502" in cause)


def test_steadiness_that_nobody_asked_for_costs_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([running(1)])
    monkeypatch.setattr(gate, "look", lambda *_given: next(looks))
    assert steady.wait_steady(Talking, request(30.0), Passing())[1] == 0.0
