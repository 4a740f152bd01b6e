# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's multiplexed stream of an exec, read with a deadline and a bound.

The docker SDK's own readers wait without end for a program that hangs.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Callable, Dict, Optional

_HEADER = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2
_CHUNK = 64 << 10


@dataclass
class Streams:
    """What has arrived so far; `finished` is False when the deadline came first."""

    max_bytes: int
    finished: bool = False
    _parts: Dict[int, bytearray] = field(default_factory=lambda: {_STDOUT: bytearray(), _STDERR: bytearray()})

    @property
    def stdout(self) -> bytes:
        """At most `max_bytes`."""
        return bytes(self._parts[_STDOUT])

    @property
    def stderr(self) -> bytes:
        """At most `max_bytes`."""
        return bytes(self._parts[_STDERR])

    def add(self, kind: int, data: bytes) -> None:
        """Keep what fits."""
        part = self._parts.setdefault(kind, bytearray())
        part += data[: max(self.max_bytes - len(part), 0)]


def read(
    connection: socket.socket,
    timeout_seconds: float,
    max_bytes: int,
    tell: Optional[Callable[[bytes], None]] = None,
) -> Streams:
    """Read frames (8 bytes of header, then the payload) until the other side closes, or until the deadline.

    `tell` gets all of it as it comes, both streams mixed. Raises OSError when the connection breaks.
    """
    deadline = time.monotonic() + timeout_seconds
    streams = Streams(max_bytes)
    pending = bytearray()
    kind: Optional[int] = None
    missing = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([connection], [], [], left)[0]:
            return streams
        data = connection.recv(_CHUNK)
        if not data:
            streams.finished = True
            return streams
        pending += data
        while pending:
            if kind is None:
                if len(pending) < _HEADER.size:
                    break
                kind, missing = _HEADER.unpack(pending[: _HEADER.size])
                del pending[: _HEADER.size]
            piece = bytes(pending[:missing])
            del pending[:missing]
            missing -= len(piece)
            streams.add(kind, piece)
            if tell is not None:
                tell(piece)
            if missing:
                break
            kind = None
