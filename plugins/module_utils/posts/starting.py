# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New workflows are started, and proved to run."""

from __future__ import annotations

from typing import List, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Start, Workflow, workflow_id


def start_of(row: Row, kind: str) -> Start:
    """The workflow of a post."""
    return Start(row.id, row.organization, row.queue, kind)


def start(row: Row, tools: Tools) -> None:
    """The workflow of one post. Who calls holds its row."""
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
                start(row, tools)
                tools.step(f"start {row.id}")
                started.add(row.id)
        tools.connection.commit()
    return started


def without_workflow(wanted: Sequence[Row], tools: Tools) -> Tuple[str, ...]:
    """Posts that have no running workflow, although they still wait for one."""
    idle: List[str] = []
    for first in range(0, len(wanted), rows.PAGE):
        page = wanted[first : first + rows.PAGE]
        found = tools.workflows.describe([workflow_id(row.id) for row in page])
        idle += [row.id for row in page if not runs(found.get(workflow_id(row.id)))]
    if not idle:
        return ()
    queued: Set[str] = set()
    for first in range(0, len(idle), rows.PAGE):
        there = rows.by_ids(tools.connection, idle[first : first + rows.PAGE])
        queued |= {row.id for row in there.values() if row.state == "QUEUE" and not row.deleted}
    tools.connection.commit()
    return tuple(post for post in idle if post in queued)


def runs(workflow: Optional[Workflow]) -> bool:
    """Whether there is one, and it is not closed."""
    return workflow is not None and workflow.running
