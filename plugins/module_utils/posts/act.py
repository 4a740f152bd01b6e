# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out, such that a kill at any point leaves something that the next run completes.

The order: rows locked → undo file on the disk → workflows ended → rows changed, posts poked → committed → new workflows
started → undo file closed. Until the commit the database rolls back by itself; a workflow that was ended by then leaves a
queued post without a workflow, which is a class of its own. After the commit the undo file tells what is still to start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.ending import REASON, Ending
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import MISSING, Action, Judged, PostClass, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import PROTECTED, Item, Plan, Skipped
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.progress import Progress, told
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    Start,
    Workflow,
    Workflows,
    workflow_id,
)

UNCONFIRMED = "Could not confirm the post status"
_CHANGED = "it was changed meanwhile, or somebody holds it"
_AWAKE = "its workflow could no longer be proved to sleep when its turn came"
_REMEDY = (
    "run the same again with the same undo_directory: it starts what is still to be started of posts of the future, and "
    "finds overdue posts that lack their workflow as no-workflow."
)

Look = Callable[[Sequence[Row]], List[Judged]]
Step = Callable[[str], None]


@dataclass(frozen=True)
class Tools:
    """`look` judges rows anew, by the workers of this moment; `step` is told each step when it is done; `epoch` tells seconds;
    of one channel, `at_once` overdue posts go out at once when they are brought back; `kind` is the release's workflow type.

    Posts that are overdue for longer than `overdue_seconds` are found by the plan.
    """

    connection: Any
    workflows: Workflows
    look: Look
    kind: str
    project: str
    folder: str
    fail_reason: str
    step: Step
    epoch: Callable[[], float]
    at_once: int = 0
    overdue_seconds: float = 0.0
    progress: Progress = field(default_factory=Progress)


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
    held, skipped = _hold(plan, tools, stamp)
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
            _start(item.judged.row, tools)
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
    not_running = _prove(later, tools)
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


def _hold(plan: Plan, tools: Tools, stamp: datetime) -> Tuple[List[Item], List[Skipped]]:
    """Lock the rows, write the undo file, and leave out what is no longer as it was planned."""
    missing = [item for item in plan.items if item.judged.row.state == MISSING]
    found: List[Item] = []
    with undo.drafting(tools.folder, undo.Header(tools.project, stamp)) as draft:
        for item, texts in changes.take(tools.connection, [item for item in plan.items if item not in missing]):
            draft.decide(_decision(item))
            for text in texts:
                draft.row(item.id, text)
            found.append(item)
        tools.step("locks")
        fit = _still_fit([*found, *missing], tools)
        draft.drop(item.id for item in found if item.id not in fit)
    held = [_as_judged(item, fit[item.id]) for item in (*found, *missing) if item.id in fit]
    order = {item.id: number for number, item in enumerate(plan.items)}
    held.sort(key=lambda item: order[item.id])
    return held, [Skipped(item.judged, item.action, _CHANGED) for item in plan.items if item.id not in fit]


def _as_judged(item: Item, now: Judged) -> Item:
    return item if now is item.judged else replace(item, judged=now)


def _decision(item: Item) -> undo.Decision:
    row = item.judged.row
    return undo.Decision(
        post=item.id,
        organization=row.organization,
        queue=row.queue,
        action=item.action.value,
        before=row.updated,
        run=item.judged.workflow.run if item.end and item.judged.workflow else "",
        start=item.start and not item.goes_out_at_once,
        kept_away=item.judged.post_class in PROTECTED and not item.start,
    )


def _still_fit(items: Sequence[Item], tools: Tools) -> Dict[str, Judged]:
    """Judged anew under the locks: a workflow may have begun to publish, or may have been started, since the plan."""
    fit: Dict[str, Judged] = {}
    for first in range(0, len(items), rows.PAGE):
        page = {item.id: item for item in items[first : first + rows.PAGE]}
        # A channel may have been disabled since the plan, which no row of a post says.
        there = rows.by_ids(tools.connection, list(page))
        for now in tools.look([there.get(post, item.judged.row) for post, item in page.items()]):
            item = page[now.row.id]
            before = item.judged
            same = now.post_class is before.post_class or {now.post_class, before.post_class} <= _ALIKE
            risky = before.post_class in PROTECTED
            # The undo file would not know of its run.
            appeared = now.running and not before.running and item.action is not Action.POKE
            if (
                same
                and not appeared
                and (not now.running or now.endable or risky)
                and now.post_class is not PostClass.PUBLISHING
            ):
                # Of equal ones only one is kept: a plan of thousands is in memory once.
                fit[now.row.id] = before if now == before else now
    return fit


# Between plan and act the worker may come or go, and time passes; none of that makes the action unfit.
_ALIKE = frozenset(
    {
        PostClass.WORKER_DEAD,
        PostClass.RUNNING_OVERDUE,
        PostClass.SCHEDULED,
        PostClass.NO_WORKFLOW,
        PostClass.SCHEDULED_LOST,
        PostClass.OLDER_THAN_SWEEP,
    }
)


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
        return _still_fit([wanted[one.row.id] for one in some], tools)

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
        running = [row for post, row in page.items() if _runs(there.get(workflow_id(post)))]
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


def start_of(row: Row, kind: str) -> Start:
    """The workflow of a post."""
    return Start(row.id, row.organization, row.queue, kind)


def _start(row: Row, tools: Tools) -> None:
    tools.progress.asked += 1
    tools.workflows.start(start_of(row, tools.kind))
    tools.progress.started += 1


def start_all(wanted: Sequence[Row], tools: Tools) -> Set[str]:
    """A workflow for each row that may have one; these posts. The others, and what somebody holds, are left alone."""
    started: Set[str] = set()
    for first in range(0, len(wanted), changes.PAGE):
        page = wanted[first : first + changes.PAGE]
        fit = changes.startable(tools.connection, [row.id for row in page])
        for row in page:
            if row.id in fit:
                _start(row, tools)
                tools.step(f"start {row.id}")
                started.add(row.id)
        tools.connection.commit()
    return started


def _prove(wanted: Sequence[Row], tools: Tools) -> Tuple[str, ...]:
    """Posts that have no running workflow, although they still wait for one."""
    idle: List[str] = []
    for first in range(0, len(wanted), rows.PAGE):
        page = wanted[first : first + rows.PAGE]
        found = tools.workflows.describe([workflow_id(row.id) for row in page])
        idle += [row.id for row in page if not _runs(found.get(workflow_id(row.id)))]
    if not idle:
        return ()
    queued: Set[str] = set()
    for first in range(0, len(idle), rows.PAGE):
        there = rows.by_ids(tools.connection, idle[first : first + rows.PAGE])
        queued |= {row.id for row in there.values() if row.state == "QUEUE" and not row.deleted}
    tools.connection.commit()
    return tuple(post for post in idle if post in queued)


def _runs(workflow: Optional[Workflow]) -> bool:
    return workflow is not None and workflow.running
