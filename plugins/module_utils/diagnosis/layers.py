# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each layer, as its own look tells it."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.verify import served_mismatch
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import (
    CONTAINERS,
    ENDPOINTS,
    PM2,
    POSTS,
    TEMPORAL,
    Layer,
    Request,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import LibraryMissing
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import (
    Finding,
    Verdict,
    error,
    errors_of,
    warning,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.health import endpoints
from ansible_collections.selfhost.postiz.plugins.module_utils.health import gate as container_gate
from ansible_collections.selfhost.postiz.plugins.module_utils.health.causes import PASSING
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.health.wait import Gate, Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2 import gate as pm2_gate
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.judge import judge as judge_pm2
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import DatabaseFailed, reading, target
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.overdue import count
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal import gate as temporal_gate
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import blocked
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import judge as judge_temporal
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import verdict as temporal_verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import observe

STATEMENT_SECONDS = 10.0
# What a normal boot shows, as long as something of it moves.
_BOOTING = (*PASSING, "not-started")


def look_at_containers(
    connect: Connect, engine: Engine, request: Request, clock: Clock, seconds: float
) -> Tuple[Layer, Outcome]:
    """Looked at for so many seconds at most, with all that was seen."""
    asked = replace(request.containers, timeout_seconds=seconds)
    outcome = Gate(connect, container_gate.ask, clock, asked, None).wait()
    told = container_gate.result(outcome, asked, engine)
    services = told.details["services"]
    good = sum(1 for item in services if item["satisfied"])
    verdict = told.verdict
    codes = [finding.code for finding in told.findings]
    if codes and all(code in _BOOTING for code in codes) and any(code in PASSING for code in codes):
        verdict = Verdict.SETTLING
    text = told.details["first_cause"] or f"{good} of {len(services)} as expected"
    evidence = "" if told.verdict is Verdict.HEALTHY else told.report.partition("\n\n")[2]
    return Layer(CONTAINERS, verdict, told.findings, text, True, evidence, told.details), outcome


def without_service(containers: Layer, service: str) -> Layer:
    """Every container may be as expected, and the one that publishes is not among them."""
    finding = error(
        "missing-container",
        service,
        "no container of this service runs, so nothing is published.",
        "start it (playbook provision, or docker compose up -d); if the service has another name, say so in health_service.",
    )
    summary = f"{service} has no running container"
    return replace(containers, verdict=Verdict.UNHEALTHY, findings=(finding, *containers.findings), summary=summary)


def look_at_endpoint(snapshot: Snapshot, request: Request) -> Layer:
    """Asked at the port that the stack publishes, if it publishes one."""
    resolved, unpublished = endpoints.resolve(request.endpoint, snapshot)
    if unpublished:
        return Layer(ENDPOINTS, Verdict.HEALTHY, (), "no port is published, so none is asked")
    trouble = endpoints.judge(resolved, container_gate.ask(resolved))
    if trouble is None:
        return Layer(ENDPOINTS, Verdict.HEALTHY, (), f"{resolved.url} answers")
    remedy = "see the layers above: the app behind the proxy, or the proxy itself."
    finding = error(trouble.code, trouble.service, f"it {trouble.state}.", remedy)
    return Layer(ENDPOINTS, Verdict.UNHEALTHY, (finding,), f"{trouble.service} {trouble.state}")


def with_frontend(layer: Layer, engine: Engine, request: Request) -> Layer:
    """The proxy may answer well with the pages of another release than the image's."""
    if not request.frontend_path:
        return layer
    wrong = [
        finding
        for container in engine.project_containers(request.project)
        if container.service == request.service
        for finding in (served_mismatch(engine, container, request.frontend_path),)
        if finding is not None
    ]
    if not errors_of(wrong):
        # What cannot be told is worth a word, and no reason to call it unhealthy.
        return replace(layer, findings=(*layer.findings, *wrong)) if wrong else layer
    text = f"{layer.summary}; the frontend is of another release than the image"
    return replace(layer, verdict=Verdict.UNHEALTHY, findings=(*wrong, *layer.findings), summary=text)


def settled_early(replicas: Tuple[pm2_gate.Replica, ...], request: Request) -> Tuple[pm2_gate.Replica, ...]:
    """As if their quiet window were over, for somebody saw living pollers."""
    settings = replace(request.pm2.settings, pollers_seen=True)
    return tuple(
        replace(item, judgement=judge_pm2(item.snapshot, settings)) if item.snapshot else item for item in replicas
    )


def layer_of_apps(replicas: Tuple[pm2_gate.Replica, ...], request: Request) -> Layer:
    """Of all containers of Postiz together."""
    told = pm2_gate.result(replicas, request.pm2)
    apps = [app for container in told.details["containers"] for app in container["apps"]]
    good = sum(1 for app in apps if app["status"] == "online" and (app["listening"] or not app["port"]))
    text = f"{good} of {len(request.pm2.settings.apps) * len(replicas)} apps online and listening"
    if told.verdict is Verdict.SETTLING:
        text += f"; quiet window: {told.details['settling_seconds']:.0f} s left"
    return Layer(PM2, told.verdict, told.findings, text, True, "", told.details)


def look_at_temporal(engine: Engine, request: Request, clock: Clock) -> Layer:
    """Raises EngineAway."""
    snapshot = observe(engine, request.temporal.wanted, clock)
    findings = judge_temporal(snapshot, request.temporal.settings)
    told = temporal_gate.result(snapshot, findings, request.temporal)
    pollers = [
        f"{item['name']}: {item['workflow_pollers']} workflow, {item['activity_pollers']} activity"
        for item in told.details["queues"]
    ]
    none = "missing" if snapshot.sweeper.trouble is Trouble.NOT_FOUND else "not told"
    text = f"living pollers on {'; '.join(pollers)}; sweeper {told.details['sweeper'] or none}"
    return Layer(TEMPORAL, temporal_verdict(findings), findings, text, True, "", told.details)


def temporal_obstacle(engine: Engine, request: Request, clock: Clock) -> Optional[Finding]:
    """Why nothing can be asked of Temporal, if so; nothing more is asked of it. Raises EngineAway."""
    return blocked(observe(engine, replace(request.temporal.wanted, queues=(), sample=0), clock))


def slow_temporal(engine: Engine, request: Request, clock: Clock) -> Optional[Layer]:
    """Its layer if it does not answer in time. Raises EngineAway."""
    finding = temporal_obstacle(engine, request, clock)
    if finding is None or finding.code != "temporal-slow":
        return None
    return Layer(TEMPORAL, Verdict.UNHEALTHY, (finding,), "does not answer in time")


def look_at_posts(engine: Engine, request: Request) -> Layer:
    """Those that are overdue, counted in the database."""
    containers = engine.project_containers(request.project)
    environment = next(
        (engine.detail(item.identifier).environment for item in containers if item.service == request.service), {}
    )
    try:
        with reading(target(environment, containers, engine), STATEMENT_SECONDS) as cursor:
            overdue = count(cursor, request.overdue_seconds)
    except DatabaseFailed as problem:
        finding = error("posts-unknown", POSTS, problem.message, problem.remedy)
        return Layer(POSTS, Verdict.UNKNOWN, (finding,), "cannot be counted")
    except LibraryMissing as problem:
        finding = error("python-library-missing", POSTS, problem.message, problem.remedy)
        return Layer(POSTS, Verdict.UNKNOWN, (finding,), "cannot be counted")
    findings = []
    minutes = request.overdue_seconds / 60
    if overdue.swept:
        evidence = (
            f"{overdue.swept} posts of usable channels are overdue by more than {minutes:.0f} minutes "
            f"(the oldest by {overdue.oldest_seconds / 60:.0f}), although the sweep should have taken them up."
        )
        findings.append(
            error("posts-overdue", POSTS, evidence, "look at them with stuck_posts_info before they go out at once.")
        )
    if overdue.older:
        evidence = f"{overdue.older} posts are overdue by more than two days; nothing takes them up again by itself."
        findings.append(
            warning("posts-older-than-sweep", POSTS, evidence, "decide about each: reschedule, hold or fail.")
        )
    text = f"{overdue.swept + overdue.older} overdue by more than {minutes:.0f} minutes"
    verdict = Verdict.UNHEALTHY if overdue.swept else Verdict.HEALTHY
    details = {
        "overdue": overdue.swept,
        "older_than_sweep": overdue.older,
        "oldest_seconds": round(overdue.oldest_seconds, 1),
    }
    return Layer(POSTS, verdict, tuple(findings), text, True, "", details)


Connect = Callable[[], Engine]
