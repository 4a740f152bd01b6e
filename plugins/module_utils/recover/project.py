# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack as a Compose project, by its containers: its files, what runs, what is missing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_CONFIG_FILES,
    LABEL_ENVIRONMENT_FILE,
    Container,
    ContainerDetail,
    Engine,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import LABEL_DEPENDS_ON, dependencies


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


def booted_at(engine: Engine, containers: Tuple[Container, ...], service: str) -> float:
    """When the youngest container of a service that runs was started, in seconds since 1970; 0 if none runs."""
    times = [parse_time(detail.started_at) for _item, detail in running(engine, containers, service)]
    return max((moment for moment in times if moment is not None), default=0.0)


def absent_services(containers: Tuple[Container, ...], service: str) -> FrozenSet[str]:
    """Services without a container, as far as the others name them as what they depend on."""
    present = {item.service for item in containers}
    named = {
        dependency.service for item in containers for dependency in dependencies(item.labels.get(LABEL_DEPENDS_ON, ""))
    }
    return frozenset((named | {service}) - present)


def anonymous_data(containers: Tuple[Container, ...]) -> Tuple[str, ...]:
    """Services that keep data where a new container would not find it."""
    found = {item.service for item in containers if any(mount.anonymous for mount in item.mounts)}
    return tuple(sorted(name for name in found if DATABASE.search(name)))


# A service of this name keeps data that a new container may not find.
DATABASE = re.compile(r"postgres|elasticsearch|mysql|cassandra|redis", re.IGNORECASE)
