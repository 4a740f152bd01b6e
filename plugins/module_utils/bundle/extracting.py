# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a source to a release that nothing serves yet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable, ContextManager, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    origins,
    prebuilt,
    refusals,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.bridge import named
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    Entry,
    ImageFacts,
    Manifest,
    Release,
    Rules,
    Tree,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.origins import Located, Opened
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import (
    Folder,
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
Judge = Callable[[Release, Tuple[Entry, ...]], None]


@dataclass(frozen=True)
class Recipe:
    """How a bundle comes about. `prove` raises Refused if the tree at a path does not serve; `before` runs once under the lock.

    Not `predictable`: check mode cannot say what would come of it. `sources` are told when it is there: see `Manifest`.
    `release` is the one that is meant, where two of one origin may lie there.
    """

    located: Located
    opened: Callable[[], ContextManager[Opened]]
    prove: Callable[[str], None]
    before: Callable[[], None]
    predictable: bool = True
    sources: Callable[[], Mapping[str, str]] = dict
    release: str = ""

    def known(self, store: Store, force: bool) -> Optional[Release]:
        """The release that is there already; none if another one shall be made of the same."""
        if self.release:
            return named(store, self.release)
        return None if force else known_of(store, self.located)


def recipe(engine: Engine, wanted: Request) -> Recipe:
    """For what is only taken as it is."""
    located = origins.locate(engine, wanted)

    def nothing(*_given: str) -> None:
        """What was built elsewhere is taken as it is."""

    return Recipe(located, lambda: origins.opened(engine, located, wanted.dest), nothing, nothing)


def of_release(release: Release) -> Recipe:
    """For a release that is there."""

    def missing(*_given: str) -> ContextManager[Opened]:
        raise StackError(f"{release.name} was removed meanwhile.", "look at what is there, and name another one.")

    def nothing(*_given: str) -> None:
        """It is there."""

    located = Located(release.manifest.origin, release.manifest.image, release.name)
    return Recipe(located, missing, nothing, nothing, release=release.name)


def known_of(store: Store, located: Located) -> Optional[Release]:
    """The newest release of this origin."""
    return next((release for release in store.releases() if release.manifest.origin == located.origin), None)


def extract(engine: Engine, wanted: Request, store: Store, clock: Clock, step: Step) -> Release:
    """Make the image's own bundle a release, if it is none yet; nothing is switched. Only who holds the lock may call it."""
    how = recipe(engine, wanted)
    return known_of(store, how.located) or extracted(wanted, store, how, clock, step)[0]


def extracted(
    wanted: Request, store: Store, how: Recipe, clock: Clock, step: Step, judge: Judge = lambda _release, _entries: None
) -> Taken:
    """`judge` raises Refused if the staged tree must not become a release."""
    located = how.located
    stage = store.stage()
    try:
        check_space(wanted, store, located, wanted.dest)
        step("staged")
        sink = Folder(store.staged_tree(stage), Ownership(not located.prebuilt), wanted.limits.reserve_bytes)
        tree, image = taken(wanted, how, sink, step)
        step("taken")
        manifest, text = manifests.make(tree, image, located.origin, timestamp(clock), how.sources())
        judge(to_be(store, manifest), tree.entries)
        how.prove(store.staged_tree(stage))
        return store.commit(stage, manifest, text), tree.entries
    finally:
        store.clean()


def to_be(store: Store, manifest: Manifest) -> Release:
    """The release that a manifest would become."""
    return Release(manifests.release_name(manifest, os.listdir(store.path("")) if store.releases() else ()), manifest)


def taken(wanted: Request, how: Recipe, sink: Sink, step: Step) -> Tuple[Tree, ImageFacts]:
    """The tree as it was written to the sink, and the image that it is of."""
    with how.opened() as source:
        step("opened")
        rules = Rules(source.prefix, wanted.exclude, wanted.limits, wanted.foreign_links)
        return take(source.members, rules, sink, how.located.component, step), source.image


def check_space(wanted: Request, store: Store, located: Located, folder: str) -> None:
    """By the size of what was extracted before; each file is checked once more before it is written."""
    expected = max((release.manifest.bytes for release in store.releases()), default=0)
    if located.prebuilt:
        expected = prebuilt.expected_bytes(located.prebuilt)
    reserve = wanted.limits.reserve_bytes
    free = free_bytes(folder)
    if free < expected + reserve:
        evidence = f"{free} bytes are free, about {expected} are needed, {reserve} stay free (min_free_bytes)."
        raise refusals.no_space(wanted.dest, evidence)


def timestamp(clock: Clock) -> str:
    """ISO 8601, UTC."""
    moment = datetime.fromtimestamp(clock.now(), timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
