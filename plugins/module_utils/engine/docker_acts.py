# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Acts on containers through the `docker` SDK."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any, Iterator

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.acts import EngineActs
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, EngineFailed

_NOT_PAUSED = "not paused"
_NOT_RUNNING = "not running"
# runc gives up when processes appear faster than it freezes them, and thaws all: on a busy host another try goes through.
_CANNOT_FREEZE = "unable to freeze"
_FREEZES = 5
_BETWEEN_SECONDS = 0.1


class DockerActs(EngineActs):
    """See `EngineActs`. `failures` and `not_found` are the SDK's exceptions."""

    def __init__(self, client: Any, failures: Any, not_found: Any) -> None:
        self._client = client
        self._failures = failures
        self._not_found = not_found

    def start(self, identifier: str) -> None:
        with self._doing("start"):
            self._client.start(identifier)

    def stop(self, identifier: str, grace_seconds: int) -> None:
        with self._doing("stop"):
            self._client.stop(identifier, timeout=grace_seconds)

    def pause(self, identifier: str) -> None:
        with self._doing("pause"):
            for left in reversed(range(_FREEZES)):
                try:
                    self._client.pause(identifier)
                    return
                except self._failures as problem:
                    if not left or _CANNOT_FREEZE not in _reason(problem):
                        raise
                    time.sleep(_BETWEEN_SECONDS)

    def unpause(self, identifier: str) -> None:
        try:
            self._client.unpause(identifier)
        except self._not_found:
            return
        except self._failures as problem:
            reason = _reason(problem)
            if _NOT_PAUSED in reason or _NOT_RUNNING in reason:
                return
            raise EngineFailed(
                f"The engine could not unpause a container: {reason}.", f"docker unpause {identifier[:12]}"
            ) from problem

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._not_found as problem:
            raise ContainerGone("A container was removed meanwhile.", "look again.") from problem
        except self._failures as problem:
            reason = _reason(problem).rstrip(".")
            remedy = "look at the engine's own log, and at the container."
            raise EngineFailed(f"The engine could not {what} a container: {reason}.", remedy) from problem


def _reason(problem: Exception) -> str:
    return str(getattr(problem, "explanation", None) or problem)
