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
from datetime import datetime
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import MISSING, Action, Judged, PostClass, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import PROTECTED, Item, Plan, Skipped
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    Start,
    Workflow,
    Workflows,
    workflow_id,
)

UNCONFIRMED = "Could not confirm the post status"
REASON = "ended by selfhost.postiz.stuck_posts"
_CHANGED = "it was changed meanwhile, or somebody holds it"

Look = Callable[[Sequence[Row]], List[Judged]]
Step = Callable[[str], None]


@dataclass(frozen=True)
class Tools:
    """`look` judges rows anew; `step` is told each step when it is done; `epoch` tells seconds; `kind` is the release's workflow type."""

    connection: Any
    workflows: Workflows
    look: Look
    kind: str
    project: str
    folder: str
    fail_reason: str
    step: Step
    epoch: Callable[[], float]


@dataclass(frozen=True)
class Done:
    """`kept_away` are posts that turned out to have begun publishing while their workflow was being ended."""

    items: Tuple[Item, ...] = ()
    skipped: Tuple[Skipped, ...] = ()
    kept_away: Tuple[str, ...] = ()
    undo_file: str = ""
    not_running: Tuple[str, ...] = ()


def carry_out(plan: Plan, tools: Tools) -> Done:
    """Raises StackError; before the commit, nothing of the database has changed then."""
    stamp = rows.database_now(tools.connection)
    held, skipped = _hold(plan, tools, stamp)
    path = undo.newest(tools.folder, undo.Header(tools.project, stamp))
    tools.step("undo file")
    kept = _end(held, tools, path)
    written = [_unconfirmed(item) if item.id in kept else item for item in held if item.writes or _queued(item, kept)]
    if written:
        reasons = [_reason(item, tools, item.id in kept) for item in written]
        changes.write(tools.connection, written, reasons, stamp)
    tools.step("rows")
    # Under the lock of its row, so that a run that publishes meanwhile cannot make the row unfit for a start.
    for item in held:
        if item.action is Action.POKE and item.id not in kept:
            tools.workflows.start(start_of(item.judged.row, tools.kind))
            tools.step(f"poke {item.id}")
    tools.connection.commit()
    tools.step("commit")
    later = [item.judged.row for item in held if item.start and item.action is not Action.POKE and item.id not in kept]
    start_all(later, tools)
    not_running = _prove(later, tools)
    name = undo.finish(path, undo.UNDO) if written else _drop(path)
    tools.step("end")
    return Done(tuple(held), (*plan.skipped, *skipped), tuple(sorted(kept)), name, not_running)


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
        start=item.start and item.action is not Action.POKE,
        kept_away=item.judged.post_class in PROTECTED and not item.start,
    )


def _still_fit(items: Sequence[Item], tools: Tools) -> Dict[str, Judged]:
    """Judged anew under the locks: a workflow may have begun to publish, or may have been started, since the plan."""
    fit: Dict[str, Judged] = {}
    for first in range(0, len(items), rows.PAGE):
        page = {item.id: item for item in items[first : first + rows.PAGE]}
        for now in tools.look([item.judged.row for item in page.values()]):
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
        PostClass.OLDER_THAN_SWEEP,
    }
)


def _end(held: Sequence[Item], tools: Tools, path: str) -> Set[str]:
    """End the workflows; the posts whose run turns out to have begun publishing until it was ended."""
    ended: List[Tuple[Item, Workflow]] = []
    for item in held:
        workflow = item.judged.workflow
        if item.action is not Action.MARK_PUBLISHED and workflow is not None and workflow.running:
            if item.action is Action.POKE:
                continue
            tools.workflows.terminate(workflow, REASON)
            ended.append((item, workflow))
            tools.step(f"end {item.id}")
    # Nothing is handed out to a worker after the end, so this history is complete.
    begun: Set[str] = set()
    for first in range(0, len(ended), rows.PAGE):
        page = ended[first : first + rows.PAGE]
        trails = tools.workflows.trails([workflow for _item, workflow in page])
        begun |= {
            item.id
            for item, workflow in page
            if trails[workflow.identifier].publishing and item.judged.post_class not in PROTECTED
        }
    if begun:
        undo.keep_away(path, sorted(begun))
    return begun


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


def start_all(wanted: Sequence[Row], tools: Tools) -> None:
    """A workflow for each row that may have one; the others are left alone."""
    for first in range(0, len(wanted), changes.PAGE):
        page = wanted[first : first + changes.PAGE]
        fit = changes.startable(tools.connection, [row.id for row in page])
        for row in page:
            if row.id in fit:
                tools.workflows.start(start_of(row, tools.kind))
                tools.step(f"start {row.id}")
        tools.connection.commit()


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
