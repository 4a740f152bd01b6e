# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workflows of a restored Temporal that a worker would carry on at once although their post may be live: they are ended.

Run while Temporal runs and no worker does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import UNCONFIRMED
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflow, Workflows

REASON = "ended by selfhost.postiz.stack_restore: it may have gone out since the backup"
BEGUN = "it had begun to publish"
PAGE = 200
POST, AUTOPOST = "post_", "autopost-"
# Temporal's own table of what runs: complete whatever became of the index of workflows.
_RUNNING = r"""SELECT workflow_id FROM current_executions
WHERE status = 1 AND (workflow_id LIKE 'post\_%' OR workflow_id LIKE 'autopost-%') ORDER BY 1"""
_ROWS = """SELECT id, state::text, "deletedAt" IS NOT NULL, extract(epoch FROM "publishDate")
FROM "Post" WHERE id = ANY(%(ids)s)"""

_HOLD = """UPDATE "Post" SET state = 'ERROR', error = %(text)s, "updatedAt" = date_trunc('milliseconds', now() AT TIME ZONE 'utc')
WHERE id = ANY(%(ids)s) AND state = 'QUEUE' RETURNING id"""


@dataclass(frozen=True)
class Row:
    """A post of the restored database; `due` is seconds since the epoch."""

    state: str
    deleted: bool
    due: float


@dataclass(frozen=True)
class Ended:
    """Workflows that were ended, with the reason."""

    identifier: str
    reason: str


def running(connection: Any) -> Tuple[str, ...]:
    """Ids of running workflows that publish."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING)
        return tuple(identifier for (identifier,) in cursor.fetchall())


def rows(connection: Any, ids: Sequence[str]) -> Dict[str, Row]:
    """By id."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, {"ids": list(ids)})
        return {post: Row(state, deleted, float(due)) for post, state, deleted, due in cursor.fetchall()}


def hold(connection: Any, ids: Sequence[str]) -> Tuple[str, ...]:
    """Mark queued posts as ones of unknown outcome; those that were."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, {"ids": list(ids), "text": UNCONFIRMED})
        held = tuple(identifier for (identifier,) in cursor.fetchall())
    connection.commit()
    return held


def post_of(identifier: str) -> str:
    """The post of a workflow; repeats of a recurring one carry a second part in their name."""
    return identifier[len(POST) :].partition("_")[0]


def judge(identifier: str, row: Optional[Row], trail: Optional[Trail], now: float) -> str:
    """Why a workflow must be ended; empty for one that may go on. Pure.

    What sleeps until later has done nothing since the backup, in whatever history: it goes on. What wakes at once was due
    since: of a queued post, the rows were settled before; of any other, nobody knows what it did.
    """
    if identifier.startswith(AUTOPOST):
        return "it would post again what came in since"
    wakes_at = trail.wakes_at if trail is not None else None
    asleep = wakes_at is not None and wakes_at > now
    if row is not None and row.state == "QUEUE" and not row.deleted and identifier == f"{POST}{post_of(identifier)}":
        if trail is not None and trail.publishing:
            return BEGUN
        if wakes_at is not None and wakes_at <= now < row.due:
            return "it would publish before its post is due"
        return ""
    if row is None or row.deleted or row.state in ("DRAFT", "ERROR"):
        return "its post does not wait any more"
    return "" if asleep else "it repeats or goes on with a post that is live, and nobody knows how far it came"


def end(workflows: Workflows, ids: Sequence[str], found: Mapping[str, Row], now: float, act: bool) -> Tuple[Ended, ...]:
    """Judge these, and end those that must not go on. Raises WorkflowsFailed."""
    ended: List[Ended] = []
    for first in range(0, len(ids), PAGE):
        page = ids[first : first + PAGE]
        described = workflows.describe(page)
        present: List[Workflow] = [item for item in described.values() if item is not None and item.running]
        trails = workflows.trails(present)
        for workflow in present:
            name = workflow.identifier
            reason = judge(name, found.get(post_of(name)), trails.get(name), now)
            if reason:
                if act:
                    workflows.terminate(workflow, REASON)
                ended.append(Ended(name, reason))
    return tuple(ended)
