# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two modules' operations: look at stuck posts, and repair them with a plan."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from typing import AbstractSet, Any, Callable, Dict, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import (
    act,
    changes,
    completing,
    report,
    rows,
    telling,
    undo,
    undo_damage,
    undo_folder,
    undoing,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import session
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, Judged
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.namespace import doubt, refuse_doubt
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.observe import Looker
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import MOST_POSTS, ActRequest, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Plan, build
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.progress import told
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.release import workflow_type
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.scene import Scene, open_scene
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.search import Found, find
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools


def inform(engine: Engine, request: Request, clock: Clock) -> Outcome:
    """Look, and change nothing. Raises StackError."""
    scene = open_scene(engine, request.temporal, request.database, request.failing_attempts, clock)
    with session(scene.database, request.statement_seconds, readonly=True) as connection:
        elsewhere = doubt(scene, connection)
        now = rows.database_now(connection)
        found = find(connection, Looker(scene, now, clock), request, keep=None)
    doubts = (
        (f"{elsewhere}: posts may only seem to lack their workflow, and stuck_posts refuses.",) if elsewhere else ()
    )
    payload = {
        **_common(found, request, now),
        "report": "\n".join((*telling.found_lines(found, request, now), *doubts)),
    }
    return Outcome(False, payload, warnings=(*telling.unknown(found), *doubts))


def _common(found: Found, request: Request, now: datetime) -> Dict[str, Any]:
    return {
        "project": request.temporal.wanted.project,
        "now": report.iso(now),
        "total": found.tally.total,
        "summary": found.tally.summary(),
        "posts": [report.post(one) for one in found.tally.listed],
        "older_than_selected": found.older,
        "later_than_horizon": found.later,
        "looked_ahead": report.looked_ahead(found.ahead),
        "recurring": found.recurring,
        "not_found": list(found.unknown),
        "workflows_scanned": found.scanned,
        "workflows_running": found.running,
        "findings": [finding.as_dict() for finding in report.findings(found.tally)],
    }


def repair(engine: Engine, request: ActRequest, clock: Clock, step: Callable[[str], None]) -> Outcome:
    """Plan, and outside of check mode act and prove. `step` is told each step. Raises StackError."""
    look = request.look
    # What the real run would meet, check mode meets as well.
    if request.undo:
        undo_folder.within(request.undo_directory, request.undo_file)
    undo_folder.check_folder(request.undo_directory)
    scene = open_scene(engine, look.temporal, look.database, look.failing_attempts, clock)
    with session(scene.database, look.statement_seconds, readonly=False) as connection:
        refuse_doubt(scene, connection)
        if request.check_mode:
            changes.check_rights(connection)
        else:
            changes.claim(connection, request.lock_seconds, clock)
        now = rows.database_now(connection)
        looker = Looker(scene, now, clock)
        tools = _tools(scene, request, connection, looker, clock, step)
        with told(tools.progress):
            return _repair(engine, request, scene, looker, now, tools)


def _repair(engine: Engine, request: ActRequest, scene: Scene, looker: Looker, now: datetime, tools: Tools) -> Outcome:
    """Raises Unfinished for what is refused after an interrupted run was finished."""
    look = request.look
    project = look.temporal.wanted.project
    damaged = undo_damage.damaged(request.undo_directory, project)
    if not request.set_aside_damaged:
        undo_damage.refuse_damaged(damaged)
    aside = () if request.check_mode else undo_damage.set_aside(damaged)
    broken = frozenset(one.path for one in damaged)
    waiting = sum(
        len(set(undo.pending(request.undo_directory, project, end, broken))) for end in (undo.PENDING, undo.UNDOING)
    )
    if waiting or request.undo:
        tools = replace(tools, kind=workflow_type(engine, scene.postiz))
    there = bool(request.undo) and os.path.exists(undo.current(request.undo_file))
    if request.check_mode:
        completed = completing.foreseen(tools, broken)
    else:
        undo.sweep(request.undo_directory, project)
        completed = completing.complete(tools)
    if request.undo:
        completing.close(completed)
        outcome = undoing.bring_back(request, tools, completed, there)
        more = (*telling.completed_lines(completed, request, waiting), *telling.aside_lines(damaged, aside))
        return _with(outcome, more, bool(waiting or damaged), set_aside=list(aside))
    # Outside of check mode these have their workflow by now.
    away = frozenset((*completed.started, *completed.back)) if request.check_mode else frozenset()
    ours = frozenset(post for post, reason in completed.left if reason == completing.OVERDUE)
    request = replace(request, settings=replace(request.settings, ours=ours))
    found, plan = planned(tools.connection, looker, request, now, away)
    tools.connection.rollback()
    if any(item.start for item in plan.items) and not tools.kind:
        tools = replace(tools, kind=workflow_type(engine, scene.postiz))
    tools.step("plan")
    done = act.Done(plan.items, plan.skipped)
    if plan.items and not request.check_mode:
        done = act.carry_out(plan, tools)
    completing.close(completed)
    beyond = telling.beyond(found, look, now)
    lines = telling.acted(done, request, telling.completed_lines(completed, request, waiting))
    lines += telling.remaining(found, done) + (["", *beyond] if beyond else []) + telling.aside_lines(damaged, aside)
    payload = {
        **_common(found, look, now),
        **_done(done, look.limit),
        "completed": 0 if request.check_mode else completed.workflows,
        "set_aside": list(aside),
        "report": "\n".join(lines),
    }
    changed = bool(done.items) or bool(waiting) or bool(damaged)
    warnings = (*telling.warnings(done), *telling.unknown(found))
    return Outcome(changed, payload, report.diff(plan) if plan.items else None, warnings)


def _with(outcome: Outcome, lines: Sequence[str], changed: bool, **more: Any) -> Outcome:
    """With further lines in its report, and further values."""
    told = "\n".join((outcome.payload["report"], *lines))
    return replace(outcome, payload={**outcome.payload, **more, "report": told}, changed=outcome.changed or changed)


def _done(done: act.Done, limit: int) -> Dict[str, Any]:
    """What became of the plan; at most `limit` rows of each list."""
    return {
        "plan": [report.decision(item) for item in done.items[:limit]],
        "planned": len(done.items),
        "planned_ids": [item.id for item in done.items],
        "left_alone": [report.skip(item) for item in done.skipped[:limit]],
        "kept_away": list(done.kept_away),
        "not_running": list(done.not_running),
        "not_held": list(done.not_held),
        "undo_file": done.undo_file,
        "restored": [],
    }


def planned(
    connection: Any, looker: Looker, request: ActRequest, now: datetime, away: AbstractSet[str] = frozenset()
) -> Tuple[Found, Plan]:
    """What is found, and what is to be done about it, except for the posts in `away`.

    Raises BadInput when that is too much for one run.
    """
    asked = 0

    def chosen(one: Judged) -> bool:
        nonlocal asked
        if one.row.id in away or request.settings.actions.get(one.post_class, Action.NONE) is Action.NONE:
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
            "select fewer, by channel or time. Are most of them of the future: a shorter horizon, or first the overdue ones "
            "alone with actions: {scheduled-no-workflow: none}.",
        )
    return found, build(found.wanted, request.settings, now, taken)


def _tools(
    scene: Scene,
    request: ActRequest,
    connection: Any,
    looker: Looker,
    clock: Clock,
    step: Callable[[str], None],
) -> Tools:
    return Tools(
        connection=connection,
        workflows=scene.workflows,
        look=looker.judge,
        kind="",
        project=request.look.temporal.wanted.project,
        folder=request.undo_directory,
        fail_reason=request.settings.fail_reason,
        step=step,
        epoch=clock.now,
        at_once=request.settings.poke_at_once,
        overdue_seconds=request.look.selection.overdue_seconds,
    )
