# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container gate as a whole: wait, find the first cause, collect its evidence, tell."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import TIMEOUT_SECONDS, connect
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway, EngineUnreachable
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import GateResult, engine_away
from ansible_collections.selfhost.postiz.plugins.module_utils.health import report
from ansible_collections.selfhost.postiz.plugins.module_utils.health.causes import Chain, chains, first_cause, graph
from ansible_collections.selfhost.postiz.plugins.module_utils.health.endpoints import Answer
from ansible_collections.selfhost.postiz.plugins.module_utils.health.evidence import Evidence, as_dict, collect
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Judgement
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import ContainerState, Http, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import declared_services
from ansible_collections.selfhost.postiz.plugins.module_utils.health.wait import Gate, Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor

CULPRITS = 3
# What an engine gets at least for an answer when the time is up.
LEAST_SECONDS = 5.0


def verdict(outcome: Outcome) -> Verdict:
    """What cannot be seen is unknown."""
    if outcome.engine_problem or outcome.judgement is None:
        return Verdict.UNKNOWN
    if outcome.healthy:
        return Verdict.HEALTHY
    return Verdict.UNHEALTHY if outcome.judgement.troubles or outcome.http_troubles else Verdict.UNKNOWN


def result(outcome: Outcome, request: Request, engine: Optional[Engine]) -> GateResult:
    """The verdict with its evidence; `engine` is asked for logs of the culprits only."""
    if outcome.observation is None or outcome.judgement is None:
        problem = f"{outcome.engine_problem.rstrip('.')}."
        if request.timeout_seconds > 0:
            problem += " It stayed away for the rest of the wait."
        remedy = "start the engine (systemctl start docker), and look at its log."
        return _away(EngineUnreachable(problem, remedy), request, outcome.waited_seconds)
    redactor = Redactor(outcome.observation.secrets)
    snapshot = outcome.observation.snapshot
    blamed = chains((*outcome.judgement.troubles, *outcome.http_troubles), graph(snapshot))
    evidence = _evidence(blamed, _containers(outcome.judgement), request, engine, redactor)
    cause = first_cause(blamed)
    told = (
        *report.findings(blamed, {item.container.service: item for item in evidence}),
        *report.warnings(outcome.judgement),
    )
    return GateResult(
        verdict=verdict(outcome),
        findings=tuple(_redacted(finding, redactor) for finding in told),
        report=redactor.text(report.text(_heading(outcome, request), cause, told, outcome.judgement, evidence)),
        details={
            "project": request.project,
            "waited_seconds": round(outcome.waited_seconds, 3),
            "first_cause": redactor.text(cause),
            "services": [report.service_dict(item) for item in outcome.judgement.services],
            "culprits": [as_dict(item) for item in evidence],
        },
    )


def _redacted(finding: Finding, redactor: Redactor) -> Finding:
    """Free text only: names of services are no secrets, even if a password is the same word."""
    return Finding(
        finding.code,
        finding.severity,
        finding.component,
        redactor.text(finding.evidence),
        redactor.text(finding.remedy),
    )


def _containers(judgement: Judgement) -> Mapping[str, ContainerState]:
    found: Dict[str, ContainerState] = {}
    for item in judgement.services:
        if item.container is not None and (item.service not in found or not item.satisfied):
            found[item.service] = item.container
    return found


def _evidence(
    blamed: Tuple[Chain, ...],
    containers: Mapping[str, ContainerState],
    request: Request,
    engine: Optional[Engine],
    redactor: Redactor,
) -> Tuple[Evidence, ...]:
    if request.evidence == "none" or engine is None:
        return ()
    names: List[str] = []
    for chain in blamed:
        service = chain.links[0].service if request.evidence == "all" else chain.first_cause.service
        if service in containers and service not in names:
            names.append(service)
    if request.evidence != "all":
        names = names[:CULPRITS]
    return tuple(collect(engine, containers[name], request.log_lines, redactor) for name in names)


def _heading(outcome: Outcome, request: Request) -> str:
    told = verdict(outcome)
    text = f"The containers of {request.project} are {told.value}"
    if told is Verdict.UNKNOWN:
        text = f"Whether the containers of {request.project} are healthy cannot be told: nothing is expected of any of them"
    if request.timeout_seconds <= 0:
        return f"{text}."
    early = told is not Verdict.HEALTHY and outcome.settled and outcome.waited_seconds < request.timeout_seconds
    limit = f"after {outcome.waited_seconds:.0f} s of {request.timeout_seconds:.0f} s"
    return f"{text} ({limit}{'; waiting longer cannot help' if early else ''})."


def _away(problem: EngineAway, request: Request, waited_seconds: float) -> GateResult:
    details = {
        "project": request.project,
        "waited_seconds": round(waited_seconds, 3),
        "first_cause": problem.message.rstrip("."),
        "services": [],
        "culprits": [],
    }
    return engine_away(problem, f"the containers of {request.project} are healthy", details)


def look(request: Request) -> GateResult:
    """Everything, on the engine of this host. Raises BadInput; an engine that does not answer makes it unknown."""
    engines: List[Engine] = []
    clock = Clock()
    deadline = clock.monotonic() + request.timeout_seconds

    def reach() -> Engine:
        left = deadline - clock.monotonic()
        seconds = min(TIMEOUT_SECONDS, max(left, LEAST_SECONDS)) if request.timeout_seconds > 0 else TIMEOUT_SECONDS
        engines.append(connect(seconds))
        return engines[-1]

    declared = declared_services(request.project, request.project_src) if request.project_src else None
    try:
        outcome = Gate(reach, ask, clock, request, declared).wait()
    except EngineAway as problem:
        return _away(problem, request, 0.0)
    return result(outcome, request, engines[-1] if engines else None)


def ask(endpoint: Http) -> Answer:
    """Imported late: the client costs more than all the rest, and most waits need none."""
    from ansible_collections.selfhost.postiz.plugins.module_utils.health import http_client

    return http_client.ask(endpoint)
