# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which containers have a bundle mounted, and which release of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, FrozenSet, Iterable, List, Optional, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    BUILD_ID,
    Release,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.places import (
    CURRENT,
    HEAD,
    IMAGES,
    RELEASES,
    below,
    read_text,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine, Mount
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, EngineFailed

_LARGEST_BUILD_ID = 1 << 20


@dataclass(frozen=True)
class Mounted:
    """`pinned` releases are in use; None when that cannot be told, and so any may be."""

    holders: Tuple[str, ...]
    pinned: Optional[FrozenSet[str]]


def look(engine: Engine, store: Store) -> Mounted:
    """A running container keeps the release that its mount led to when it started, and gets what it leads to now with the next."""
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
                continue
            pinned.update(filter(None, (store.led_to(inside),)))
            if container.state in ("running", "paused", "restarting") and inside != ".":
                name = served(engine, container, mount, tops)
                unsure = unsure or not name
                pinned.add(name)
    return Mounted(tuple(dict.fromkeys(holders)), None if unsure else frozenset(pinned))


def _tops(store: Store) -> Dict[Tuple[int, int], str]:
    found = {}
    for release in store.releases():
        try:
            status = os.stat(store.path(release.name))
        except OSError:
            # Another run removed it meanwhile, or this user may not look there.
            continue
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
    """The release that a running container has mounted; empty if none, or if that cannot be told.

    Only root on the engine's own host sees the mount itself. For all others the build id tells, where one release has it.
    """
    tops = _tops(store)
    for mount in container.mounts:
        if mount.source and any(True for _path in below(store.folder, mount.source)):
            return served(engine, container, mount, tops) or _by_build(engine, store, container, mount)
    return ""


def _by_build(engine: Engine, store: Store, container: Container, mount: Mount) -> str:
    path = f"{mount.destination.rstrip('/')}/{BUILD_ID}"
    try:
        content = engine.files(container.identifier, path, _LARGEST_BUILD_ID).get(BUILD_ID, b"")
    except EngineFailed:
        return ""
    build = content.decode("utf-8", "replace").strip()
    found = [item for item in store.releases() if build and item.manifest.build_id == build]
    of_image = [item for item in found if item.manifest.image.identifier == container.image_identifier]
    # Two of one id were extracted one after the other, and may differ.
    likely = of_image or found
    return likely[0].name if len(likely) == 1 else ""


def looks_stored(source: str) -> bool:
    """Whether a mount's source has the place of a release in a store, which may be one of another host."""
    folder, name = os.path.split(source)
    return name == CURRENT or os.path.basename(folder) in (RELEASES, IMAGES)


def store_of(source: str) -> Optional[Store]:
    """The store that a mount's source is of, by its place: `<dest>/current`, the link of an image, or a release."""
    folder, name = os.path.split(source)
    if name != CURRENT:
        folder = os.path.dirname(folder) if os.path.basename(folder) in (RELEASES, IMAGES) else ""
    store = Store(folder) if folder else None
    try:
        return store if store is not None and store.releases() else None
    except OSError:
        # This user may not look there.
        return None


def covers(mounts: Iterable[Mount], path: str) -> bool:
    """Whether a mount hides what the image has at a path."""
    tops = (mount.destination.rstrip("/") for mount in mounts)
    return any(path == top or path.startswith(top + "/") for top in tops)


def mount_source(current: str, identifier: str) -> str:
    """What a container of an image mounts of the store whose link `current` is at this path; the path itself of anything else."""
    folder, name = os.path.split(current)
    if not identifier or name != CURRENT or not os.path.islink(current):
        return current
    if os.path.dirname(os.readlink(current)) != IMAGES:
        return current
    return Store(folder).image_path(identifier)


def is_mount_of(source: str, current: str) -> bool:
    """Whether a mount's source is that link, or one of its store's for an image."""
    folder = os.path.dirname(current)
    return source == current or os.path.dirname(source) == os.path.join(folder, IMAGES)


def release_at(path: str) -> Optional[Release]:
    """The release that a path leads to, if it is one of a store."""
    folder, name = os.path.split(os.path.realpath(path))
    if os.path.basename(folder) != RELEASES:
        return None
    try:
        return Release(name, manifests.parse_head(read_text(os.path.join(folder, name + HEAD))))
    except ValueError:
        return None
