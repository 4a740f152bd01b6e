"""Why a post has not gone out: each class from what was measured on the real application, and what holds always."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import MARGIN_SECONDS, breaks, judge
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    MISSING,
    Action,
    Living,
    PostClass,
    Row,
    Seen,
    World,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import ALLOWED
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail, may_publish
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import PendingActivity, Workflow
from hypothesis import given
from hypothesis import strategies as st
from posts_samples import ALIVE, BOOTED, EPOCH, HOST, NOW, PID, UNHURRIED, WORKER, activity, row, workflow, world

PUBLISHING = ("postSocial", "postSocialPending", "checkPostStatus", "finalizePost", "postComment")
NOTHING = Trail(0, 0, None)
ONE = Trail(1, 1, None)
AHEAD = NOW + timedelta(hours=2)
ASLEEP = Trail(0, 0, EPOCH + 7200)
WAITING = activity(state="SCHEDULED", worker="", started_at=0.0)
NO_WORKER = world(polled_queues=frozenset(), workers=())
CLOSED = workflow(status="TERMINATED", closed_at=EPOCH - 60)
STARTED = workflow(activity())

CASES: dict[str, tuple[Row, Workflow | None, Trail | None, World, PostClass]] = {
    # A publishing activity was started: where its worker is decides.
    "started, its worker lives": (row(), STARTED, ONE, world(), PostClass.PUBLISHING),
    "started, pids not known": (row(), STARTED, ONE, world(workers=(replace(ALIVE, pids=None),)), PostClass.PUBLISHING),
    "started, its process is gone": (
        row(),
        STARTED,
        ONE,
        world(workers=(replace(ALIVE, pids=frozenset({1})),)),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "started in another container": (
        row(),
        STARTED,
        ONE,
        world(workers=(replace(ALIVE, hostname="another"),)),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "started before its container was": (
        row(),
        STARTED,
        ONE,
        world(workers=(replace(ALIVE, started_at=EPOCH - 10),)),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "started before its container was, pids not known": (
        row(),
        STARTED,
        ONE,
        world(workers=(Living(HOST, EPOCH - 10, None),)),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "started, no worker at all": (row(), STARTED, ONE, NO_WORKER, PostClass.OUTCOME_UNKNOWN),
    "started, broken channel": (row(broken=("disabled",)), STARTED, ONE, NO_WORKER, PostClass.OUTCOME_UNKNOWN),
    "started, moved to the future since": (row(due=AHEAD), STARTED, ONE, NO_WORKER, PostClass.OUTCOME_UNKNOWN),
    "to be cancelled on a dead worker": (
        row(),
        workflow(activity(state="CANCEL_REQUESTED")),
        ONE,
        NO_WORKER,
        PostClass.OUTCOME_UNKNOWN,
    ),
    "to be paused on a living worker": (
        row(),
        workflow(activity(state="PAUSE_REQUESTED")),
        ONE,
        world(),
        PostClass.PUBLISHING,
    ),
    "a comment is being sent": (
        row(),
        workflow(activity("postComment")),
        Trail(2, 1, None),
        world(),
        PostClass.PUBLISHING,
    ),
    # It waits for a worker.
    "scheduled for the first time, polled": (row(), workflow(WAITING), ONE, world(), PostClass.RUNNING_OVERDUE),
    "scheduled for the first time, queue not polled": (
        row(),
        workflow(WAITING),
        ONE,
        world(polled_queues=frozenset({"main"})),
        PostClass.WORKER_DEAD,
    ),
    "scheduled for the second time": (
        row(),
        workflow(replace(WAITING, attempt=2)),
        ONE,
        world(),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "paused for the first time": (
        row(),
        workflow(replace(WAITING, state="PAUSED")),
        ONE,
        world(),
        PostClass.RUNNING_OVERDUE,
    ),
    # Upstream waits between its tries: only a timer is left.
    "between two tries": (row(), workflow(), Trail(1, 1, EPOCH + 15), world(), PostClass.PUBLISHING),
    "between two tries, no worker": (row(), workflow(), Trail(1, 1, EPOCH + 15), NO_WORKER, PostClass.OUTCOME_UNKNOWN),
    "sent, asleep for long": (row(), workflow(), Trail(1, 1, EPOCH + 900), world(), PostClass.OUTCOME_UNKNOWN),
    "sent, and its row was never told": (row(), workflow(), Trail(3, 1, None), NO_WORKER, PostClass.OUTCOME_UNKNOWN),
    "sent twice": (row(), workflow(), Trail(2, 2, EPOCH + 15), world(), PostClass.LOOPING),
    "sent twice, on a dead worker": (row(), STARTED, Trail(2, 2, None), NO_WORKER, PostClass.LOOPING),
    "sent twice, on a living worker": (row(), STARTED, Trail(2, 2, None), world(), PostClass.PUBLISHING),
    "tried a third time without an answer, and waits": (
        row(),
        workflow(replace(WAITING, attempt=3)),
        ONE,
        world(),
        PostClass.LOOPING,
    ),
    "its second try is on a dead worker": (row(), workflow(activity(attempt=2)), ONE, NO_WORKER, PostClass.LOOPING),
    "a second call waits for a worker, the first had its answer": (
        row(),
        workflow(WAITING),
        Trail(3, 1, None),
        world(),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "an activity that is not known, on a dead worker": (
        row(),
        workflow(activity("sendItSomehow")),
        ONE,
        NO_WORKER,
        PostClass.OUTCOME_UNKNOWN,
    ),
    "an activity that is not known, and asleep": (
        row(),
        workflow(),
        Trail(1, 0, EPOCH + 7200),
        world(),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "its history is not known": (row(), workflow(), None, world(), PostClass.OUTCOME_UNKNOWN),
    # Nothing was sent.
    "asleep, to wake at the wrong time": (row(), workflow(), ASLEEP, world(), PostClass.RUNNING_OVERDUE),
    "runs and does not publish": (row(), workflow(), NOTHING, world(), PostClass.RUNNING_OVERDUE),
    "nobody polls main": (row(), workflow(), NOTHING, NO_WORKER, PostClass.WORKER_DEAD),
    "its task fails": (row(), workflow(task_attempt=3), NOTHING, world(), PostClass.FAILING),
    "its task failed twice": (row(), workflow(task_attempt=2), NOTHING, world(), PostClass.RUNNING_OVERDUE),
    "running, broken channel": (row(broken=("disabled",)), workflow(), NOTHING, world(), PostClass.CHANNEL_BROKEN),
    "not due, asleep until then": (row(due=AHEAD), workflow(), ASLEEP, world(), PostClass.SCHEDULED),
    "not due, asleep for longer": (row(due=AHEAD), workflow(), Trail(0, 0, EPOCH + 7300), world(), PostClass.GHOST),
    "not due, wakes too early": (row(due=AHEAD), workflow(), Trail(0, 0, EPOCH + 60), world(), PostClass.GHOST),
    "not due, at work": (row(due=AHEAD), workflow(), NOTHING, world(), PostClass.SCHEDULED),
    # No workflow runs.
    "not due, Temporal knows nothing": (row(due=AHEAD), None, None, world(), PostClass.SCHEDULED_LOST),
    "not due, ended without publishing": (row(due=AHEAD), CLOSED, NOTHING, world(), PostClass.SCHEDULED_LOST),
    "not due, nobody polls main": (row(due=AHEAD), None, None, NO_WORKER, PostClass.SCHEDULED_LOST),
    "not due, ended after it had begun": (row(due=AHEAD), CLOSED, ONE, world(), PostClass.OUTCOME_UNKNOWN),
    "not due, broken channel": (row(due=AHEAD, broken=("disabled",)), None, None, world(), PostClass.CHANNEL_BROKEN),
    "not due, recurring": (row(due=AHEAD, recurring=True), None, None, world(), PostClass.NOT_QUEUED),
    "Temporal knows nothing": (row(), None, None, world(), PostClass.NO_WORKFLOW),
    "older than two days": (
        row(due=NOW - timedelta(days=2, seconds=1)),
        None,
        None,
        world(),
        PostClass.OLDER_THAN_SWEEP,
    ),
    "two days old": (row(due=NOW - timedelta(days=2)), None, None, world(), PostClass.NO_WORKFLOW),
    "broken channel": (row(broken=("deleted",)), None, None, world(), PostClass.CHANNEL_BROKEN),
    "ended without publishing": (row(), CLOSED, NOTHING, world(), PostClass.NO_WORKFLOW),
    "ended after it had begun": (row(), CLOSED, ONE, world(), PostClass.OUTCOME_UNKNOWN),
    "ended long ago after it had begun": (
        row(due=NOW - timedelta(days=9), broken=("deleted",)),
        CLOSED,
        ONE,
        world(),
        PostClass.OUTCOME_UNKNOWN,
    ),
    "ended, history gone": (row(), CLOSED, None, world(), PostClass.OUTCOME_UNKNOWN),
    # Rows that nothing may be started for.
    "queued with a release": (row(release=True), None, None, world(), PostClass.HAS_RELEASE),
    "queued with a release, workflow runs": (row(release=True), workflow(), NOTHING, world(), PostClass.HAS_RELEASE),
    "queued, handed over to the network": (
        row(release=True, handed_over=True),
        None,
        None,
        world(),
        PostClass.HAS_RELEASE,
    ),
    "'Already posted', handed over to the network": (
        row(state="ERROR", release=True, handed_over=True, already_posted=True),
        None,
        None,
        world(),
        PostClass.NOT_QUEUED,
    ),
    "deleted, workflow runs": (row(deleted=True), workflow(), ASLEEP, world(), PostClass.GHOST),
    "draft, workflow runs": (row(state="DRAFT"), workflow(), ASLEEP, world(), PostClass.GHOST),
    "missing, workflow runs": (row(state=MISSING), workflow(), ASLEEP, world(), PostClass.GHOST),
    "deleted": (row(deleted=True), None, None, world(), PostClass.NOT_QUEUED),
    "draft": (row(state="DRAFT"), CLOSED, NOTHING, world(), PostClass.NOT_QUEUED),
    "recurring": (row(recurring=True), workflow(), NOTHING, world(), PostClass.NOT_QUEUED),
    "recurring and deleted": (row(recurring=True, deleted=True), workflow(), ASLEEP, world(), PostClass.NOT_QUEUED),
    "part of a thread": (row(root=False), None, None, world(), PostClass.NOT_QUEUED),
    "published": (row(state="PUBLISHED", release=True), CLOSED, ONE, world(), PostClass.NOT_QUEUED),
    "failed": (row(state="ERROR"), CLOSED, ONE, world(), PostClass.NOT_QUEUED),
    "failed, workflow runs": (row(state="ERROR"), workflow(), NOTHING, world(), PostClass.NOT_QUEUED),
    "'Already posted'": (
        row(state="ERROR", release=True, already_posted=True),
        None,
        None,
        world(),
        PostClass.LIVE_ERROR,
    ),
    "another error, and a release": (row(state="ERROR", release=True), None, None, world(), PostClass.LIVE_ERROR),
    "'Already posted' without a release": (
        row(state="ERROR", already_posted=True),
        None,
        None,
        world(),
        PostClass.NOT_QUEUED,
    ),
    "'Already posted', deleted": (
        row(state="ERROR", release=True, already_posted=True, deleted=True),
        None,
        None,
        world(),
        PostClass.NOT_QUEUED,
    ),
    "a part with a release": (row(state="ERROR", release=True, root=False), None, None, world(), PostClass.NOT_QUEUED),
}


@pytest.mark.parametrize(("post", "flow", "trail", "around", "expected"), CASES.values(), ids=CASES)
def test_the_class(post: Row, flow: Workflow | None, trail: Trail | None, around: World, expected: PostClass) -> None:
    found = judge(Seen(post, flow, trail), around)
    assert (found.post_class, found.row, found.workflow) == (expected, post, flow)
    assert found.evidence.endswith(".")


def test_every_class_has_a_case() -> None:
    assert {case[-1] for case in CASES.values()} == set(PostClass)


@pytest.mark.parametrize(
    ("flow", "trail", "around", "expected"),
    [
        (workflow(), ASLEEP, world(), True),
        (workflow(), Trail(0, 0, EPOCH + MARGIN_SECONDS), world(), False),
        (workflow(activity("getPost")), ASLEEP, world(), False),
        (workflow(), NOTHING, world(), False),
        (workflow(), NOTHING, NO_WORKER, True),
        (workflow(task_attempt=3), NOTHING, world(), True),
        (workflow(), Trail(1, 1, EPOCH + 7200), NO_WORKER, False),
        (workflow(), None, NO_WORKER, False),
        (workflow(activity("sendItSomehow")), NOTHING, NO_WORKER, False),
        (CLOSED, ASLEEP, NO_WORKER, False),
        (None, None, NO_WORKER, False),
    ],
    ids=[
        "asleep for long",
        "about to wake",
        "at work beside its timer",
        "at work",
        "no worker",
        "its task fails",
        "between two tries",
        "history not known",
        "an activity that its history lacks",
        "ended",
        "none",
    ],
)
def test_which_workflow_may_be_ended(flow: Workflow | None, trail: Trail | None, around: World, expected: bool) -> None:
    assert judge(Seen(row(), flow, trail), around).endable is expected


def test_odd_answers_are_no_crash() -> None:
    odd = judge(Seen(row(), workflow(activity(worker=f"²@{HOST}")), ONE), world())
    assert odd.post_class is PostClass.OUTCOME_UNKNOWN
    late = judge(Seen(row(), workflow(), Trail(0, 0, 4e11)), world())
    assert "sleeps until 9999-12-31" in late.evidence


def test_evidence_names_the_dead_worker_and_both_times() -> None:
    dead = judge(Seen(row(), STARTED, ONE), NO_WORKER)
    assert dead.evidence == f"finalizePost was started by {WORKER}, which no longer lives: it may be live."
    moved = judge(Seen(row(due=AHEAD), workflow(), Trail(0, 0, EPOCH + 60)), world())
    assert "wakes at 2026-01-31 12:01:00 UTC" in moved.evidence
    assert "due at 2026-01-31 14:00:00 UTC" in moved.evidence


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((False, False, False, False), ()),
        ((True, False, False, False), ("disabled",)),
        ((False, True, False, False), ("to be reconnected",)),
        ((False, False, True, False), ("half connected",)),
        ((False, False, False, True), ("deleted",)),
        ((True, True, True, True), ("deleted", "disabled", "to be reconnected", "half connected")),
    ],
)
def test_what_breaks_a_channel(flags: tuple[bool, bool, bool, bool], words: tuple[str, ...]) -> None:
    assert breaks(*flags) == words


IDENTITIES = st.sampled_from([WORKER, f"{PID}@another", f"5@{HOST}", f"²@{HOST}", "", "@", "x"]) | st.text(max_size=8)
MOMENTS = st.sampled_from([0.0, BOOTED - 1, BOOTED, EPOCH - 300, EPOCH]) | st.floats(0, 4e11)
ACTIVITIES = st.builds(
    PendingActivity,
    st.sampled_from([*PUBLISHING, "getPost", "updatePost", "", "sendItSomehow"]),
    st.sampled_from(["SCHEDULED", "STARTED", "CANCEL_REQUESTED", "PAUSED", "PAUSE_REQUESTED", ""]),
    st.integers(0, 5),
    IDENTITIES,
    MOMENTS,
)
WORKFLOWS = st.none() | st.builds(
    Workflow,
    st.just("post_p1"),
    st.just("r1"),
    st.sampled_from(["postWorkflowV109", ""]),
    st.sampled_from(["RUNNING", "COMPLETED", "TERMINATED", "FAILED", "TIMED_OUT", "CONTINUED_AS_NEW", "CANCELED", ""]),
    MOMENTS,
    st.none() | MOMENTS,
    st.lists(ACTIVITIES, max_size=3).map(tuple),
    st.integers(0, 5),
)
TRAILS = st.none() | st.builds(Trail, st.integers(0, 4), st.integers(0, 3), st.none() | MOMENTS)
ROWS = st.builds(
    row,
    state=st.sampled_from(["QUEUE", "QUEUE", "QUEUE", "DRAFT", "PUBLISHED", "ERROR", MISSING]),
    due=st.datetimes(NOW - timedelta(days=5), NOW + timedelta(days=5)) | st.datetimes(),
    broken=st.sampled_from([(), ("disabled",)]),
    provider=st.sampled_from(["mastodon", "x", ""]),
    **dict.fromkeys(("release", "already_posted", "deleted", "recurring"), st.booleans()),
    root=st.sampled_from([True, True, False]),
)
LIVINGS = st.builds(
    Living,
    st.sampled_from([HOST, "another", ""]),
    st.sampled_from([0.0, BOOTED, EPOCH - 10]),
    st.none() | st.frozensets(st.sampled_from([1, 5, PID])),
)
WORLDS = st.builds(
    world,
    polled_queues=st.frozensets(st.sampled_from(["main", "mastodon", "x"])),
    workers=st.lists(LIVINGS, max_size=2).map(tuple),
    failing_attempts=st.integers(1, 4),
)


def consistent(flow: Any, trail: Any) -> Trail | None:
    """A history counts every publishing activity that is still pending."""
    if flow is None or trail is None:
        return trail
    pending = sum(1 for item in flow.activities if may_publish(item.name))
    return replace(trail, publishing=max(trail.publishing, pending))


@UNHURRIED
@given(ROWS, WORKFLOWS, TRAILS, WORLDS)
def test_what_may_be_live_is_never_started_again(
    post: Row, flow: Workflow | None, trail: Trail | None, around: World
) -> None:
    trail = consistent(flow, trail)
    found = judge(Seen(post, flow, trail), around)
    if trail is not None and trail.publishing:
        assert not found.endable
    if flow is None or post.state != "QUEUE":
        return
    pending = [item for item in flow.activities if may_publish(item.name)]
    waiting = [item for item in pending if item.state in ("SCHEDULED", "PAUSED") and item.attempt <= 1]
    begun = len(pending) > len(waiting) or (trail is not None and trail.publishing > len(waiting))
    if begun:
        assert not ALLOWED[found.post_class] & {Action.POKE, Action.RESCHEDULE}


@UNHURRIED
@given(ROWS, WORKFLOWS, TRAILS, WORLDS)
def test_only_a_queued_root_without_a_release_may_be_started(
    post: Row, flow: Workflow | None, trail: Trail | None, around: World
) -> None:
    found = judge(Seen(post, flow, trail), around)
    allowed = ALLOWED[found.post_class] & {Action.POKE, Action.RESCHEDULE, Action.HOLD, Action.FAIL, Action.DELETE}
    # Of ghosts only those of a queued post are held: the plan looks at each.
    if allowed and found.post_class is not PostClass.GHOST:
        assert post.state == "QUEUE"
        assert post.root
        assert (post.release, post.deleted, post.recurring) == (False, False, False)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Seen(row(), None, None, "TERMINATED"), PostClass.OUTCOME_UNKNOWN),
        (Seen(row(), CLOSED, NOTHING, "TERMINATED"), PostClass.OUTCOME_UNKNOWN),
        (Seen(row(due=AHEAD), workflow(), ASLEEP, "TERMINATED"), PostClass.OUTCOME_UNKNOWN),
        (Seen(row(), STARTED, ONE, "TIMED_OUT"), PostClass.PUBLISHING),
    ],
)
def test_an_earlier_run_that_began_to_publish(seen: Seen, expected: PostClass) -> None:
    assert judge(seen, world()).post_class is expected


def test_without_a_worker_no_post_is_to_be_poked() -> None:
    assert judge(Seen(row()), NO_WORKER).post_class is PostClass.WORKER_DEAD
