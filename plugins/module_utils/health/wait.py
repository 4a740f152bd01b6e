# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wait: driven by the engine's events, bounded by one deadline, ended as soon as the outcome is settled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Dict, FrozenSet, List, Mapping, Optional, Set, Tuple, Union

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine, EngineEvents
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    EngineFailed,
    EngineLost,
    EngineUnreachable,
    StackError,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.health import endpoints, expect
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judge import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Judgement, Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import (
    ContainerState,
    Declared,
    History,
    Http,
    Request,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import Observation, observe, refresh

# An endpoint sends no event: it is asked this often, and only while all containers are as expected.
HTTP_PAUSE_SECONDS = 0.5
# What an endpoint gets at least when the time is nearly up; so much later than the deadline a wait may end.
HTTP_LEAST_SECONDS = 1.0
RECONNECT_PAUSE_SECONDS = 0.5
# After these a container may be new, gone, or publish other ports.
_RELIST = ("create", "start", "destroy", "rename")

Connect = Callable[[], Engine]
Ask = Callable[[Http], endpoints.Answer]


@dataclass(frozen=True)
class Outcome:
    """`engine_problem` is set when the engine stayed away; then nothing else can be told."""

    observation: Optional[Observation]
    judgement: Optional[Judgement]
    http_troubles: Tuple[Trouble, ...]
    engine_problem: str
    waited_seconds: float

    @property
    def settled(self) -> bool:
        """Whether waiting longer cannot help."""
        return self.judgement is not None and self.judgement.settled

    @property
    def healthy(self) -> bool:
        """Everything seen, everything as expected."""
        return (
            not self.engine_problem
            and self.judgement is not None
            and bool(self.judgement.services or self.judgement.troubles)
            and not self.judgement.troubles
            and not self.http_troubles
        )


class Gate:
    """One wait for one project."""

    def __init__(
        self, connect: Connect, ask: Ask, clock: Clock, request: Request, declared: Optional[Mapping[str, Declared]]
    ) -> None:
        self._connect = connect
        self._ask = ask
        self._clock = clock
        self._request = request
        self._declared = declared
        self._began = clock.monotonic()
        self._restarts: Dict[str, int] = {}
        self._restarted_at: Dict[str, List[float]] = {}
        self._oom: Set[str] = set()
        self._health: Dict[str, str] = {}
        self._recovered: Dict[str, float] = {}
        self._fresh: Set[str] = set()
        self._seen: Set[str] = set()
        self._checked = False

    def _left(self) -> float:
        return self._request.timeout_seconds - (self._clock.monotonic() - self._began)

    def wait(self) -> Outcome:
        """Until all is as expected, until the outcome is settled, or until the time is up. Raises BadInput."""
        engine = self._connect()
        while True:
            try:
                return self._watch(engine)
            except (EngineLost, EngineFailed, EngineUnreachable) as problem:
                found = self._reconnect(problem)
                if isinstance(found, Outcome):
                    return found
                engine = found

    def _reconnect(self, problem: StackError) -> Union[Engine, Outcome]:
        while self._left() > 0:
            self._clock.sleep(min(RECONNECT_PAUSE_SECONDS, self._left()))
            if self._left() <= 0:
                break
            try:
                return self._connect()
            except EngineUnreachable as again:
                problem = again
        return Outcome(None, None, (), problem.message, self._waited())

    def _waited(self) -> float:
        return self._clock.monotonic() - self._began

    def _watch(self, engine: Engine) -> Outcome:
        # Subscribed before the first look, so that nothing falls between the two.
        events = engine.events(self._request.project) if self._request.timeout_seconds > 0 else None
        try:
            observation = self._first_look(engine)
            while True:
                outcome, wake = self._judge(observation)
                if outcome.healthy or outcome.settled or events is None:
                    return outcome
                if self._left() <= 0:
                    return self._last_look(observation, outcome)
                observation = self._next(engine, events, observation, min(self._left(), wake))
        finally:
            if events is not None:
                events.close()

    def _last_look(self, observation: Observation, outcome: Outcome) -> Outcome:
        """Nobody waits any longer. An engine that stopped answering without hanging up is found out here."""
        try:
            observation = self._look(self._connect())
        except StackError as problem:
            return replace(outcome, observation=None, judgement=None, engine_problem=problem.message)
        return self._judge(observation, final=True)[0]

    def _look(self, engine: Engine) -> Observation:
        return self._remember(observe(engine, self._request.project, self._declared))

    def _first_look(self, engine: Engine) -> Observation:
        observation = self._look(engine)
        if not self._checked:
            stacks: Set[str] = set()
            if not observation.snapshot.containers:
                stacks = {container.project for container in engine.containers() if container.project}
            asked = [endpoint.service for endpoint in self._request.http]
            expect.check(observation.snapshot, self._request.expectations, asked, stacks)
            self._checked = True
        return observation

    def _remember(self, observation: Observation) -> Observation:
        for container in observation.snapshot.containers:
            before = self._restarts.get(container.identifier, container.restarts)
            times = self._restarted_at.setdefault(container.identifier, [])
            times.extend([self._clock.monotonic()] * (container.restarts - before))
            self._restarts[container.identifier] = container.restarts
            self._remember_health(container)
        snapshot = replace(observation.snapshot, seen=frozenset(self._seen))
        self._seen |= {container.service for container in snapshot.containers}
        return replace(observation, snapshot=snapshot)

    def _remember_health(self, container: ContainerState) -> None:
        identifier = container.identifier
        if container.health == "starting":
            self._fresh.add(identifier)
        elif container.health == "healthy":
            # A slow start may be unhealthy too, before it is healthy for the first time.
            if self._health.get(identifier) == "unhealthy" and identifier not in self._fresh:
                self._recovered[identifier] = self._clock.now()
            self._fresh.discard(identifier)
        self._health[identifier] = container.health

    def _history(self) -> History:
        since = self._clock.monotonic() - self._request.settings.restart_window
        counts = {name: sum(time >= since for time in times) for name, times in self._restarted_at.items()}
        return History(counts, frozenset(self._oom), self._recovered)

    def _judge(self, observation: Observation, final: bool = False) -> Tuple[Outcome, float]:
        now = self._clock.now()
        settings = replace(self._request.settings, final=final)
        judgement = judge(observation.snapshot, self._request.expectations, settings, self._history(), now)
        troubles: Tuple[Trouble, ...] = ()
        wake = float("inf") if judgement.wake_at is None else max(judgement.wake_at - now, 0.0)
        if not judgement.troubles or final or self._request.timeout_seconds <= 0:
            troubles = tuple(filter(None, (self._endpoint(item, observation) for item in self._request.http)))
            wake = min(wake, HTTP_PAUSE_SECONDS) if troubles else wake
        return Outcome(observation, judgement, troubles, "", self._waited()), wake

    def _endpoint(self, endpoint: Http, observation: Observation) -> Optional[Trouble]:
        resolved, trouble = endpoints.resolve(endpoint, observation.snapshot)
        if trouble is not None:
            return trouble
        if self._request.timeout_seconds > 0:
            seconds = min(resolved.timeout_seconds, max(self._left(), HTTP_LEAST_SECONDS))
            resolved = replace(resolved, timeout_seconds=seconds)
        return endpoints.judge(resolved, self._ask(resolved))

    def _next(self, engine: Engine, events: EngineEvents, observation: Observation, seconds: float) -> Observation:
        event = events.next(seconds)
        changed: Set[str] = set()
        relist = False
        while event is not None:
            changed.add(event.identifier)
            relist = relist or event.action in _RELIST
            if event.action == "oom":
                self._oom.add(event.identifier)
            event = events.next(0)
        if relist or changed - set(observation.listed):
            return self._look(engine)
        known: FrozenSet[str] = frozenset(changed)
        return self._remember(refresh(engine, observation, known)) if known else observation
