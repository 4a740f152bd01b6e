# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project that is to be backed up, as it was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import ServiceImage
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Volume


@dataclass(frozen=True)
class Place:
    """A volume, or a folder of the host, that a service sees at `destination`. `key` is its name in a backup."""

    key: str
    service: str
    image: str
    destination: str
    of_postiz: bool
    of_server: bool
    container: str
    running: bool
    volume: Optional[Volume] = None
    anonymous: bool = False
    bind: str = ""
    writable: bool = True


@dataclass(frozen=True)
class SeenServer:
    """A PostgreSQL container. Passwords are tried in their order, and are in no repr."""

    service: str
    container: str
    image: str
    image_id: str
    running: bool
    address: str
    user: str
    place: str
    passwords: Tuple[str, ...] = field(repr=False, default=())


@dataclass(frozen=True)
class Elsewhere:
    """Data of the stack that lies in no container of the project: `name` is how it is excluded."""

    name: str
    evidence: str


@dataclass(frozen=True)
class Project:
    """A project as it is."""

    name: str
    service: str
    containers: Tuple[Container, ...]
    postiz: Tuple[Container, ...]
    directory: str
    compose_files: Tuple[str, ...]
    env_paths: Tuple[str, ...]
    images: Tuple[ServiceImage, ...]
    places: Tuple[Place, ...]
    unused: Tuple[Volume, ...]
    servers: Tuple[SeenServer, ...]
    elsewhere: Tuple[Elsewhere, ...]
    version: str
    temporal_address: str
    temporal_namespace: str
    jwt_secret: str = field(repr=False, default="")

    @property
    def running(self) -> Tuple[Container, ...]:
        """Containers of Postiz that run."""
        return tuple(item for item in self.postiz if item.state == "running")
