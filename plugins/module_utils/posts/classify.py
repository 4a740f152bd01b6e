# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a post has not gone out: its row, its workflow and the workers, put together. Pure.

The rules follow what was measured on the real application: a post whose publishing activity was started may be live,
whatever its row says, and nothing may start it again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from sys import intern
from typing import List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    MISSING,
    Judged,
    PostClass,
    Seen,
    World,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.overdue import SWEEP_SECONDS
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import (
    NOT_TOLD,
    Trail,
    may_publish,
    may_send,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import PendingActivity, Workflow

_ASKS_AGAIN_SECONDS = 60.0
# Sent so often within one run without an answer, a post is in a loop: upstream's own retries of an unconfirmed post are five.
_LOOP = 2
# A workflow that wakes sooner could begin to publish while it is being ended.
MARGIN_SECONDS = 20.0
# A row that was changed in the last minute may be about to get its workflow: Postiz writes it first, and starts then,
# ending what runs by then.
SETTLE_SECONDS = 60.0
# A busy worker goes to sleep late, for as long as it was told.
_SAME_SECONDS = 60.0
_HANDED_OVER = "its release id is 'missing': the network took it and does not show it by itself, as TikTok's inbox; look at the account"
_DESERTED = (
    "nobody polls main, and no workflow of any post runs: this may be another namespace than that of Postiz; "
    "start Postiz first, or correct namespace"
)
# The end of the year 9999: timers may be longer than Python's calendar.
_LAST = 253402300799.0


def judge(seen: Seen, world: World) -> Judged:
    """The class of a root post, with the evidence in one sentence."""
    row = seen.row
    if row.state != "QUEUE" or row.deleted or not row.root or row.recurring:
        return _not_queued(seen, world)
    if row.release:
        text = f"queued, and yet {_HANDED_OVER if row.handed_over else 'it has a release: it was published before'}."
        return _told(seen, world, PostClass.HAS_RELEASE, text)
    if seen.workflow is not None and seen.workflow.running:
        return _running(seen, seen.workflow, world)
    return _without(seen, world)


def _not_queued(seen: Seen, world: World) -> Judged:
    row = seen.row
    if row.state == "ERROR" and row.handed_over and row.root and not row.deleted:
        return _told(seen, world, PostClass.NOT_QUEUED, f"marked as failed, and yet {_HANDED_OVER}.")
    if row.state == "ERROR" and row.release and row.root and not row.deleted:
        why = "'Already posted'" if row.already_posted else "an error after it was published, as of a comment"
        return _told(seen, world, PostClass.LIVE_ERROR, f"it has a release, so it is live; the row says {why}.")
    what = "deleted" if row.deleted else "no root" if not row.root else "recurring" if row.recurring else row.state
    running = seen.workflow is not None and seen.workflow.running
    if running and (row.deleted or row.state in ("DRAFT", MISSING)) and not row.recurring:
        return _told(seen, world, PostClass.GHOST, f"the post is {what.lower()}, and its workflow still runs.")
    return _told(seen, world, PostClass.NOT_QUEUED, f"it is {what}: not for this module.")


def _running(seen: Seen, workflow: Workflow, world: World) -> Judged:
    trail = seen.trail or NOT_TOLD
    publishing = [item for item in workflow.activities if may_publish(item.name)]
    unsent = sum(1 for item in publishing if not item.started and item.attempt <= 1)
    done = _publishing(seen, publishing, world, trail.publishing - unsent, trail.unanswered + _more(publishing))
    if done is not None:
        return done
    if seen.begun:
        return _begun(seen, world)
    row = seen.row
    if workflow.task_attempt >= world.failing_attempts:
        text = (
            f"its workflow task fails for the {workflow.task_attempt}th time ({workflow.kind}: is it registered by "
            "this release?)."
        )
        return _told(seen, world, PostClass.FAILING, text)
    if row.broken:
        return _told(seen, world, PostClass.CHANNEL_BROKEN, f"its channel is {' and '.join(row.broken)}.")
    if row.due > world.now:
        return _ahead(seen, trail, world)
    if not world.main_polled:
        return _told(seen, world, PostClass.WORKER_DEAD, "its workflow waits, and no living worker polls main.")
    unpolled = [item for item in publishing if row.queue not in world.polled_queues]
    if unpolled:
        text = f"its {unpolled[0].name} waits, and no living worker polls {row.queue}."
        return _told(seen, world, PostClass.WORKER_DEAD, text)
    if trail.wakes_at is not None:
        text = f"its workflow sleeps until {_utc(trail.wakes_at)}: the date was changed behind its back."
        return _told(seen, world, PostClass.RUNNING_OVERDUE, text)
    return _told(seen, world, PostClass.RUNNING_OVERDUE, "its workflow runs, and it has not been published.")


def _more(publishing: List[PendingActivity]) -> int:
    """What the attempts of those that have not ended add to their one in the history: of one that waits, none is under way."""
    return sum(max(item.attempt, 1) - (1 if item.started else 2) for item in publishing if may_send(item.name))


def _publishing(
    seen: Seen, publishing: List[PendingActivity], world: World, begun: int, unanswered: int
) -> Optional[Judged]:
    """A post that the network may know of."""
    started = [item for item in publishing if item.started]
    again = [item for item in publishing if not item.started and item.attempt > 1]
    lives = any(world.lives(item.worker, item.started_at) for item in started)
    if unanswered >= _LOOP and not lives:
        text = f"this run sent it {unanswered} times without an answer: it may be live."
        return _told(seen, world, PostClass.LOOPING, text)
    if lives:
        return _told(seen, world, PostClass.PUBLISHING, f"{started[0].name} runs on a living worker.")
    if started:
        text = f"{started[0].name} was started by {started[0].worker or 'a worker'}, which no longer lives: it may be live."
        return _told(seen, world, PostClass.OUTCOME_UNKNOWN, text)
    if begun > 0 and not again and world.main_polled and _asks_again(seen, world):
        return _told(
            seen, world, PostClass.PUBLISHING, "its run goes on by itself: it asks the network, or tries, again soon."
        )
    if again or begun > 0:
        return _told(
            seen, world, PostClass.OUTCOME_UNKNOWN, "its run began to publish, without a result: it may be live."
        )
    return None


def _asks_again(seen: Seen, world: World) -> bool:
    """Between two questions for the outcome Postiz sleeps for 20 seconds."""
    wakes_at = seen.trail.wakes_at if seen.trail is not None else None
    return wakes_at is not None and wakes_at - epoch(world.now) <= _ASKS_AGAIN_SECONDS


def _ahead(seen: Seen, trail: Trail, world: World) -> Judged:
    due = epoch(seen.row.due)
    if trail.wakes_at is not None and abs(trail.wakes_at - due) > _SAME_SECONDS:
        text = f"its workflow wakes at {_utc(trail.wakes_at)}, and the post is due at {_utc(due)}."
        return _told(seen, world, PostClass.GHOST, text)
    return _told(seen, world, PostClass.SCHEDULED, "it is not due yet.")


def _without(seen: Seen, world: World) -> Judged:
    row, workflow = seen.row, seen.workflow
    if workflow is not None and (seen.trail is None or seen.trail.publishing):
        text = f"its workflow ended ({workflow.status}) after it had begun to publish: it may be live."
        return _told(seen, world, PostClass.OUTCOME_UNKNOWN, text)
    if seen.begun:
        return _begun(seen, world)
    last = (
        f"its last workflow ended ({workflow.status}) without publishing" if workflow else "Temporal knows none of it"
    )
    if row.broken:
        text = f"its channel is {' and '.join(row.broken)}; {last}."
        return _told(seen, world, PostClass.CHANNEL_BROKEN, text)
    if row.due > world.now:
        # A worker that is away now is no reason to wait: the workflow sleeps until the post is due.
        found = _told(
            seen, world, PostClass.SCHEDULED_LOST, f"it is not due yet, and no workflow waits for it: {last}."
        )
        return replace(found, obstacle=_DESERTED) if world.deserted and not world.main_polled else found
    if row.due < world.now - timedelta(seconds=SWEEP_SECONDS):
        return _told(seen, world, PostClass.OLDER_THAN_SWEEP, f"overdue by more than two days; {last}.")
    if not world.main_polled:
        return _told(seen, world, PostClass.WORKER_DEAD, f"no living worker polls main, and {last}.")
    return _told(seen, world, PostClass.NO_WORKFLOW, f"no workflow of it runs: {last}.")


def _begun(seen: Seen, world: World) -> Judged:
    text = f"an earlier run of its workflow was ended ({seen.begun}) after it had begun to publish: it may be live."
    return _told(seen, world, PostClass.OUTCOME_UNKNOWN, text)


def _told(seen: Seen, world: World, post_class: PostClass, evidence: str) -> Judged:
    # Thousands of posts have the same evidence.
    return Judged(
        seen.row, post_class, intern(evidence), seen.workflow, endable(seen, world), _sleeps_until(seen, world)
    )


def endable(seen: Seen, world: World) -> bool:
    """Whether ending its running workflow can lose or double nothing.

    Nothing of the run has begun to publish, and nothing can begin meanwhile: it sleeps, or nobody takes its tasks.
    """
    workflow, trail = seen.workflow, seen.trail
    if workflow is None or not workflow.running or trail is None or trail.publishing:
        return False
    if any(may_publish(item.name) for item in workflow.activities):
        return False
    asleep = trail.wakes_at is not None and not workflow.activities and trail.wakes_at - world.epoch > MARGIN_SECONDS
    return asleep or _nobody_takes(workflow, world)


def _nobody_takes(workflow: Workflow, world: World) -> bool:
    return not world.main_polled or workflow.task_attempt >= world.failing_attempts


def _sleeps_until(seen: Seen, world: World) -> Optional[float]:
    if seen.workflow is None or seen.trail is None or not endable(seen, world):
        return None
    return None if _nobody_takes(seen.workflow, world) else seen.trail.wakes_at


def epoch(moment: datetime) -> float:
    """Seconds since the epoch of a naive UTC time."""
    return moment.replace(tzinfo=timezone.utc).timestamp()


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(min(seconds, _LAST), timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def breaks(disabled: bool, refresh_needed: bool, between_steps: bool, deleted: bool) -> Tuple[str, ...]:
    """Why a channel cannot post, in words."""
    flags = (
        (deleted, "deleted"),
        (disabled, "disabled"),
        (refresh_needed, "to be reconnected"),
        (between_steps, "half connected"),
    )
    return tuple(text for flag, text in flags if flag)
