# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's event stream, read by a thread so that a wait for the next event can have a deadline."""

from __future__ import annotations

import queue
import threading
from typing import Any, Iterable, Mapping, Optional, Union

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_PROJECT,
    ContainerEvent,
    EngineEvents,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineLost

# The exec_* events of the health checks themselves are left out: several a second, and none changes a verdict.
ACTIONS = (
    "create",
    "start",
    "die",
    "oom",
    "pause",
    "unpause",
    "destroy",
    "rename",
    "health_status",
)


def filters(project: str) -> Mapping[str, Any]:
    """What the engine shall leave out by itself."""
    return {"type": "container", "label": f"{LABEL_PROJECT}={project}", "event": list(ACTIONS)}


class StreamEvents(EngineEvents):
    """Events out of a blocking stream of the engine's dictionaries; `stream` has `close`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._queue: queue.Queue[Union[ContainerEvent, EngineLost]] = queue.Queue()
        # A daemon, because a blocked read cannot be interrupted on every transport.
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Iterable[Mapping[str, Any]]) -> None:
        reason = "the engine closed the stream of its events"
        try:
            for entry in stream:
                actor = entry.get("Actor") or {}
                self._queue.put(ContainerEvent(actor.get("ID", ""), str(entry.get("Action", ""))))
        except Exception as problem:  # whatever ends the thread, the waiting side must learn of it
            reason = f"{type(problem).__name__}: {problem}"
        self._queue.put(EngineLost(f"The engine's events ended ({reason}).", "look at the engine's own log."))

    def next(self, timeout_seconds: float) -> Optional[ContainerEvent]:
        try:
            item = self._queue.get(timeout=max(timeout_seconds, 0.0))
        except queue.Empty:
            return None
        if isinstance(item, EngineLost):
            self._queue.put(item)
            raise item
        return item

    def close(self) -> None:
        self._stream.close()
