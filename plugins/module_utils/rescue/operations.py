# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rescue the data of anonymous volumes: stop, copy, verify, write the override file. The caller starts the stack again."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import record
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.act import in_order
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.project import compose_of
from ansible_collections.selfhost.postiz.plugins.module_utils.rescue import copy, plan

_ROOM = 1.1

Connect = Callable[[], Engine]


def rescue(connect: Connect, project: str, service: str, state: str, check: bool) -> Outcome:
    """`state` is where the record of recoveries is kept: none starts meanwhile what stands still here.

    Raises StackError; BadInput, with what to do by hand, if the switch could not be made afterwards.
    """
    engine = connect()
    containers = engine.project_containers(project)
    if not containers:
        raise BadInput(f"The Compose project {project!r} has no container on this engine.", "correct the project name.")
    found = plan.moves(containers, project)
    compose = compose_of(containers)
    path = plan.override_path(compose.files)
    payload: Dict[str, Any] = {
        "project": project,
        "moves": [
            {"service": move.service, "destination": move.destination, "from": move.anonymous, "to": move.name}
            for move in found
        ],
        "override": path if found else "",
        "files": [*compose.files, *([path] if found and path not in compose.files else [])],
        "environment_files": list(compose.environment_files),
        "directory": compose.directory,
        "entries": 0,
    }
    if not found:
        return Outcome(False, payload)
    existing = plan.read(path)
    wanted = plan.override_text(_all(found, existing))
    trouble = plan.obstacle(found, compose.files, compose.gone, existing)
    if trouble:
        raise BadInput(
            f"Nothing was changed: {trouble}",
            "copy the volumes by hand while the stack is stopped, and name them in its compose file:\n" + wanted,
        )
    _refuse(engine, found)
    diff = {"before_header": path, "after_header": path, "before": existing, "after": wanted}
    if check:
        return Outcome(True, payload, diff)
    with record.alone(state):
        count = _copied(engine, containers, found, project, service)
        _write(path, wanted)
    return Outcome(True, {**payload, "entries": count}, diff)


def _copied(
    engine: Engine, containers: Tuple[Container, ...], found: Tuple[plan.Move, ...], project: str, service: str
) -> int:
    """The number of entries that are the same in the copies."""
    acts = engine.acts()
    for item in reversed(in_order(containers, service)):
        if item.state in ("running", "paused", "restarting"):
            if item.state == "paused":
                acts.unpause(item.identifier)
            acts.stop(item.identifier, engine.detail(item.identifier).stop_seconds)
    count = 0
    for move in found:
        target = engine.lifecycle().create_volume(move.name, "local", {}, _labels(project, move))
        copy.clear(target)
        count += copy.copy(move.source, target)
    return count


def _all(found: Tuple[plan.Move, ...], existing: str) -> Tuple[plan.Move, ...]:
    """A run that was killed after it had switched some services leaves an override file with those."""
    new = {(move.service, move.destination) for move in found}
    return (*(move for move in plan.written(existing) if (move.service, move.destination) not in new), *found)


def _refuse(engine: Engine, found: Tuple[plan.Move, ...]) -> None:
    """Where the copy would not be on this host, would not fit, or would go over somebody's data."""
    away = [move.source for move in found if not os.path.isdir(move.source)]
    if away:
        raise BadInput(
            f"{away[0]} is no folder of this host, or cannot be seen by this user.",
            "run as root on the engine's own host.",
        )
    room = os.statvfs(found[0].source)
    needed = sum(copy.size(move.source) for move in found)
    if needed * _ROOM > room.f_bavail * room.f_frsize:
        raise BadInput(f"The copies need {needed / 2**20:.0f} MiB, and there is less room.", "free space on the host.")
    names = {volume.name: volume for volume in engine.volumes()}
    used = {mount.name for item in engine.containers() for mount in item.mounts}
    for move in found:
        volume = names.get(move.name)
        if volume is not None and (volume.labels.get(plan.LABEL) != move.anonymous or move.name in used):
            raise BadInput(
                f"The volume {move.name} is there already, and holds no copy of {move.anonymous}, which {move.service} uses now.",
                "look at both; remove or rename the named one if it is not needed.",
            )


def _labels(project: str, move: plan.Move) -> Dict[str, str]:
    return {
        "com.docker.compose.project": project,
        "com.docker.compose.volume": move.key,
        plan.LABEL: move.anonymous,
    }


def _write(path: str, text: str) -> None:
    draft = f"{path}.draft"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, path)
