# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the container gate finds: troubles, and the judgement that holds them. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import ContainerState, Expectation


@dataclass(frozen=True)
class Trouble:
    """Why a service does not meet its expectation. `settled` if waiting longer cannot help; `state` fits "it …".

    `hint` comes before the code's remedy.
    """

    code: str
    service: str
    container: str
    state: str
    settled: bool = False
    hint: str = ""


@dataclass(frozen=True)
class ServiceJudgement:
    """One container (or a service without one). `wake_at` is when time alone may change this.

    `lost_a_process`: the kernel killed one of its processes for lack of memory, and the container goes on.
    """

    service: str
    container: Optional[ContainerState]
    expectation: Expectation
    trouble: Optional[Trouble]
    wake_at: Optional[float] = None
    lost_a_process: bool = False

    @property
    def satisfied(self) -> bool:
        """Whether the expectation is met."""
        return self.trouble is None


@dataclass(frozen=True)
class Judgement:
    """All services of a project."""

    services: Tuple[ServiceJudgement, ...]

    @property
    def troubles(self) -> Tuple[Trouble, ...]:
        """What is not as expected."""
        return tuple(item.trouble for item in self.services if item.trouble is not None)

    @property
    def verdict(self) -> Verdict:
        """A project without anything that is expected of it says nothing."""
        if self.troubles:
            return Verdict.UNHEALTHY
        return Verdict.HEALTHY if self.services else Verdict.UNKNOWN

    @property
    def settled(self) -> bool:
        """Whether waiting longer cannot help."""
        return any(trouble.settled for trouble in self.troubles)

    @property
    def wake_at(self) -> Optional[float]:
        """When time alone may change the judgement; None if only an event can."""
        return min((item.wake_at for item in self.services if item.wake_at is not None), default=None)
