# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Posts that may be live, and of which an interrupted run has not said so yet.

Their workflow was ended, so Postiz' own sweep would start another one within the hour, and send them a second time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Dict, Iterable, List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.ending import REASON
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import UNCONFIRMED, Action, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Item
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.undo import Decision
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflow, workflow_id

MARKED = "it may be live: marked as unconfirmed, look at its channel"


def found(decisions: Iterable[Decision], tools: Tools, stamp: datetime) -> Tuple[str, ...]:
    """Which these are, of a run of `stamp`."""
    kept = {decision.post: decision for decision in decisions if decision.kept_away}
    there = rows.by_ids(tools.connection, list(kept)) if kept else {}
    waiting = [row for row in there.values() if _waits(row) and row.updated in (kept[row.id].before, stamp)]
    running = _running([row.id for row in waiting], tools)
    return tuple(sorted(row.id for row in waiting if row.id not in running))


def mark(posts: Sequence[str], tools: Tools, stamp: datetime) -> int:
    """Nobody sends them any more. How many; those that somebody holds or has changed meanwhile are left to the next run."""
    held = changes.startable(tools.connection, posts) if posts else set()
    there = rows.by_ids(tools.connection, sorted(held)) if held else {}
    items = [Item(one, Action.FAIL, state="ERROR") for one in tools.look(list(there.values()))]
    if items:
        changes.write(tools.connection, items, [UNCONFIRMED] * len(items), stamp)
        tools.progress.commits(len(items))
    tools.connection.commit()
    return len(items)


def end_failed(decisions: Iterable[Decision], tools: Tools, stamp: datetime) -> None:
    """End the runs of posts whose row that run of `stamp` had marked as failed when it was killed."""
    failed = {one.post: one for one in decisions if one.kept_away and one.run and one.action == Action.FAIL.value}
    there = rows.by_ids(tools.connection, list(failed)) if failed else {}
    tools.connection.commit()
    marked = [row.id for row in there.values() if row.state == "ERROR" and row.updated == stamp]
    for post, workflow in _running(marked, tools).items():
        if workflow.run == failed[post].run:
            tools.workflows.terminate(workflow, REASON)
            tools.step(f"end {post}")


def _waits(row: Row) -> bool:
    return row.state == "QUEUE" and not row.deleted and not row.release


def _running(posts: Sequence[str], tools: Tools) -> Dict[str, Workflow]:
    known: Dict[str, Workflow] = {}
    for first in range(0, len(posts), rows.PAGE):
        page: List[str] = list(posts[first : first + rows.PAGE])
        seen = tools.workflows.describe([workflow_id(post) for post in page])
        for post in page:
            workflow = seen.get(workflow_id(post))
            if workflow is not None and workflow.running:
                known[post] = workflow
    return known
