# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a post is not brought back, or gets no workflow. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Mapping, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, Judged, PostClass, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import PROTECTED

AWAKE = "its workflow cannot be proved to sleep"
IN_PART = "a part of its thread was changed since, and a thread comes back whole or not at all"
MAY_BE_LIVE = (*PROTECTED, PostClass.PUBLISHING, PostClass.HAS_RELEASE)
_ROWS_UNTOUCHED = (Action.POKE.value, Action.END_WORKFLOW.value)
_LEFT = {Action.HOLD.value: "DRAFT", Action.FAIL.value: "ERROR", Action.MARK_PUBLISHED.value: "PUBLISHED"}


@dataclass(frozen=True)
class Seen:
    """The records of a page by post, their rows and those of their threads, and these judged as they would be once they are
    back."""

    records: Mapping[str, undo.Record]
    there: Mapping[str, Row]
    judged: Mapping[str, Judged]
    looked_at: float


def hindrance(one: Judged) -> str:
    """Why no workflow is started for a post that has none; empty if one is."""
    if one.post_class in MAY_BE_LIVE:
        return f"it may be live ({one.post_class.value}): {one.evidence.rstrip('.')}"
    if one.post_class in (PostClass.CHANNEL_BROKEN, PostClass.OLDER_THAN_SWEEP, PostClass.NOT_QUEUED):
        return f"{one.post_class.value}: {one.evidence.rstrip('.')}"
    return ""


def why_left(record: undo.Record, seen: Seen, stamp: datetime) -> str:
    """Why a post and its thread are not brought back; empty if they are, whole."""
    post = record.decision.post
    reason = stays(record.decision, seen.there.get(post), seen.judged.get(post), stamp)
    parts = [seen.there.get(part) for part in record.thread]
    if not reason and any(part is None or part.updated != stamp or not part.deleted for part in parts):
        return IN_PART
    return reason


def stays(decision: undo.Decision, row: Optional[Row], judged: Optional[Judged], stamp: datetime) -> str:
    """Why a post is not brought back; empty if it is."""
    if row is None or judged is None:
        return "there is no such post any more"
    if decision.kept_away:
        return "it may be live: brought back, it would be published again"
    if decision.action in _ROWS_UNTOUCHED:
        return _only_its_workflow(decision, row, judged)
    if row.updated != stamp or not _as_left(decision, row):
        return "it was changed since"
    if judged.post_class in MAY_BE_LIVE:
        return f"{hindrance(judged)}; brought back, it could be published again"
    if judged.running and not judged.endable:
        return AWAKE
    return ""


def _only_its_workflow(decision: undo.Decision, row: Row, judged: Judged) -> str:
    """What became of a post whose row the run did not touch, so that there is nothing to bring back."""
    did = "started" if decision.action == Action.POKE.value else "ended and started anew" if decision.start else "ended"
    if row.state == "PUBLISHED":
        now = "it has been published"
    elif row.state != "QUEUE" or row.deleted:
        now = f"by now it is {'deleted' if row.deleted else row.state}"
    elif judged.post_class in MAY_BE_LIVE:
        now = f"by now it is {judged.post_class.value}: {judged.evidence.rstrip('.')}"
    else:
        now = (
            f"it waits for {row.due.isoformat(sep=' ', timespec='seconds')} UTC"
            if judged.running
            else "none runs by now"
        )
    return f"its row was not changed, its workflow was only {did}; {now}"


def _as_left(decision: undo.Decision, row: Row) -> bool:
    """Whether the row is in the state that the run gave it: somebody's SQL does not always move `updatedAt`."""
    if decision.action == Action.DELETE.value:
        return row.deleted
    return not row.deleted and row.state == _LEFT.get(decision.action, "QUEUE")


def is_back(decision: undo.Decision, row: Optional[Row]) -> bool:
    """Whether its row is as it was before the run."""
    if decision.kept_away or decision.action in _ROWS_UNTOUCHED:
        return False
    return row is not None and row.updated == decision.before


def as_it_was(record: undo.Record, row: Row) -> Row:
    """The row as it is once it is brought back, as far as a judgement needs it."""
    if record.decision.action in _ROWS_UNTOUCHED or not record.rows:
        return row
    was = json.loads(record.rows[0])
    return replace(row, state=was["state"], deleted=was.get("deletedAt") is not None)
