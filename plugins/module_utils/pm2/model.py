# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PM2's apps, the processes of the container, and what is asked about them. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, FrozenSet, Mapping, Optional, Tuple

DAEMON_OK = "ok"
DAEMON_MISSING = "missing"
DAEMON_DEAD = "dead"


@dataclass(frozen=True)
class Process:
    """One process; pids as the container sees them, memory is the resident set, times are seconds since the epoch."""

    pid: int
    parent: int
    group: int
    state: str
    started_at: float
    memory_bytes: int
    folder: str
    command: str


@dataclass(frozen=True)
class App:
    """One app as PM2 tells it. `pid` is that of the outermost wrapper, and of the process group of all its processes."""

    name: str
    identifier: int
    pid: int
    status: str
    online_since: float
    restarts: int
    unstable_restarts: int


@dataclass(frozen=True)
class Log:
    """The end of a log file."""

    size: int
    changed_at: float
    text: str


@dataclass(frozen=True)
class Snapshot:
    """One container at one moment. `probe` says how it was looked at: host or exec."""

    container: str
    hostname: str
    container_started_at: float
    now: float
    probe: str
    daemon: str
    daemon_problem: str
    apps: Tuple[App, ...]
    processes: Tuple[Process, ...]
    listeners: Mapping[int, FrozenSet[int]]
    logs: Mapping[str, Mapping[str, Log]]
    daemon_log: Optional[Log]
    oom_kills: int = 0


@dataclass(frozen=True)
class Settings:
    """`ports` maps an app to the port that it must listen on. Times in seconds."""

    apps: Tuple[str, ...]
    ports: Mapping[str, int]
    proxy_port: int
    settle_seconds: float
    restarts_allowed: int
    restart_window: float
    pollers_seen: bool


def parse(answer: Mapping[str, Any], container: str, hostname: str, started_at: float, probe: str) -> Snapshot:
    """Out of what the probe printed. Raises KeyError, TypeError or ValueError if it is something else."""
    return Snapshot(
        container=container,
        hostname=hostname,
        container_started_at=started_at,
        now=float(answer["now"]),
        probe=probe,
        daemon=str(answer["daemon"]),
        daemon_problem=str(answer["problem"]),
        apps=tuple(
            App(
                str(entry["name"]),
                int(entry["id"]),
                int(entry["pid"]),
                str(entry["status"]),
                float(entry["online_since"]),
                int(entry["restarts"]),
                int(entry["unstable_restarts"]),
            )
            for entry in answer["apps"]
        ),
        processes=tuple(
            Process(
                int(entry["pid"]),
                int(entry["parent"]),
                int(entry["group"]),
                str(entry["state"]),
                float(entry["started_at"]),
                int(entry["memory_bytes"]),
                str(entry["folder"]),
                str(entry["command"]),
            )
            for entry in answer["processes"]
        ),
        listeners={int(entry["port"]): frozenset(int(pid) for pid in entry["pids"]) for entry in answer["listeners"]},
        logs={
            str(name): {str(kind): _log(entry) for kind, entry in kinds.items()}
            for name, kinds in answer["logs"].items()
        },
        daemon_log=_log(answer["daemon_log"]) if answer.get("daemon_log") else None,
        oom_kills=int(answer["oom_kills"]),
    )


def _log(entry: Mapping[str, Any]) -> Log:
    return Log(int(entry["size"]), float(entry["changed_at"]), str(entry["text"]))
