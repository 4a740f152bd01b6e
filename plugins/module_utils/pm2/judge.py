# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PM2's apps against what must run. Pure: the time is in the snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Severity, Verdict, error, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2 import logs
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import (
    DAEMON_DEAD,
    DAEMON_MISSING,
    DAEMON_OK,
    App,
    Process,
    Settings,
    Snapshot,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.processes import (
    current,
    ghosts,
    living,
    waits_for_temporal,
)

RESTART = (
    "restart the Postiz container (docker restart {container}): that ends every process in it. Never `pm2 restart`."
)
PROXY = "nginx"
# Measured on the real application: a start that hung for good stood at about 81 MB.
HUNG_BYTES = 120_000_000
_FEW_LINES = 2
_AFTER_A_KILL = ("app-crash-loop", "app-not-online", "hung-at-start", "not-listening")


@dataclass(frozen=True)
class Judgement:
    """`pending` are findings that time may still undo; `settling_seconds` is how long the quiet window lasts."""

    definite: Tuple[Finding, ...]
    pending: Tuple[Finding, ...]
    settling_seconds: float

    @property
    def verdict(self) -> Verdict:
        """Inside the quiet window, only what time cannot undo is unhealthy."""
        if any(finding.severity is Severity.ERROR for finding in self.definite):
            return Verdict.UNHEALTHY
        if self.settling_seconds > 0:
            return Verdict.SETTLING
        return Verdict.UNHEALTHY if self.pending else Verdict.HEALTHY

    @property
    def findings(self) -> Tuple[Finding, ...]:
        """Errors first."""
        told = (*self.definite, *self.pending)
        return tuple(sorted(told, key=lambda finding: finding.severity is not Severity.ERROR))


def judge(snapshot: Snapshot, settings: Settings) -> Judgement:
    """One container."""
    left = settling_seconds(snapshot, settings)
    if waits_for_temporal(snapshot):
        evidence = "the boot guard holds Postiz back until Temporal serves its namespace."
        return Judgement((), (error("boot-guard-waiting", "postiz", evidence, "look at Temporal first."),), left)
    if snapshot.daemon != DAEMON_OK:
        return _without_daemon(snapshot, settings, left)
    definite: List[Finding] = []
    pending: List[Finding] = []
    for name in settings.apps:
        _judge_app(snapshot, settings, name, definite, pending)
    if settings.proxy_port and settings.proxy_port not in snapshot.listeners:
        evidence = f"nothing listens on port {settings.proxy_port}."
        pending.append(error("not-listening", PROXY, evidence, _restart(snapshot)))
    return Judgement((*_out_of_memory(snapshot, (*definite, *pending)), *definite), tuple(pending), left)


def settling_seconds(snapshot: Snapshot, settings: Settings) -> float:
    """What is left of the quiet window of the container and of its youngest app; 0 once pollers were seen."""
    if settings.pollers_seen:
        return 0.0
    starts = [snapshot.container_started_at]
    starts += [app.online_since for app in snapshot.apps if app.name in settings.apps and app.status == "online"]
    return max(0.0, max(starts) + settings.settle_seconds - snapshot.now)


def _restart(snapshot: Snapshot) -> str:
    return RESTART.format(container=snapshot.container)


def _without_daemon(snapshot: Snapshot, settings: Settings, left: float) -> Judgement:
    alive = [f"{name} (pid {item.pid})" for name in settings.apps for item in _workers(living(snapshot, name))]
    if snapshot.daemon not in (DAEMON_MISSING, DAEMON_DEAD):
        evidence = f"PM2's socket gave no usable answer ({snapshot.daemon_problem})."
        return Judgement((), (error("pm2-no-answer", "pm2", evidence, _restart(snapshot)),), left)
    evidence = f"no PM2 daemon runs ({snapshot.daemon_problem}); "
    evidence += f"living on without it: {', '.join(alive)}." if alive else "none of its apps runs."
    finding = error("pm2-daemon-missing", "pm2", evidence, _restart(snapshot))
    # A restarted container still has the socket of its former daemon.
    return Judgement((finding,) if alive else (), () if alive else (finding,), left)


def _out_of_memory(snapshot: Snapshot, found: Tuple[Finding, ...]) -> Tuple[Finding, ...]:
    """PM2 starts a killed app again, so by itself it is a warning; it is the cause of an app that does not come back."""
    if not snapshot.oom_kills:
        return ()
    make = error if any(finding.code in _AFTER_A_KILL for finding in found) else warning
    evidence = (
        f"the kernel killed {snapshot.oom_kills} of its processes for lack of memory since the container's start; "
        "PM2 starts an app again, below the same limit."
    )
    remedy = (
        "give the container or its host more memory, or run fewer workers (EXCLUDE_QUEUE), then restart the container."
    )
    return (make("oom-killed", snapshot.container, evidence, remedy),)


def _workers(processes: Tuple[Process, ...]) -> Tuple[Process, ...]:
    """Without the wrappers: those that no other of them has as its parent."""
    parents = {item.parent for item in processes}
    return tuple(item for item in processes if item.pid not in parents)


def _judge_app(
    snapshot: Snapshot, settings: Settings, name: str, definite: List[Finding], pending: List[Finding]
) -> None:
    lost = ghosts(snapshot, name)
    if lost:
        definite.append(_ghost(snapshot, name, lost))
    managed = [app for app in snapshot.apps if app.name == name]
    if not managed:
        evidence = "PM2 does not know this app."
        pending.append(error("app-missing", name, evidence, _restart(snapshot)))
        return
    app = managed[0]
    lines = logs.current_lines(snapshot.logs.get(name, {}), app.online_since)
    looping = _crash_loop(snapshot, settings, app, lines)
    if looping:
        definite.append(looping)
    if app.status != "online":
        if not looping:
            evidence = f"PM2 says {app.status or 'nothing'}, after {app.restarts} restarts{_because(lines)}."
            definite.append(error("app-not-online", name, evidence, _restart(snapshot)))
        return
    port = settings.ports.get(name, 0)
    held = _held(snapshot, app, port)
    if held:
        definite.append(held)
    elif port and not looping and port not in snapshot.listeners:
        pending.append(_silent(snapshot, app, port, lines))
    elif not looping:
        definite.extend(_signature(name, lines))


def _ghost(snapshot: Snapshot, name: str, lost: Tuple[Process, ...]) -> Finding:
    worker = max(_workers(lost), key=lambda item: item.memory_bytes)
    ports = sorted(port for port, pids in snapshot.listeners.items() if worker.pid in pids)
    holds = f", holds port {', '.join(map(str, ports))}" if ports else ", holds no port"
    age = max(snapshot.now - worker.started_at, 0)
    evidence = (
        f"pid {worker.pid} (group {worker.group}, {age:.0f} s old{holds}) belongs to no app that PM2 manages; "
        f"PM2 lost it at a restart, because the image has no ps."
    )
    return error("ghost-process", name, evidence, _restart(snapshot))


def _held(snapshot: Snapshot, app: App, port: int) -> Optional[Finding]:
    if not port or port not in snapshot.listeners:
        return None
    own = {item.pid for item in current(snapshot, app)}
    pids = snapshot.listeners[port]
    if pids & own:
        return None
    holder = next((item for item in snapshot.processes if item.pid in pids), None)
    who = f"pid {holder.pid} ({holder.command[:80]})" if holder else "a process that cannot be seen"
    evidence = f"port {port} is held by {who}, which is not in the tree of pid {app.pid} that PM2 manages."
    return error("port-held-by-ghost", app.name, evidence, _restart(snapshot))


def _silent(snapshot: Snapshot, app: App, port: int, lines: Tuple[str, ...]) -> Finding:
    tree = _workers(current(snapshot, app))
    memory = max((item.memory_bytes for item in tree), default=0)
    age = max(snapshot.now - app.online_since, 0)
    if tree and memory < HUNG_BYTES and len(lines) <= _FEW_LINES:
        evidence = (
            f"online for {age:.0f} s, nothing listens on port {port}, its process uses only {memory / 1e6:.0f} MB, "
            "and its log is silent."
        )
        return error("hung-at-start", app.name, evidence, _restart(snapshot))
    evidence = f"PM2 says online for {age:.0f} s, and nothing listens on port {port}{_because(lines)}."
    return error("not-listening", app.name, evidence, _restart(snapshot))


def _crash_loop(snapshot: Snapshot, settings: Settings, app: App, lines: Tuple[str, ...]) -> Optional[Finding]:
    since = max(snapshot.now - settings.restart_window, snapshot.container_started_at)
    ended = logs.exits(snapshot.daemon_log, app.name, since)
    if ended <= settings.restarts_allowed and app.unstable_restarts <= settings.restarts_allowed:
        return None
    minutes = settings.restart_window / 60
    rate = (
        f"ended {ended} times within {minutes:.0f} minutes" if ended else f"{app.unstable_restarts} unstable restarts"
    )
    evidence = f"{rate}; PM2 says {app.status}{_because(lines)}."
    return error("app-crash-loop", app.name, evidence, _restart(snapshot))


def _because(lines: Tuple[str, ...]) -> str:
    match = logs.known(lines)
    return f". {match.signature.meaning.rstrip('.')} (its log: {match.line[:160]})" if match else ""


def _signature(name: str, lines: Tuple[str, ...]) -> List[Finding]:
    match = logs.known(lines)
    if match is None:
        return []
    evidence = f"{match.signature.meaning.rstrip('.')} (its log: {match.line[:160]})."
    return [warning("app-log", name, evidence, match.signature.remedy)]
