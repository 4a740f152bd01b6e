# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two modules' operations: look at stuck posts, and repair them with a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Callable, Dict, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import (
    act,
    changes,
    going_back,
    report,
    rows,
    undo,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import session
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, Judged, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.observe import Looker, Scene, open_scene
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import MOST_POSTS, ActRequest, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Plan, build
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.release import workflow_type


@dataclass(frozen=True)
class Found:
    """`wanted` are the posts that `keep` asked for; `scanned` of `running` workflows were looked at for ghosts."""

    tally: report.Tally
    wanted: Tuple[Judged, ...]
    older: int
    scanned: int
    running: int


def find(connection: Any, looker: Looker, request: Request, keep: Optional[Callable[[Judged], bool]]) -> Found:
    """Judge every post of the selection, page by page; `keep` chooses those that are handed out."""
    tally = report.Tally(request.limit)
    wanted: List[Judged] = []

    def add(judged: List[Judged]) -> None:
        for one in judged:
            if one.post_class is not PostClass.NOT_QUEUED or request.selection.posts:
                tally.add(one)
            if keep is not None and keep(one):
                wanted.append(one)

    for page in rows.overdue(connection, request.selection, looker.world.now):
        add(looker.judge(page))
    scanned = running = 0
    if not request.selection.posts:
        for page in rows.live_errors(connection, request.selection):
            add(looker.judge(page))
        ghosts, scanned, running = looker.ghosts(connection, request.scan_limit)
        add([one for one in ghosts if _selected(one, request) and not _seen(one, request, looker.world.now)])
    return Found(tally, tuple(wanted), rows.older(connection, request.selection), scanned, running)


def _seen(one: Judged, request: Request, now: datetime) -> bool:
    """Whether the selection by time had it already."""
    return one.row.state == "QUEUE" and (now - one.row.due).total_seconds() > request.selection.overdue_seconds


def _selected(one: Judged, request: Request) -> bool:
    chosen = request.selection
    return (
        (not chosen.channels or one.row.channel in chosen.channels)
        and (not chosen.providers or one.row.provider in chosen.providers)
        and (not chosen.organizations or one.row.organization in chosen.organizations)
    )


def inform(engine: Engine, request: Request, clock: Clock) -> Outcome:
    """Look, and change nothing. Raises StackError."""
    scene = open_scene(engine, request.temporal, request.database, request.failing_attempts, clock)
    with session(scene.database, request.statement_seconds, readonly=True) as connection:
        now = rows.database_now(connection)
        found = find(connection, Looker(scene, now, clock), request, keep=None)
    return Outcome(False, {**_common(found, request, now), "report": "\n".join(_told(found, request))})


def _common(found: Found, request: Request, now: datetime) -> Dict[str, Any]:
    return {
        "project": request.temporal.wanted.project,
        "now": report.iso(now),
        "total": found.tally.total,
        "summary": found.tally.summary(),
        "posts": [report.post(one) for one in found.tally.listed],
        "older_than_selected": found.older,
        "workflows_scanned": found.scanned,
        "workflows_running": found.running,
        "findings": [finding.as_dict() for finding in report.findings(found.tally)],
    }


def _told(found: Found, request: Request) -> List[str]:
    tally = found.tally
    trouble = sum(tally.of(post_class) for post_class in PostClass if post_class not in report.QUIET)
    project = request.temporal.wanted.project
    lines = [f"{trouble} post{'' if trouble == 1 else 's'} of {project} {'is' if trouble == 1 else 'are'} stuck."]
    if tally.total:
        lines += ["", *tally.table()]
    if found.older:
        lines += ["", f"Not looked at: {found.older} queued posts that were due before newer_than."]
    if found.running > found.scanned and not request.selection.posts:
        lines += ["", f"Of {found.running} running workflows, {found.scanned} were looked at for ghosts (scan_limit)."]
    notes = report.findings(tally)
    if notes:
        lines += ["", *(f"[{item.code}] {item.evidence} Remedy: {item.remedy}" for item in notes)]
    return lines


def repair(engine: Engine, request: ActRequest, clock: Clock, step: Callable[[str], None]) -> Outcome:
    """Plan, and outside of check mode act and prove. `step` is told each step. Raises StackError."""
    look = request.look
    scene = open_scene(engine, look.temporal, look.database, look.failing_attempts, clock)
    with session(scene.database, look.statement_seconds, readonly=False) as connection:
        if not request.check_mode:
            changes.claim(connection)
        now = rows.database_now(connection)
        looker = Looker(scene, now, clock)
        waiting = len(undo.pending(request.undo_directory))
        tools = _tools(scene, request, connection, looker, clock, step)
        completed = 0
        if waiting or request.undo:
            tools = replace(tools, kind=workflow_type(engine, scene.postiz))
        if not request.check_mode:
            undo.sweep(request.undo_directory)
            completed = going_back.complete(tools)
        if request.undo:
            return _undo(request, tools, completed)
        found, plan = planned(connection, looker, request, now)
        connection.rollback()
        if any(item.start for item in plan.items) and not tools.kind:
            tools = replace(tools, kind=workflow_type(engine, scene.postiz))
        step("plan")
        done = act.Done(plan.items, plan.skipped)
        if plan.items and not request.check_mode:
            done = act.carry_out(plan, tools)
        lines = _acted(done, request, completed, waiting)
        payload = {
            **_common(found, look, now),
            "plan": [report.decision(item) for item in done.items[: look.limit]],
            "planned": len(done.items),
            "left_alone": [report.skip(item) for item in done.skipped[: look.limit]],
            "kept_away": list(done.kept_away),
            "not_running": list(done.not_running),
            "undo_file": done.undo_file,
            "completed": completed,
            "restored": [],
            "report": "\n".join(lines),
        }
        changed = bool(done.items) or bool(waiting)
        return Outcome(changed, payload, report.diff(plan) if plan.items else None, _warnings(done))


def planned(connection: Any, looker: Looker, request: ActRequest, now: datetime) -> Tuple[Found, Plan]:
    """What is found, and what is to be done about it. Raises BadInput when that is too much for one run."""
    asked = 0

    def chosen(one: Judged) -> bool:
        nonlocal asked
        if request.settings.actions.get(one.post_class, Action.NONE) is Action.NONE:
            return False
        # More than can be done is only counted: a million overdue posts take no more memory than these.
        asked += 1
        return asked <= MOST_POSTS

    def taken(*values: Any) -> Any:
        return rows.taken(connection, *values)

    found = find(connection, looker, request.look, chosen)
    if asked > MOST_POSTS:
        raise BadInput(
            f"{asked} posts would be looked at in one run, and {MOST_POSTS} is the most.",
            "select fewer, by channel or time.",
        )
    return found, build(found.wanted, request.settings, now, taken)


def _tools(
    scene: Scene,
    request: ActRequest,
    connection: Any,
    looker: Looker,
    clock: Clock,
    step: Callable[[str], None],
) -> act.Tools:
    return act.Tools(
        connection=connection,
        workflows=scene.workflows,
        look=looker.judge,
        kind="",
        project=request.look.temporal.wanted.project,
        folder=request.undo_directory,
        fail_reason=request.settings.fail_reason,
        step=step,
        epoch=clock.now,
    )


def _acted(done: act.Done, request: ActRequest, completed: int, waiting: int) -> List[str]:
    count = len(done.items)
    what = "would be changed" if request.check_mode else "was changed" if count == 1 else "were changed"
    lines = [f"{count} post{'' if count == 1 else 's'} of {request.look.temporal.wanted.project} {what}."]
    lines += ["", *report.plan_table(done.items)] if done.items else []
    extra = report.reasons(done.skipped)
    if waiting and not request.check_mode:
        extra.append(f"An interrupted run was finished first; workflows started for it: {completed}.")
    if waiting and request.check_mode:
        extra.append("An interrupted run would be finished first.")
    if done.kept_away:
        extra.append(
            f"{len(done.kept_away)} had begun to publish while they were being changed: marked '{act.UNCONFIRMED}', "
            f"look at their channels: {', '.join(done.kept_away[:5])}."
        )
    if done.not_running:
        extra.append(
            f"{len(done.not_running)} still have no workflow: {', '.join(done.not_running[:5])}; run this again."
        )
    if done.undo_file:
        extra.append(f"The way back: state: undone, undo_file: {done.undo_file}")
    return [*lines, *([""] if extra else []), *extra]


def _warnings(done: act.Done) -> Tuple[str, ...]:
    if done.kept_away:
        return (f"{len(done.kept_away)} posts may be live; see the report.",)
    return ()


def _undo(request: ActRequest, tools: act.Tools, completed: int) -> Outcome:
    path = undo.current(request.undo_file)
    head = undo.header(path)
    project = request.look.temporal.wanted.project
    if head.project != project:
        raise BadInput(
            f"The undo file is of the project {head.project!r}, not of {project!r}.", "give the right project or file."
        )
    if path.endswith(undo.UNDONE):
        text = "It was undone before; nothing to do."
        return Outcome(False, _undone_payload(project, going_back.Undone((), (), 0), completed, text))
    if not path.endswith(undo.UNDO):
        raise BadInput(f"{path} is of a run that has not ended.", "run the repair again; it ends that run.")
    if request.check_mode:
        count = sum(1 for _record in undo.records(path))
        text = f"Posts that would be brought back as they were before {report.iso(head.stamp)}: {count}."
        return Outcome(True, _undone_payload(project, going_back.Undone((), (), 0), completed, text))
    done = going_back.undone(path, tools)
    lines = [f"Posts brought back: {len(done.back)}; workflows started for them: {done.started}."]
    lines += [f"left alone: {post}: {reason}." for post, reason in done.left[: request.look.limit]]
    return Outcome(bool(done.back) or bool(done.started), _undone_payload(project, done, completed, "\n".join(lines)))


def _undone_payload(project: str, done: going_back.Undone, completed: int, text: str) -> Dict[str, Any]:
    return {
        "project": project,
        "restored": list(done.back),
        "left_alone": [{"id": post, "class": "", "action": "undo", "reason": reason} for post, reason in done.left],
        "completed": completed,
        "report": text,
    }
