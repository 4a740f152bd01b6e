# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What recovery is about: causes, rungs, the history of what was tried, decisions. No I/O here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any, Dict, FrozenSet, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict

# Between the two parts of a step, Compose makes a container anew, or posts are spread: its run lives and holds no lock then.
HANDS_OFF_SECONDS = 20.0
# A step that was begun so much later than now was begun by a clock that has been set back since.
_CLOCK_SECONDS = 60.0


class Rung(str, Enum):
    """Steps, in the order of their force."""

    WAIT = "wait"
    RESTORE_SWEEPER = "restore_sweeper"
    REPAIR_POSTS = "repair_posts"
    RESTORE_NAMESPACE = "restore_namespace"
    END_PROCESS_GROUP = "end_process_group"
    START_SERVICE = "start_service"
    RESTART_CONTAINER = "restart_container"
    RECREATE_CONTAINER = "recreate_container"
    RESTART_STACK = "restart_stack"
    PERSON = "person"

    @property
    def force(self) -> int:
        """The higher, the more is interrupted."""
        return _ORDER.index(self)

    @property
    def acts(self) -> bool:
        """Whether something is changed."""
        return self not in (Rung.WAIT, Rung.PERSON)


_ORDER = tuple(Rung)


@dataclass(frozen=True)
class Cause:
    """The first cause that was seen. `service` is the service to act on, `app` the app inside of it, if one is meant."""

    code: str
    component: str
    evidence: str
    remedy: str
    service: str
    app: str = ""

    @property
    def key(self) -> str:
        """What tells one cause from another between two looks."""
        return f"{self.code} {self.component}"


def component_of(key: str) -> str:
    """The component of a cause, out of its key: one that is unhealthy now may be starting at the next look."""
    return key.partition(" ")[2]


@dataclass(frozen=True)
class Situation:
    """One look, as far as a decision needs it; times are seconds since the epoch.

    `for_person` says why no step may be taken, empty if one may. `booted_at` is the newest start of a container of
    Postiz, 0 if none runs. `flows` is True where the stack itself is well, and a network refuses. `settled` is True once
    living pollers were seen: they end the quiet window early. `postiz` is the service of Postiz. `compose_gone` says why
    Compose cannot be used, empty if it can.
    """

    verdict: Verdict
    cause: Tuple[Cause, ...]
    for_person: str
    booted_at: float
    settled: bool
    postiz: str
    compose_gone: str
    absent: FrozenSet[str] = frozenset()
    flows: bool = False


@dataclass(frozen=True)
class Tried:
    """A step of the record. `finished_at` is 0 while it is unfinished, `helped` if the stack was proved afterwards.

    `touched_at` is the last moment at which its run is known to have lived. `unspread` is True where the step itself was
    not taken to its end, because overdue posts could not be spread.
    """

    run: str
    number: int
    rung: Rung
    cause: str
    service: str
    app: str
    code: str
    begun_at: float
    finished_at: float = 0.0
    helped: bool = False
    outcome: str = ""
    spread: bool = False
    touched_at: float = 0.0
    unspread: bool = False
    also: Tuple[str, ...] = ()

    def held_until(self, run: str) -> float:
        """Until when another run keeps its hands off; 0 if the step has ended, or is this run's own."""
        if self.finished_at or self.run == run:
            return 0.0
        return max(self.begun_at, self.touched_at) + HANDS_OFF_SECONDS


@dataclass(frozen=True)
class History:
    """What the record tells. `quarantined_at` is 0 outside of a quarantine.

    `asked` are the causes for which a person was asked since the last step, each with the run that asked. `told` are
    the runs of which somebody was told, each with a way.
    """

    tried: Tuple[Tried, ...] = ()
    quarantined_at: float = 0.0
    quarantine_reason: str = ""
    asked: Tuple[Tuple[str, str], ...] = ()
    open: bool = False
    told: Tuple[Tuple[str, str], ...] = ()

    def asked_before(self, cause: str, run: str) -> str:
        """The run before this one that has asked for a person for that, empty without one."""
        return next((by for of, by in self.asked if of == cause and by != run), "")

    def reached(self, run: str) -> Tuple[str, ...]:
        """The ways by which somebody was told of a run."""
        return tuple(sorted({way for of, way in self.told if of == run}))

    def as_of(self, now: float) -> "History":
        """Without steps of the future, which would hold everything back until then."""
        return replace(self, tried=tuple(item for item in self.tried if item.begun_at <= now + _CLOCK_SECONDS))


@dataclass(frozen=True)
class Limits:
    """Times in seconds. `attempts` is the number of steps within `window`, over all runs."""

    attempts: int = 4
    window: float = 3600.0
    cooldown: float = 60.0
    settle: float = 150.0


class Kind(str, Enum):
    """What is to be done next."""

    NOTHING = "nothing"
    CLOSE = "close"
    WAIT = "wait"
    ACT = "act"
    PERSON = "person"
    QUARANTINE = "quarantine"
    QUIET = "quiet"


@dataclass(frozen=True)
class Step:
    """What to do to what, and why. `resumes` is the number of the unfinished step that it continues, else 0.

    `also` are other services that stand still for the same kind of cause, and are started with it.
    """

    rung: Rung
    service: str
    app: str
    code: str
    cause: str
    reason: str
    resumes: int = 0
    also: Tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """For a person."""
        target = self.app or self.service
        return {
            Rung.WAIT: "wait",
            Rung.RESTORE_SWEEPER: "start the sweep for forgotten posts",
            Rung.REPAIR_POSTS: "repair posts that are overdue",
            Rung.RESTORE_NAMESPACE: "make the missing namespace",
            Rung.END_PROCESS_GROUP: f"end the process group of {target}; PM2 starts it anew",
            Rung.START_SERVICE: f"start {', '.join((self.service, *self.also))}",
            Rung.RESTART_CONTAINER: f"restart the container of {self.service}",
            Rung.RECREATE_CONTAINER: f"recreate the container of {self.service}",
            Rung.RESTART_STACK: "restart the stack in dependency order",
            Rung.PERSON: "ask a person",
        }[self.rung]

    def as_dict(self) -> Dict[str, Any]:
        """The shape in which it is returned, and taken back."""
        return {**asdict(self), "rung": self.rung.value, "title": self.title, "also": list(self.also)}


NO_STEP = Step(Rung.WAIT, "", "", "", "", "")


@dataclass(frozen=True)
class Decision:
    """`until` is the moment at which a wait ends, in seconds since the epoch. `then` is what follows a wait."""

    kind: Kind
    step: Step = NO_STEP
    reason: str = ""
    until: float = 0.0
    then: Tuple[Step, ...] = field(default=())
