# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What undo files are for: finish runs that were interrupted, and bring back what a run changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, TypeVar

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.act import REASON, Tools, start_all
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import MARGIN_SECONDS, epoch
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Judged, PostClass, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import PROTECTED
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import workflow_id

Value = TypeVar("Value")


@dataclass(frozen=True)
class Undone:
    """Ids that came back; ids that did not, with the reason; how many workflows were started anew."""

    back: Tuple[str, ...]
    left: Tuple[Tuple[str, str], ...]
    started: int


def complete(tools: Tools) -> int:
    """Finish runs that were interrupted; how many workflows were started for them."""
    started = 0
    for path in undo.pending(tools.folder):
        stamp = undo.header(path).stamp
        wanted: List[Row] = []
        committed = False
        for page in _pages(record.decision for record in undo.records(path)):
            committed |= _collect(page, stamp, tools, wanted)
        start_all(wanted, tools)
        started += len(wanted)
        if committed:
            undo.finish(path, undo.UNDO)
        else:
            undo.discard(path)
    return started


def _pages(items: Iterable[Value]) -> Iterator[List[Value]]:
    page: List[Value] = []
    for item in items:
        page.append(item)
        if len(page) == changes.PAGE:
            yield page
            page = []
    if page:
        yield page


def _now(posts: Sequence[str], tools: Tools) -> Tuple[Dict[str, Row], Dict[str, Judged]]:
    there = rows.by_ids(tools.connection, posts)
    tools.connection.commit()
    return there, {one.row.id: one for one in tools.look(list(there.values()))}


def _collect(page: Sequence[undo.Decision], stamp: datetime, tools: Tools, wanted: List[Row]) -> bool:
    """Add the rows that still want a workflow; whether the run had committed."""
    there, judged = _now([decision.post for decision in page], tools)
    decided = {decision.post: decision for decision in page}
    for post, row in there.items():
        decision = decided[post]
        if decision.kept_away or not _startable(judged[post]):
            continue
        # Before the commit: an overdue post without a workflow is found as such; one of the future would be forgotten.
        ahead = epoch(row.due) - tools.epoch() > -MARGIN_SECONDS
        if (row.updated == stamp and decision.start) or (row.updated == decision.before and decision.run and ahead):
            wanted.append(row)
    return any(row.updated == stamp for row in there.values())


def _startable(one: Judged) -> bool:
    return not one.running and one.post_class not in (*PROTECTED, PostClass.NOT_QUEUED, PostClass.HAS_RELEASE)


def undone(path: str, tools: Tools) -> Undone:
    """Bring rows back as they were before a run, and give those a workflow that had one."""
    stamp = undo.header(path).stamp
    back: List[str] = []
    left: List[Tuple[str, str]] = []
    started = 0
    for page in _pages(undo.records(path)):
        started += _undo_page(page, stamp, tools, back, left)
    undo.finish(path, undo.UNDONE)
    return Undone(tuple(back), tuple(left), started)


def _undo_page(
    page: Sequence[undo.Record], stamp: datetime, tools: Tools, back: List[str], left: List[Tuple[str, str]]
) -> int:
    there, judged = _now([record.decision.post for record in page], tools)
    fit: List[undo.Record] = []
    again: List[Row] = []
    for record in page:
        post = record.decision.post
        row = there.get(post)
        if row is not None and row.updated == record.decision.before and record.decision.run:
            # An undo that was interrupted brought it back already.
            again += [row] if _startable(judged[post]) else []
            continue
        reason = _stays(record.decision, row, judged.get(post), stamp)
        left += [(post, reason)] if reason else []
        fit += [] if reason else [record]
    begun = _end_all([judged[record.decision.post] for record in fit], tools)
    left += [(post, "it began to publish") for post in sorted(begun)]
    safe = [record for record in fit if record.decision.post not in begun]
    came = changes.restore(tools.connection, [text for record in safe for text in record.rows], stamp)
    tools.connection.commit()
    tools.step("restored")
    back += [record.decision.post for record in safe if record.decision.post in came]
    had = [record.decision.post for record in safe if record.decision.run and record.decision.post in came]
    restored = rows.by_ids(tools.connection, had)
    tools.connection.commit()
    wanted = [*again, *restored.values()]
    start_all(wanted, tools)
    return len(wanted)


def _end_all(judged: Sequence[Judged], tools: Tools) -> Set[str]:
    """End their workflows; the posts that turn out to have begun publishing."""
    running = {one.row.id: one.workflow for one in judged if one.running and one.workflow is not None}
    for workflow in running.values():
        tools.workflows.terminate(workflow, REASON)
    trails = tools.workflows.trails(list(running.values()))
    return {post for post in running if trails[workflow_id(post)].publishing}


def _stays(decision: undo.Decision, row: Optional[Row], judged: Optional[Judged], stamp: datetime) -> str:
    if row is None or judged is None:
        return "there is no such post any more"
    if decision.kept_away:
        return "it may be live: brought back, it would be published again"
    if row.updated != stamp:
        return "it was changed since"
    if judged.running and not judged.endable:
        return "its workflow cannot be proved to sleep"
    return ""
