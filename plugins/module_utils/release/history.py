# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which recorded release runs, and which ones came before it. Pure functions."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import Release
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen

# The one that runs, and the one to go back to.
_FEWEST = 2


def number_of_running(seen: Seen) -> int:
    """The record that is just what runs: the one that the last transaction ended at, else the newest; 0 if none is."""
    now = {image.service: image.identifier for image in seen.running}
    same = [release.number for release in seen.records if release.identifiers() == now]
    return seen.ended.release if seen.ended.release in same else max(same, default=0)


def previous(seen: Seen) -> Optional[Release]:
    """The release that the running one was upgraded from, or the nearest before that with a backup.

    One that was left by a rollback comes before nothing: to go back twice leads further back, and never forward again.
    """
    running = number_of_running(seen)
    if running:
        return before(seen.records, running)
    newest = seen.records[-1] if seen.records else None
    return _with_backup(seen.records, _known(seen.records).get(seen.ended.release, newest))


def before(kept: Tuple[Release, ...], number: int) -> Optional[Release]:
    """The nearest recorded release with a backup before one that is recorded."""
    return _with_backup(kept, _before(_known(kept), number))


def _with_backup(kept: Tuple[Release, ...], found: Optional[Release]) -> Optional[Release]:
    known = _known(kept)
    while found is not None and not found.backup:
        found = _before(known, found.number)
    return found


def _known(kept: Tuple[Release, ...]) -> Mapping[int, Release]:
    return {release.number: release for release in kept}


def spare(kept: Tuple[Release, ...], current: int, keep: int) -> Tuple[Release, ...]:
    """Records that are kept no longer. `keep` count with the running one, and the one to go back to from it stays in any case.

    Those that a rollback after the other would go to are kept before any that were left by one.
    """
    known = _known(kept)
    order = []
    found = known.get(current)
    while found is not None:
        order.append(found.number)
        found = _before(known, found.number)
    order += sorted(set(known) - set(order), reverse=True)
    return tuple(known[number] for number in sorted(order[max(keep, _FEWEST) :]))


def _before(known: Mapping[int, Release], number: int) -> Optional[Release]:
    """None if it was forgotten. Of a record that does not know, the next smaller number."""
    before = known[number].before
    if 0 < before < number:
        return known.get(before)
    older = max((other for other in known if other < number), default=0)
    return known.get(older)
