# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look, and look again, until it is decided what is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.choose import choose
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Decision, History, Kind, Limits
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.observe import Sight

PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Decided:
    """The last look, what follows from it, and how long it took, in seconds."""

    sight: Sight
    decision: Decision
    seconds: float


def decide(see: Callable[[], Sight], history: History, limits: Limits, clock: Clock, timeout_seconds: float) -> Decided:
    """Until something is to be done or nothing is, or until the time is up: then the decision is still to wait."""
    began = clock.monotonic()
    key, since = "", clock.now()
    while True:
        sight = see()
        now = clock.now()
        first = sight.situation.cause[0].key if sight.situation.cause else ""
        if first != key:
            key, since = first, sight.at
        decision = choose(sight.situation, history, now - since, now, limits)
        spent = clock.monotonic() - began
        if decision.kind is not Kind.WAIT or spent >= timeout_seconds:
            return Decided(sight, decision, spent)
        clock.sleep(min(PAUSE_SECONDS, timeout_seconds - spent))
