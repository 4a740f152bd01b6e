# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no step removes, so that a person must: why, and what to do."""

from __future__ import annotations

import re
from typing import FrozenSet, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils import under_way
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import CONTAINERS, Layer
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding
from ansible_collections.selfhost.postiz.plugins.module_utils.health import signatures
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.choose import STOPPED
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.ladder import ladder
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Cause, Rung
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.project import DATABASE, Compose
from ansible_collections.selfhost.postiz.plugins.module_utils.rescue import plan

TEMPORAL_SERVICE = "temporal"
DEFAULT_NAMESPACE = "default"
_KILLED = re.compile(r"exit code (0|137|143)\b")


def for_person(
    engine: Engine,
    containers: Tuple[Container, ...],
    layers: Tuple[Layer, ...],
    causes: Tuple[Cause, ...],
    absent: FrozenSet[str],
) -> str:
    """Empty where a step may help. `causes` has one at least, the first one first."""
    first = causes[0]
    for cause in (first, *(item for item in causes[1:] if item.code in STOPPED)):
        known = _known(layers, cause)
        if known is not None and known.signature.person:
            return f"{known.signature.meaning} {cause.service} says: {known.line[:160]}. {known.signature.remedy}"
    services = {item.service for item in containers} | absent
    steps = ladder(first.code)
    if first.service in absent and DATABASE.search(first.service):
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


def half_rescued(engine: Engine, containers: Tuple[Container, ...], compose: Compose) -> str:
    """Started on the old volumes, the stack would go on there, until Compose reads the file and goes back to the copies."""
    if not plan.written(plan.read(plan.override_path(compose.files))):
        return ""
    project = next((item.project for item in containers), "")
    services = plan.half_done(containers, engine.volumes(), project, compose.files)
    if not services:
        return ""
    return (
        f"a rescue of anonymous volumes was interrupted: data of {', '.join(services)} was copied, and their containers are "
        "still on the old volumes. Run selfhost.postiz.rescue_volumes again; it copies anew and starts the stack."
    )


def unfinished(containers: Tuple[Container, ...], directory: str, project: str) -> Optional[Finding]:
    """An upgrade, a rollback or a restore of the stack that has begun and is not at its end.

    `directory` may be that of another stack: where the containers name theirs, only a restore that has this project's name
    is looked for there.
    """
    given = (directory,) if directory else ()
    own = tuple(sorted({item.directory for item in containers if item.directory}))
    return under_way.look(own or given, project, given)


def why(found: Finding) -> str:
    """Such a finding, for a person."""
    return f"{found.evidence} No step is taken meanwhile: {found.remedy}"


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
