# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams into and out of containers, over the engine's own connection: memory does not grow with their length."""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import Any, Callable, Mapping, Optional, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.exec_refusals import refusal
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.streams import (
    EngineStreams,
    Readable,
    StreamResult,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed, EngineLost

_HEADER = struct.Struct(">BxxxL")
_STDOUT = 1
_CHUNK = 256 << 10
_LONGEST_TEXT = 16 << 10
_AGAIN = "look whether the engine still runs, and try again."

Sink = Callable[[bytes], None]


class Frames:
    """Takes the engine's multiplexed stream apart: standard output to a sink, of all else the end is kept."""

    def __init__(self, sink: Optional[Sink]) -> None:
        self._sink = sink
        self._pending = b""
        self._kind = 0
        self._missing = 0
        self._text = b""

    @property
    def text(self) -> str:
        """The end of what was no output."""
        return self._text.decode("utf-8", "replace").strip()

    def feed(self, data: bytes) -> None:
        """The next bytes of the connection."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        view = memoryview(data)
        while view:
            if not self._missing:
                if len(view) < _HEADER.size:
                    self._pending = bytes(view)
                    return
                self._kind, self._missing = _HEADER.unpack(view[: _HEADER.size])
                view = view[_HEADER.size :]
                continue
            piece = view[: self._missing]
            view = view[len(piece) :]
            self._missing -= len(piece)
            if self._kind == _STDOUT and self._sink is not None:
                self._sink(bytes(piece))
            else:
                self._text = (self._text + bytes(piece))[-_LONGEST_TEXT:]


class DockerStreams(EngineStreams):
    """See `EngineStreams`. `failures` are the exceptions of the SDK."""

    def __init__(self, client: Any, failures: Any) -> None:
        self._client = client
        self._failures = failures

    def run_to(
        self,
        identifier: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        sink: Sink,
        timeout_seconds: float,
    ) -> StreamResult:
        return self._run(identifier, argv, environment, Frames(sink), None, timeout_seconds)

    def run_from(
        self,
        identifier: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        source: Readable,
        timeout_seconds: float,
        sink: Optional[Sink] = None,
    ) -> StreamResult:
        return self._run(identifier, argv, environment, Frames(sink), source, timeout_seconds)

    def _run(
        self,
        identifier: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        frames: Frames,
        source: Optional[Readable],
        timeout_seconds: float,
    ) -> StreamResult:
        deadline = time.monotonic() + timeout_seconds
        try:
            handle = self._client.exec_create(
                identifier, list(argv), stdin=source is not None, environment=dict(environment)
            )["Id"]
            stream = self._client.exec_start(handle, socket=True)
            # The SDK hands out a SocketIO on a local socket, and an SSLSocket on TLS.
            connection = getattr(stream, "_sock", stream)
            try:
                finished = _converse(connection, frames, source, deadline)
            finally:
                stream.close()
            code = self._client.exec_inspect(handle)["ExitCode"] if finished else None
        except self._failures as problem:
            raise refusal(problem, argv[0]) from problem
        return StreamResult(code, frames.text)

    def put(self, identifier: str, path: str, source: Readable, timeout_seconds: float) -> None:
        url = self._client._url("/containers/{0}/archive", identifier)
        try:
            answer = self._client.put(url, params={"path": path}, data=_pieces(source), timeout=timeout_seconds)
            self._client._raise_for_status(answer)
        except self._failures as problem:
            reason = str(getattr(problem, "explanation", None) or problem).rstrip(".")
            raise EngineFailed(
                f"The engine could not take an archive: {reason}.", "look at its free space."
            ) from problem


def _pieces(source: Readable) -> Any:
    while True:
        data = source.read(_CHUNK)
        if not data:
            return
        yield data


def _converse(connection: socket.socket, frames: Frames, source: Optional[Readable], deadline: float) -> bool:
    """Write all of `source` and read until the other side closes; False if the time was up first. Raises OSError."""
    waiting = memoryview(b"")
    writing = source is not None
    connection.setblocking(False)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if writing and not waiting and source is not None:
            waiting = memoryview(source.read(_CHUNK))
            if not waiting:
                writing = False
                _half_close(connection)
        readable, writable, _none = select.select([connection], [connection] if writing else [], [], left)
        if readable:
            data = connection.recv(_CHUNK)
            if not data:
                return True
            frames.feed(data)
        if writable and writing:
            try:
                waiting = waiting[connection.send(waiting) :]
            except (BrokenPipeError, ConnectionResetError):
                # The program has ended without reading all; its exit code tells why.
                writing = False


def _half_close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError as problem:
        raise EngineLost(f"The engine's connection broke off: {problem}.", _AGAIN) from problem
