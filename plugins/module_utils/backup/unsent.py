# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Posts that fell due while nobody worked: their workflow, as Temporal has it now, never began to publish them.

Asked before Temporal's databases go back, while Postiz is stopped: what had not begun then never does in that history, so
the post may go out of the restored one. Constant statements, bound values.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail, may_publish
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflow, Workflows, workflow_id

_PAGE = 200
_MOST = 10_000
# Those of a minute ahead fall due before everything has stopped.
_DUE = """SELECT id FROM "Post" WHERE state = 'QUEUE' AND "deletedAt" IS NULL AND "parentPostId" IS NULL
AND "releaseId" IS NULL AND "releaseURL" IS NULL
AND "publishDate" <= clock_timestamp() AT TIME ZONE 'utc' + interval '60 seconds'
ORDER BY "publishDate" DESC, id LIMIT %(most)s"""


def due(connection: Any) -> Tuple[str, ...]:
    """Ids of posts that are due and wait, the newest of them."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"most": _MOST})
        return tuple(identifier for (identifier,) in cursor.fetchall())


def never_begun(workflow: Optional[Workflow], trail: Optional[Trail]) -> bool:
    """Whether its workflow runs and has never handed the post to a provider's queue. Pure."""
    if workflow is None or not workflow.running or trail is None or trail.publishing:
        return False
    return not any(may_publish(activity.name) for activity in workflow.activities)


def unsent(workflows: Workflows, posts: Sequence[str]) -> Tuple[str, ...]:
    """Those of these that certainly were not sent. Raises WorkflowsFailed."""
    found: List[str] = []
    for first in range(0, len(posts), _PAGE):
        page = posts[first : first + _PAGE]
        described = workflows.describe([workflow_id(post) for post in page])
        present = [item for item in described.values() if item is not None and item.running]
        trails: Mapping[str, Trail] = workflows.trails(present)
        found += [post for post in page if never_begun(described.get(workflow_id(post)), trails.get(workflow_id(post)))]
    return tuple(found)
