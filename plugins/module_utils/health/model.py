# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the container gate sees, and what it is asked. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import FrozenSet, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import HealthProbe


class Expectation(str, Enum):
    """What a service must be for the gate to open."""

    HEALTHY = "healthy"
    RUNNING = "running"
    COMPLETED = "completed"
    IGNORED = "ignored"
    ABSENT = "absent"


@dataclass(frozen=True)
class Dependency:
    """`condition` is service_started, service_healthy or service_completed_successfully."""

    service: str
    condition: str


@dataclass(frozen=True)
class ContainerState:
    """One container at one moment; times are seconds since the epoch, None if they never came."""

    identifier: str
    name: str
    service: str
    image: str
    state: str
    health: str
    has_healthcheck: bool
    restart_policy: str
    restarts: int
    exit_code: int
    oom_killed: bool
    error: str
    started_at: Optional[float]
    finished_at: Optional[float]
    probes: Tuple[HealthProbe, ...]
    terminal: bool
    exposes_ports: bool
    depends_on: Tuple[Dependency, ...]
    anonymous_volumes: Tuple[str, ...] = ()
    ports: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Declared:
    """A service of the compose file. `image` is empty if it is only built; `image_missing` if the engine has none."""

    replicas: int
    image: str = ""
    image_missing: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A project at one moment. `declared` are the services of the compose file, None without one.

    `seen` are services that had a container earlier in the same wait: who removes it leaves a gap.
    """

    project: str
    containers: Tuple[ContainerState, ...]
    declared: Optional[Mapping[str, Declared]] = None
    seen: FrozenSet[str] = frozenset()


@dataclass(frozen=True)
class History:
    """What only an observer of events knows, by container identifier.

    `restarts` counts those of the last `restart_window` seconds. `oom` are those in whose memory limit the kernel
    killed a process, which an engine of 20.10 leaves out of its inspection when it was not the main process.
    `recovered` is when a container that was unhealthy became healthy again, in seconds since the epoch.
    """

    restarts: Mapping[str, int] = field(default_factory=dict)
    oom: FrozenSet[str] = frozenset()
    recovered: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """All times in seconds."""

    stable_for: float = 10.0
    restarts_allowed: int = 3
    restart_window: float = 120.0
    final: bool = False
    """Nobody waits any longer: what is still starting is told as such."""


@dataclass(frozen=True)
class Http:
    """An endpoint that must answer. Either `url`, or a published port of a service and a path."""

    url: str
    status: Tuple[int, ...]
    body: str
    headers: Mapping[str, str]
    host: str
    validate_certs: bool
    timeout_seconds: float
    service: str = ""
    port: int = 0
    path: str = "/"
    scheme: str = "http"


@dataclass(frozen=True)
class Request:
    """What the gate is asked."""

    project: str
    project_src: str
    expectations: Mapping[str, Expectation]
    http: Tuple[Http, ...]
    settings: Settings
    timeout_seconds: float
    evidence: str
    log_lines: int
