# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out, such that a kill at any point leaves something that the next run completes.

The order: rows locked → undo file on the disk → workflows ended → rows changed, posts poked → committed → new workflows
started → undo file closed. Until the commit the database rolls back by itself; a workflow that was ended by then leaves a
queued post without a workflow, which is a class of its own. After the commit the undo file tells what is still to start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.ending import REASON, Ending
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.holding import hold, still_fit
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import UNCONFIRMED, Action, Judged, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import PROTECTED, Item, Plan, Skipped
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.progress import told
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.starting import (
    runs,
    start,
    start_all,
    without_workflow,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import workflow_id

_AWAKE = "its workflow could no longer be proved to sleep when its turn came"
_REMEDY = (
    "run the same again with the same undo_directory: it starts what is still to be started of posts of the future, and "
    "finds overdue posts that lack their workflow as no-workflow."
)


@dataclass(frozen=True)
class Done:
    """`kept_away` are posts that turned out to have begun publishing while their workflow was being ended; `not_held` those
    that were held, failed or deleted, and that Postiz had started meanwhile."""

    items: Tuple[Item, ...] = ()
    skipped: Tuple[Skipped, ...] = ()
    kept_away: Tuple[str, ...] = ()
    undo_file: str = ""
    not_running: Tuple[str, ...] = ()
    not_held: Tuple[str, ...] = ()


def carry_out(plan: Plan, tools: Tools) -> Done:
    """Raises StackError or the database's error; Unfinished once a workflow was ended or poked."""
    with told(tools.progress, _REMEDY):
        return _carry_out(plan, tools)


def _carry_out(plan: Plan, tools: Tools) -> Done:
    stamp = rows.database_now(tools.connection)
    judged_at = tools.epoch()
    held, skipped = hold(plan, tools, stamp)
    path = undo.newest(tools.folder, undo.Header(tools.project, stamp))
    tools.progress.path = path
    tools.step("undo file")
    kept, awake = _end(held, tools, path, judged_at)
    skipped += [Skipped(item.judged, item.action, _AWAKE) for item in held if item.id in awake]
    held = [item for item in held if item.id not in awake]
    written = [_unconfirmed(item) if item.id in kept else item for item in held if item.writes or _queued(item, kept)]
    if written:
        reasons = [_reason(item, tools, item.id in kept) for item in written]
        changes.write(tools.connection, written, reasons, stamp)
    tools.step("rows")
    # Under the lock of its row, so that a run that publishes meanwhile cannot make the row unfit for a start.
    for item in held:
        if item.goes_out_at_once and item.id not in kept:
            start(item.judged.row, tools)
            tools.step(f"poke {item.id}")
    tools.progress.commits(len(written))
    tools.connection.commit()
    tools.progress.committed()
    tools.step("commit")
    _end_failed(held, tools)
    not_held = _started_meanwhile(
        [item for item in held if item.writes and not item.start and item.id not in kept], tools
    )
    later = [item.judged.row for item in held if item.start and not item.goes_out_at_once and item.id not in kept]
    begun = start_all(later, tools)
    not_running = without_workflow(later, tools)
    if any(post not in begun for post in not_running):
        # Somebody holds such a row: the file stays pending, so that the next run starts what is left.
        name = undo.later(path, undo.UNDO) if written else ""
    else:
        name = undo.finish(path, undo.UNDO) if written else _drop(path)
    tools.step("end")
    return Done(tuple(held), (*plan.skipped, *skipped), tuple(sorted(kept)), name, not_running, not_held)


def _drop(path: str) -> str:
    undo.discard(path)
    return ""


def _end(held: Sequence[Item], tools: Tools, path: str, judged_at: float) -> Tuple[Set[str], Set[str]]:
    """End the workflows, which were judged from `judged_at` on.

    Hands out the posts whose run turns out to have begun publishing until it was ended, and those that are left alone,
    because they woke or a worker came back before their turn came.
    """
    wanted = {
        item.id: item
        for item in held
        if item.judged.running and item.action not in (Action.MARK_PUBLISHED, Action.POKE) and not _risky(item)
    }

    def again(some: Sequence[Judged]) -> Dict[str, Judged]:
        return still_fit([wanted[one.row.id] for one in some], tools)

    ending = Ending(tools.workflows, tools.epoch, tools.progress, tools.step, again)
    found = ending.all([item.judged for item in wanted.values()], judged_at)
    if found.awake:
        undo.drop(path, sorted(found.awake))
    begun = {post for post in found.begun if wanted[post].judged.post_class not in PROTECTED}
    if begun:
        undo.keep_away(path, sorted(begun))
    return begun, set(found.awake)


def _risky(item: Item) -> bool:
    """Whether it may be live, and is only marked as failed."""
    return item.action is Action.FAIL and item.judged.post_class in PROTECTED


def _end_failed(held: Sequence[Item], tools: Tools) -> None:
    """Their rows say by now that they failed: ended before, a kill would leave them to Postiz' sweep, which sends them again."""
    for item in held:
        if _risky(item) and item.judged.running and item.judged.workflow is not None:
            tools.progress.asked += 1
            tools.workflows.terminate(item.judged.workflow, REASON)
            tools.progress.ended += 1
            tools.step(f"end {item.id}")


def _started_meanwhile(written: Sequence[Item], tools: Tools) -> Tuple[str, ...]:
    """Postiz' sweep reads rows that are not committed yet as queued. What it started and still sleeps is ended; the rest."""
    found: List[str] = []
    for first in range(0, len(written), rows.PAGE):
        page = {item.id: item.judged.row for item in written[first : first + rows.PAGE]}
        there = tools.workflows.describe([workflow_id(post) for post in page])
        running = [row for post, row in page.items() if runs(there.get(workflow_id(post)))]
        if running:
            found += _end_started(running, tools)
    return tuple(sorted(found))


def _end_started(running: Sequence[Row], tools: Tools) -> List[str]:
    """Rows as they were, for a draft tells nothing of its runs."""

    def again(some: Sequence[Judged]) -> Dict[str, Judged]:
        return {one.row.id: one for one in tools.look([one.row for one in some]) if one.running and one.endable}

    since = tools.epoch()
    judged = [one for one in tools.look(running) if one.running]
    asleep = [one for one in judged if one.endable]
    ended = Ending(tools.workflows, tools.epoch, tools.progress, tools.step, again).all(asleep, since)
    return [one.row.id for one in judged if not one.endable or one.row.id in ended.begun | ended.awake]


def _queued(item: Item, kept: Set[str]) -> bool:
    row = item.judged.row
    return item.id in kept and row.state == "QUEUE" and not row.deleted


def _unconfirmed(item: Item) -> Item:
    return replace(item, action=Action.FAIL, state="ERROR", due=None, start=False)


def _reason(item: Item, tools: Tools, kept: bool) -> Optional[str]:
    if item.action is not Action.FAIL:
        return None
    return UNCONFIRMED if kept or item.judged.post_class in PROTECTED else tools.fail_reason
