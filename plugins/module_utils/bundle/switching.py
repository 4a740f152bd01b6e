# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a switch to a release takes along: what goes, what is served with it, what there is to go back to. Nothing is changed."""

from __future__ import annotations

from itertools import islice
from typing import FrozenSet, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    bridge,
    going_back,
    mounts,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    OWN,
    Entry,
    Release,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import PREVIOUS, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine


def plan_switch(
    engine: Engine,
    wanted: Request,
    store: Store,
    release: Release,
    current: str,
    entries: Tuple[Entry, ...],
    mounted: FrozenSet[str] = frozenset(),
) -> Tuple[Tuple[str, ...], bridge.Planned]:
    """What goes, and what the release gets of others, when it takes the place of `current`."""
    pruned = prunable(engine, wanted, store, release, current)
    back = release_to_go_back_to(wanted, store, current, release.name)
    sources = bridge.sources(store, release.name, wanted.bridge, back, pruned, mounted)
    return pruned, bridge.plan(store, release.name, entries, sources)


def refuse_conflicts(
    wanted: Request,
    store: Store,
    release: Release,
    current: str,
    planned: bridge.Planned,
    mounted: FrozenSet[str] = frozenset(),
) -> None:
    """Raises Refused if a file of what is served by now has another content in the release."""
    back = release_to_go_back_to(wanted, store, current, release.name)
    served = frozenset(name for name, moment in bridge.by_use(store, release.name, back, mounted) if moment)
    bridge.refuse_conflicts(planned, served)


def release_to_go_back_to(wanted: Request, store: Store, current: str, name: str) -> str:
    """The release to go back to, when `name` has taken the place of `current`."""
    if goes_back(wanted):
        return name
    if name != current and current and going_back.remembered(store, current):
        return current
    return store.previous()


def goes_back(wanted: Request) -> bool:
    """Not to another image: from there, what the newer one served is what to go back to."""
    return wanted.release == PREVIOUS and not wanted.image


def mounted_now(engine: Engine, store: Store, current: str) -> FrozenSet[str]:
    """What containers have mounted; the current release, if that cannot be told."""
    pinned = mounts.look(engine, store).pinned
    return pinned if pinned is not None else frozenset((current,))


def prunable(engine: Engine, wanted: Request, store: Store, release: Release, current: str) -> Tuple[str, ...]:
    """What `keep` leaves no room for, when `release` takes the place of `current`.

    Never what a container uses, nor what there is to go back to: the former release, the image's own, what was served
    last, which a container may have mounted until a moment ago, and what was made for another image that is still there.
    """
    others = [item for item in store.releases() if item.name != release.name]
    if len(others) < wanted.keep:
        return ()
    back = release_to_go_back_to(wanted, store, current, release.name)
    needed = {back, *(name for name, served in bridge.by_use(store, release.name, back)[:1] if served)}
    image = release.manifest.image.identifier
    own = (item for item in others if item.manifest.origin.kind in OWN and item.manifest.image.identifier == image)
    needed.update(item.name for item in islice(own, 1))
    rest = [item.name for item in others if item.name not in needed]
    spare = rest[max(0, wanted.keep - 1 - (len(others) - len(rest))) :]
    if not spare:
        return ()
    made = _made_for_others(engine, store, image)
    spare = [name for name in spare if name not in made]
    pinned = mounts.look(engine, store).pinned
    return () if pinned is None else tuple(name for name in spare if name not in pinned)


def _made_for_others(engine: Engine, store: Store, image: str) -> FrozenSet[str]:
    """What other images on the host were last given, for a stack that goes back to one. Their own can be had from them again."""
    return frozenset(
        item.name
        for item in store.releases()
        if item.manifest.image.identifier not in ("", image)
        and item.manifest.origin.kind not in OWN
        and store.of_image(item.manifest.image.identifier) == item.name
        and engine.image(item.manifest.image.identifier) is not None
    )
