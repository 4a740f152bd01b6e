# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Freeze the workers for the moment in which the snapshots are taken, such that they go on whatever happens to this run.

Three nets: this process unpauses in every exit; a second process, which holds nothing but a pipe to this one, unpauses when
this one dies (`kill -9`) or takes too long; and the journal tells the next run what to unpause if both are gone.
"""

from __future__ import annotations

import json
import os
import select
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Callable, Iterator, List, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import file_errors, replace_synced
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

JOURNAL = ".journal.json"
_DONE = b"d"


def left_paused(directory: str) -> List[str]:
    """Containers that the journal names; a damaged journal names none."""
    try:
        with open(os.path.join(directory, JOURNAL), encoding="utf-8") as stream:
            return [str(item) for item in json.load(stream)["paused"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write_journal(directory: str, paused: Sequence[str]) -> None:
    path = os.path.join(directory, JOURNAL)
    with file_errors(directory):
        if paused:
            replace_synced(path, json.dumps({"pid": os.getpid(), "paused": list(paused)}).encode())
            return
        with suppress(FileNotFoundError):
            os.unlink(path)
            sync_folder(directory)


def recover(engine: Engine, directory: str) -> bool:
    """Unpause what a killed run left frozen; whether there was a journal. Raises EngineFailed."""
    there = os.path.exists(os.path.join(directory, JOURNAL))
    for identifier in left_paused(directory):
        engine.acts().unpause(identifier)
    if there:
        _write_journal(directory, ())
    return there


class Guard:
    """A process that unpauses containers when its parent dies without having said that it did so itself."""

    def __init__(self, connect: Callable[[], Engine], identifiers: Sequence[str], seconds: float) -> None:
        read, self._write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            # Whatever happens here, nothing of the parent's may be run twice.
            try:
                _watch(read, connect, identifiers, seconds)
            finally:
                os._exit(0)
        os.close(read)

    def end(self, all_go_on: bool) -> None:
        """Let it end; unless all go on again, it does what this process could not."""
        if all_go_on:
            with suppress(OSError):
                os.write(self._write, _DONE)
        os.close(self._write)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _watch(read: int, connect: Callable[[], Engine], identifiers: Sequence[str], seconds: float) -> None:
    os.setsid()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    # The parent's pipes would keep Ansible waiting, and the parent's end of this pipe would never close.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    for descriptor in _descriptors():
        if descriptor not in (0, 1, 2, read):
            with suppress(OSError):
                os.close(descriptor)
    ready = select.select([read], [], [], seconds)[0]
    if ready and os.read(read, 1) == _DONE:
        return
    engine = connect()
    for identifier in identifiers:
        with suppress(StackError):
            engine.acts().unpause(identifier)


def _descriptors() -> List[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return list(range(3, 1024))


class Frozen:
    """Containers that are paused; `thaw` may be called before the end. `seconds` is how long they were."""

    def __init__(self, engine: Engine, identifiers: Sequence[str], clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._left = list(identifiers)
        self._since = clock.monotonic()
        self.seconds = 0.0

    @property
    def gone_on(self) -> bool:
        """Whether none is left frozen."""
        return not self._left

    def thaw(self) -> None:
        """Let all go on. Raises EngineFailed."""
        while self._left:
            self._engine.acts().unpause(self._left[0])
            del self._left[0]
            self.seconds = self._clock.monotonic() - self._since

    def lost(self) -> bool:
        """Whether one of them is not frozen any more, because somebody else has let it go on."""
        return any(self._engine.detail(name).state != "paused" for name in self._left)


@dataclass(frozen=True)
class Freezer:
    """`connect` is for the second process, which needs a connection of its own."""

    engine: Engine
    connect: Callable[[], Engine]
    directory: str
    clock: Clock
    step: Callable[[str], None]

    @contextmanager
    def frozen(self, identifiers: Sequence[str], seconds: float) -> Iterator[Frozen]:
        """Freeze containers, for at most `seconds`. Raises EngineFailed."""
        state = Frozen(self.engine, identifiers, self.clock)
        if not identifiers:
            yield state
            return
        _write_journal(self.directory, [*left_paused(self.directory), *identifiers])
        self.step("journal")
        guard = Guard(self.connect, identifiers, seconds)
        try:
            for identifier in identifiers:
                self.engine.acts().pause(identifier)
            self.step("paused")
            yield state
        finally:
            try:
                state.thaw()
            finally:
                guard.end(state.gone_on)
            left = [name for name in left_paused(self.directory) if name not in identifiers]
            _write_journal(self.directory, left)
