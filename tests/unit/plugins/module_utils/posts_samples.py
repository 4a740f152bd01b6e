"""Rows, workflows and worlds of stuck posts, as tests vary them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    Action,
    Judged,
    Living,
    PostClass,
    Row,
    World,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import DEFAULTS, Settings
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import PendingActivity, Workflow
from hypothesis import settings as hypothesis_settings

NOW = datetime(2026, 1, 31, 12, 0, 0)  # noqa: DTZ001 - naive UTC, as Postiz stores times
EPOCH = NOW.replace(tzinfo=UTC).timestamp()
HOST = "a1b2c3"
PID = 77
WORKER = f"{PID}@{HOST}"
BOOTED = EPOCH - 3600
# A busy machine is no finding.
UNHURRIED = hypothesis_settings(deadline=None, max_examples=50)
ALIVE = Living(HOST, BOOTED, frozenset({1, PID}))


def row(**changed: Any) -> Row:
    """A queued root post, an hour overdue, on a channel that works."""
    values: dict[str, Any] = {
        "id": "p1",
        "state": "QUEUE",
        "due": NOW - timedelta(hours=1),
        "updated": NOW - timedelta(days=1),
        "organization": "o1",
        "channel": "c1",
        "channel_name": "Channel",
        "provider": "mastodon-custom",
        "broken": (),
        "release": False,
        "already_posted": False,
        "deleted": False,
        "root": True,
        "recurring": False,
        "handed_over": False,
    }
    return Row(**{**values, **changed})


def world(**changed: Any) -> World:
    """One living worker that polls everything."""
    values: dict[str, Any] = {
        "now": NOW,
        "epoch": EPOCH,
        "polled_queues": frozenset({"main", "mastodon"}),
        "workers": (ALIVE,),
        "failing_attempts": 3,
    }
    return World(**{**values, **changed})


def activity(name: str = "finalizePost", state: str = "STARTED", **changed: Any) -> PendingActivity:
    """One that was started on the living worker five minutes ago."""
    values: dict[str, Any] = {"attempt": 1, "worker": WORKER, "started_at": EPOCH - 300}
    return PendingActivity(name, state, **{**values, **changed})


def workflow(*activities: PendingActivity, **changed: Any) -> Workflow:
    """A running one."""
    values: dict[str, Any] = {
        "identifier": "post_p1",
        "run": "r1",
        "kind": "postWorkflowV109",
        "status": "RUNNING",
        "started_at": EPOCH - 7200,
        "closed_at": None,
        "activities": activities,
    }
    return Workflow(**{**values, **changed})


def judged(post_class: PostClass = PostClass.NO_WORKFLOW, **changed: Any) -> Judged:
    """A verdict on a post without a workflow; `running` and `endable` add one; the rest changes the row."""
    running, endable = changed.pop("running", False), changed.pop("endable", False)
    post = row(**changed)
    found = workflow(identifier=f"post_{post.id}") if running else None
    return Judged(post, post_class, "because", found, endable)


def settings(**changed: Any) -> Settings:
    """The defaults of stuck_posts, with room for many."""
    values: dict[str, Any] = {
        "actions": DEFAULTS,
        "spacing_seconds": 60.0,
        "not_before": None,
        "poke_at_once": 5,
        "burst_threshold": 0,
        "fail_reason": "given up",
        "max_posts": 15000,
        "accepted": frozenset(),
    }
    return Settings(**{**values, **changed})


def every(action: Action) -> dict[PostClass, Action]:
    """The same action for every class."""
    return dict.fromkeys(PostClass, action)
