# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup is: its manifest, and what is known of a stack that is to be backed up. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import Fingerprint

POSTIZ, TEMPORAL, OTHER = "postiz", "temporal", "other"
DATABASE, TEMPORAL_PART, UPLOADS, CONFIG = "database", "temporal", "uploads", "config"
PARTS = (DATABASE, TEMPORAL_PART, UPLOADS, CONFIG)
# What posts and their workflows live in: only if one of these goes back, posts may go out again or get lost.
LIVING = (DATABASE, TEMPORAL_PART)
ENCRYPTED, EXCLUDED, PLAIN = "encrypted", "excluded", "plain"
PAUSED, ONLINE, STOPPED = "paused", "online", "stopped"


@dataclass(frozen=True)
class Exclusion:
    """Something that is not in a backup: `volume:<key>`, `database:<service>/<name>`, `bind:<path>`, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class ServiceImage:
    """What a service ran. `digests` are those under which a registry knows the image."""

    service: str
    image: str
    image_id: str
    digests: Tuple[str, ...]


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server. `volume` is the key of the volume with its data, empty for a folder of the host."""

    service: str
    version: str
    major: int
    image: str
    image_id: str
    user: str
    volume: str
    roles: Tuple[str, ...] = ()


@dataclass(frozen=True)
class SavedFile:
    """A file of a backup, relative to its folder."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SavedDatabase:
    """A dump. `rows` counts each table in the very snapshot of the dump; `posts` counts those of Postiz by state."""

    service: str
    name: str
    kind: str
    saved: SavedFile
    rows: Mapping[str, int]
    posts: Mapping[str, int] = field(default_factory=dict)
    newest_post: str = ""

    @property
    def part(self) -> str:
        """Which part of a backup it belongs to."""
        return TEMPORAL_PART if self.kind == TEMPORAL else DATABASE


@dataclass(frozen=True)
class SavedVolume:
    """A volume's files as a tar stream. `name` is the engine's, empty for an anonymous one or a folder of the host."""

    key: str
    name: str
    service: str
    destination: str
    labels: Mapping[str, str]
    driver: str
    options: Mapping[str, str]
    bind: str
    part: str
    entries: int
    saved: SavedFile


@dataclass(frozen=True)
class Manifest:
    """Times are ISO 8601 UTC; `taken_at` is the moment of the databases' snapshots. `parts` are those that it holds."""

    project: str
    label: str
    name: str
    taken_at: str
    finished_at: str
    consistency: str
    paused_seconds: float
    directory: str
    compose_files: Tuple[str, ...]
    version: str
    service: str
    temporal_address: str
    temporal_namespace: str
    services: Tuple[ServiceImage, ...]
    jwt_secret: Optional[Fingerprint]
    servers: Tuple[Server, ...]
    databases: Tuple[SavedDatabase, ...]
    volumes: Tuple[SavedVolume, ...]
    files: Tuple[SavedFile, ...]
    env: str
    exclusions: Tuple[Exclusion, ...]
    parts: Tuple[str, ...]

    @property
    def saved(self) -> Tuple[SavedFile, ...]:
        """Every file but the manifest itself."""
        return (*(item.saved for item in self.databases), *(item.saved for item in self.volumes), *self.files)

    @property
    def bytes(self) -> int:
        """Of all of them."""
        return sum(item.bytes for item in self.saved)
