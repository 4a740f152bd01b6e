# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look, as far as a decision needs it: all layers, what is missing, and what came first."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import FrozenSet, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.layers import Connect, temporal_obstacle
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.look import look, verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import (
    CONTAINERS,
    PM2,
    POSTS,
    TEMPORAL,
    Layer,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import Request as Diagnosis
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, EngineAway, EngineFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict, error, errors_of
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import checkpoint
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.ladder import POSTIZ, ladder
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Cause, History, Situation
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.obstacles import (
    for_person,
    half_rescued,
    unfinished,
    why,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.project import (
    Compose,
    absent_services,
    anonymous_data,
    booted_at,
    compose_of,
)

_LAYERS = ("engine", "pm2", "temporal", "posts", "host")


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


def observe(
    connect: Connect, diagnosis: Diagnosis, history: History, least_free: int, clock: Clock, directory: str = ""
) -> Sight:
    """`directory` is that of the stack, as it was given. Raises BadInput for a project that cannot be meant."""
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
    absent = absent_services(containers, diagnosis.service)
    anonymous = anonymous_data(containers)
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
    busy = unfinished(containers, directory, diagnosis.project)
    extra = [busy, *extra] if busy is not None else extra
    found = (*extra, *(item for item in found if item not in extra))
    compose = compose_of(containers)
    causes = tuple(_cause(item, services | absent, asked) for item in errors_of(found))
    situation = Situation(
        verdict=told,
        cause=causes,
        for_person=_for_person(engine, containers, compose, layers, causes, absent, busy),
        booted_at=booted_at(engine, containers, diagnosis.service),
        settled=_settled(layers),
        postiz=diagnosis.service,
        compose_gone=compose.gone,
        absent=absent,
    )
    return replace(_sight(layers, told, found, situation, compose, now), anonymous=anonymous)


def _for_person(
    engine: Engine,
    containers: Tuple[Container, ...],
    compose: Compose,
    layers: Tuple[Layer, ...],
    causes: Tuple[Cause, ...],
    absent: FrozenSet[str],
    busy: Optional[Finding],
) -> str:
    if busy is not None:
        return why(busy)
    if not causes:
        return ""
    return half_rescued(engine, containers, compose) or for_person(engine, containers, layers, causes, absent)


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
    """The look stops at ailing apps; what is wrong with Temporal comes before them."""
    by_name = {layer.name: layer for layer in layers}
    ailing = [finding.code for finding in by_name[CONTAINERS].errors]
    if TEMPORAL in asked.skip or by_name[TEMPORAL].judged or not by_name[PM2].errors:
        return []
    if not all(code in gate.BY_HEALTHCHECK for code in ailing):
        return []
    obstacle = temporal_obstacle(engine, asked, clock)
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


def _settled(layers: Tuple[Layer, ...]) -> bool:
    by_name = {layer.name: layer for layer in layers}
    return by_name[TEMPORAL].judged and by_name[TEMPORAL].verdict is Verdict.HEALTHY
