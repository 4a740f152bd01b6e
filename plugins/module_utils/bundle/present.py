# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the wanted bundle the current one: plan, act, prove."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import Callable, ContextManager, Dict, FrozenSet, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    bridge,
    changes,
    failures,
    going_back,
    mounts,
    origins,
    prebuilt,
    refusals,
    report,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import held
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    OWN,
    Entry,
    ImageFacts,
    Manifest,
    Release,
    Rules,
    Tree,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.origins import Located, Opened
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import PREVIOUS, Request
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
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import sentence

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
            return _named(store, self.release)
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


def present(engine: Engine, wanted: Request, store: Store, clock: Clock, step: Step, how: Recipe) -> Outcome:
    """See `operations.run`."""
    known = how.known(store, wanted.force)
    previous = store.current()
    if (
        known is not None
        and known.name == previous
        and not store.leftovers()
        and not _prunable(engine, wanted, store, known, previous)
        and bridge.up_to_date(store, known.name, wanted.bridge, _back_to(wanted, store, previous, known.name))
        and not (_goes_back(wanted) and store.previous() != known.name)
    ):
        served = is_served(engine, wanted, store)
        text = f"{known.name} is the current release already."
        return Outcome(False, report.payload(store, known, previous, text=text, served=served))
    if wanted.check_mode:
        return _predicted(engine, wanted, store, how, known, previous, clock, step)
    new = not os.path.lexists(wanted.dest)
    with held(wanted.dest, wanted.lock_seconds, clock):
        step("locked")
        try:
            return _present(engine, wanted, store, how, clock, step)
        except BaseException:
            if new and not store.releases():
                store.remove_all()
            raise


def known_of(store: Store, located: Located) -> Optional[Release]:
    """The newest release of this origin."""
    return next((release for release in store.releases() if release.manifest.origin == located.origin), None)


def is_served(engine: Engine, wanted: Request, store: Store) -> bool:
    """Whether the running container of the project has the current release mounted, and is of the image that it is for."""
    current = _named(store, store.current()) if wanted.project else None
    if current is None:
        return False
    containers = [item for item in engine.project_containers(wanted.project) if item.service == wanted.service]
    running = [item for item in containers if item.state == "running"]
    # Nobody told the image of some that were built elsewhere.
    fits = all(current.manifest.image.identifier in ("", item.image_identifier) for item in running)
    return bool(running) and fits and all(mounts.release_of(engine, store, item) == current.name for item in running)


def _present(engine: Engine, wanted: Request, store: Store, how: Recipe, clock: Clock, step: Step) -> Outcome:
    cleaned = bool(store.leftovers())
    store.clean()
    origins.remove_orphans(engine, wanted.dest)
    step("cleaned")
    # Another run may have done it while this one waited.
    known = how.known(store, wanted.force)
    previous = store.current()
    before = _entries(store, _named(store, previous))
    if known is None:
        how.before()
    _mark_served(engine, store, previous, clock)

    def judge(release: Release, entries: Tuple[Entry, ...]) -> None:
        _refuse_conflicts(
            wanted, store, release, previous, _planned(engine, wanted, store, release, previous, entries)[1]
        )

    if known is not None:
        release, after = known, _entries(store, known)
    else:
        release, after = _extract(wanted, store, how, clock, step, judge)
    step("committed")
    pruned, planned = _planned(engine, wanted, store, release, previous, after)
    bridged = bridge.apply(store, release.name, planned.bridge)
    step("bridged")
    _switch(wanted, store, previous, release.name, step)
    if wanted.failed and previous and previous != release.name:
        failures.remember_release(store, previous, wanted.failed, timestamp(clock))
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
        served=is_served(engine, wanted, store),
    )
    changed = known is None or release.name != previous or bool(pruned) or cleaned or bridged.changed
    warnings = tuple(sentence(item) for item in bridge.left_out(planned, bridged))
    return Outcome(changed, payload, _diff(store, previous, before, release, found, after), warnings=warnings)


def _mark_served(engine: Engine, store: Store, current: str, clock: Clock) -> None:
    """What containers have mounted before anything changes: pages of it are open."""
    seen = _mounted(engine, store, current)
    for item in store.releases():
        if item.name in seen:
            store.mark_served(item.name, clock.now())


def _mounted(engine: Engine, store: Store, current: str) -> FrozenSet[str]:
    pinned = mounts.look(engine, store).pinned
    return pinned if pinned is not None else frozenset((current,))


def _planned(
    engine: Engine,
    wanted: Request,
    store: Store,
    release: Release,
    current: str,
    entries: Tuple[Entry, ...],
    mounted: FrozenSet[str] = frozenset(),
) -> Tuple[Tuple[str, ...], bridge.Planned]:
    """What goes, and what the release gets of others, when it takes the place of `current`."""
    pruned = _prunable(engine, wanted, store, release, current)
    back = _back_to(wanted, store, current, release.name)
    sources = bridge.sources(store, release.name, wanted.bridge, back, pruned, mounted)
    return pruned, bridge.plan(store, release.name, entries, sources)


def _refuse_conflicts(
    wanted: Request,
    store: Store,
    release: Release,
    current: str,
    planned: bridge.Planned,
    mounted: FrozenSet[str] = frozenset(),
) -> None:
    back = _back_to(wanted, store, current, release.name)
    served = frozenset(name for name, moment in bridge.by_use(store, release.name, back, mounted) if moment)
    bridge.refuse_conflicts(planned, served)


def _back_to(wanted: Request, store: Store, current: str, name: str) -> str:
    """The release to go back to, when `name` has taken the place of `current`."""
    if _goes_back(wanted):
        return name
    if name != current and current and going_back.remembered(store, current):
        return current
    return store.previous()


def _goes_back(wanted: Request) -> bool:
    """Not to another image: from there, what the newer one served is what to go back to."""
    return wanted.release == PREVIOUS and not wanted.image


def _named(store: Store, name: str) -> Optional[Release]:
    return next((release for release in store.releases() if release.name == name), None)


def _entries(store: Store, release: Optional[Release]) -> Tuple[Entry, ...]:
    """Only for the differences: a damaged list is what `verified` finds."""
    try:
        return store.entries(release) if release is not None else ()
    except ValueError:
        return ()


def _switch(wanted: Request, store: Store, previous: str, name: str, step: Step) -> None:
    """In an order in which a run that is killed in between never loses what there is to go back to."""
    back_to = _back_to(wanted, store, previous, name)
    if previous and back_to == previous != name:
        store.remember_previous(previous)
        step("remembered")
    if name != previous:
        store.switch(name)
    step("switched")
    if _goes_back(wanted) and store.previous() != name:
        store.remember_previous(name)


def extract(engine: Engine, wanted: Request, store: Store, clock: Clock, step: Step) -> Release:
    """Make the image's own bundle a release, if it is none yet; nothing is switched. Only who holds the lock may call it."""
    how = recipe(engine, wanted)
    return known_of(store, how.located) or _extract(wanted, store, how, clock, step)[0]


def _extract(
    wanted: Request, store: Store, how: Recipe, clock: Clock, step: Step, judge: Judge = lambda _release, _entries: None
) -> Taken:
    """`judge` raises Refused if the staged tree must not become a release."""
    located = how.located
    stage = store.stage()
    try:
        _check_space(wanted, store, located, wanted.dest)
        step("staged")
        sink = Folder(store.staged_tree(stage), Ownership(not located.prebuilt), wanted.limits.reserve_bytes)
        tree, image = _take(wanted, how, sink, step)
        step("taken")
        manifest, text = manifests.make(tree, image, located.origin, timestamp(clock), how.sources())
        judge(_to_be(store, manifest), tree.entries)
        how.prove(store.staged_tree(stage))
        return store.commit(stage, manifest, text), tree.entries
    finally:
        store.clean()


def _to_be(store: Store, manifest: Manifest) -> Release:
    return Release(manifests.release_name(manifest, os.listdir(store.path("")) if store.releases() else ()), manifest)


def _take(wanted: Request, how: Recipe, sink: Sink, step: Step) -> Tuple[Tree, ImageFacts]:
    with how.opened() as source:
        step("opened")
        rules = Rules(source.prefix, wanted.exclude, wanted.limits, wanted.foreign_links)
        return take(source.members, rules, sink, how.located.component, step), source.image


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


def _prunable(engine: Engine, wanted: Request, store: Store, release: Release, current: str) -> Tuple[str, ...]:
    """What `keep` leaves no room for, when `release` takes the place of `current`.

    Never what a container uses, nor what there is to go back to: the former release, the image's own, and what was served
    last, which a container may have mounted until a moment ago.
    """
    others = [item for item in store.releases() if item.name != release.name]
    if len(others) < wanted.keep:
        return ()
    back = _back_to(wanted, store, current, release.name)
    needed = {back, *(name for name, served in bridge.by_use(store, release.name, back)[:1] if served)}
    image = release.manifest.image.identifier
    own = (item for item in others if item.manifest.origin.kind in OWN and item.manifest.image.identifier == image)
    needed.update(item.name for item in islice(own, 1))
    rest = [item.name for item in others if item.name not in needed]
    spare = rest[max(0, wanted.keep - 1 - (len(others) - len(rest))) :]
    if not spare:
        return ()
    pinned = mounts.look(engine, store).pinned
    return () if pinned is None else tuple(name for name in spare if name not in pinned)


def _predicted(
    engine: Engine,
    wanted: Request,
    store: Store,
    how: Recipe,
    known: Optional[Release],
    previous: str,
    clock: Clock,
    step: Step,
) -> Outcome:
    """The source is read and judged in full; nothing is written."""
    before = _entries(store, _named(store, previous))
    if known is None and not how.predictable:
        text = f"A release of {how.located.component} would be made, and be the current one."
        return Outcome(True, report.payload(store, None, previous, extracted=True, switched=True, text=text))
    if known is None:
        located = how.located
        _check_space(wanted, store, located, _existing(wanted.dest))
        tree, image = _take(wanted, how, Nowhere(Ownership(not located.prebuilt)), step)
        manifest, _text = manifests.make(tree, image, located.origin, timestamp(clock))
        release = _to_be(store, manifest)
        after = tree.entries
    else:
        release, after = known, _entries(store, known)
    mounted = _mounted(engine, store, previous)
    pruned, planned = _planned(engine, wanted, store, release, previous, after, mounted)
    if known is None:
        _refuse_conflicts(wanted, store, release, previous, planned, mounted)
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
        bridge=planned.bridge,
        served=False,
    )
    warnings = tuple(sentence(item) for item in bridge.left_out(planned, bridge.Applied(True)))
    return Outcome(True, payload, _diff(store, previous, before, release, found, after), warnings=warnings)


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


def timestamp(clock: Clock) -> str:
    """ISO 8601, UTC."""
    moment = datetime.fromtimestamp(clock.now(), timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
