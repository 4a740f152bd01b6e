# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which data of a stack is in anonymous volumes, and where it shall go."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Dict, List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Volume

# What upstream's newer compose file calls them.
_UPSTREAM = {
    ("temporal-postgresql", "/var/lib/postgresql/data"): "temporal-postgres-data",
    ("temporal-elasticsearch", "/usr/share/elasticsearch/data"): "temporal-elasticsearch-data",
    ("postiz-postgres", "/var/lib/postgresql/data"): "postgres-volume",
    ("postiz-redis", "/data"): "postiz-redis-data",
}
_DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
# Of a named volume: the anonymous one whose data it holds.
LABEL = "selfhost.postiz.rescued"
MARK = "# Made by selfhost.postiz: data that was in anonymous volumes.\n"


@dataclass(frozen=True)
class Move:
    """One anonymous volume, by its name and its folder on the host, and the named one that takes its data."""

    service: str
    destination: str
    anonymous: str
    source: str
    key: str
    name: str


def moves(containers: Tuple[Container, ...], project: str) -> Tuple[Move, ...]:
    """In the order of services."""
    found: List[Move] = []
    for item in sorted(containers, key=lambda entry: entry.name):
        for mount in sorted(item.mounts, key=lambda entry: entry.destination):
            if mount.anonymous:
                key = _key(item.service, mount.destination)
                name = f"{project}_{key}"
                found.append(Move(item.service, mount.destination, mount.name, mount.source, key, name))
    return tuple(found)


def _key(service: str, destination: str) -> str:
    own = re.sub(r"[^a-zA-Z0-9]+", "-", destination.strip("/")).strip("-")
    return _UPSTREAM.get((service, destination.rstrip("/"))) or f"{service}-{own}"


def override_path(files: Tuple[str, ...]) -> str:
    """The file that Compose reads beside the project's own without being told; empty if it would not."""
    if len(files) == 2 and files[1] == override_path(files[:1]):
        return files[1]
    if len(files) != 1 or os.path.basename(files[0]) not in _DEFAULT_FILES:
        return ""
    stem, extension = os.path.splitext(files[0])
    return f"{stem}.override{extension}"


def override_text(found: Tuple[Move, ...]) -> str:
    """Named volumes in the places of the anonymous ones."""
    services: Dict[str, List[Move]] = {}
    for move in found:
        services.setdefault(move.service, []).append(move)
    lines = [MARK.rstrip(), "services:"]
    for service, mine in services.items():
        lines += [f"  {service}:", "    volumes:", *(f"      - {move.key}:{move.destination}" for move in mine)]
    return "\n".join([*lines, "volumes:", *(f"  {key}: {{}}" for key in sorted({move.key for move in found}))]) + "\n"


def written(existing: str) -> Tuple[Move, ...]:
    """What an override file of ours moves: services, destinations and keys; nothing for any other text."""
    if not existing.startswith(MARK):
        return ()
    found: List[Move] = []
    service = ""
    for line in existing.splitlines():
        if line.startswith("  ") and not line.startswith("   ") and line.endswith(":"):
            service = line.strip(" :")
        elif line.startswith("      - "):
            key, _separator, destination = line[8:].partition(":")
            found.append(Move(service, destination, "", "", key, ""))
    return tuple(found)


def half_done(
    containers: Tuple[Container, ...], volumes: Tuple[Volume, ...], project: str, files: Tuple[str, ...]
) -> Tuple[str, ...]:
    """Services whose data was copied, and whose containers are still those on the same anonymous volumes."""
    moved = {(move.service, move.destination) for move in written(read(override_path(files)))}
    copied = {(volume.name, volume.labels.get(LABEL)) for volume in volumes}
    return tuple(
        sorted(
            {
                move.service
                for move in moves(containers, project)
                if (move.service, move.destination) in moved and (move.name, move.anonymous) in copied
            }
        )
    )


def read(path: str) -> str:
    """The text of a file, empty without one."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""


def obstacle(found: Tuple[Move, ...], files: Tuple[str, ...], gone: str, existing: str) -> str:
    """Why the switch cannot be made, if so. `existing` is the text of an override file that is there."""
    if gone:
        return gone
    several = {move.service for move in found if sum(other.name == move.name for other in found) > 1}
    if several:
        return f"{', '.join(sorted(several))} has several containers, and their data must not be put together."
    if not override_path(files):
        return f"the project is started from {', '.join(files)}, beside which Compose reads no other file by itself."
    if existing and not existing.startswith(MARK):
        return f"{override_path(files)} is somebody else's."
    return ""
