# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation that takes a repair back by its undo file."""

from __future__ import annotations

import os
from typing import Any, Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import (
    completing,
    going_back,
    report,
    telling,
    undo,
    undo_damage,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import ActRequest
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools


def bring_back(request: ActRequest, tools: Tools, completed: completing.Completed, there: bool) -> Outcome:
    """`there` says that the file was there before interrupted runs were finished."""
    path = undo.current(request.undo_file)
    project = request.look.temporal.wanted.project
    if there and not os.path.exists(path):
        text = "The run of this file was interrupted before it changed a row; nothing to bring back."
        return Outcome(False, _undone_payload(project, going_back.Undone((), (), 0), completed, text))
    head = undo.header(path)
    if head.project != project:
        raise BadInput(
            f"The undo file is of the project {head.project!r}, not of {project!r}.", "give the right project or file."
        )
    if path.endswith(undo.UNDONE):
        text = "It was undone before; nothing to do."
        if there and completed.back:
            text = "Its undoing had been interrupted, and was finished now."
        return Outcome(False, _undone_payload(project, going_back.Undone(completed.back, (), 0), completed, text))
    undo_damage.refuse_damage(path)
    if request.check_mode:
        return _would_undo(path, head, request, tools)
    if not path.endswith(undo.UNDO):
        raise BadInput(f"{path} is of a run that has not ended.", "run the repair again; it ends that run.")
    done = going_back.undone(path, tools)
    lines = [f"Posts brought back: {len(done.back)}; workflows started for them: {done.started}."]
    lines += telling.because("queued, and not started", done.unstarted)
    lines += telling.left_lines(done, request)
    changed = bool(done.back) or bool(done.started)
    warnings = telling.may_be_live(done)
    payload = _undone_payload(project, done, completed, "\n".join(lines))
    return Outcome(changed or bool(warnings), payload, warnings=warnings)


def _would_undo(path: str, head: undo.Header, request: ActRequest, tools: Tools) -> Outcome:
    would = going_back.foreseen(path, tools)
    first = "" if path.endswith(undo.UNDO) else "An interrupted run of this file would be finished first. "
    lines = [
        f"{first}Posts that would be brought back as they were before {report.iso(head.stamp)}: {len(would.back)}."
    ]
    lines += telling.left_lines(would, request)
    payload = _undone_payload(head.project, would, completing.Completed(), "\n".join(lines))
    return Outcome(bool(would.back), payload)


def _undone_payload(
    project: str, done: going_back.Undone, completed: completing.Completed, text: str
) -> Dict[str, Any]:
    return {
        "project": project,
        "restored": list(done.back),
        "left_alone": [{"id": post, "class": "", "action": "undo", "reason": reason} for post, reason in done.left],
        "completed": completed.workflows,
        "report": text,
    }
