# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of posts that are stuck, and the words for it. No I/O here.

Times are naive and in UTC, as Postiz stores them (`timestamp(3)` without time zone).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import FrozenSet, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflow

# State of a post that a workflow is of, and that the database has no row of.
MISSING = "MISSING"
# The error of a post that may be live, and that nobody must send again.
UNCONFIRMED = "Could not confirm the post status"


class PostClass(str, Enum):
    """Why a post has not gone out. The values are public vocabulary, documented in docs/stuck_posts.md."""

    WORKER_DEAD = "worker-dead"
    NO_WORKFLOW = "no-workflow"
    SCHEDULED_LOST = "scheduled-no-workflow"
    OLDER_THAN_SWEEP = "older-than-sweep"
    CHANNEL_BROKEN = "channel-broken"
    RUNNING_OVERDUE = "workflow-running-overdue"
    FAILING = "workflow-failing"
    GHOST = "ghost-workflow"
    LOOPING = "looping"
    OUTCOME_UNKNOWN = "outcome-unknown"
    LIVE_ERROR = "live-but-marked-error"
    PUBLISHING = "publishing"
    HAS_RELEASE = "has-release"
    SCHEDULED = "scheduled"
    NOT_QUEUED = "not-queued"


class Action(str, Enum):
    """What may be done about it."""

    NONE = "none"
    POKE = "poke"
    RESCHEDULE = "reschedule"
    HOLD = "hold"
    FAIL = "fail"
    DELETE = "delete"
    END_WORKFLOW = "end_workflow"
    MARK_PUBLISHED = "mark_published"


@dataclass(frozen=True)
class Row:
    """A root post without its content. `handed_over`: its release id is 'missing', which Postiz writes where the network took
    the post and does not show it by itself, as in TikTok's inbox."""

    id: str
    state: str
    due: datetime
    updated: datetime
    organization: str
    channel: str
    channel_name: str
    provider: str
    broken: Tuple[str, ...]
    release: bool
    already_posted: bool
    deleted: bool
    root: bool
    recurring: bool
    handed_over: bool = False

    @property
    def queue(self) -> str:
        """The provider's task queue (upstream: the identifier's first part)."""
        return self.provider.partition("-")[0].lower()


@dataclass(frozen=True)
class Living:
    """A container of Postiz that runs. `pids` is None when its processes could not be looked at."""

    hostname: str
    started_at: float
    pids: Optional[FrozenSet[int]]


@dataclass(frozen=True)
class World:
    """What is true for all posts at one moment. `now` is naive UTC of the database, `epoch` the same moment in seconds.

    `deserted` says that no workflow of any post runs in this namespace.
    """

    now: datetime
    epoch: float
    polled_queues: FrozenSet[str]
    workers: Tuple[Living, ...]
    failing_attempts: int
    deserted: bool = False

    @property
    def main_polled(self) -> bool:
        """Whether a living worker takes workflow tasks."""
        return "main" in self.polled_queues

    def lives(self, identity: str, since: float) -> bool:
        """Whether the worker `pid@hostname` that started something at `since` is still there."""
        pid, _separator, hostname = identity.partition("@")
        return any(
            worker.hostname == hostname
            and since >= worker.started_at
            and (worker.pids is None or (pid.isdecimal() and int(pid) in worker.pids))
            for worker in self.workers
        )


@dataclass(frozen=True)
class Seen:
    """A post and its workflow, as far as there is one.

    `begun` is the status of an earlier run that was ended after it had begun to publish; empty if there is none.
    """

    row: Row
    workflow: Optional[Workflow] = None
    trail: Optional[Trail] = None
    begun: str = ""


@dataclass(frozen=True)
class Judged:
    """`endable` says that its running workflow provably has not begun to publish and cannot begin while it is ended.

    `sleeps_until`, in seconds since the epoch, is set where nothing but its timer makes it endable.
    `obstacle` says why a workflow of it is not to be started now.
    """

    row: Row
    post_class: PostClass
    evidence: str
    workflow: Optional[Workflow] = None
    endable: bool = False
    sleeps_until: Optional[float] = None
    obstacle: str = ""

    @property
    def running(self) -> bool:
        """Whether a workflow of it runs."""
        return self.workflow is not None and self.workflow.running


@dataclass(frozen=True)
class Selection:
    """Which posts are looked at; empty tuples select all. `oldest` bounds the time they are due, naive UTC.

    So far ahead as `horizon_seconds`, posts of the future are looked for that have no workflow.
    """

    overdue_seconds: float
    horizon_seconds: float
    oldest: Optional[datetime]
    organizations: Tuple[str, ...]
    channels: Tuple[str, ...]
    providers: Tuple[str, ...]
    posts: Tuple[str, ...]
