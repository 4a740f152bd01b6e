# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a release is what its manifest says, and whether a container serves the build of its image."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import mounts, names, origins
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Entry, Kind, Release
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.prebuilt import kind_of, walk
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed, Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, warning

_BUFFER = 1 << 20
_SHOWN = 5


@dataclass(frozen=True)
class Damage:
    """Names relative to the release, sorted."""

    missing: Tuple[str, ...] = ()
    changed: Tuple[str, ...] = ()
    extra: Tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.missing) + len(self.changed) + len(self.extra)


def compare(entries: Tuple[Entry, ...], top: str, exclude: Tuple[str, ...]) -> Damage:
    """The release on the disk, read in full. What Next.js put into the excluded folders is its own."""
    expected: Dict[str, Entry] = {entry.name: entry for entry in entries}
    changed: List[str] = []
    extra: List[str] = []
    seen = set()
    for name, status in walk(top):
        placeholder = names.excluded(name, exclude)
        if placeholder and (name != placeholder or name not in expected):
            continue
        seen.add(name)
        if name not in expected:
            extra.append(name)
        elif not _same(expected[name], os.path.join(top, name), status):
            changed.append(name)
    missing = (name for name in expected if name not in seen)
    return Damage(tuple(sorted(missing)), tuple(sorted(changed)), tuple(sorted(extra)))


def _same(entry: Entry, path: str, status: os.stat_result) -> bool:
    owner = (status.st_uid, status.st_gid) == (entry.owner, entry.group)
    if kind_of(status.st_mode) is not entry.kind or not owner:
        return False
    if entry.kind is Kind.LINK:
        return os.readlink(path) == entry.target
    if stat.S_IMODE(status.st_mode) != entry.mode:
        return False
    return entry.kind is Kind.FOLDER or (status.st_size == entry.size and _digest(path) == entry.digest)


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
        while True:
            chunk = file.read(_BUFFER)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)


def damage_finding(release: Release, damage: Optional[Damage], reason: str) -> Optional[Finding]:
    """`damage` is None if the list of entries cannot be used, for a `reason`."""
    remedy = "extract it again with force, then recreate the container."
    if damage is None:
        return error("bundle-damaged", release.name, f"its own list cannot be used: {reason}.", remedy)
    if not damage.total:
        return None
    parts = [
        f"{len(found)} {what} ({', '.join(ascii(name[:120]) for name in found[:_SHOWN])}{', …' if len(found) > _SHOWN else ''})"
        for what, found in (("missing", damage.missing), ("changed", damage.changed), ("extra", damage.extra))
        if found
    ]
    return error("bundle-damaged", release.name, "; ".join(parts) + ".", remedy)


def served_findings(engine: Engine, wanted: Request, store: Store, current: Optional[Release]) -> Tuple[Finding, ...]:
    """Whether the container of the project serves the build that its image is made for. Raises StackError."""
    container = origins.container_of(engine, wanted.project, wanted.service)
    if not mounts.covers(container.mounts, wanted.path):
        return ()
    found: List[Finding] = []
    name = mounts.release_of(engine, store, container) if container.state == "running" else ""
    if name and current is not None and name != current.name:
        evidence = f"it has {name} mounted, and {current.name} is the current one."
        found.append(warning("bundle-not-served", container.name, evidence, "recreate or restart the container."))
    wrong = mismatch(engine, wanted.path, wanted.dest, container, _release(store, name), store.releases())
    return (*found, wrong) if wrong is not None else tuple(found)


def _release(store: Store, name: str) -> Optional[Release]:
    return next((release for release in store.releases() if release.name == name), None)


def served_mismatch(engine: Engine, container: Container, path: str) -> Optional[Finding]:
    """The same for a container of which nothing else is known. Costs next to nothing where nothing is mounted at `path`.

    Where a bundle of this collection is, it tells its image by itself. Of anything else the build id is compared with that of
    the image, for which a container is made, and never started.
    """
    if container.state != "running" or not mounts.covers(container.mounts, path):
        return None
    source = next((mount.source for mount in container.mounts if mount.destination.rstrip("/") == path), "")
    store = mounts.store_of(source)
    release = _release(store, mounts.release_of(engine, store, container)) if store is not None else None
    return mismatch(engine, path, source or path, container, release, store.releases() if store is not None else ())


# Of images that were looked at: what an identifier stands for never changes, and a gate looks again and again.
_OWN: Dict[Tuple[str, str], str] = {}


def _own(engine: Engine, path: str, label: str, container: Container) -> str:
    key = (container.image_identifier, path)
    if key not in _OWN:
        with origins.unstarted(engine, container.image_identifier, label, ()) as probe:
            _OWN[key] = origins.build_id_of(engine, probe, path, container.image)
    return _OWN[key]


def mismatch(
    engine: Engine,
    path: str,
    label: str,
    container: Container,
    release: Optional[Release],
    releases: Tuple[Release, ...],
) -> Optional[Finding]:
    """What a container serves at a path against its image; `label` is for the container that is made for it.

    `release` is the one that it has mounted, if that can be told, and `releases` are those that it may have. What cannot be
    told is a warning.
    """
    remedy = (
        "make the bundle one of the image that runs (playbook selfhost.postiz.patch_frontend, or frontend_bundle), then"
        " recreate the container."
    )
    if release is not None and release.manifest.image.identifier == container.image_identifier:
        # A bundle that was rebuilt for this image has a build id of its own.
        return None
    try:
        serves = origins.build_id_of(engine, container.identifier, path, container.name)
    except Refused:
        evidence = f"what is mounted at {path} has no BUILD_ID."
        return error("bundle-image-mismatch", container.name, evidence, remedy)
    if release is None and any(
        item.manifest.build_id == serves and item.manifest.image.identifier == container.image_identifier
        for item in releases
    ):
        # Only root sees which release a container has mounted.
        return None
    release = release or next((item for item in releases if item.manifest.build_id == serves), None)
    try:
        own = _own(engine, path, label, container)
    except (Refused, EngineFailed) as problem:
        text = f"it serves the build {serves}, and that of its image cannot be read: {_reason(problem)}"
        return warning("bundle-image-mismatch", container.name, text, remedy)
    if serves == own:
        return None
    source = next((mount.source for mount in container.mounts if mount.destination.rstrip("/") == path), "")
    if release is None and mounts.looks_stored(source):
        text = f"it serves the build {serves}, of which {source} as seen from here does not tell for which image it is."
        return warning("bundle-image-mismatch", container.name, text, "ask as root, on the host of the engine.")
    made_for = (
        f" (made for {release.manifest.image.name})" if release is not None and release.manifest.image.name else ""
    )
    evidence = f"it serves the build {serves}{made_for}, and its image {container.image} has the build {own}."
    return error("bundle-image-mismatch", container.name, evidence, remedy)


def _reason(problem: StackError) -> str:
    return problem.findings[0].evidence if isinstance(problem, Refused) else problem.message
