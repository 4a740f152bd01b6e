# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What undo files are for: bring back what a run changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes, rows, undo, unsure
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import epoch
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.ending import Ended, Ending
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import UNCONFIRMED, Action, Judged, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Item
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.progress import told
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.starting import start_all
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.staying import (
    AWAKE,
    MAY_BE_LIVE,
    Seen,
    as_it_was,
    hindrance,
    is_back,
    why_left,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools

Value = TypeVar("Value")
HELD = "somebody holds it, or changed it just now"
_PASSING = (AWAKE, HELD)
TOO_MANY = "overdue, and too many of its channel to go out at once"
_AS_BEFORE = "overdue, and without a workflow as it was before"
BEGAN = f"it began to publish and may be live: look at its channel; a queued row was marked '{UNCONFIRMED}'"
_REMEDY = "run this again, or any repair with the same undo_directory: the next run finishes the undoing."


@dataclass(frozen=True)
class Undone:
    """Ids that came back; ids that did not, with the reason; workflows started anew, and queued posts without one, and why."""

    back: Tuple[str, ...]
    left: Tuple[Tuple[str, str], ...]
    started: int
    unstarted: Tuple[Tuple[str, str], ...] = ()

    def and_then(self, more: Undone) -> Undone:
        """Both together."""
        return Undone(
            (*self.back, *more.back),
            (*self.left, *more.left),
            self.started + more.started,
            (*self.unstarted, *more.unstarted),
        )


def pages(items: Iterable[Value]) -> Iterator[List[Value]]:
    """So many at a time as one statement names."""
    page: List[Value] = []
    for item in items:
        page.append(item)
        if len(page) == changes.PAGE:
            yield page
            page = []
    if page:
        yield page


def look(posts: Sequence[str], tools: Tools) -> Tuple[Dict[str, Row], Dict[str, Judged]]:
    """The rows of this moment, and what they are judged to be."""
    there = rows.by_ids(tools.connection, posts)
    tools.connection.commit()
    return there, {one.row.id: one for one in tools.look(list(there.values()))}


def may_go(row: Row, tools: Tools, at_once: Dict[str, int]) -> bool:
    """Of one channel, only so many overdue posts go out at once; the others wait for a repair that spreads them."""
    if epoch(row.due) > tools.epoch():
        return True
    at_once[row.channel] = at_once.get(row.channel, 0) + 1
    return at_once[row.channel] <= tools.at_once


def still_idle(posts: Sequence[Row], tools: Tools) -> Tuple[str, ...]:
    """Those that no workflow was started for, and that could still have one: somebody holds their rows."""
    found: List[str] = []
    for page in pages(posts):
        _there, judged = look([row.id for row in page], tools)
        found += [post for post, one in judged.items() if not one.running and not hindrance(one)]
    return tuple(found)


def undone(path: str, tools: Tools, at_once: Optional[Dict[str, int]] = None) -> Undone:
    """Bring rows back as they were before a run, and give those a workflow that had one, or whose time is still to come.

    The file is called undoing until all of it is done, so that the next run ends an undo that was killed. Raises Unfinished
    for what fails from then on.
    """
    path = path if path.endswith(undo.UNDOING) else undo.finish(path, undo.UNDOING)
    tools.progress.path = path
    tools.progress.undoing = True
    counted: Dict[str, int] = {} if at_once is None else at_once
    with told(tools.progress, _REMEDY):
        tools.step("undoing")
        found = Undone((), (), 0)
        for page in pages(undo.records(path)):
            found = found.and_then(_undo_page(path, page, undo.header(path).stamp, tools, counted))
        # What is left for a reason that passes can be undone by another run.
        passing = any(reason in _PASSING for _post, reason in (*found.left, *found.unstarted))
        undo.finish(path, undo.UNDO if passing else undo.UNDONE)
        tools.progress.undoing = False
    return found


def _ids(page: Sequence[undo.Record]) -> List[str]:
    return [identifier for record in page for identifier in (record.decision.post, *record.thread)]


def _look(page: Sequence[undo.Record], stamp: datetime, tools: Tools) -> Seen:
    looked_at = tools.epoch()
    records = {record.decision.post: record for record in page}
    there = rows.by_ids(tools.connection, _ids(page))
    # A draft or a failed post tells nothing of its runs; queued again, it would.
    back = [
        as_it_was(records[post], row) if row.updated == stamp else row for post, row in there.items() if post in records
    ]
    return Seen(records, there, {one.row.id: one for one in tools.look(back)}, looked_at)


def _undo_page(
    path: str, page: Sequence[undo.Record], stamp: datetime, tools: Tools, at_once: Dict[str, int]
) -> Undone:
    # What an undo that was killed had found to have begun.
    unsure.mark(unsure.found([record.decision for record in page], tools, stamp), tools, stamp)
    # Looked at under the locks: nothing changes any more.
    held = changes.hold_written(tools.connection, _ids(page), stamp)
    seen = _look(page, stamp, tools)
    left: List[Tuple[str, str]] = []
    fit: List[undo.Record] = []
    again: List[str] = []
    for post, record in seen.records.items():
        if is_back(record.decision, seen.there.get(post)):
            # An undo that was interrupted brought it back already.
            again.append(post)
            continue
        reason = why_left(record, seen, stamp) or ("" if held.issuperset((post, *record.thread)) else HELD)
        left += [(post, reason)] if reason else []
        fit += [] if reason else [record]
    ended = _end_all(seen, [record.decision.post for record in fit], tools)
    if ended.begun:
        # On the disk before anything is committed: the next run must know it of an undo that was killed.
        undo.keep_away(path, sorted(ended.begun))
        unconfirmed = _mark_unconfirmed(seen, ended.begun, tools, stamp)
        left += [(post, BEGAN) for post in sorted(ended.begun)]
    else:
        unconfirmed = 0
    left += [(post, AWAKE) for post in sorted(ended.awake)]
    safe = [record for record in fit if record.decision.post not in ended.begun | ended.awake]
    changes.restore(tools.connection, [text for record in safe for text in record.rows], stamp)
    tools.step("restored")
    tools.progress.commits(len(safe) + unconfirmed)
    tools.connection.commit()
    tools.progress.committed()
    tools.step("undo committed")
    back = tuple(record.decision.post for record in safe)
    started, unstarted = _start_again([*again, *back], seen.records, tools, at_once)
    return Undone(back, tuple(left), started, unstarted)


def _mark_unconfirmed(seen: Seen, begun: Iterable[str], tools: Tools, stamp: datetime) -> int:
    """Of those, what is queued must not be sent again by anybody."""
    items = [
        Item(seen.judged[post], Action.FAIL, state="ERROR")
        for post in sorted(begun)
        if seen.there[post].state == "QUEUE" and not seen.there[post].deleted
    ]
    if items:
        changes.write(tools.connection, items, [UNCONFIRMED] * len(items), stamp)
    return len(items)


def _start_again(
    posts: Sequence[str], records: Mapping[str, undo.Record], tools: Tools, at_once: Dict[str, int]
) -> Tuple[int, Tuple[Tuple[str, str], ...]]:
    """Workflows for posts that are back, by what is true of them now; how many, and those without one."""
    there = rows.by_ids(tools.connection, posts)
    tools.connection.commit()
    queued = [row for row in there.values() if row.state == "QUEUE" and not row.deleted]
    had_none = {row.id for row in queued if not records[row.id].decision.run and epoch(row.due) <= tools.epoch()}
    idle = [(row.id, _AS_BEFORE) for row in queued if row.id in had_none]
    wanted: List[Row] = []
    judged = tools.look([row for row in queued if row.id not in had_none])
    for one in sorted(judged, key=lambda one: (one.row.due, one.row.id)):
        if one.running:
            continue
        reason = hindrance(one) or ("" if may_go(one.row, tools, at_once) else TOO_MANY)
        if reason:
            idle.append((one.row.id, reason))
        else:
            wanted.append(one.row)
    started = start_all(wanted, tools)
    held = still_idle([row for row in wanted if row.id not in started], tools)
    return len(started), (*idle, *((post, HELD) for post in held))


def foreseen(path: str, tools: Tools) -> Undone:
    """What undoing would do now."""
    stamp = undo.header(path).stamp
    back: List[str] = []
    left: List[Tuple[str, str]] = []
    for page in pages(undo.records(path)):
        seen = _look(page, stamp, tools)
        tools.connection.commit()
        for post, record in seen.records.items():
            if is_back(record.decision, seen.there.get(post)):
                continue
            reason = why_left(record, seen, stamp)
            left += [(post, reason)] if reason else []
            back += [] if reason else [post]
    return Undone(tuple(back), tuple(left), 0)


def _end_all(seen: Seen, posts: Sequence[str], tools: Tools) -> Ended:
    """End their workflows."""

    def again(some: Sequence[Judged]) -> Dict[str, Judged]:
        found = tools.look([one.row for one in some])
        return {
            one.row.id: one for one in found if one.post_class not in MAY_BE_LIVE and (one.endable or not one.running)
        }

    ending = Ending(tools.workflows, tools.epoch, tools.progress, lambda _name: None, again)
    return ending.all([seen.judged[post] for post in posts if seen.judged[post].running], seen.looked_at)
