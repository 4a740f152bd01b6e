# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look, as far as a decision needs it: all layers, and what stands in the way of a step."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock, parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.look import Connect, look, verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import (
    CONTAINERS,
    PM2,
    POSTS,
    TEMPORAL,
    Layer,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import Request as Diagnosis
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_CONFIG_FILES,
    LABEL_ENVIRONMENT_FILE,
    Container,
    ContainerDetail,
    Engine,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    BadInput,
    ContainerGone,
    EngineAway,
    EngineFailed,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict, error, errors_of
from ansible_collections.selfhost.postiz.plugins.module_utils.health import signatures
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import LABEL_DEPENDS_ON, dependencies
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import checkpoint
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.choose import STOPPED
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.ladder import POSTIZ, ladder
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Cause, History, Rung, Situation
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import blocked
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import observe as ask_temporal

TEMPORAL_SERVICE = "temporal"
DEFAULT_NAMESPACE = "default"
# A service of this name keeps data that a new container may not find.
_DATABASE = re.compile(r"postgres|elasticsearch|mysql|cassandra|redis", re.IGNORECASE)
_KILLED = re.compile(r"exit code (0|137|143)\b")
_BY_HEALTHCHECK = ("unhealthy", "starting", "starting-too-long", "flapping")
_LAYERS = ("engine", "pm2", "temporal", "posts", "host")


@dataclass(frozen=True)
class Compose:
    """What the containers' labels say about their project's files; `gone` says why they cannot be used."""

    directory: str = ""
    files: Tuple[str, ...] = ()
    environment_files: Tuple[str, ...] = ()
    gone: str = ""

    def as_dict(self) -> Dict[str, Any]:
        """The shape in which it is returned."""
        return {
            "directory": self.directory,
            "files": list(self.files),
            "environment_files": list(self.environment_files),
            "gone": self.gone,
        }


@dataclass(frozen=True)
class Sight:
    """One look. `findings` has the first cause first; `anonymous` are services whose data is in an anonymous volume."""

    layers: Tuple[Layer, ...]
    verdict: Verdict
    findings: Tuple[Finding, ...]
    situation: Situation
    compose: Compose
    at: float
    anonymous: Tuple[str, ...] = ()


def observe(connect: Connect, diagnosis: Diagnosis, history: History, least_free: int, clock: Clock) -> Sight:
    """Raises BadInput for a project that cannot be meant."""
    asked = _since_the_last_step(diagnosis, history, clock)
    layers = look(connect, asked, clock, 0.0)
    told = verdict(layers)
    found = gate.findings(layers)
    now = clock.now()
    try:
        engine = connect()
        containers = engine.project_containers(diagnosis.project)
    except EngineAway:
        return _sight(layers, told, found, _blind(told, found, diagnosis), Compose(), now)
    if not containers:
        stacks = ", ".join(sorted({item.project for item in engine.containers() if item.project})) or "none"
        raise BadInput(
            f"The Compose project {diagnosis.project!r} has no container on this engine. Projects that have: {stacks}.",
            "correct the project name; a stack that was removed is provisioned, not recovered.",
        )
    absent = _absent(containers, diagnosis.service)
    anonymous = _anonymous(containers)
    if told is Verdict.HEALTHY and not absent:
        lock = None if POSTS in diagnosis.skip else checkpoint.locked(engine, diagnosis)
        well = _well(layers, found, lock, diagnosis.service, now)
        return replace(well, anonymous=anonymous)
    services = frozenset(item.service for item in containers)
    extra = [*_disk(engine, least_free), *_missing(absent, services, diagnosis.service)]
    if extra:
        told = Verdict.UNHEALTHY
    elif told is not Verdict.HEALTHY:
        extra = _below_the_apps(engine, asked, layers, clock)
    found = (*extra, *found)
    compose = compose_of(containers)
    causes = tuple(_cause(item, services | absent, asked) for item in errors_of(found))
    situation = Situation(
        verdict=told,
        cause=causes,
        for_person=_for_person(engine, containers, layers, causes, absent) if causes else "",
        booted_at=_booted_at(engine, containers, diagnosis.service),
        settled=_settled(layers),
        postiz=diagnosis.service,
        compose_gone=compose.gone,
        absent=absent,
    )
    return replace(_sight(layers, told, found, situation, compose, now), anonymous=anonymous)


def _well(
    layers: Tuple[Layer, ...], found: Tuple[Finding, ...], lock: Optional[Finding], service: str, now: float
) -> Sight:
    """The stack is; a network may refuse all the same."""
    if lock is None:
        told = Situation(Verdict.HEALTHY, (), "", 0.0, True, service, "")
        return Sight(layers, Verdict.HEALTHY, found, told, Compose(), now)
    cause = Cause(lock.code, lock.component, lock.evidence, lock.remedy, service)
    told = Situation(Verdict.UNHEALTHY, (cause,), "", 0.0, True, service, "", flows=True)
    return Sight(layers, Verdict.UNHEALTHY, (lock, *found), told, Compose(), now)


def _anonymous(containers: Tuple[Container, ...]) -> Tuple[str, ...]:
    """Services that keep data where a new container would not find it."""
    found = {item.service for item in containers if any(mount.anonymous for mount in item.mounts)}
    return tuple(sorted(name for name in found if _DATABASE.search(name)))


def _sight(
    layers: Tuple[Layer, ...],
    told: Verdict,
    found: Tuple[Finding, ...],
    situation: Situation,
    compose: Compose,
    now: float,
) -> Sight:
    return Sight(layers, told, found, situation, compose, now)


def _since_the_last_step(diagnosis: Diagnosis, history: History, clock: Clock) -> Diagnosis:
    """An app that ended again and again before the last step is no crash loop after it."""
    last = history.tried[-1] if history.tried else None
    if last is None:
        return diagnosis
    settings = diagnosis.pm2.settings
    window = min(settings.restart_window, max(clock.now() - (last.finished_at or last.begun_at), 1.0))
    return replace(diagnosis, pm2=replace(diagnosis.pm2, settings=replace(settings, restart_window=window)))


def _blind(told: Verdict, found: Tuple[Finding, ...], diagnosis: Diagnosis) -> Situation:
    causes = tuple(Cause(item.code, item.component, item.evidence, item.remedy, "") for item in errors_of(found))
    return Situation(told, causes, "", 0.0, False, diagnosis.service, "the engine does not answer.")


def _absent(containers: Tuple[Container, ...], service: str) -> FrozenSet[str]:
    """Services without a container, as far as the others name them as what they depend on."""
    present = {item.service for item in containers}
    named = {
        dependency.service for item in containers for dependency in dependencies(item.labels.get(LABEL_DEPENDS_ON, ""))
    }
    return frozenset((named | {service}) - present)


def _disk(engine: Engine, least_free: int) -> List[Finding]:
    """Where the engine keeps its data on this host."""
    try:
        folder = engine.info().root_directory
        stats = os.statvfs(folder)
    except (OSError, EngineFailed):
        return []
    free = stats.f_bavail * stats.f_frsize
    if free >= least_free:
        return []
    evidence = f"{folder} has {free / 2**20:.0f} MiB left; a step is taken from {least_free / 2**20:.0f} MiB on."
    remedy = "free space on the host (docker system df shows what the engine holds; never prune volumes)."
    return [error("disk-low", "host", evidence, remedy)]


def _missing(absent: FrozenSet[str], present: FrozenSet[str], service: str) -> List[Finding]:
    remedy = "make it anew from the stack's own compose file."
    found = [error("missing-container", name, "it has no container.", remedy) for name in sorted(absent - {service})]
    if service in absent:
        evidence = f"it has no container. Services that have: {', '.join(sorted(present))}."
        found.append(
            error(
                "missing-container",
                service,
                evidence,
                f"{remedy[:-1]}; if Postiz runs in another one, name that (service).",
            )
        )
    return found


def _below_the_apps(engine: Engine, asked: Diagnosis, layers: Tuple[Layer, ...], clock: Clock) -> List[Finding]:
    """The look stops at ailing apps, and at health checks that fail; what is wrong with Temporal comes before both."""
    by_name = {layer.name: layer for layer in layers}
    ailing = [finding.code for finding in by_name[CONTAINERS].errors]
    if by_name[TEMPORAL].judged or TEMPORAL in asked.skip or not all(code in _BY_HEALTHCHECK for code in ailing):
        return []
    if not ailing and not by_name[PM2].errors:
        return []
    obstacle = blocked(ask_temporal(engine, replace(asked.temporal.wanted, queues=(), sample=0), clock))
    # A server that does not answer in time fails its own health check, and those of all that ask it.
    if obstacle is None or (ailing and obstacle.code != "temporal-slow"):
        return []
    return [obstacle]


def _cause(found: Finding, services: FrozenSet[str], asked: Diagnosis) -> Cause:
    wanted = ladder(found.code).target
    service = found.component
    if wanted:
        service = asked.service if wanted == POSTIZ else wanted
    if found.component in services and found.code == "oom-killed":
        service = found.component
    if service not in services and service not in _LAYERS:
        # An app, its proxy, or a container's own name.
        service = asked.service
    app = found.component if found.component in asked.pm2.settings.apps else ""
    return Cause(found.code, found.component, found.evidence, found.remedy, service, app)


def _for_person(
    engine: Engine,
    containers: Tuple[Container, ...],
    layers: Tuple[Layer, ...],
    causes: Tuple[Cause, ...],
    absent: FrozenSet[str],
) -> str:
    first = causes[0]
    for cause in (first, *(item for item in causes[1:] if item.code in STOPPED)):
        known = _known(layers, cause)
        if known is not None and known.signature.person:
            return f"{known.signature.meaning} {cause.service} says: {known.line[:160]}. {known.signature.remedy}"
    services = {item.service for item in containers} | absent
    steps = ladder(first.code)
    if first.service in absent and _DATABASE.search(first.service):
        return (
            f"{first.service} is gone. If it kept its data in an anonymous volume, a new container would begin empty: look for "
            "the old volume (docker volume ls --filter dangling=true) before it is made anew (docker compose up -d)."
        )
    if steps.rungs and first.service not in services:
        return f"there is no service {first.service} in this project: it is run by somebody else."
    if Rung.RESTORE_NAMESPACE in steps.rungs:
        return _namespace_obstacle(engine, containers, first)
    if Rung.RESTORE_SWEEPER in steps.rungs and "RUN_CRON is not set" in first.evidence:
        return "RUN_CRON is not set, so Postiz shall not run its sweep: set it, or leave the sweep out of the look."
    return ""


def _known(layers: Tuple[Layer, ...], first: Cause) -> Optional[signatures.Match]:
    """A log line whose meaning is known, of the culprit itself; what was killed did not end for what its log says."""
    if _KILLED.search(first.evidence):
        return None
    containers = next(layer for layer in layers if layer.name == CONTAINERS)
    lines = [item["known_line"] for item in containers.details.get("culprits", ()) if item["service"] == first.service]
    return signatures.search("\n".join([*lines, first.evidence]))


def _namespace_obstacle(engine: Engine, containers: Tuple[Container, ...], first: Cause) -> str:
    """Only the namespace that the server itself would register is made: any other name may be a mistake."""
    registered = DEFAULT_NAMESPACE
    for item in containers:
        if item.service == TEMPORAL_SERVICE:
            registered = _environment(engine, item).get("DEFAULT_NAMESPACE") or registered
    if f"no namespace {registered!r}" in first.evidence:
        return ""
    return f"the server registers the namespace {registered!r}, and Postiz asks for another one: correct the name."


def _environment(engine: Engine, container: Container) -> Mapping[str, str]:
    try:
        return engine.detail(container.identifier).environment
    except ContainerGone:
        return {}


def running(
    engine: Engine, containers: Tuple[Container, ...], service: str
) -> Tuple[Tuple[Container, ContainerDetail], ...]:
    """Containers of a service that run, also paused ones."""
    found = []
    for item in containers:
        if item.service == service and item.state in ("running", "paused"):
            try:
                found.append((item, engine.detail(item.identifier)))
            except ContainerGone:
                continue
    return tuple(found)


def _booted_at(engine: Engine, containers: Tuple[Container, ...], service: str) -> float:
    times = [parse_time(detail.started_at) for _item, detail in running(engine, containers, service)]
    return max((moment for moment in times if moment is not None), default=0.0)


def _settled(layers: Tuple[Layer, ...]) -> bool:
    by_name = {layer.name: layer for layer in layers}
    return by_name[TEMPORAL].judged and by_name[TEMPORAL].verdict is Verdict.HEALTHY


def compose_of(containers: Tuple[Container, ...]) -> Compose:
    """The project's own files, from the labels of its containers."""
    labels = next((item.labels for item in containers if item.labels.get(LABEL_CONFIG_FILES)), {})
    directory = next((item.directory for item in containers if item.directory), "")
    files = tuple(name for name in labels.get(LABEL_CONFIG_FILES, "").split(",") if name)
    environment = tuple(name for name in labels.get(LABEL_ENVIRONMENT_FILE, "").split(",") if name)
    if not files:
        return Compose(directory, gone="the containers' labels name no compose file.")
    missing = [name for name in (*files, *environment) if not os.path.isfile(name)]
    if missing:
        return Compose(directory, files, environment, f"{', '.join(missing)} is not on this host any more.")
    return Compose(directory, files, environment)
