# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The next step: the least one that covers the first cause and has not failed before. Pure: the time is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.ladder import POSTIZ, Ladder, ladder
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import (
    Cause,
    Decision,
    History,
    Kind,
    Limits,
    Rung,
    Situation,
    Step,
    Tried,
    component_of,
)

# After a step these leave the running apps as they are, so no new quiet window begins.
_GENTLE = (Rung.RESTORE_SWEEPER, Rung.REPAIR_POSTS, Rung.RESTORE_NAMESPACE)
_UNSEEN_SECONDS = 30.0
_NEEDS_COMPOSE = (Rung.RECREATE_CONTAINER,)
# What stands still after one of these was killed stands still for another reason.
_STOPS_NOTHING = (*_GENTLE, Rung.END_PROCESS_GROUP)
STOPPED = ("exited", "paused", "not-started")


def choose(situation: Situation, history: History, seen_for: float, now: float, limits: Limits) -> Decision:
    """`seen_for` is how long, in seconds, this first cause has been seen without a break."""
    history = _cut_off(history.as_of(now), situation)
    unfinished = _unfinished(history)
    if situation.verdict is Verdict.HEALTHY:
        return Decision(Kind.CLOSE if history.open or unfinished or history.quarantined_at else Kind.NOTHING)
    if history.quarantined_at and not situation.flows:
        return Decision(Kind.QUIET, reason=history.quarantine_reason)
    if situation.verdict is Verdict.SETTLING or not situation.cause:
        return _look_again(situation, now, limits)
    cause = situation.cause[0]
    if situation.for_person:
        return _person(cause, situation.for_person)
    if situation.verdict is Verdict.UNKNOWN:
        return _blind(cause, seen_for, now)
    steps = ladder(cause.code)
    if not steps.rungs and seen_for >= steps.patience:
        return _person(cause, steps.why)
    recent = tuple(item for item in history.tried if now - item.begun_at <= limits.window)
    step = _resumed(unfinished, cause, situation) or _next(cause, steps, situation, recent)
    held = _held_until(step, situation, recent, seen_for, steps, now, limits)
    if unfinished is not None:
        held = max(held, (unfinished.held_until(""), "another run may be in the middle of a step."))
    if step is not None and len(recent) >= limits.attempts and not step.resumes:
        reason = f"{len(recent)} steps within {limits.window / 60:.0f} minutes did not make work flow for good."
        return Decision(Kind.QUARANTINE, reason=reason) if held[0] <= now else _wait(held, ())
    if held[0] > now:
        return _wait(held, () if step is None else (step,))
    if step is None:
        tried = [item.rung.value for item in recent if component_of(item.cause) == cause.component]
        reason = f"tried without success: {', '.join(tried)}." if tried else "no step is left that may be taken."
        if Rung.RECREATE_CONTAINER in steps.rungs and situation.compose_gone:
            reason += f" Recreating was not possible: {situation.compose_gone}"
        return Decision(Kind.QUARANTINE, reason=reason)
    return Decision(Kind.ACT, step, step.reason)


def _cut_off(history: History, situation: Situation) -> History:
    """An unfinished step whose restart was done all the same has ended, and has not helped."""
    last = _unfinished(history)
    if last is None or situation.booted_at <= last.begun_at or last.service != situation.postiz:
        return history
    if any(item.code in STOPPED for item in situation.cause[:1]):
        return history
    return replace(history, tried=(*history.tried[:-1], replace(last, finished_at=situation.booted_at)))


def _look_again(situation: Situation, now: float, limits: Limits) -> Decision:
    """Starting, and nothing wrong yet; or nothing that can be told."""
    until = situation.booted_at + limits.settle if situation.verdict is Verdict.SETTLING else 0.0
    reason = "it is starting, nothing is wrong yet." if situation.verdict is Verdict.SETTLING else "it cannot be told."
    return Decision(Kind.WAIT, reason=reason, until=max(until, now + 1.0))


def _blind(cause: Cause, seen_for: float, now: float) -> Decision:
    """What cannot be seen is looked at again, and then left to a person; it is never acted on."""
    steps = ladder(cause.code)
    patience = steps.patience or _UNSEEN_SECONDS
    if seen_for >= patience or (not steps.rungs and not steps.patience):
        return _person(cause, steps.why or "it cannot be told what is wrong, and nothing is done blindly.")
    return Decision(Kind.WAIT, reason="it cannot be told yet what is wrong.", until=now + patience - seen_for)


def _person(cause: Cause, why: str) -> Decision:
    step = Step(Rung.PERSON, cause.service, "", cause.code, cause.key, why)
    return Decision(Kind.PERSON, step, why)


def _wait(held: Tuple[float, str], then: Tuple[Step, ...]) -> Decision:
    return Decision(Kind.WAIT, reason=held[1], until=held[0], then=then)


def _unfinished(history: History) -> Optional[Tried]:
    """The last step, if a run was interrupted in it."""
    return history.tried[-1] if history.tried and not history.tried[-1].finished_at else None


def _resumed(unfinished: Optional[Tried], cause: Cause, situation: Situation) -> Optional[Step]:
    """What an interrupted run had begun is brought to its end first, unless something else is the first cause now."""
    if unfinished is None:
        return None
    stopped = cause.code in (*STOPPED, "missing-container") and unfinished.rung not in _STOPS_NOTHING
    if cause.key != unfinished.cause and not stopped:
        return None
    if unfinished.rung in _NEEDS_COMPOSE and situation.compose_gone:
        return None
    reason = f"a run was interrupted in this step (begun for {unfinished.cause}); it is brought to its end."
    return Step(
        unfinished.rung,
        unfinished.service,
        unfinished.app,
        unfinished.code,
        unfinished.cause,
        reason,
        unfinished.number,
        unfinished.also,
    )


def _next(cause: Cause, steps: Ladder, situation: Situation, recent: Tuple[Tried, ...]) -> Optional[Step]:
    """The least rung above everything that was tried for this cause; the same one again only where it has helped.

    Posts that could not be spread say nothing about the step: more force would not spread them either.
    """
    before = [
        item
        for item in recent
        if component_of(item.cause) == cause.component and item.finished_at and not item.unspread
    ]
    floor = max((item.rung.force for item in before), default=-1)
    helped = any(item.helped and item.rung.force == floor for item in before)
    failed = any(not item.helped and item.rung.force == floor for item in before)
    for rung in steps.rungs:
        if rung.force < floor or (rung.force == floor and (failed or not helped)):
            continue
        if rung in _NEEDS_COMPOSE and situation.compose_gone:
            continue
        if cause.service in situation.absent and rung is not Rung.RECREATE_CONTAINER:
            continue
        app = (steps.app or cause.app) if rung is Rung.END_PROCESS_GROUP else ""
        if rung is Rung.END_PROCESS_GROUP and not app:
            continue
        also = _standing_still(cause, situation) if rung is Rung.START_SERVICE else ()
        return Step(rung, cause.service, app, cause.code, cause.key, cause.evidence, also=also)
    return None


def _standing_still(cause: Cause, situation: Situation) -> Tuple[str, ...]:
    """Every other stopped service: one step starts them all, in the order of their dependencies."""
    names = (item.service for item in situation.cause if item.code in STOPPED and item.service not in situation.absent)
    return tuple(sorted(set(names) - {cause.service}))


def _held_until(
    step: Optional[Step],
    situation: Situation,
    recent: Tuple[Tried, ...],
    seen_for: float,
    steps: Ladder,
    now: float,
    limits: Limits,
) -> Tuple[float, str]:
    """Until when nothing may be done yet, and why; a moment that is over means that the step may be taken."""
    patience = 0.0 if step is not None and step.resumes else steps.patience
    holds = [(now + patience - seen_for, f"it may pass by itself: {patience:.0f} s are waited for that.")]
    last = recent[-1] if recent else None
    finished = last.finished_at if last is not None and not last.helped else 0.0
    same = last is not None and component_of(last.cause) == situation.cause[0].component
    if finished and same and not (step is not None and step.resumes):
        holds.append((finished + limits.cooldown, "the step before has just ended."))
    if step is None or touches_postiz(step, situation):
        # Who stopped it in the middle of a step has to start it again, whenever its container was started before.
        stopped = step is not None and bool(step.resumes)
        if not situation.settled and situation.booted_at and not stopped:
            holds.append((situation.booted_at + limits.settle, "the quiet window after the start of Postiz."))
        if last is not None and finished and last.rung not in _GENTLE and last.service == situation.postiz:
            holds.append((finished + limits.settle, "the quiet window after the step before."))
    return max(holds)


def touches_postiz(step: Step, situation: Situation) -> bool:
    """Whether a step ends or starts something of Postiz itself."""
    if step.rung is Rung.RESTART_STACK:
        return True
    return step.rung not in _GENTLE and step.service in (situation.postiz, POSTIZ)
