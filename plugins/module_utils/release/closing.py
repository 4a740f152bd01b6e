# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a transaction: assert what runs, forget what is old, say what became of it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_journal import SETTLED
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway, StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.release import evidence, history, journal, records, report
from ansible_collections.selfhost.postiz.plugins.module_utils.release.keeping import (
    keep_name,
    record_running,
    release_of,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import UPGRADE, ServiceImage, Transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen, observe
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters

LABELS = ("before-upgrade", "failed-release", "before-rollback")
"""Of the backups that an upgrade or rollback takes. A record may need one for as long as it is kept."""
_LOCK_SECONDS = 60


def committed(wanted: Parameters, engine: Engine, clock: Clock, found: Transaction) -> Outcome:
    """The new release is the one: record it, forget the oldest ones, close the journal."""
    seen = observe(wanted, engine, clock.now())
    _assert_images(seen, found.target, "the planned")
    left = int(found.info["left"])
    if found.info.get("backup"):
        records.set_backup(wanted.directory, left, str(found.info["backup"]))
    number = record_running(wanted, seen, engine, clock, left)
    journal.note(wanted.directory, clock.now(), "done", step=found.started or "prove")
    return _close(wanted, engine, clock, found, "committed", number)


def returned(wanted: Parameters, engine: Engine, clock: Clock, found: Transaction) -> Outcome:
    """The old release runs again, as recorded."""
    seen = observe(wanted, engine, clock.now())
    release = release_of(wanted, found)
    _assert_images(seen, release.images, "the recorded")
    left = int(found.info["left"])
    backup = found.info.get("back-backup") or found.info.get("backup")
    if found.requested and backup:
        records.set_backup(wanted.directory, left, str(backup))
    return _close(wanted, engine, clock, found, "returned", release.number)


def _assert_images(seen: Seen, images: Tuple[ServiceImage, ...], what: str) -> None:
    running = {image.service: image.identifier for image in seen.running}
    wrong = [image.service for image in images if running.get(image.service) != image.identifier]
    if wrong:
        raise Unfinished(
            f"{', '.join(wrong)}: the image that runs is not {what} one.",
            "look who recreated the containers meanwhile, then run again.",
        )


def _prune(wanted: Parameters, engine: Engine, current: int) -> Tuple[int, ...]:
    """Forget the releases that are kept no longer; their images go with their names, unless something uses them."""
    old = history.spare(records.read(wanted.directory), current, wanted.keep)
    for release in old:
        for image in release.images:
            # Somebody's container may still use it; the name does no harm.
            with suppress(EngineAway):
                engine.images().untag(keep_name(wanted.project, release.number, image.service))
        records.drop(wanted.directory, release.number)
    return tuple(release.number for release in old)


def _prune_backups(wanted: Parameters, clock: Clock, found: Transaction) -> None:
    """Backups of upgrades that no record needs. The newest of each kind stay: they may be of a failure to be looked at."""
    taken = [str(found.info[name]) for name in ("back-backup", "backup") if found.info.get(name)]
    if not taken:
        return
    store = Store(os.path.dirname(taken[0]))
    needed = {release.backup for release in records.read(wanted.directory)}
    with store.locked(_LOCK_SECONDS, clock):
        for label in LABELS:
            spare = [item for item in store.backups(wanted.project) if item.manifest.label == label]
            for backup in [item for item in spare if item.path not in needed][wanted.keep :]:
                store.remove(backup)


def _close(wanted: Parameters, engine: Engine, clock: Clock, found: Transaction, result: str, number: int) -> Outcome:
    """From the last line of the journal on, nothing fails: the release runs, whatever cannot be tidied up."""
    journal.note(wanted.directory, clock.now(), "closed", result=result, release=number)
    dropped: Tuple[int, ...] = ()
    stays: List[str] = []
    with _noted(stays, "releases"):
        dropped = _prune(wanted, engine, number) if result == "committed" else ()
    with _noted(stays, "backups"):
        _prune_backups(wanted, clock, found)
    with _noted(stays, "evidence"):
        evidence.prune(wanted.directory, wanted.keep)
    down = _down_seconds(wanted.directory, found)
    seconds = clock.now() - found.began
    release = records.named(wanted.directory, number)
    image = release.image(wanted.service) if release is not None else None
    told = report.closed(found, result, number, dropped, seconds, down, _settled(found))
    if image is not None:
        told["report"] += "\n" + (report.inventory(image) if result == "returned" else report.kept(image))
    told["report"] += "".join(f"\n{line}" for line in stays)
    return Outcome(True, told, warnings=tuple(stays))


@contextmanager
def _noted(stays: List[str], what: str) -> Iterator[None]:
    """Add a line to `stays` for what cannot be removed now; the next upgrade does it."""
    try:
        yield
    except (OSError, StackError) as problem:
        why = problem.message if isinstance(problem, StackError) else f"{problem}."
        stays.append(f"Old {what} stay until the next upgrade: {why}")


def _settled(found: Transaction) -> Mapping[str, Any]:
    """What the restore did with posts, as it wrote it beside the backup of what was left."""
    try:
        with open(os.path.join(str(found.info["back-backup"]), SETTLED), encoding="utf-8") as stream:
            content = json.load(stream)
    except (OSError, ValueError, KeyError):
        return {}
    return content if isinstance(content, dict) else {}


def watch_file(directory: str, name: str) -> str:
    """Where the watcher of the API writes what it saw during a run."""
    return os.path.join(directory, UPGRADE, f"watch-{name}.json")


def _down_seconds(directory: str, found: Transaction) -> Optional[float]:
    try:
        with open(watch_file(directory, found.run), encoding="utf-8") as stream:
            content: Dict[str, Any] = json.load(stream)
        return float(content["down_seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
