# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Posts are held: their rows are locked and on the disk as they were, and what is no longer as planned is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Dict, List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import MISSING, Action, Judged, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import PROTECTED, Item, Plan, Skipped
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools

_CHANGED = "it was changed meanwhile, or somebody holds it"


def hold(plan: Plan, tools: Tools, stamp: datetime) -> Tuple[List[Item], List[Skipped]]:
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
        fit = still_fit([*found, *missing], tools)
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


def still_fit(items: Sequence[Item], tools: Tools) -> Dict[str, Judged]:
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
