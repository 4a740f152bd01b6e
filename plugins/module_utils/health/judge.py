# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers against expectations. Pure: snapshot, history and time in, judgement out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Callable, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.health.expect import derive, one_shots
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import (
    Judgement,
    ServiceJudgement,
    Trouble,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import (
    ContainerState,
    Declared,
    Expectation,
    History,
    Settings,
    Snapshot,
)

# `docker restart` and a recreation by Compose leave a container exited for a moment.
EXIT_GRACE_SECONDS = 3.0
KILLED = 137
# Measured on 20.10: of a process that dies at once, the engine neither marks nor reports the lack of memory.
_WHO_KILLED = "find out who killed it: somebody by hand, or the kernel for lack of memory (dmesg | grep -i oom); "


def judge(
    snapshot: Snapshot, wanted: Mapping[str, Expectation], settings: Settings, history: History, now: float
) -> Judgement:
    """`now` is seconds since the epoch, on the engine's clock."""
    completed = one_shots(snapshot)
    services: List[ServiceJudgement] = []
    for container in snapshot.containers:
        expectation = wanted.get(container.service) or derive(container, completed)
        if expectation is not Expectation.IGNORED:
            services.append(_judge_container(container, expectation, settings, history, now))
    services.extend(_missing(snapshot, wanted))
    return Judgement(tuple(sorted(_replicas_named(services), key=lambda item: item.service)))


def _replicas_named(services: List[ServiceJudgement]) -> List[ServiceJudgement]:
    """Of a scaled service, a trouble says which container it is about."""
    several = {
        name for name, number in Counter(item.service for item in services if item.container).items() if number > 1
    }
    return [
        replace(item, trouble=replace(item.trouble, state=f"({item.trouble.container}) {item.trouble.state}"))
        if item.trouble and item.container and item.service in several
        else item
        for item in services
    ]


def _missing(snapshot: Snapshot, wanted: Mapping[str, Expectation]) -> List[ServiceJudgement]:
    found: List[ServiceJudgement] = []
    needed = dict(snapshot.declared or {})
    for service in (*wanted, *sorted(snapshot.seen)):
        needed.setdefault(service, Declared(1))
    for service, declared in needed.items():
        expectation = wanted.get(service, Expectation.RUNNING)
        present = sum(container.service == service for container in snapshot.containers)
        if present >= declared.replicas or expectation in (Expectation.ABSENT, Expectation.IGNORED):
            continue
        found.append(ServiceJudgement(service, None, expectation, _no_container(service, declared, present, snapshot)))
    return found


def _no_container(service: str, declared: Declared, present: int, snapshot: Snapshot) -> Trouble:
    if declared.image_missing:
        state = f"has no container, and its image {declared.image} is not on this host"
        return Trouble("image-missing", service, "", state, settled=True)
    text = "has no container" if not present else f"has {present} of {declared.replicas} containers"
    if not present and service in snapshot.seen:
        text += " any more: it was removed while this was watched"
    return Trouble("missing-container", service, "", text)


def _judge_container(
    container: ContainerState, expectation: Expectation, settings: Settings, history: History, now: float
) -> ServiceJudgement:
    trouble, wake_at = _trouble(container, expectation, settings, history, now)
    lost = container.state == "running" and container.identifier in history.oom
    return ServiceJudgement(container.service, container, expectation, trouble, wake_at, lost)


_Found = Tuple[Optional[Trouble], Optional[float]]
_Make = Callable[..., Trouble]


def _trouble(
    container: ContainerState, expectation: Expectation, settings: Settings, history: History, now: float
) -> _Found:
    def trouble(code: str, state: str, settled: bool = False, hint: str = "") -> Trouble:
        return Trouble(code, container.service, container.name, state, settled, hint)

    if expectation is Expectation.ABSENT:
        return trouble("unexpected-container", f"is {container.state}, and shall have no container"), None
    if container.state == "created":
        if container.error:
            return trouble("not-started", f"could not be started: {container.error}", settled=True), None
        return trouble("not-started", "was never started"), None
    if container.state == "paused":
        return trouble("paused", "is paused"), None
    if container.state == "dead":
        return trouble("dead", "is dead: the engine could not remove it", settled=True), None
    if container.state == "removing":
        return trouble("missing-container", "is being removed"), None
    if container.state in ("exited", "restarting"):
        return _ended(container, expectation, settings, history, now, trouble)
    if container.state != "running":
        return trouble("state-unknown", f"is in the state {container.state!r}, which this gate does not know"), None
    return _running(container, expectation, settings, history, now, trouble)


def _ended(
    container: ContainerState,
    expectation: Expectation,
    settings: Settings,
    history: History,
    now: float,
    trouble: _Make,
) -> _Found:
    if container.state == "exited" and container.exit_code == 0 and expectation is Expectation.COMPLETED:
        return None, None
    hint = ""
    how = f"ended with exit code {container.exit_code}"
    killed_for_memory = container.oom_killed or container.identifier in history.oom
    if killed_for_memory:
        how = "was killed for lack of memory"
    elif container.exit_code == KILLED:
        how += " (killed)"
        hint = _WHO_KILLED
    if container.error:
        how += f"; the engine says: {container.error}"
    seen = history.restarts.get(container.identifier, 0)
    if container.state == "restarting" or seen > 0:
        code = "oom-killed" if killed_for_memory else "crash-loop"
        how += f" again and again ({container.restarts} restarts)" if container.restarts > 1 else ""
    else:
        code = "oom-killed" if killed_for_memory else "exited"
    if container.state == "restarting":
        return trouble(code, how, seen > settings.restarts_allowed, hint), None
    # A restart policy leaves no container exited between two tries: it gave up, or there is none.
    since = 0.0 if container.finished_at is None else now - container.finished_at
    settled = since >= EXIT_GRACE_SECONDS
    wake_at = None if settled else now - since + EXIT_GRACE_SECONDS
    return trouble(code, how, settled or seen > settings.restarts_allowed, hint), wake_at


def _running(
    container: ContainerState,
    expectation: Expectation,
    settings: Settings,
    history: History,
    now: float,
    trouble: _Make,
) -> _Found:
    seen = history.restarts.get(container.identifier, 0)
    if seen > settings.restarts_allowed:
        return trouble("crash-loop", f"was restarted {seen} times while this was watched", settled=True), None
    up = 0.0 if container.started_at is None else max(now - container.started_at, 0.0)
    if container.restarts > settings.restarts_allowed and up < settings.stable_for and container.health != "healthy":
        wake_at = now + settings.stable_for - up
        return trouble("crash-loop", f"runs for {up:.0f} s, after {container.restarts} restarts"), wake_at
    if expectation is Expectation.COMPLETED:
        return trouble("not-completed", f"still runs after {up:.0f} s, and shall end with 0"), None
    if container.health == "unhealthy":
        return trouble("unhealthy", "is unhealthy"), None
    if container.health == "starting" and expectation is Expectation.HEALTHY:
        state = f"has not become healthy {up:.0f} s after its start"
        if not settings.final:
            return trouble("starting", state), None
        return trouble("starting-too-long", state + _last_words(container)), None
    if container.has_healthcheck:
        return _steady(container, settings, history, now, trouble)
    if up < settings.stable_for:
        state = f"runs for {up:.0f} s, which is less than {settings.stable_for:.0f} s, and has no health check"
        return trouble("no-healthcheck-unstable", state), now + settings.stable_for - up
    return None, None


def _last_words(container: ContainerState) -> str:
    """What its health check said last: of an app that never comes up, all that there is to go by."""
    output = container.probes[-1].output.strip() if container.probes else ""
    return f"; its health check says: {output.splitlines()[0]}" if output else ""


def _steady(container: ContainerState, settings: Settings, history: History, now: float, trouble: _Make) -> _Found:
    times = (history.recovered.get(container.identifier), recovered_at(container))
    recovered = max((time for time in times if time is not None), default=None)
    if recovered is not None and now - recovered < settings.stable_for:
        state = f"is healthy again for {now - recovered:.0f} s only, and shall hold for {settings.stable_for:.0f} s"
        return trouble("flapping", state), recovered + settings.stable_for
    return None, None


def recovered_at(container: ContainerState) -> Optional[float]:
    """When the health check succeeded again after it had failed after a success; None if it never did.

    Failures before the first success belong to a normal start. The engine keeps the last five probes only, those from
    before a restart among them.
    """
    recovered = None
    succeeded = failed = False
    for probe in container.probes:
        ended = parse_time(probe.ended_at)
        if ended is None or (container.started_at is not None and ended < container.started_at):
            continue
        if probe.exit_code == 0:
            if failed:
                recovered = ended
                failed = False
            succeeded = True
        elif succeeded:
            failed = True
    return recovered
