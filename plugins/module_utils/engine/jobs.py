# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away containers that do one thing: the adapter's interface. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Callable, Mapping, Tuple


@dataclass(frozen=True)
class Job:
    """A container that publishes nothing and is removed afterwards, with `EngineArchives.remove`.

    `memory_bytes` and `cpus` 0: no limit. `shown` is a folder of the host, and the path at which it is mounted read-only;
    `scratch` are paths that are empty and writable, in memory.
    """

    image: str
    argv: Tuple[str, ...]
    labels: Mapping[str, str]
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    network: str = "none"
    memory_bytes: int = 0
    cpus: float = 0.0
    shown: Tuple[Tuple[str, str], ...] = ()
    scratch: Tuple[str, ...] = ()


class EngineJobs(ABC):
    """All methods raise `StackError`."""

    @abstractmethod
    def create(self, job: Job) -> str:
        """Identifier of a container that is not started yet."""

    @abstractmethod
    def put(self, identifier: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files, by their paths relative to a folder that exists; root's, readable by all."""

    @abstractmethod
    def start(self, identifier: str) -> None:
        """Start it and go on."""

    @abstractmethod
    def run(self, identifier: str, timeout_seconds: float, tell: Callable[[bytes], None]) -> bool:
        """Start it and wait for its end; False if it still runs when the time is up. `tell` gets all that it prints."""
