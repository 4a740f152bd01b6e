# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the services of a stack are: observed, judged by pure functions, told without secrets."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, Optional, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict, error
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, secret_values
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.preflight import DATA_PATHS

DEFAULT_LOG_LINES = 15


@dataclass(frozen=True)
class ServiceState:
    """One container of the stack; `ports` as `address:port->port inside`."""

    service: str
    container: str
    image: str
    state: str
    health: str
    ports: Tuple[str, ...]
    restarts: int
    exit_code: int
    oom_killed: bool
    started_at: str
    error: str
    health_output: str
    log: str
    data_in_anonymous_volume: bool

    @property
    def healthy(self) -> bool:
        """Running, and its health check, if it has one, succeeds."""
        return is_healthy(self.state, self.health)


# Of a longer tail, lines like these come first: the cause is often far above the last line.
_TELLING = re.compile(r"error|fail|fatal|exception|refused|denied|cannot|unable|out of memory", re.IGNORECASE)
_TAIL_LINES = 400


def telling_lines(log: str, limit: int) -> str:
    """At most `limit` lines, in their order: half of them such that speak of trouble, then the last ones."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    last = max(limit - limit // 2, limit - sum(1 for line in lines[:-limit] if _TELLING.search(line)))
    troubles = [line for line in lines[:-last] if _TELLING.search(line)]
    kept = troubles[max(len(troubles) - (limit - last), 0) :] if limit > last else []
    return "\n".join([*kept, *lines[-last:]])


def is_healthy(state: str, health: str) -> bool:
    """Health as the engine tells it; `starting` is not healthy."""
    return state == "running" and health in ("", "none", "healthy")


def collect(engine: Engine, project: str, log_lines: int) -> Tuple[ServiceState, ...]:
    """The services by name. Logs are read of unhealthy ones only; secrets in the environments appear in no text."""
    services = []
    secrets: Set[str] = set()
    for container in engine.containers():
        if container.project == project and not container.one_off:
            detail = engine.detail(container.identifier)
            secrets |= secret_values(detail.environment)
            needs_log = log_lines > 0 and not is_healthy(container.state, detail.health)
            log = telling_lines(engine.log_tail(container.identifier, _TAIL_LINES), log_lines) if needs_log else ""
            services.append(_state(container, detail, log))
    redactor = Redactor(secrets)
    return tuple(_redacted(item, redactor) for item in sorted(services, key=lambda item: item.service))


def _redacted(item: ServiceState, redactor: Redactor) -> ServiceState:
    """Free text only: names of services and images are no secrets, even if a password is the same word."""
    return replace(
        item,
        error=redactor.text(item.error),
        health_output=redactor.text(item.health_output),
        log=redactor.text(item.log),
    )


def _state(container: Container, detail: ContainerDetail, log: str) -> ServiceState:
    return ServiceState(
        service=container.service,
        container=container.name,
        image=container.image,
        state=container.state,
        health=detail.health,
        ports=tuple(sorted(f"{port.address}:{port.port}->{port.container_port}" for port in container.ports)),
        restarts=detail.restarts,
        exit_code=detail.exit_code,
        oom_killed=detail.oom_killed,
        started_at=detail.started_at,
        error=detail.error,
        health_output=detail.health_output,
        log=log,
        data_in_anonymous_volume=any(
            mount.anonymous and mount.destination == DATA_PATHS.get(container.service) for mount in container.mounts
        ),
    )


def judge(services: Tuple[ServiceState, ...], expected: Tuple[str, ...]) -> Tuple[Finding, ...]:
    """What is wrong, causes before consequences: a service that was never started waits for another."""
    unhealthy = sorted((item for item in services if not item.healthy), key=lambda item: item.state == "created")
    present = {item.service for item in services}
    return (
        *(_not_healthy(item) for item in unhealthy),
        *(
            error("service-missing", name, "It has no container.", "run playbooks/provision.yml for this host.")
            for name in expected
            if name not in present
        ),
    )


def _not_healthy(item: ServiceState) -> Finding:
    return error("container-not-healthy", item.service, _evidence(item), _remedy(item))


def _evidence(item: ServiceState) -> str:
    if item.state == "created":
        return "It was not started, because a service that it depends on is not healthy."
    parts = [f"It is {item.state}{f' and {item.health}' if item.health else ''}"]
    if item.state != "running":
        parts.append(f"exit code {item.exit_code}")
    if item.restarts:
        parts.append(f"{item.restarts} restarts")
    if item.oom_killed:
        parts.append("killed for lack of memory")
    text = ", ".join(parts) + "."
    if item.error:
        text += f" The engine says: {item.error}."
    if item.health_output and item.state == "running":
        text += f" Last health check: {item.health_output}"
    if item.log:
        text += "\n      from its log:\n" + "\n".join(f"        {line}" for line in item.log.splitlines())
    return text + ("\n     " if item.log else "")


def _remedy(item: ServiceState) -> str:
    if item.state == "created":
        return "repair the other service first, then run the role again."
    if item.oom_killed:
        return "give the host more memory, or set stack_visibility: postgresql."
    return f"read its whole log (docker logs {item.container}), repair the cause, then run the role again."


def verdict(services: Tuple[ServiceState, ...], findings: Tuple[Finding, ...]) -> Verdict:
    """No container at all is no statement about a stack."""
    if not services:
        return Verdict.UNKNOWN
    return Verdict.UNHEALTHY if findings else Verdict.HEALTHY


def payload(services: Tuple[ServiceState, ...], findings: Tuple[Finding, ...]) -> Dict[str, Any]:
    """The shape in which the module returns it."""
    return {
        "verdict": verdict(services, findings).value,
        "services": [{**asdict(item), "ports": list(item.ports), "healthy": item.healthy} for item in services],
        "anonymous_volumes": [item.service for item in services if item.data_in_anonymous_volume],
        "findings": [finding.as_dict() for finding in findings],
        "report": report(findings),
    }


def report(findings: Tuple[Finding, ...], heading: Optional[str] = None) -> str:
    """All findings for people; empty if there is none."""
    lines = [f"  - [{item.code}] {item.component}: {item.evidence} Remedy: {item.remedy}" for item in findings]
    return "\n".join([heading or f"{len(lines)} problem(s):", *lines]) if lines else ""
