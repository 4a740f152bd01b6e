# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time works on a bundle's folder."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import Iterator

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

FILE = ".lock"
_POLL_SECONDS = 0.1


class Busy(StackError):
    """Another run did not end in time."""


@contextmanager
def held(folder: str, seconds: float, clock: Clock) -> Iterator[None]:
    """Make the folder and hold its lock, for which it waits so many seconds. Raises Busy.

    The kernel gives the lock back when its holder dies.
    """
    descriptor = _acquire(folder, clock.monotonic() + seconds, clock)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(folder: str, deadline: float, clock: Clock) -> int:
    path = os.path.join(folder, FILE)
    while True:
        with file_errors(folder):
            os.makedirs(folder, mode=0o755, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same(descriptor, path):
                return descriptor
        except BlockingIOError:
            if clock.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace")
                os.close(descriptor)
                raise Busy(
                    f"Another run, process {holder or 'unknown'}, works on {folder}.",
                    "wait until it ends, or raise lock_timeout.",
                ) from None
            clock.sleep(_POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _same(descriptor: int, path: str) -> bool:
    """Whether the file was not removed, with the folder, while this run waited for it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
