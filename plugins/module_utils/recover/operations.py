# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations of the two modules: look and choose; begin a step; finish it and prove; note; lift."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Any, Callable, Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock, parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import act, backlog, evidence, record
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.burst import BurstGuard
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.decide import Decided, decide
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import (
    Decision,
    History,
    Kind,
    Rung,
    Step,
    component_of,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.observe import Sight, observe
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.obstacles import unfinished, why
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.parameters import ActRequest, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.project import running
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.result import payload_of, places, write
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, secret_values

Connect = Callable[[], Engine]

_SAME_MOMENT = 0.5


def _seen(connect: Connect, request: Request, history: History, clock: Clock) -> Sight:
    return observe(connect, request.diagnosis, history, request.least_free, clock, request.directory)


def _decided(connect: Connect, request: Request, history: History, clock: Clock) -> Decided:
    def see() -> Sight:
        return _seen(connect, request, history, clock)

    return decide(see, history, request.limits, clock, request.timeout_seconds)


def inform(connect: Connect, request: Request, clock: Clock) -> Outcome:
    """Look until something is to be done or nothing is; change nothing. Raises StackError."""
    where = places(connect, request)
    found = record.events(where.state)
    history = History() if request.lifted else record.history(found)
    decided = _decided(connect, request, history, clock)
    return Outcome(False, payload_of(request, where, decided, found, request.run or _new_run(clock)))


def _new_run(clock: Clock) -> str:
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(clock.now()))}-{secrets.token_hex(3)}"


def _changed(sight: Sight, step: Step) -> str:
    """Why the step is not the right one any more, if so; one that was interrupted is brought to its end in any case."""
    if step.resumes and sight.verdict is not Verdict.HEALTHY:
        return ""
    if sight.verdict is not Verdict.UNHEALTHY:
        return f"the stack is {sight.verdict.value} by now."
    if step.cause not in {cause.key for cause in sight.situation.cause}:
        return "the cause has gone since the look."
    return ""


class Recovery:
    """One call of the acting module."""

    def __init__(self, connect: Connect, request: ActRequest, clock: Clock) -> None:
        self._connect = connect
        self._request = request
        self._clock = clock
        self._look = request.look
        self._guard = BurstGuard(request)
        self._where = places(connect, request.look)

    def run(self, check: bool) -> Outcome:
        """Do what `state` asks for. Raises StackError."""
        if check:
            return Outcome(self._request.state != "lifted" or self._to_lift(), self._told())
        if self._request.state == "begun":
            return self._begin()
        if self._request.state == "finished":
            return self._finish()
        if self._request.state == "told":
            return self._keep_who_was_told()
        return self._lift() if self._request.state == "lifted" else self._note()

    def _append(self, event: str, **values: Any) -> None:
        record.append(self._where.state, event, self._clock.now(), **values)

    def _told(self, **values: Any) -> Dict[str, Any]:
        given: Dict[str, Any] = {"taken": False, "guard": False, "compose_needed": False, "problem": ""}
        return {**given, "state_directory": self._where.state, **values}

    # The first part.

    def _begin(self) -> Outcome:
        step = self._request.step
        with record.alone(self._where.state):
            found = record.events(self._where.state)
            engine = self._connect()
            containers = engine.project_containers(self._look.diagnosis.project)
            stale = self._stale(found, engine, containers)
            if stale:
                return Outcome(False, self._told(problem=stale))
            number = step.resumes or self._request.number
            sight = _seen(self._connect, self._look, record.history(found), self._clock)
            changed = _changed(sight, step)
            if changed:
                return Outcome(False, self._told(problem=changed))
            if self._guard.stops_postiz(step):
                # Told before it stands still, and not after.
                backlog.must_be_askable()
            redactor = Redactor(secret_values(evidence.secrets_of(engine, containers)))
            self._keep_evidence(engine, sight, redactor)
            # The look and its evidence take their time, and what else begins asks for no lock of a recovery.
            busy = self._busy(containers)
            if busy:
                return Outcome(False, self._told(problem=busy))
            layers = {layer.name: layer.verdict.value if layer.judged else "" for layer in sight.layers}
            told = record.begun(step, self._look.run, number)
            self._append("begun", **{**told, "reason": redactor.text(step.reason), "layers": layers})
            return self._prepare(engine, step, number, redactor)

    def _stale(self, found: Tuple[Dict[str, Any], ...], engine: Engine, containers: Tuple[Container, ...]) -> str:
        """Why the step does not rest on what is there now, if so."""
        if record.next_number(found) != self._request.number:
            return "another run has taken a step since the look."
        now = self._clock.now()
        if any(item.held_until(self._look.run) > now for item in record.history(found).as_of(now).tried[-1:]):
            return "another run may be in the middle of a step."
        times = [
            parse_time(detail.started_at) or 0.0
            for _item, detail in running(engine, containers, self._look.diagnosis.service)
        ]
        if max(times, default=0.0) > self._request.booted_at + _SAME_MOMENT:
            return "Postiz was started since the look."
        return ""

    def _busy(self, containers: Tuple[Container, ...]) -> str:
        found = unfinished(containers, self._look.directory, self._look.diagnosis.project)
        return "" if found is None else why(found)

    def _keep_evidence(self, engine: Engine, sight: Sight, redactor: Redactor) -> None:
        try:
            evidence.save(
                engine,
                self._look.diagnosis,
                sight,
                self._where.state,
                self._look.run,
                self._request.keep_evidence,
                redactor,
            )
        except OSError as problem:
            raise record.RecordFailed(
                f"The evidence could not be kept in {self._where.state}: {problem.strerror or problem}; no step was taken.",
                "make room there, or give another state_directory.",
            ) from problem

    def _scene(self, engine: Engine) -> act.Scene:
        return act.Scene(engine, self._look.diagnosis, self._clock, self._request.service_seconds)

    def _prepare(self, engine: Engine, step: Step, number: int, redactor: Redactor) -> Outcome:
        scene = self._scene(engine)
        try:
            held = self._guard.must_hold(engine, step) and act.hold(scene)
            act.prepare(scene, step)
            guard = self._guard.must_spread(engine, step, held)
        except StackError as problem:
            # What stands on it is let go on: nothing flows yet, and nobody shall find it frozen.
            act.release(scene)
            # The second part writes it down as the step's end.
            self._append("prepared", number=number)
            return Outcome(True, self._told(taken=True, problem=redactor.text(problem.message)))
        compose = step.rung is Rung.RECREATE_CONTAINER
        self._append("prepared", number=number)
        return Outcome(True, self._told(taken=True, guard=guard, compose_needed=compose))

    # The second part.

    def _finish(self) -> Outcome:
        step = self._request.step
        number = step.resumes or self._request.number
        with record.alone(self._where.state):
            mine = self._owns(number)
            if mine:
                self._end(step, number)
        found = record.events(self._where.state)
        asked = replace(self._look, timeout_seconds=0.0) if self._request.unspread else self._look
        decided = _decided(self._connect, asked, record.history(found), self._clock)
        ailing = {cause.component for cause in decided.sight.situation.cause}
        flows = decided.decision.kind in (Kind.NOTHING, Kind.CLOSE)
        helped = flows or (decided.decision.kind is not Kind.WAIT and component_of(step.cause) not in ailing)
        with record.alone(self._where.state):
            if mine:
                self._append("proved", number=number, helped=helped, outcome=decided.sight.verdict.value)
            if mine and self._request.unspread:
                decided = replace(decided, decision=self._unspread(step))
            self._close(decided)
            record.shorten(self._where.state)
            return self._reported(decided)

    def _owns(self, number: int) -> bool:
        """Whether no other run has taken this step over, because this one was away for too long."""
        tried = record.history(record.events(self._where.state)).tried
        return any(item.number == number and item.run == self._look.run and not item.finished_at for item in tried)

    def _end(self, step: Step, number: int) -> None:
        if self._request.spread:
            self._append("spread", number=number)
        outcome = self._request.failure
        redactor = Redactor()
        try:
            engine = self._connect()
            containers = engine.project_containers(self._look.diagnosis.project)
            redactor = Redactor(secret_values(evidence.secrets_of(engine, containers)))
            busy = self._busy(containers)
            if busy:
                # What is frozen or stopped stays so: who works on the stack now starts it.
                outcome = outcome or busy
            elif not outcome:
                act.finish(self._scene(engine), step)
            elif not self._request.unspread:
                act.release(self._scene(engine))
        except StackError as problem:
            outcome = outcome or problem.message
        # What Compose or Temporal's client says may quote what it was given.
        self._append("ended", number=number, outcome=redactor.text(outcome), unspread=self._request.unspread)

    def _unspread(self, step: Step) -> Decision:
        reason = (
            f"{self._look.diagnosis.service} was not started, because what is overdue could not be spread: "
            f"{self._request.failure.rstrip('.')}. Mend that and run this again, or accept that overdue posts go out at "
            "once: -e recover_burst_guard=false"
        )
        return Decision(Kind.PERSON, replace(step, rung=Rung.PERSON, reason=reason), reason)

    def _note(self) -> Outcome:
        found = record.events(self._where.state)
        decided = _decided(self._connect, self._look, record.history(found), self._clock)
        try:
            with record.alone(self._where.state):
                self._close(decided)
                return self._reported(decided)
        except record.RecordFailed as problem:
            if decided.decision.kind is not Kind.PERSON or isinstance(problem, record.Busy):
                raise
            # On a full disk nothing can be written down, and that is what a person must hear.
            payload = payload_of(self._look, self._where, decided, found, self._look.run)
            return Outcome(False, self._told(taken=True, **payload), warnings=(str(problem),))

    def _close(self, decided: Decided) -> None:
        """Write down what the decision means for later runs."""
        decision: Decision = decided.decision
        history = record.history(record.events(self._where.state))
        if decision.kind in (Kind.NOTHING, Kind.CLOSE) and (history.open or history.quarantined_at):
            unfinished = [item for item in history.tried if not item.finished_at]
            for item in unfinished:
                self._append("proved", number=item.number, helped=True, outcome="healthy, after an interruption")
            self._append("closed")
        elif decision.kind is Kind.QUARANTINE:
            self._append("quarantined", reason=decision.reason)
        if decided.sight.situation.flows and history.quarantined_at:
            # The stack is well again; that a network refuses is another matter.
            self._append("closed")
            history = record.history(record.events(self._where.state))
        if decision.kind is Kind.PERSON and decision.step.cause not in (of for of, _by in history.asked):
            self._append("person", run=self._look.run, cause=decision.step.cause, reason=decision.reason)

    def _reported(self, decided: Decided) -> Outcome:
        found = record.events(self._where.state)
        payload = payload_of(self._look, self._where, decided, found, self._look.run)
        write(self._where.state, self._look.run, payload, self._request.keep_evidence)
        return Outcome(True, self._told(taken=True, **payload))

    def _keep_who_was_told(self) -> Outcome:
        with record.alone(self._where.state):
            self._append("told", run=self._look.run, ways=list(self._request.ways))
        return Outcome(True, self._told())

    def _to_lift(self) -> bool:
        history = record.history(record.events(self._where.state))
        return bool(history.quarantined_at or history.tried or history.open)

    def _lift(self) -> Outcome:
        if not self._to_lift():
            return Outcome(False, self._told())
        with record.alone(self._where.state):
            self._append("lifted")
        return Outcome(True, self._told())
