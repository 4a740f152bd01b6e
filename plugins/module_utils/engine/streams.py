# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams of any length into and out of containers, in pieces: the adapter's interface. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Callable, Mapping, Optional, Protocol, Sequence


@dataclass(frozen=True)
class StreamResult:
    """`exit_code` is None when the time was up before the program ended; `text` is the end of what it told."""

    exit_code: Optional[int]
    text: str


class Readable(Protocol):
    """What can be read as a file can: a file, or something that looks at what passes."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


class EngineStreams(ABC):
    """Programs and archives whose data is larger than memory. All methods raise `StackError`.

    A program is run without a shell; `environment` is not part of its arguments, so nobody sees it in a list of processes.
    """

    @abstractmethod
    def run_to(
        self,
        identifier: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        sink: Callable[[bytes], None],
        timeout_seconds: float,
    ) -> StreamResult:
        """Hand everything that the program writes to `sink`; `text` is its standard error."""

    @abstractmethod
    def run_from(
        self,
        identifier: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        source: Readable,
        timeout_seconds: float,
        sink: Optional[Callable[[bytes], None]] = None,
    ) -> StreamResult:
        """Give the program all of `source` as its standard input.

        What it writes goes to `sink`; `text` is its standard error then, and all that it says without one.
        """

    @abstractmethod
    def put(self, identifier: str, path: str, source: Readable, timeout_seconds: float) -> None:
        """Extract a tar stream into a folder of a container that may never have been started, owners and modes kept."""
