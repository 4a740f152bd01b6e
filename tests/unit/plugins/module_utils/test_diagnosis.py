"""All layers as one: which finding comes first, and what is told when the engine cannot be asked."""

from __future__ import annotations

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import gate
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
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    EngineAway,
    EngineFailed,
    EnginePermissionDenied,
    EngineTooOld,
    EngineUnreachable,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict, error, warning


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


def test_settling_tells_no_cause_and_no_remedy() -> None:
    told = gate.result(layers(**{CONTAINERS: (Verdict.SETTLING, (FLAPPING,))}), request(), 0.0)
    assert told.verdict is Verdict.SETTLING
    assert "First cause" not in told.report
    assert "Do next" not in told.report


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
