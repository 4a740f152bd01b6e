# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static files of other releases, served beside a release's own: a page that is open in a browser still finds its chunks.

They are copies: a container can write to what it has mounted, and must not reach other releases by it. What is copied is on
record before it is there, so a run that is killed leaves files that are missing, never such that nobody knows.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import stat
from dataclasses import dataclass
from datetime import datetime
from typing import Dict, FrozenSet, Iterable, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import names, refusals
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    OWN,
    Bridge,
    Bridged,
    Entry,
    Kind,
    Release,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors, sync_file_system
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, warning

STATIC = "static/"
# A source map is named after its chunk, not after its own content, and no page loads it.
_MAP = ".map"


@dataclass(frozen=True)
class _Seen:
    source: str
    entry: Entry


@dataclass(frozen=True)
class Conflict:
    """`source` and `other` have different contents of one name."""

    name: str
    source: str
    other: str


@dataclass(frozen=True)
class Planned:
    """`missing` are files, with their release, that are not there as they should be."""

    bridge: Bridge
    conflicts: Tuple[Conflict, ...] = ()
    missing: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Applied:
    """`missing` as in `Planned`: only who reads a file knows whether it is what it should be."""

    changed: bool
    missing: Tuple[str, ...] = ()


def by_use(store: Store, target: str, previous: str, mounted: Iterable[str] = ()) -> Tuple[Tuple[str, float], ...]:
    """The other releases and when they were last served, the latest first; then those that never were, the newest first.

    `previous` is the one to go back to: it was served, also where nobody saw it. So was what an image serves by itself.
    `mounted` are served now, which is not on record in check mode.
    """
    now = frozenset(mounted)
    rows = []
    for item in store.releases():
        served = store.records.last_served(item.name)
        if not served and (item.name == previous or item.manifest.origin.kind in OWN):
            served = _seconds(item.manifest.created)
        if item.name in now:
            served = math.inf
        if item.name != target:
            rows.append((served, item.manifest.created, item.name))
    return tuple((name, served) for served, _created, name in sorted(rows, reverse=True))


def _seconds(created: str) -> float:
    try:
        return datetime.strptime(created, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    except ValueError:
        return 1.0


def sources(
    store: Store, target: str, count: int, previous: str, without: Iterable[str] = (), mounted: Iterable[str] = ()
) -> Tuple[str, ...]:
    """The releases whose files stay served with `target`: those that were served last, since pages of them are open."""
    gone = set(without)
    return tuple(name for name, _served in by_use(store, target, previous, mounted) if name not in gone)[:count]


def up_to_date(store: Store, target: str, count: int, previous: str) -> bool:
    """Whether nothing is to be done; reads one small file."""
    found = store.records.bridge(target)
    return found.complete and found.sources == sources(store, target, count, previous)


def plan(store: Store, target: str, own: Tuple[Entry, ...], wanted: Tuple[str, ...]) -> Planned:
    """What `target`, which has `own`, gets of others. Where names do not tell contents apart, the latest is kept."""
    mine = {entry.name: entry for entry in own}
    found: Dict[str, _Seen] = {}
    conflicts: List[Conflict] = []
    missing: List[str] = []
    for source in wanted:
        for entry in _entries(store, source):
            if entry.kind is not Kind.FILE or not entry.name.startswith(STATIC):
                continue
            there = mine.get(entry.name)
            if there is None and entry.name in found:
                there = found[entry.name].entry
            if there is None:
                if _there(os.path.join(store.path(source), entry.name), entry):
                    found[entry.name] = _Seen(source, entry)
                else:
                    missing.append(f"{source}/{entry.name}")
            elif (there.kind, there.digest) != (Kind.FILE, entry.digest) and not entry.name.endswith(_MAP):
                other = found[entry.name].source if entry.name in found else target
                conflicts.append(Conflict(entry.name, source, other))
    made = Bridge(wanted, False, (*_folders(store, wanted, mine, found), *_files(found)))
    return Planned(made, tuple(conflicts), tuple(missing))


def refuse_conflicts(planned: Planned, served: FrozenSet[str]) -> None:
    """For a release that is not there yet: afterwards it could not be mended any more. Raises Refused.

    Of releases that were never served no page is open, so they are no reason.
    """
    for conflict in (item for item in planned.conflicts if item.source in served):
        raise refusals.asset_conflict(conflict.name, conflict.source, conflict.other)


def left_out(planned: Planned, applied: Applied) -> Tuple[Finding, ...]:
    """What pages that are open may miss, as warnings."""
    found: List[Finding] = []
    remedy = "nothing, if few pages of it are open: they load anew."
    if planned.conflicts:
        first, more = planned.conflicts[0], len(planned.conflicts)
        evidence = f"{more} of its static files are left out, since {first.other} has other contents, as of {first.name[:120]!a}."
        found.append(warning("bundle-asset-conflict", first.source, evidence, remedy))
    missing = (*planned.missing, *applied.missing)
    if missing:
        source, _slash, name = missing[0].partition("/")
        evidence = f"{len(missing)} static files are not served any longer, since they are damaged, as {name[:120]!a}."
        found.append(warning("bundle-damaged", source, evidence, remedy))
    return tuple(found)


def _there(path: str, entry: Entry) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == entry.size


def _files(found: Dict[str, _Seen]) -> Tuple[Bridged, ...]:
    return tuple(Bridged(seen.source, seen.entry) for _name, seen in sorted(found.items()))


def _folders(
    store: Store, wanted: Tuple[str, ...], mine: Dict[str, Entry], found: Dict[str, _Seen]
) -> Tuple[Bridged, ...]:
    """Those above the files that `target` does not have, each before what lies in it."""
    needed = set()
    for name in found:
        folder = names.parent(name)
        while folder not in mine and folder != names.TOP:
            needed.add(folder)
            folder = names.parent(folder)
    made: Dict[str, Bridged] = {}
    for source in wanted:
        for entry in _entries(store, source):
            if entry.name in needed and entry.kind is Kind.FOLDER:
                made.setdefault(entry.name, Bridged(source, entry))
    return tuple(made[name] for name in sorted(made))


def _entries(store: Store, name: str) -> Tuple[Entry, ...]:
    """A release whose list is damaged gives nothing: what lies there may be anything."""
    release = named(store, name)
    try:
        return store.entries(release) if release is not None else ()
    except ValueError:
        return ()


def named(store: Store, name: str) -> Optional[Release]:
    """The release of this name."""
    return next((release for release in store.releases() if release.name == name), None)


def apply(store: Store, target: str, wanted: Bridge) -> Applied:
    """Make it so. Only who holds the store's lock may call it."""
    before = store.records.bridge(target)
    if before.complete and before.sources == wanted.sources and before.items == wanted.items:
        return Applied(False)
    keep = {item.entry.name for item in wanted.items}
    top = store.path(target)
    with file_errors(top):
        for item in reversed(before.items):
            if item.entry.name not in keep:
                _remove(os.path.join(top, item.entry.name), item.entry.kind)
        store.records.write_bridge(target, Bridge(wanted.sources, False, wanted.items))
        stage = store.stage()
        try:
            done = {item: _put(store, top, item, stage) for item in wanted.items}
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        items = tuple(item for item in wanted.items if done[item])
        if items:
            sync_file_system(top)
        store.records.write_bridge(target, Bridge(wanted.sources, True, items))
    missing = tuple(f"{item.source}/{item.entry.name}" for item in wanted.items if not done[item])
    return Applied(items != before.items or (not before.complete and bool(items)), missing)


def _put(store: Store, top: str, item: Bridged, stage: str) -> bool:
    """Whether it is there now. What a container made of the folders above must lead nowhere else."""
    path = os.path.join(top, item.entry.name)
    folder = os.path.dirname(path)
    inside = os.path.normpath(os.path.join(os.path.realpath(top), os.path.dirname(item.entry.name)))
    if os.path.realpath(folder) != inside:
        return False
    if not os.path.isdir(folder) or os.path.islink(path):
        return False
    if item.entry.kind is Kind.FILE:
        return _copy(os.path.join(store.path(item.source), item.entry.name), path, item.entry, stage)
    # It may be there from a run that was killed before it got its mode.
    if not os.path.isdir(path):
        if os.path.lexists(path):
            return False
        os.mkdir(path, 0o700)
    os.chmod(path, item.entry.mode)
    if os.geteuid() == 0:
        os.chown(path, item.entry.owner, item.entry.group)
    return True


def _copy(source: str, path: str, entry: Entry, stage: str) -> bool:
    """Whether the file is there as its release had it."""
    if os.path.isdir(path):
        return False
    if _there(path, entry) and os.lstat(path).st_nlink == 1 and _content(path, entry) is not None:
        return True
    found = _content(source, entry)
    if found is None:
        return False
    content, modified = found
    staged = os.path.join(stage, "asset")
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(content)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), entry.owner, entry.group)
        os.fchmod(file.fileno(), entry.mode)
    os.utime(staged, (modified, modified))
    os.rename(staged, path)
    return True


def _content(path: str, entry: Entry) -> Optional[Tuple[bytes, float]]:
    """With when it was modified; None if it is not what the list says."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(entry.size + 1)
            modified = os.fstat(file.fileno()).st_mtime
    except OSError:
        return None
    return (content, modified) if hashlib.sha256(content).hexdigest() == entry.digest else None


def _remove(path: str, kind: Kind) -> None:
    if not os.path.lexists(path):
        return
    if kind is Kind.FOLDER:
        if not os.listdir(path):
            os.rmdir(path)
    else:
        os.unlink(path)
