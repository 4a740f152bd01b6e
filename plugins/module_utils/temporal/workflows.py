# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workflows by their ids: what is known of them, and the few things that may be done to them. No I/O here.

Histories hold whole posts and the tokens of their channels. Only event types, activity names and times are taken out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from sys import intern
from typing import Any, Dict, FrozenSet, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import list_at, text_at
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail, whole_number

# An activity in any other state may be at work: CANCEL_REQUESTED and PAUSE_REQUESTED are states of started ones.
WAITING = frozenset({"SCHEDULED", "PAUSED"})
RUNNING = "RUNNING"
_STATUS = "WORKFLOW_EXECUTION_STATUS_"
_ACTIVITY = "PENDING_ACTIVITY_STATE_"


class WorkflowsFailed(StackError):
    """Temporal could not be asked, or refused."""


@dataclass(frozen=True)
class PendingActivity:
    """An activity that has not ended. `state` is SCHEDULED, STARTED …; `started_at` is seconds since the epoch."""

    name: str
    state: str
    attempt: int
    worker: str
    started_at: float

    @property
    def started(self) -> bool:
        """Whether a worker has it."""
        return self.state not in WAITING


@dataclass(frozen=True)
class Workflow:
    """The newest run of a workflow id. `task_attempt` is 0 where no workflow task waits."""

    identifier: str
    run: str
    kind: str
    status: str
    started_at: float
    closed_at: Optional[float]
    activities: Tuple[PendingActivity, ...] = ()
    task_attempt: int = 0

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == RUNNING


@dataclass(frozen=True)
class Start:
    """A post's workflow as Postiz starts it."""

    post: str
    organization: str
    queue: str
    kind: str

    @property
    def identifier(self) -> str:
        """Id of the workflow."""
        return workflow_id(self.post)

    def payload(self) -> Dict[str, str]:
        """Its one argument."""
        return {"taskQueue": self.queue, "postId": self.post, "organizationId": self.organization}

    def attributes(self) -> Dict[str, str]:
        """Its search attributes."""
        return {"postId": self.post, "organizationId": self.organization}


def ended_query(identifiers: Sequence[str]) -> str:
    """Visibility query of runs that somebody or a limit ended."""
    return f'{_named(identifiers)} AND ExecutionStatus IN ("Terminated", "TimedOut", "Canceled", "Failed")'


def running_query(identifiers: Sequence[str]) -> str:
    """Visibility query of those that run."""
    return f'{_named(identifiers)} AND ExecutionStatus = "Running"'


def _named(identifiers: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in identifiers)
    return f"WorkflowId IN ({names})"


def askable(identifiers: Sequence[str]) -> Sequence[str]:
    """Those that a query can name: ids of Postiz hold no quotes."""
    return [name for name in identifiers if '"' not in name]


def parse_listed(item: Mapping[str, Any]) -> Workflow:
    """Out of an entry of a list of workflows."""
    return parse_workflow({"workflowExecutionInfo": dict(item)})


def workflow_id(post: str) -> str:
    """Postiz' own id of a post's workflow."""
    return f"post_{post}"


class Workflows(ABC):
    """How workflows are reached, and by which way. All methods raise WorkflowsFailed."""

    way = ""

    @abstractmethod
    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Optional[Workflow]]:
        """The newest run of each; None where Temporal knows none."""

    @abstractmethod
    def ended_runs(self, identifiers: Sequence[str]) -> Tuple[Workflow, ...]:
        """Runs of these that were ended before they came to their own end, as far as Temporal keeps them."""

    @abstractmethod
    def running_among(self, identifiers: Sequence[str]) -> FrozenSet[str]:
        """Those of these that run, many in one question. It may lack one that was started within the last seconds."""

    @abstractmethod
    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        """The trail of each, by workflow id."""

    @abstractmethod
    def running_posts(self, limit: int) -> Tuple[Tuple[str, ...], int]:
        """At most `limit` ids of running workflows of posts, and how many there are in all."""

    @abstractmethod
    def terminate(self, workflow: Workflow, reason: str) -> bool:
        """End this very run; False if it had ended already."""

    @abstractmethod
    def start(self, wanted: Start) -> None:
        """What Postiz' sweep does: signal the workflow if it runs, else start it."""


def parse_workflow(data: Any) -> Workflow:
    """Out of a description, in the JSON form of protocol buffers. Raises WorkflowsFailed for anything else."""
    execution = data.get("workflowExecutionInfo") if isinstance(data, dict) else None
    # Without its state it would pass for one that has ended.
    if not text_at(execution, "status"):
        raise WorkflowsFailed(
            "Temporal described a workflow without its state.", "ask temporal_health what is wrong with it."
        )
    attempt = text_at(data, "pendingWorkflowTask", "attempt")
    pending = isinstance(data, dict) and bool(data.get("pendingWorkflowTask"))
    return Workflow(
        identifier=text_at(execution, "execution", "workflowId"),
        run=text_at(execution, "execution", "runId"),
        # Thousands of workflows share these.
        kind=intern(text_at(execution, "type", "name")),
        status=intern(text_at(execution, "status").replace(_STATUS, "")),
        started_at=parse_time(text_at(execution, "startTime")) or 0.0,
        closed_at=parse_time(text_at(execution, "closeTime")),
        activities=tuple(_activity(item) for item in list_at(data, "pendingActivities")),
        task_attempt=whole_number(attempt, 1) if pending else 0,
    )


def _activity(item: Mapping[str, Any]) -> PendingActivity:
    return PendingActivity(
        name=text_at(item, "activityType", "name"),
        state=text_at(item, "state").replace(_ACTIVITY, ""),
        attempt=whole_number(text_at(item, "attempt"), 1),
        worker=text_at(item, "lastWorkerIdentity"),
        started_at=parse_time(text_at(item, "lastStartedTime")) or 0.0,
    )
