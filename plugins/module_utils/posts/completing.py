# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finish runs that were interrupted, undoing ones too.

After a long interruption much of what was to be started is overdue. That is not started here beyond a few of each channel:
the plan of the same run finds it without a workflow, and has its limits. Until that plan is carried out the file stays
pending: a run that is killed before would leave them without a workflow, and the next one would not know them as its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import AbstractSet, Dict, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import going_back, staying, undo, unsure
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import MARGIN_SECONDS, epoch
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, Judged, PostClass, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.progress import told
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.starting import start_all
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools

_REMEDY = "run the same again with the same undo_directory: it finishes the interrupted run."
OVERDUE = "overdue by now: planned like every overdue post without a workflow"


@dataclass(frozen=True)
class Completed:
    """Posts that got a workflow, those that did not and why, and those that an interrupted undo brought back.

    `unclosed` are the files whose posts the plan has still to take, each with whether its run had committed.
    """

    started: Tuple[str, ...] = ()
    left: Tuple[Tuple[str, str], ...] = ()
    back: Tuple[str, ...] = ()
    again: int = 0
    unclosed: Tuple[Tuple[str, bool], ...] = ()

    @property
    def workflows(self) -> int:
        """How many were started."""
        return len(self.started) + self.again

    def and_then(self, more: Completed) -> Completed:
        """Both together."""
        return Completed(
            (*self.started, *more.started),
            (*self.left, *more.left),
            (*self.back, *more.back),
            self.again + more.again,
            (*self.unclosed, *more.unclosed),
        )


def complete(tools: Tools) -> Completed:
    """To be closed once the plan is carried out. Raises StackError or the database's error; Unfinished once something was
    started."""
    found = Completed()
    at_once: Dict[str, int] = {}
    with told(tools.progress, _REMEDY):
        for path in undo.pending(tools.folder, tools.project):
            tools.progress.path = path
            found = found.and_then(_complete(path, tools, at_once))
        for path in undo.pending(tools.folder, tools.project, undo.UNDOING):
            found = found.and_then(_of_undoing(going_back.undone(path, tools, at_once)))
        tools.progress.path = ""
    return found


def foreseen(tools: Tools, without: AbstractSet[str]) -> Completed:
    """What completing would do now; `without` are damaged files that are set aside first."""
    found = Completed()
    at_once: Dict[str, int] = {}
    for path in undo.pending(tools.folder, tools.project, undo.PENDING, without):
        wanted, left, _committed = _wanting(path, tools, at_once)
        stamp = undo.header(path).stamp
        for page in going_back.pages(record.decision for record in undo.records(path)):
            left += tuple((post, unsure.MARKED) for post in unsure.found(page, tools, stamp))
        found = found.and_then(Completed(tuple(row.id for row in wanted), left))
    for path in undo.pending(tools.folder, tools.project, undo.UNDOING, without):
        found = found.and_then(_of_undoing(going_back.foreseen(path, tools)))
    return found


def _of_undoing(done: going_back.Undone) -> Completed:
    return Completed((), (*done.left, *done.unstarted), done.back, done.started)


def _complete(path: str, tools: Tools, at_once: Dict[str, int]) -> Completed:
    stamp = undo.header(path).stamp
    marked: List[str] = []
    for page in going_back.pages(record.decision for record in undo.records(path)):
        unsure.end_failed(page, tools, stamp)
        live = unsure.found(page, tools, stamp)
        unsure.mark(live, tools, stamp)
        marked += live
    wanted, left, committed = _wanting(path, tools, at_once)
    left += tuple((post, unsure.MARKED) for post in marked)
    started = start_all(wanted, tools)
    held = going_back.still_idle([row for row in wanted if row.id not in started], tools)
    left += tuple((post, going_back.HELD) for post in held)
    if held:
        # It stays pending, so that the next run starts them.
        return Completed(tuple(sorted(started)), left)
    done = Completed(tuple(sorted(started)), left, unclosed=((path, committed),))
    if any(reason == OVERDUE for _post, reason in left):
        return done
    close(done)
    return replace(done, unclosed=())


def close(completed: Completed) -> None:
    """The plan has taken what was left to it. Raises UndoFailed."""
    for path, committed in completed.unclosed:
        if committed:
            undo.finish(path, undo.UNDO)
        else:
            undo.discard(path)


def _wanting(path: str, tools: Tools, at_once: Dict[str, int]) -> Tuple[List[Row], Tuple[Tuple[str, str], ...], bool]:
    """Rows that still want a workflow, posts that get none with the reason, and whether the run had committed."""
    stamp = undo.header(path).stamp
    wanted: List[Row] = []
    left: List[Tuple[str, str]] = []
    committed = False
    for page in going_back.pages(record.decision for record in undo.records(path)):
        there, judged = going_back.look([decision.post for decision in page], tools)
        decided = {decision.post: decision for decision in page}
        # What somebody changed or removed since may have been changed by it before, so its rows are kept.
        committed |= len(there) < len(decided)
        committed |= any(row.updated != decided[post].before for post, row in there.items())
        for post, row in sorted(there.items(), key=lambda pair: (pair[1].due, pair[0])):
            decision = decided[post]
            after = row.updated == stamp and decision.start
            # Before the commit: the row is as it was, and its workflow may have been ended.
            only_started = decision.start and decision.action == Action.POKE.value
            before = row.updated == decision.before and (only_started or bool(decision.run))
            if decision.kept_away or judged[post].running or not (after or before):
                continue
            reason = _left_alone(judged[post], tools, at_once)
            if reason is None:
                wanted.append(row)
            elif reason:
                left.append((post, reason))
    return wanted, tuple(left), committed


def _left_alone(one: Judged, tools: Tools, at_once: Dict[str, int]) -> Optional[str]:
    """None if its workflow is to be started; an empty text for what is no longer queued."""
    if one.post_class is PostClass.NOT_QUEUED:
        return ""
    reason = staying.hindrance(one)
    if reason:
        return reason
    late = tools.epoch() - epoch(one.row.due)
    if late < MARGIN_SECONDS:
        return None
    if late > tools.overdue_seconds:
        return OVERDUE
    # Too fresh to be found by the plan.
    return None if going_back.may_go(one.row, tools, at_once) else going_back.TOO_MANY
