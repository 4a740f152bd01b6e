# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The PM2 gate as a whole: every replica of a service, waited for, told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    PASSING_ENGINE_PROBLEMS,
    BadInput,
    ContainerGone,
    ContainerNotRunning,
    EngineAway,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Severity, Verdict, error, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import (
    GateResult,
    engine_away,
    last_line,
    line,
    worst,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.judge import Judgement, judge
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.look import ProbeFailed, look
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import Settings, Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.processes import current, ghosts
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, secret_values

PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Request:
    """What the gate is asked; `timeout_seconds` 0 looks once."""

    project: str
    service: str
    settings: Settings
    timeout_seconds: float


@dataclass(frozen=True)
class Replica:
    """One container of the service. Without a snapshot, `problem` says why."""

    container: str
    snapshot: Optional[Snapshot]
    judgement: Judgement
    unknown: bool = False

    @property
    def verdict(self) -> Verdict:
        """What could not be looked at is unknown."""
        return Verdict.UNKNOWN if self.unknown else self.judgement.verdict


def gate(connect: Callable[[], Engine], request: Request, clock: Clock) -> GateResult:
    """Wait and tell. Raises BadInput; an engine that cannot be asked makes it unknown."""
    try:
        return result(wait(connect, request, clock), request)
    except EngineAway as problem:
        details = {"project": request.project, "service": request.service, "settling_seconds": 0.0, "containers": []}
        return engine_away(problem, f"the apps of {request.service} in {request.project} are healthy", details)


def wait(connect: Callable[[], Engine], request: Request, clock: Clock) -> Tuple[Replica, ...]:
    """Look until all is well, or until the time is up; a definite finding ends the wait. Raises BadInput, EngineAway."""
    deadline = clock.monotonic() + request.timeout_seconds
    engine: Optional[Engine] = None
    while True:
        try:
            engine = engine or connect()
            replicas = look_once(engine, request)
        except PASSING_ENGINE_PROBLEMS:
            engine = None
            if deadline <= clock.monotonic():
                raise
            clock.sleep(PAUSE_SECONDS)
            continue
        verdict = worst(replica.verdict for replica in replicas)
        left = deadline - clock.monotonic()
        definite = any(finding.severity is Severity.ERROR for item in replicas for finding in item.judgement.definite)
        if verdict is Verdict.HEALTHY or definite or left <= 0:
            return replicas
        clock.sleep(min(PAUSE_SECONDS, left))


def look_once(engine: Engine, request: Request) -> Tuple[Replica, ...]:
    """Every replica of the service."""
    found = engine.project_containers(request.project)
    wanted = [container for container in found if container.service == request.service]
    if not wanted:
        services = ", ".join(sorted({container.service for container in found})) or "none"
        raise BadInput(
            f"The project {request.project!r} has no container of the service {request.service!r}. Its services: {services}.",
            "correct project or service; start the stack if it is down.",
        )
    return tuple(_replica(engine, request, container) for container in sorted(wanted, key=lambda item: item.name))


def _replica(engine: Engine, request: Request, container: Container) -> Replica:
    try:
        detail = engine.detail(container.identifier)
    except ContainerGone:
        return _blind(
            container, error("missing-container", request.service, "it was removed meanwhile.", "look again.")
        )
    if detail.state != "running":
        evidence = f"it is {detail.state}, with exit code {detail.exit_code}."
        finding = error("exited", request.service, evidence, "ask compose_health who is to blame.")
        return Replica(container.name, None, Judgement((finding,), (), 0.0))
    redactor = Redactor(secret_values(detail.environment))
    try:
        snapshot = look(engine, container.identifier, container.name, detail, request.settings.apps)
    except ProbeFailed as problem:
        told = error("pm2-probe-failed", request.service, redactor.text(problem.message), problem.remedy)
        return _blind(container, told)
    except (ContainerGone, ContainerNotRunning):
        evidence = "it stopped while its processes were looked at."
        return _blind(container, error("exited", request.service, evidence, "ask compose_health who is to blame."))
    judgement = judge(snapshot, request.settings)
    return Replica(
        container.name,
        snapshot,
        Judgement(
            tuple(_redacted(finding, redactor) for finding in judgement.definite),
            tuple(_redacted(finding, redactor) for finding in judgement.pending),
            judgement.settling_seconds,
        ),
    )


def _redacted(finding: Finding, redactor: Redactor) -> Finding:
    return Finding(finding.code, finding.severity, finding.component, redactor.text(finding.evidence), finding.remedy)


def _blind(container: Container, finding: Finding) -> Replica:
    return Replica(container.name, None, Judgement((), (finding,), 0.0), unknown=True)


def result(replicas: Tuple[Replica, ...], request: Request) -> GateResult:
    """All replicas in one."""
    verdict = worst(replica.verdict for replica in replicas)
    left = max((replica.judgement.settling_seconds for replica in replicas), default=0.0)
    findings: List[Finding] = [finding for replica in replicas for finding in replica.judgement.findings]
    if verdict is Verdict.SETTLING:
        evidence = f"the quiet window after a start lasts {left:.0f} s more; until then nothing is wrong yet."
        findings.insert(0, warning("pm2-settling", request.service, evidence, "wait, and do not touch PM2."))
    return GateResult(
        verdict,
        tuple(findings),
        _report(replicas, request, verdict, findings),
        {
            "project": request.project,
            "service": request.service,
            "settling_seconds": round(left, 1),
            "containers": [_container_dict(replica, request.settings) for replica in replicas],
        },
    )


def _report(replicas: Tuple[Replica, ...], request: Request, verdict: Verdict, findings: List[Finding]) -> str:
    lines = [f"The apps of {request.service} in {request.project} are {verdict.value}."]
    rows = [("CONTAINER", "APP", "PM2 SAYS", "RESTARTS", "UP", "PORT")]
    for replica in replicas:
        for app in _apps(replica, request.settings):
            port = (
                f"{app['port']} {'listens' if app['listening'] else '<-- nobody of it listens'}" if app["port"] else ""
            )
            up = f"{app['uptime_seconds']:.0f} s"
            rows.append((replica.container, app["name"], app["status"], str(app["restarts"]), up, port))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if len(rows) > 1:
        lines += ["", *("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)]
    if findings:
        lines.append("")
    lines += [line(item) for item in findings]
    return "\n".join([*lines, *(last_line(findings) if verdict is not Verdict.SETTLING else ())])


def _container_dict(replica: Replica, settings: Settings) -> Dict[str, Any]:
    snapshot = replica.snapshot
    return {
        "container": replica.container,
        "hostname": snapshot.hostname if snapshot else "",
        "verdict": replica.verdict.value,
        "probe": snapshot.probe if snapshot else "",
        "daemon": snapshot.daemon if snapshot else "",
        "oom_kills": snapshot.oom_kills if snapshot else 0,
        "apps": _apps(replica, settings),
        "ghosts": _ghosts(replica, settings),
    }


def _apps(replica: Replica, settings: Settings) -> List[Dict[str, Any]]:
    snapshot = replica.snapshot
    if snapshot is None:
        return []
    found = []
    for app in snapshot.apps:
        if app.name not in settings.apps:
            continue
        tree = current(snapshot, app)
        port = settings.ports.get(app.name, 0)
        pids = {item.pid for item in tree}
        found.append(
            {
                "name": app.name,
                "status": app.status,
                "pid": app.pid,
                "pids": sorted(pids),
                "uptime_seconds": round(max(snapshot.now - app.online_since, 0.0), 1)
                if app.status == "online"
                else 0.0,
                "restarts": app.restarts,
                "memory_bytes": sum(item.memory_bytes for item in tree),
                "port": port,
                "listening": bool(pids & snapshot.listeners.get(port, frozenset())),
            }
        )
    return found


def _ghosts(replica: Replica, settings: Settings) -> List[Dict[str, Any]]:
    snapshot = replica.snapshot
    if snapshot is None:
        return []
    return [
        {
            "app": name,
            "pid": item.pid,
            "group": item.group,
            "age_seconds": round(max(snapshot.now - item.started_at, 0.0), 1),
            "ports": sorted(port for port, pids in snapshot.listeners.items() if item.pid in pids),
        }
        for name in settings.apps
        for item in ghosts(snapshot, name)
    ]
