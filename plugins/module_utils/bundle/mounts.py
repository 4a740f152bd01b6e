# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which containers have a bundle mounted, and which release of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, FrozenSet, Iterable, List, Optional, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import RELEASES, Store, below
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine, Mount
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone


@dataclass(frozen=True)
class Mounted:
    """`pinned` releases are in use; None when that cannot be told, and so any may be."""

    holders: Tuple[str, ...]
    pinned: Optional[FrozenSet[str]]


def look(engine: Engine, store: Store) -> Mounted:
    """A running container keeps the release that `current` led to when it started, whatever `current` says now."""
    tops = _tops(store)
    holders: List[str] = []
    pinned: Set[str] = set()
    unsure = False
    for container in engine.containers():
        for mount in container.mounts:
            inside = next(below(store.folder, mount.source), None) if mount.source else None
            if inside is None:
                continue
            holders.append(container.name)
            folder, _slash, rest = inside.partition("/")
            if folder == RELEASES and rest:
                pinned.add(rest.split("/")[0])
            elif container.state in ("running", "paused", "restarting") and inside != ".":
                name = served(engine, container, mount, tops)
                unsure = unsure or not name
                pinned.add(name)
    return Mounted(tuple(dict.fromkeys(holders)), None if unsure else frozenset(pinned))


def _tops(store: Store) -> Dict[Tuple[int, int], str]:
    found = {}
    for release in store.releases():
        status = os.stat(store.path(release.name))
        found[(status.st_dev, status.st_ino)] = release.name
    return found


def served(engine: Engine, container: Container, mount: Mount, tops: Dict[Tuple[int, int], str]) -> str:
    """The release that a running container sees at its mount; empty if that cannot be told."""
    try:
        process = engine.detail(container.identifier).pid
        status = os.stat(f"/proc/{process}/root{mount.destination}")
    except (ContainerGone, OSError):
        return ""
    return tops.get((status.st_dev, status.st_ino), "")


def release_of(engine: Engine, store: Store, container: Container) -> str:
    """The release that a running container has mounted; empty if none, or if that cannot be told."""
    tops = _tops(store)
    for mount in container.mounts:
        if mount.source and any(True for _path in below(store.folder, mount.source)):
            return served(engine, container, mount, tops)
    return ""


def covers(mounts: Iterable[Mount], path: str) -> bool:
    """Whether a mount hides what the image has at a path."""
    tops = (mount.destination.rstrip("/") for mount in mounts)
    return any(path == top or path.startswith(top + "/") for top in tops)
