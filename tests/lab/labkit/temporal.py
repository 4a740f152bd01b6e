"""Temporal, through its own command line client in the stack's admin-tools container."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labkit.errors import LabError
from labkit.stack import Stack

ADMIN_TOOLS = "temporal-admin-tools"
SERVER = "temporal:7233"
SWEEP = "missing-post-workflow"
FRESH_SECONDS = 90.0
"""A long poll ends after 60 to 70 s: a poller that was not seen for longer is gone, though it stays listed for minutes."""
_ASLEEP = 11
"""Events of a post's workflow up to its timer."""


@dataclass(frozen=True)
class Poller:
    """A worker that asked a task queue for work."""

    identity: str
    kind: str
    age: float


def parse_pollers(description: dict[str, Any], now: datetime) -> tuple[Poller, ...]:
    """Pollers out of ``task-queue describe``; ``pollers`` is null where there are none."""
    return tuple(
        Poller(entry["identity"], entry["taskQueueType"], (now - parse_time(entry["lastAccessTime"])).total_seconds())
        for entry in description.get("pollers") or ()
    )


def parse_time(text: str) -> datetime:
    """An RFC 3339 time with up to nanoseconds."""
    whole = re.sub(r"(\.\d{1,6})\d*", r"\1", text.replace("Z", "+00:00"))
    return datetime.fromisoformat(whole)


@dataclass(frozen=True)
class Temporal:
    """The Temporal cluster of a stack."""

    stack: Stack

    def json(self, *words: str, seconds: int = 10) -> Any:
        """Answer of a CLI command as data."""
        command = ("temporal", *words, "--address", SERVER, "--command-timeout", f"{seconds}s", "-o", "json")
        text = self.stack.run(ADMIN_TOOLS, *command, seconds=seconds + 5).text
        return json.loads(text) if text.strip() else None

    def serving(self) -> bool:
        """Whether the cluster's front end says SERVING."""
        try:
            return bool(self.json("operator", "cluster", "health", seconds=5) == {"status": "SERVING"})
        except LabError:
            return False

    def pollers(self, queue: str = "main", kind: str = "workflow") -> tuple[Poller, ...]:
        """Every listed poller of one kind (``workflow`` or ``activity``), stale ones too."""
        described = self.json("task-queue", "describe", "--task-queue", queue, "--disable-stats")
        return tuple(p for p in parse_pollers(described, datetime.now(UTC)) if p.kind == kind)

    def fresh_pollers(
        self, queue: str = "main", kind: str = "workflow", seconds: float = FRESH_SECONDS
    ) -> tuple[Poller, ...]:
        """Pollers of the running Postiz container that were seen within ``seconds``."""
        host = str(self.stack.container("postiz").attrs["Config"]["Hostname"])
        return tuple(p for p in self.pollers(queue, kind) if p.age < seconds and p.identity.endswith(f"@{host}"))

    def describe(self, workflow: str) -> dict[str, Any] | None:
        """Description of the newest run; None where there is no such workflow."""
        try:
            return dict(self.json("workflow", "describe", "--workflow-id", workflow))
        except LabError as error:
            if "not found" in str(error).lower():
                return None
            raise

    def status(self, workflow: str) -> str:
        """``RUNNING``, ``COMPLETED``, … or '' where there is no such workflow."""
        described = self.describe(workflow)
        return (
            described["workflowExecutionInfo"]["status"].removeprefix("WORKFLOW_EXECUTION_STATUS_") if described else ""
        )

    def asleep(self, workflow: str) -> bool:
        """Whether the workflow of a post has read what it needs, and waits for the post's time."""
        described = self.describe(workflow) or {}
        return bool(described) and int(described["workflowExecutionInfo"]["historyLength"]) >= _ASLEEP

    def pending_activities(self, workflow: str) -> dict[str, str]:
        """State of each activity that has not ended, by activity type."""
        described = self.describe(workflow) or {}
        return {
            entry["activityType"]["name"]: entry["state"].removeprefix("PENDING_ACTIVITY_STATE_")
            for entry in described.get("pendingActivities") or ()
        }

    def history(self, workflow: str) -> list[dict[str, Any]]:
        """Events of the newest run."""
        return list(self.json("workflow", "show", "--workflow-id", workflow)["events"])

    def terminate(self, workflow: str) -> None:
        """End a workflow where it stands."""
        self.json("workflow", "terminate", "--workflow-id", workflow, "--reason", "lab")

    def poke(self, post: str, organization: str, queue: str, kind: str) -> None:
        """What Postiz' own sweep does with a post: signal its workflow, and start it where none runs."""
        self.json(
            *("workflow", "signal-with-start", "--workflow-id", f"post_{post}", "--type", kind, "--task-queue", "main"),
            *("--signal-name", "poke", "--id-conflict-policy", "UseExisting"),
            *("--input", json.dumps({"taskQueue": queue, "postId": post, "organizationId": organization})),
            *("--search-attribute", f'postId="{post}"', "--search-attribute", f'organizationId="{organization}"'),
        )

    def post_workflow_type(self, post: str) -> str:
        """The release's own type of post workflow, read from one that it started."""
        described = self.describe(f"post_{post}")
        if described is None:
            raise LabError(f"post {post} has no workflow")
        return str(described["workflowExecutionInfo"]["type"]["name"])
