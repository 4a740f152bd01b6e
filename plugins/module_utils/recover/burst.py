# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a step would let overdue posts out in a burst: then Postiz is held, or they are spread before it goes on."""

from __future__ import annotations

from typing import Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import backlog
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Rung, Step
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.parameters import ActRequest

_RESTARTS = (Rung.RESTART_CONTAINER, Rung.RECREATE_CONTAINER)
_STARTS = (*_RESTARTS, Rung.START_SERVICE)


class BurstGuard:
    """Answers no to everything where `burst_guard` is off. A database that cannot be asked counts as a backlog."""

    def __init__(self, request: ActRequest) -> None:
        self._request = request
        self._postiz = request.look.diagnosis.service

    def must_hold(self, engine: Engine, step: Step) -> bool:
        """Whether posts would go out in a burst as soon as the service is back. Raises StackError."""
        if not self._request.burst_guard or step.rung not in _STARTS or self._postiz in (step.service, *step.also):
            return False
        return self._too_many(engine, 0.0)

    def stops_postiz(self, step: Step) -> bool:
        """Whether the step would leave Postiz stopped until what is overdue is spread."""
        if not self._request.burst_guard or step.resumes:
            return False
        return step.rung is Rung.RESTART_STACK or (step.rung in _RESTARTS and step.service == self._postiz)

    def must_spread(self, engine: Engine, step: Step, held: bool) -> bool:
        """Whether overdue posts are to be spread before the step's second part. Raises StackError."""
        if not self._request.burst_guard:
            return False
        on_postiz = step.rung is Rung.RESTART_STACK or (
            step.rung in _STARTS and self._postiz in (step.service, *step.also)
        )
        revives = step.rung is Rung.RESTORE_SWEEPER or (
            step.rung is Rung.END_PROCESS_GROUP and step.app == "orchestrator" and step.code != "ghost-process"
        )
        if not (held or on_postiz or revives):
            return False
        return self._too_many(engine, 0.0 if held else self._request.burst_ahead)

    def _too_many(self, engine: Engine, ahead_seconds: float) -> bool:
        waiting = self._waiting(engine, ahead_seconds)
        return waiting is None or waiting > self._request.burst_threshold

    def _waiting(self, engine: Engine, ahead_seconds: float) -> Optional[int]:
        project = self._request.look.diagnosis.project
        return backlog.most_waiting(engine, project, self._postiz, ahead_seconds, self._request.database)
