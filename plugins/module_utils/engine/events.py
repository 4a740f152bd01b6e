# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's event stream, read by a thread so that a wait for the next event can have a deadline."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Mapping, Optional, Union

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
    """Events out of a blocking stream of the engine's dictionaries.

    `subscribe` hands out that stream, which has `close`. Raises EngineLost if that takes longer than `timeout_seconds`.
    """

    def __init__(self, subscribe: Callable[[], Any], timeout_seconds: float) -> None:
        self._stream: Any = None
        self._queue: queue.Queue[Union[ContainerEvent, EngineLost]] = queue.Queue()
        subscribed = threading.Event()
        # A daemon, because a blocked read cannot be interrupted on every transport.
        threading.Thread(target=self._read, args=(subscribe, subscribed), daemon=True).start()
        if not subscribed.wait(timeout_seconds):
            raise EngineLost(
                f"The engine did not answer within {timeout_seconds:.0f} s.", "look at the engine's own log."
            )

    def _read(self, subscribe: Callable[[], Any], subscribed: threading.Event) -> None:
        reason = "the engine closed the stream of its events"
        try:
            self._stream = subscribe()
            subscribed.set()
            for entry in self._stream:
                actor = entry.get("Actor") or {}
                self._queue.put(ContainerEvent(actor.get("ID", ""), str(entry.get("Action", ""))))
        except Exception as problem:  # whatever ends the thread, the waiting side must learn of it
            reason = f"{type(problem).__name__}: {problem}"
        subscribed.set()
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
        if self._stream is not None:
            self._stream.close()
