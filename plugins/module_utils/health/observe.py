# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project's containers as the engine shows them. The only reading of the container gate."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from typing import Dict, FrozenSet, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, ContainerGone
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import (
    ContainerState,
    Declared,
    Dependency,
    Snapshot,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, secret_values
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import envfile

LABEL_DEPENDS_ON = "com.docker.compose.depends_on"
COMPOSE_SECONDS = 60


@dataclass(frozen=True)
class Observation:
    """A snapshot, and the secret values of its containers' environments, which must appear in no text."""

    snapshot: Snapshot
    secrets: FrozenSet[str]
    listed: Mapping[str, Container]


def observe(engine: Engine, project: str, declared: Optional[Mapping[str, Declared]]) -> Observation:
    """Every container of the project. Raises StackError."""
    listed = {container.identifier: container for container in engine.project_containers(project)}
    if declared is not None:
        present = {container.service for container in listed.values()}
        declared = {
            name: replace(service, image_missing=_image_missing(engine, service) if name not in present else False)
            for name, service in declared.items()
        }
    return refresh(engine, Observation(Snapshot(project, (), declared), frozenset(), listed), frozenset(listed))


def _image_missing(engine: Engine, service: Declared) -> bool:
    return bool(service.image and service.replicas) and engine.image(service.image) is None


def refresh(engine: Engine, before: Observation, changed: FrozenSet[str]) -> Observation:
    """The same, with only the changed containers looked at again. None of them may be new."""
    known = {state.identifier: state for state in before.snapshot.containers}
    states = []
    secrets = before.secrets
    for identifier, container in before.listed.items():
        if identifier in changed:
            try:
                detail = engine.detail(identifier)
            except ContainerGone:
                continue
            secrets |= secret_values(detail.environment)
            states.append(_state(container, detail))
        elif identifier in known:
            states.append(known[identifier])
    return replace(before, snapshot=replace(before.snapshot, containers=tuple(states)), secrets=secrets)


def declared_services(project: str, project_src: str) -> Dict[str, Declared]:
    """Services of the compose file. Raises BadInput with what Compose says."""
    command = ["docker", "compose", "--project-name", project, "--project-directory", project_src]
    # Interpolated: without, Compose shows services of inactive profiles too, and neither replicas nor images.
    command += ["config", "--format", "json"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=COMPOSE_SECONDS, check=False, cwd=project_src
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise BadInput(f"Compose could not read {project_src}: {problem}.", "correct project_src.") from problem
    if answer.returncode:
        reason = _without_values((answer.stderr.strip().splitlines() or ["no reason given"])[-1], project_src)
        raise BadInput(f"Compose could not read {project_src}: {reason}.", "correct project_src, or the compose file.")
    try:
        services = json.loads(answer.stdout).get("services") or {}
    except ValueError as problem:
        raise BadInput(f"Compose answered no JSON about {project_src}.", "upgrade the Compose plugin.") from problem
    return {name: Declared(_replicas(service), _pulled_image(service)) for name, service in services.items()}


def _without_values(text: str, project_src: str) -> str:
    """Compose quotes what it does not understand, and that may come from the secrets in .env."""
    try:
        with open(os.path.join(project_src, ".env"), encoding="utf-8") as file:
            values = envfile.parse(file.read())
    except (OSError, ValueError):
        return text
    return Redactor(secret_values(values)).text(text)


def _pulled_image(service: Mapping[str, object]) -> str:
    return "" if service.get("build") else str(service.get("image", ""))


def _replicas(service: Mapping[str, object]) -> int:
    deploy = service.get("deploy")
    wanted = service.get("scale", deploy.get("replicas", 1) if isinstance(deploy, dict) else 1)
    return int(str(wanted)) if str(wanted).isdigit() else 1


def _state(container: Container, detail: ContainerDetail) -> ContainerState:
    return ContainerState(
        identifier=container.identifier,
        name=container.name,
        service=container.service,
        image=container.image,
        state=detail.state,
        health=detail.health,
        has_healthcheck=detail.has_healthcheck,
        restart_policy=detail.restart_policy,
        restarts=detail.restarts,
        exit_code=detail.exit_code,
        oom_killed=detail.oom_killed,
        error=detail.error,
        started_at=parse_time(detail.started_at),
        finished_at=parse_time(detail.finished_at),
        probes=detail.probes,
        terminal=detail.terminal,
        exposes_ports=detail.exposes_ports,
        depends_on=dependencies(container.labels.get(LABEL_DEPENDS_ON, "")),
        anonymous_volumes=tuple(mount.destination for mount in container.mounts if mount.anonymous),
        ports=tuple(sorted(f"{port.address}:{port.port}->{port.container_port}" for port in container.ports)),
    )


def dependencies(label: str) -> Tuple[Dependency, ...]:
    """`temporal:service_healthy:false,…`; older Compose wrote no condition."""
    found = []
    for entry in filter(None, label.split(",")):
        service, _separator, rest = entry.partition(":")
        found.append(Dependency(service, rest.partition(":")[0] or "service_started"))
    return tuple(found)
