# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the wanted bundle the current one: plan, act, prove."""

from __future__ import annotations

import os
from typing import Dict, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    bridge,
    changes,
    failures,
    mounts,
    origins,
    report,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.bridge import named
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.extracting import (
    Recipe,
    Step,
    check_space,
    extracted,
    taken,
    timestamp,
    to_be,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import held
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    Entry,
    Release,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import (
    Nowhere,
    Ownership,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.switching import (
    goes_back,
    mounted_now,
    plan_switch,
    prunable,
    refuse_conflicts,
    release_to_go_back_to,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import sentence


def present(engine: Engine, wanted: Request, store: Store, clock: Clock, step: Step, how: Recipe) -> Outcome:
    """See `operations.run`."""
    known = how.known(store, wanted.force)
    previous = store.current()
    if (
        known is not None
        and known.name == previous
        and not store.leftovers()
        and not prunable(engine, wanted, store, known, previous)
        and bridge.up_to_date(
            store, known.name, wanted.bridge, release_to_go_back_to(wanted, store, previous, known.name)
        )
        and not (goes_back(wanted) and store.previous() != known.name)
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


def is_served(engine: Engine, wanted: Request, store: Store) -> bool:
    """Whether the running container of the project has the current release mounted, and is of the image that it is for."""
    current = named(store, store.current()) if wanted.project else None
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
    before = _entries(store, named(store, previous))
    if known is None:
        how.before()
    _mark_served(engine, store, previous, clock)

    def judge(release: Release, entries: Tuple[Entry, ...]) -> None:
        refuse_conflicts(
            wanted, store, release, previous, plan_switch(engine, wanted, store, release, previous, entries)[1]
        )

    if known is not None:
        release, after = known, _entries(store, known)
    else:
        release, after = extracted(wanted, store, how, clock, step, judge)
    step("committed")
    pruned, planned = plan_switch(engine, wanted, store, release, previous, after)
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
    current = named(store, store.current())
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
    seen = mounted_now(engine, store, current)
    for item in store.releases():
        if item.name in seen:
            store.records.mark_served(item.name, clock.now())


def _entries(store: Store, release: Optional[Release]) -> Tuple[Entry, ...]:
    """Only for the differences: a damaged list is what `verified` finds."""
    try:
        return store.entries(release) if release is not None else ()
    except ValueError:
        return ()


def _switch(wanted: Request, store: Store, previous: str, name: str, step: Step) -> None:
    """In an order in which a run that is killed in between never loses what there is to go back to."""
    back_to = release_to_go_back_to(wanted, store, previous, name)
    if previous and back_to == previous != name:
        store.remember_previous(previous)
        step("remembered")
    if name != previous:
        store.switch(name)
    step("switched")
    if goes_back(wanted) and store.previous() != name:
        store.remember_previous(name)


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
    before = _entries(store, named(store, previous))
    if known is None and not how.predictable:
        text = f"A release of {how.located.component} would be made, and be the current one."
        return Outcome(True, report.payload(store, None, previous, extracted=True, switched=True, text=text))
    if known is None:
        located = how.located
        check_space(wanted, store, located, _existing(wanted.dest))
        tree, image = taken(wanted, how, Nowhere(Ownership(not located.prebuilt)), step)
        manifest, _text = manifests.make(tree, image, located.origin, timestamp(clock))
        release = to_be(store, manifest)
        after = tree.entries
    else:
        release, after = known, _entries(store, known)
    mounted = mounted_now(engine, store, previous)
    pruned, planned = plan_switch(engine, wanted, store, release, previous, after, mounted)
    if known is None:
        refuse_conflicts(wanted, store, release, previous, planned, mounted)
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
    old = named(store, previous)
    return {
        "before_header": f"{store.current_path} -> {previous or 'nothing'}",
        "after_header": f"{store.current_path} -> {release.name}",
        "before": changes.describe(old.manifest, before) if old is not None else "",
        "after": changes.describe(release.manifest, after) + changes.lines(found),
    }
