# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a host for the preflight. The only I/O of the preflight; nothing is changed."""

from __future__ import annotations

import os
from typing import Dict, Iterator, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils import under_way
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Release
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.mounts import release_at
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway
from ansible_collections.selfhost.postiz.plugins.module_utils.release import journal
from ansible_collections.selfhost.postiz.plugins.module_utils.release.versions import version_of
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import host
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.layout import frontend_bundle
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import PreflightParameters, WantedPort
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secret_sources import (
    EngineSources,
    from_files,
    read_kept,
    with_engine,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.snapshot import POSTIZ, EngineState, HostSnapshot

_ANY_ADDRESS = ("0.0.0.0", "::", "")


def observe(wanted: PreflightParameters) -> HostSnapshot:
    """Raises LibraryMissing; an engine that does not answer is part of the snapshot."""
    problem = None
    state = None
    kept = read_kept(wanted.stack.directory)
    secrets = from_files(wanted.stack, kept)
    try:
        engine = connect()
    except EngineAway as caught:
        problem = caught
    else:
        state = _engine_state(engine, wanted)
        secrets = with_engine(secrets, wanted.stack.project, EngineSources(engine, state.containers, state.volumes))
    return HostSnapshot(
        engine=state,
        engine_problem=problem,
        compose_version=host.compose_version(),
        free_bytes=_free(wanted, state),
        # Without an engine nobody can tell whether it is this very stack that listens.
        port_obstacles=dict(_port_obstacles(wanted, state.containers)) if state else {},
        env_file_problem=kept.problem,
        recorded_project=kept.project,
        secrets=secrets,
        upgrade=journal.transaction(journal.entries(wanted.stack.directory)),
        restore=under_way.restore((wanted.stack.directory,), wanted.stack.project),
        frontend=_frontend(wanted.compose or "") if wanted.judge_frontend else None,
    )


def _frontend(compose: str) -> Optional[Release]:
    """The frontend bundle that would be mounted."""
    path = frontend_bundle(compose)
    if not path or not os.path.exists(path):
        return None
    return release_at(path)


def _engine_state(engine: Engine, wanted: PreflightParameters) -> EngineState:
    found = {name: engine.image(name) for name in wanted.images}
    missing = tuple(name for name, image in found.items() if image is None)
    obstacles = {name: engine.pull_obstacle(name) for name in missing} if wanted.pull != "never" else {}
    containers = engine.containers()
    return EngineState(
        info=engine.info(),
        containers=containers,
        volumes=engine.volumes(),
        postiz_image=found.get(wanted.stack.postiz_image),
        missing_images=missing,
        pull_obstacles={name: obstacle for name, obstacle in obstacles.items() if obstacle},
        image_identifiers=frozenset(image.identifier for image in found.values() if image is not None),
        version=_version(engine, containers, wanted),
        wanted_version=version_of(engine.images().detail(wanted.stack.postiz_image), wanted.stack.postiz_image),
    )


def _version(engine: Engine, containers: Tuple[Container, ...], wanted: PreflightParameters) -> str:
    """Of the stack's Postiz, whether it runs or not: its start has pushed that version's schema."""
    for container in containers:
        if container.project == wanted.stack.project and container.service == POSTIZ and not container.one_off:
            return version_of(engine.images().detail(container.image_identifier), container.image)
    return ""


def _free(wanted: PreflightParameters, state: Optional[EngineState]) -> Dict[str, int]:
    paths = [wanted.stack.directory, *([state.info.root_directory] if state else [])]
    measured = {path: host.free_bytes(path) for path in paths if path}
    return {path: free for path, free in measured.items() if free is not None}


def _port_obstacles(wanted: PreflightParameters, containers: Tuple[Container, ...]) -> Iterator[Tuple[WantedPort, str]]:
    for port in wanted.ports:
        publishers = [container for container in containers if _publishes(container, port)]
        if any(container.project == wanted.stack.project for container in publishers):
            continue
        if publishers:
            first = publishers[0]
            owner = f" of the stack {first.project}" if first.project else ""
            yield port, f"the container {first.name}{owner} publishes it"
            continue
        obstacle = host.port_obstacle(port.address, port.port)
        if obstacle:
            yield port, obstacle


def _publishes(container: Container, wanted: WantedPort) -> bool:
    return any(
        published.port == wanted.port
        and (published.address == wanted.address or published.address in _ANY_ADDRESS or wanted.address in _ANY_ADDRESS)
        for published in container.ports
    )
