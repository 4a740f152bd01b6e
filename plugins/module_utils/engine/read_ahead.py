# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a stream while what came before is still worked on: the engine packs meanwhile, instead of waiting."""

from __future__ import annotations

import queue
import threading
from typing import Optional, Tuple, Union

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource

_SIZE = 1 << 20
_DEPTH = 4
_JOIN_SECONDS = 5.0

_NONE = bytearray()

# A buffer with what is in it, or how the stream ended.
_Filled = Tuple[Union[bytearray, BaseException, None], int]


class ReadAhead(ByteSource):
    """The bytes of `source`, of which at most `depth` buffers of `size` bytes are in memory."""

    def __init__(self, source: ByteSource, size: int = _SIZE, depth: int = _DEPTH) -> None:
        self._source = source
        self._free: queue.SimpleQueue[Optional[bytearray]] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[_Filled] = queue.SimpleQueue()
        for _number in range(depth):
            self._free.put(bytearray(size))
        self._buffer = _NONE
        self._start = self._end = 0
        self._over: Optional[_Filled] = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while True:
                buffer = self._free.get()
                if buffer is None:
                    return
                view = memoryview(buffer)
                filled = 0
                while filled < len(view):
                    count = self._source.readinto(view[filled:])
                    if not count:
                        break
                    filled += count
                self._full.put((buffer, filled))
                if filled < len(view):
                    self._full.put((None, 0))
                    return
        # Whatever it is, it is raised where the bytes are wanted.
        except BaseException as problem:
            self._full.put((problem, 0))

    def readinto(self, view: memoryview) -> int:
        while self._start == self._end:
            if self._over is None:
                self._next()
            if self._over is not None:
                if isinstance(self._over[0], BaseException):
                    raise self._over[0]
                return 0
        count = min(len(view), self._end - self._start)
        view[:count] = memoryview(self._buffer)[self._start : self._start + count]
        self._start += count
        return count

    def _next(self) -> None:
        if self._buffer is not _NONE:
            self._free.put(self._buffer)
            self._buffer = _NONE
        found, filled = self._full.get()
        self._start, self._end = 0, filled
        if isinstance(found, bytearray):
            self._buffer = found
        else:
            self._over = (found, 0)

    def close(self) -> None:
        self._free.put(None)
        self._source.close()
        self._thread.join(_JOIN_SECONDS)
