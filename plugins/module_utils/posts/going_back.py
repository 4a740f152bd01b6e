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
_AWAKE = "its workflow cannot be proved to sleep"
_HELD = "somebody holds it, or changed it just now"
_PASSING = (_AWAKE, _HELD)


@dataclass(frozen=True)
class Undone:
    """Ids that came back; ids that did not, with the reason; workflows started anew, and those that were not.

    `waiting` posts are overdue, and too many of their channel to go out at once.
    """

    back: Tuple[str, ...]
    left: Tuple[Tuple[str, str], ...]
    started: int
    waiting: int = 0

    def and_then(self, more: Undone) -> Undone:
        """Both together."""
        return Undone(
            (*self.back, *more.back), (*self.left, *more.left), self.started + more.started, self.waiting + more.waiting
        )


def complete(tools: Tools) -> int:
    """Finish runs that were interrupted, undoing ones too; how many workflows were started for them."""
    started = 0
    for path in undo.pending(tools.folder, tools.project):
        stamp = undo.header(path).stamp
        wanted: List[Row] = []
        committed = False
        for page in _pages(record.decision for record in undo.records(path)):
            committed |= _collect(page, stamp, tools, wanted)
        started += start_all(wanted, tools)
        if committed:
            undo.finish(path, undo.UNDO)
        else:
            undo.discard(path)
    for path in undo.pending(tools.folder, tools.project, undo.UNDOING):
        started += undone(path, tools).started
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
    """Bring rows back as they were before a run, and give those a workflow that had one.

    The file is called undoing until all of it is done, so that the next run ends an undo that was killed.
    """
    path = path if path.endswith(undo.UNDOING) else undo.finish(path, undo.UNDOING)
    tools.step("undoing")
    found = Undone((), (), 0)
    at_once: Dict[str, int] = {}
    for page in _pages(undo.records(path)):
        found = found.and_then(_undo_page(page, undo.header(path).stamp, tools, at_once))
    # What is left for a reason that passes can be undone by another run.
    passing = any(reason in _PASSING for _post, reason in found.left)
    undo.finish(path, undo.UNDO if passing else undo.UNDONE)
    return found


def _undo_page(page: Sequence[undo.Record], stamp: datetime, tools: Tools, at_once: Dict[str, int]) -> Undone:
    there, judged = _now([record.decision.post for record in page], tools)
    left: List[Tuple[str, str]] = []
    fit: List[undo.Record] = []
    again: List[Row] = []
    for record in page:
        post = record.decision.post
        row = there.get(post)
        if row is not None and row.updated == record.decision.before and record.decision.run:
            # An undo that was interrupted brought it back already.
            again += [row] if _startable(judged[post]) else []
            continue
        reason = stays(record.decision, row, judged.get(post), stamp)
        left += [(post, reason)] if reason else []
        fit += [] if reason else [record]
    held = changes.hold_written(tools.connection, [record.decision.post for record in fit], stamp)
    left += [(record.decision.post, _HELD) for record in fit if record.decision.post not in held]
    fit = [record for record in fit if record.decision.post in held]
    begun = _end_all([judged[record.decision.post] for record in fit], tools)
    left += [(post, "it began to publish") for post in sorted(begun)]
    safe = [record for record in fit if record.decision.post not in begun]
    changes.restore(tools.connection, [text for record in safe for text in record.rows], stamp)
    tools.step("restored")
    tools.connection.commit()
    tools.step("undo committed")
    restored = rows.by_ids(tools.connection, [record.decision.post for record in safe if record.decision.run])
    tools.connection.commit()
    wanted, waiting = _not_at_once([*again, *restored.values()], tools, at_once)
    return Undone(tuple(record.decision.post for record in safe), tuple(left), start_all(wanted, tools), waiting)


def _not_at_once(wanted: Sequence[Row], tools: Tools, at_once: Dict[str, int]) -> Tuple[List[Row], int]:
    """Of one channel, only so many overdue posts go out at once; the others wait for a repair that spreads them."""
    started: List[Row] = []
    for row in wanted:
        if epoch(row.due) <= tools.epoch():
            at_once[row.channel] = at_once.get(row.channel, 0) + 1
            if at_once[row.channel] > tools.at_once:
                continue
        started.append(row)
    return started, len(wanted) - len(started)


def foreseen(path: str, tools: Tools) -> Undone:
    """What undoing would do now."""
    stamp = undo.header(path).stamp
    back: List[str] = []
    left: List[Tuple[str, str]] = []
    for page in _pages(record.decision for record in undo.records(path)):
        there, judged = _now([decision.post for decision in page], tools)
        for decision in page:
            reason = stays(decision, there.get(decision.post), judged.get(decision.post), stamp)
            left += [(decision.post, reason)] if reason else []
            back += [] if reason else [decision.post]
    return Undone(tuple(back), tuple(left), 0)


def _end_all(judged: Sequence[Judged], tools: Tools) -> Set[str]:
    """End their workflows; the posts that turn out to have begun publishing."""
    running = {one.row.id: one.workflow for one in judged if one.running and one.workflow is not None}
    for workflow in running.values():
        tools.workflows.terminate(workflow, REASON)
    trails = tools.workflows.trails(list(running.values()))
    return {post for post in running if trails[workflow_id(post)].publishing}


def stays(decision: undo.Decision, row: Optional[Row], judged: Optional[Judged], stamp: datetime) -> str:
    """Why a post is not brought back; empty if it is."""
    if row is None or judged is None:
        return "there is no such post any more"
    if decision.kept_away:
        return "it may be live: brought back, it would be published again"
    if row.updated != stamp:
        return "it was changed since"
    if judged.running and not judged.endable:
        return _AWAKE
    return ""
