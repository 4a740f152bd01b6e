# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the Temporal that is asked is the one that the stack uses. In any other, every post lacks its workflow."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import rows
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.scene import Scene

# One of them is enough. The sweeper is none: it has the same id in every stack.
_WORKFLOWS = 500
_REMEDY = (
    "leave out address and namespace (role: posts_address, posts_namespace): they are read from the environment of Postiz. "
    "Are they right and its container was made before they were changed, start Postiz first."
)


def doubt(scene: Scene, connection: Any) -> str:
    """Why it is not shown to be; empty if it is. Raises WorkflowsFailed or the database's error."""
    if not scene.elsewhere or scene.main_polled:
        return ""
    names, _total = scene.workflows.running_posts(_WORKFLOWS)
    # Repeats of a recurring post carry a second part in their name.
    ids = sorted({name.partition("_")[2].partition("_")[0] for name in names})
    if ids and rows.by_ids(connection, ids):
        return ""
    return (
        f"{scene.elsewhere}, and nothing shows that it belongs to this stack: no living worker of it polls there, and no "
        "workflow of a post of its database runs there"
    )


def refuse_doubt(scene: Scene, connection: Any) -> None:
    """Raises BadInput."""
    found = doubt(scene, connection)
    if found:
        raise BadInput(f"{found}; nothing was changed.", _REMEDY)
