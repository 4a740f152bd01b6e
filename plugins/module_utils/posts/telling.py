# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the two modules say to people about what they found and did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Dict, List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import (
    act,
    completing,
    going_back,
    report,
    rows,
    undo_damage,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import UNCONFIRMED, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import ActRequest, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.search import Found

_FEW_IDS = 20


def unknown(found: Found) -> Tuple[str, ...]:
    if not found.unknown:
        return ()
    few = found.unknown[:_FEW_IDS]
    more = len(found.unknown) - len(few)
    return (f"Selected, and not there: {', '.join(few)}{f' and {more} more' if more else ''}.",)


def found_lines(found: Found, request: Request, now: datetime) -> List[str]:
    tally = found.tally
    trouble = sum(tally.of(post_class) for post_class in PostClass if post_class not in report.QUIET)
    project = request.temporal.wanted.project
    lines = [f"{trouble} post{'' if trouble == 1 else 's'} of {project} {'is' if trouble == 1 else 'are'} stuck."]
    if tally.total:
        lines += ["", *tally.table()]
    bounds = beyond(found, request, now)
    lines += ["", *bounds] if bounds else []
    notes = report.findings(tally)
    if notes:
        lines += ["", *(f"[{item.code}] {item.evidence} Remedy: {item.remedy}" for item in notes)]
    return lines


def beyond(found: Found, request: Request, now: datetime) -> List[str]:
    """What was not looked at: no bound is silent."""
    lines = list(unknown(found))
    if found.older:
        lines.append(
            f"Not looked at: {found.older} posts, queued or failed with a release, that were due before newer_than."
        )
    if found.later and request.selection.horizon_seconds:
        until = report.iso(now + timedelta(seconds=request.selection.horizon_seconds))
        count = (
            f"{found.later}{' or more' if found.later >= rows.MOST_LATER else ''} post{'' if found.later == 1 else 's'}"
        )
        lines.append(f"Not looked at whether their workflow is there: {count} due from {until} on (horizon).")
    lines += report.ahead_lines(found.ahead, request.selection, found.recurring)
    if not request.scan_limit and not request.selection.posts:
        lines.append("Workflows without a queued post were not looked for (scan_limit: 0).")
    if request.scan_limit and found.running > found.scanned and not request.selection.posts:
        lines.append(f"Of {found.running} running workflows, {found.scanned} were looked at for ghosts (scan_limit).")
    if found.tally.total > len(found.tally.listed):
        more = "" if found.tally.all_named else f", of the first {report.MOST_IDS} posts"
        lines.append(f"Ids of all of them are in summary[].ids of the result{more}.")
    return lines


def acted(done: act.Done, request: ActRequest, completed: Sequence[str]) -> List[str]:
    count = len(done.items)
    what = "would be changed" if request.check_mode else "was changed" if count == 1 else "were changed"
    lines = [f"{count} post{'' if count == 1 else 's'} of {request.look.temporal.wanted.project} {what}."]
    lines += ["", *report.plan_table(done.items)] if done.items else []
    extra = [*report.reasons(done.skipped), *completed]
    if done.kept_away:
        extra.append(
            f"{len(done.kept_away)} had begun to publish while they were being changed: marked '{UNCONFIRMED}', "
            f"look at their channels: {', '.join(done.kept_away[:5])}."
        )
    if done.not_held:
        extra.append(
            f"{few(done.not_held)} were started by Postiz while they were being changed, and may be live: look at their "
            "channels."
        )
    if done.not_running:
        extra.append(
            f"{len(done.not_running)} still have no workflow: {', '.join(done.not_running[:5])}; run this again."
        )
    if done.undo_file:
        extra.append(f"The way back: posts_undo_file={done.undo_file} (module: state undone, undo_file).")
    return [*lines, *([""] if extra else []), *extra]


def completed_lines(completed: completing.Completed, request: ActRequest, waiting: int) -> List[str]:
    """What was done, or would be, for interrupted runs; and what stays undone of them."""
    if not waiting:
        return []
    if request.check_mode:
        lines = [f"An interrupted run would be finished first; workflows started for it: {len(completed.started)}."]
    else:
        lines = [f"An interrupted run was finished first; workflows started for it: {completed.workflows}."]
    if completed.back:
        told_back = (
            "would be brought back by it, and planned only then" if request.check_mode else "were brought back by it"
        )
        lines.append(f"{few(completed.back)} {told_back}.")
    return [*lines, *because("of the interrupted run, not started", completed.left)]


def because(what: str, reasons: Sequence[Tuple[str, str]]) -> List[str]:
    """One line for each reason."""
    groups: Dict[str, List[str]] = {}
    for post, reason in reasons:
        groups.setdefault(reason, []).append(post)
    return [f"{what}: {few(posts)}: {reason}." for reason, posts in groups.items()]


def few(posts: Sequence[str]) -> str:
    return f"{len(posts)} ({', '.join(posts[:5])}{', …' if len(posts) > 5 else ''})"


def aside_lines(damaged: Sequence[undo_damage.Damage], aside: Sequence[str]) -> List[str]:
    if aside:
        return ["", f"Damaged undo files were set aside: {', '.join(aside)}."]
    if damaged:
        return ["", f"Damaged undo files would be set aside: {', '.join(one.path for one in damaged)}."]
    return []


def remaining(found: Found, done: act.Done) -> List[str]:
    """Classes of which something is left that the plan did not touch: why, and what to do."""
    touched: Dict[PostClass, int] = {}
    for one in (*(item.judged for item in done.items), *(skipped.judged for skipped in done.skipped)):
        touched[one.post_class] = touched.get(one.post_class, 0) + 1
    left = report.left_by_default(found.tally, touched)
    return ["", *left] if left else []


def warnings(done: act.Done) -> Tuple[str, ...]:
    found = []
    if done.kept_away:
        found.append(f"{len(done.kept_away)} posts may be live; see the report.")
    if done.not_held:
        found.append(f"{len(done.not_held)} posts were started by Postiz meanwhile, and may be live; see the report.")
    if done.not_running:
        found.append(f"{len(done.not_running)} posts still have no workflow; run this again.")
    return tuple(found)


def may_be_live(done: going_back.Undone) -> Tuple[str, ...]:
    began = [post for post, reason in done.left if reason == going_back.BEGAN]
    return (f"{few(began)} began to publish while they were being undone; see the report.",) if began else ()


def left_lines(done: going_back.Undone, request: ActRequest) -> List[str]:
    shown = done.left[: request.look.limit]
    more = len(done.left) - len(shown)
    return [*(f"left alone: {post}: {reason}." for post, reason in shown), *([f"and {more} more."] if more else [])]
