# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the wanted bundle the current one: plan, act, prove."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timezone
from typing import Callable, Dict, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    changes,
    mounts,
    origins,
    prebuilt,
    refusals,
    report,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import held
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    Entry,
    ImageFacts,
    Release,
    Rules,
    Tree,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.origins import Located
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import (
    Folder,
    Nowhere,
    Ownership,
    Sink,
    free_bytes,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.take import take
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

Step = Callable[[str], None]
Taken = Tuple[Release, Tuple[Entry, ...]]


def present(engine: Engine, wanted: Request, store: Store, clock: Clock, step: Step) -> Outcome:
    """See `operations.run`."""
    located = origins.locate(engine, wanted)
    known = None if wanted.force else _known(store, located)
    previous = store.current()
    if (
        known is not None
        and known.name == previous
        and not store.leftovers()
        and not _prunable(engine, wanted, store, known)
    ):
        return Outcome(
            False, report.payload(store, known, previous, text=f"{known.name} is the current release already.")
        )
    if wanted.check_mode:
        return _predicted(engine, wanted, store, located, known, previous, clock, step)
    new = not os.path.lexists(wanted.dest)
    with held(wanted.dest, wanted.lock_seconds, clock):
        step("locked")
        try:
            return _present(engine, wanted, store, located, clock, step)
        except BaseException:
            if new and not store.releases():
                store.remove_all()
            raise


def _known(store: Store, located: Located) -> Optional[Release]:
    return next((release for release in store.releases() if release.manifest.origin == located.origin), None)


def _present(engine: Engine, wanted: Request, store: Store, located: Located, clock: Clock, step: Step) -> Outcome:
    cleaned = bool(store.leftovers())
    store.clean()
    origins.remove_orphans(engine, wanted.dest)
    step("cleaned")
    # Another run may have done it while this one waited.
    known = None if wanted.force else _known(store, located)
    previous = store.current()
    before = _entries(store, _named(store, previous))
    release, after = (known, _entries(store, known)) if known else _extract(engine, wanted, store, located, clock, step)
    step("committed")
    if release.name != previous:
        store.switch(release.name)
    step("switched")
    pruned = _prunable(engine, wanted, store, release)
    for name in pruned:
        store.remove(name)
        step("pruned")
    found = changes.between(before, after)
    # What is told is what lies there now.
    current = _named(store, store.current())
    if current is None or current != release:
        raise StackError(f"{store.current_path} does not lead to {release.name}.", "let nothing else write there.")
    payload = report.payload(
        store,
        current,
        previous,
        extracted=known is None,
        switched=release.name != previous,
        pruned=pruned,
        changes=found,
        text=f"{release.name} is the current release. Recreate or restart the container to serve it.",
    )
    changed = known is None or release.name != previous or bool(pruned) or cleaned
    return Outcome(changed, payload, _diff(store, previous, before, release, found, after))


def _named(store: Store, name: str) -> Optional[Release]:
    return next((release for release in store.releases() if release.name == name), None)


def _entries(store: Store, release: Optional[Release]) -> Tuple[Entry, ...]:
    """Only for the differences: a damaged list is what `verified` finds."""
    try:
        return store.entries(release) if release is not None else ()
    except ValueError:
        return ()


def _extract(engine: Engine, wanted: Request, store: Store, located: Located, clock: Clock, step: Step) -> Taken:
    stage = store.stage()
    try:
        _check_space(wanted, store, located, wanted.dest)
        step("staged")
        sink = Folder(store.staged_tree(stage), Ownership(not located.prebuilt), wanted.limits.reserve_bytes)
        tree, image = _take(engine, wanted, located, sink, step)
        step("taken")
        manifest, text = manifests.make(tree, image, located.origin, _now(clock))
        return store.commit(stage, manifest, text), tree.entries
    finally:
        store.clean()


def _take(engine: Engine, wanted: Request, located: Located, sink: Sink, step: Step) -> Tuple[Tree, ImageFacts]:
    with origins.opened(engine, located, wanted.dest) as source:
        step("opened")
        rules = Rules(source.prefix, wanted.exclude, wanted.limits, wanted.foreign_links)
        return take(source.members, rules, sink, located.component, step), source.image


def _check_space(wanted: Request, store: Store, located: Located, folder: str) -> None:
    """By the size of what was extracted before; each file is checked once more before it is written."""
    expected = max((release.manifest.bytes for release in store.releases()), default=0)
    if located.prebuilt:
        expected = prebuilt.expected_bytes(located.prebuilt)
    reserve = wanted.limits.reserve_bytes
    free = free_bytes(folder)
    if free < expected + reserve:
        evidence = f"{free} bytes are free, about {expected} are needed, {reserve} stay free (min_free_bytes)."
        raise refusals.no_space(wanted.dest, evidence)


def _prunable(engine: Engine, wanted: Request, store: Store, current: Release) -> Tuple[str, ...]:
    """What `keep` leaves no room for, but for what a container uses."""
    others = [release.name for release in store.releases() if release.name != current.name]
    spare = others[wanted.keep - 1 :]
    if not spare:
        return ()
    pinned = mounts.look(engine, store).pinned
    return () if pinned is None else tuple(name for name in spare if name not in pinned)


def _predicted(
    engine: Engine,
    wanted: Request,
    store: Store,
    located: Located,
    known: Optional[Release],
    previous: str,
    clock: Clock,
    step: Step,
) -> Outcome:
    """The source is read and judged in full; nothing is written."""
    before = _entries(store, _named(store, previous))
    if known is None:
        _check_space(wanted, store, located, _existing(wanted.dest))
        tree, image = _take(engine, wanted, located, Nowhere(Ownership(not located.prebuilt)), step)
        manifest, _text = manifests.make(tree, image, located.origin, _now(clock))
        release = Release(
            manifests.release_name(manifest, os.listdir(store.path("")) if store.releases() else ()), manifest
        )
        after = tree.entries
    else:
        release, after = known, _entries(store, known)
    pruned = _prunable(engine, replace(wanted, keep=max(1, wanted.keep - (known is None))), store, release)
    found = changes.between(before, after)
    names = [item.name for item in store.releases() if item.name not in pruned]
    payload = report.payload(
        store,
        release,
        previous,
        extracted=known is None,
        switched=release.name != previous,
        pruned=pruned,
        changes=found,
        text=f"{release.name} would be the current release.",
        releases=tuple(names if known is not None else [release.name, *names]),
    )
    return Outcome(True, payload, _diff(store, previous, before, release, found, after))


def _existing(folder: str) -> str:
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _diff(
    store: Store,
    previous: str,
    before: Tuple[Entry, ...],
    release: Release,
    found: Tuple[changes.Change, ...],
    after: Tuple[Entry, ...],
) -> Dict[str, str]:
    old = _named(store, previous)
    return {
        "before_header": f"{store.current_path} -> {previous or 'nothing'}",
        "after_header": f"{store.current_path} -> {release.name}",
        "before": changes.describe(old.manifest, before) if old is not None else "",
        "after": changes.describe(release.manifest, after) + changes.lines(found),
    }


def _now(clock: Clock) -> str:
    moment = datetime.fromtimestamp(clock.now(), timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
