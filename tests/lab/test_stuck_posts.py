"""Stuck posts of every class, caused for real, and their repair: nothing lost, nothing twice, killed at every step."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import contract
import modules
import psycopg2
import pytest
import worker
import yaml
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import changes
from labkit import posts, social
from labkit.errors import LabError
from labkit.faults import repair
from labkit.paths import COLLECTIONS, INVENTORY, REPOSITORY
from labkit.stack import Stack
from labkit.temporal import Temporal
from labkit.waiting import stays, wait_for
from modules import Result
from psycopg2 import sql
from shared import CHANNELS, POSTS_PROJECT, POSTS_VARIABLES

pytestmark = pytest.mark.usefixtures("whole_again", "calm")

HOUR = 3600.0
DAY = 24 * HOUR
PUBLISH_SECONDS = 30.0
PLANTED = f"planted-{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def project() -> str:
    return POSTS_PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return POSTS_VARIABLES


@pytest.fixture
def calm(stack: Stack, temporal: Temporal) -> None:
    """Without posts of an earlier test."""
    running = temporal.json(
        "workflow", "list", "--query", 'WorkflowId STARTS_WITH "post_" AND ExecutionStatus="Running"'
    )
    names = {entry["execution"]["workflowId"] for entry in running or ()}
    # A workflow that was started within these seconds is not listed yet.
    queued = stack.rows('SELECT id FROM "Post" WHERE "deletedAt" IS NULL AND state = %s', "QUEUE")
    for name in names | {f"post_{post}" for (post,) in queued}:
        with suppress(LabError):  # it may have ended since it was listed
            temporal.terminate(name)
    stack.change('UPDATE "Post" SET "deletedAt" = now() AT TIME ZONE \'utc\' WHERE "deletedAt" IS NULL')
    stack.change('UPDATE "Integration" SET disabled = false, "refreshNeeded" = false, "inBetweenSteps" = false')


@pytest.fixture
def undo(tmp_path: Path) -> str:
    return str(tmp_path / "undo")


def look(stack: Stack, **parameters: Any) -> Result:
    return modules.run("stuck_posts_info", project=stack.project, **parameters)


def act(stack: Stack, undo: str, check: bool = False, **parameters: Any) -> Result:
    given = {"undo_directory": undo, "_ansible_check_mode": check, "_ansible_diff": True, **parameters}
    return modules.run("stuck_posts", project=stack.project, **given)


def classes(result: Result) -> dict[str, str]:
    assert not result.failed, result.values["msg"]
    return {post["id"]: post["class"] for post in result.values["posts"]}


def row(stack: Stack, post: str) -> str:
    """The complete row."""
    return str(stack.rows('SELECT to_jsonb(p)::text FROM "Post" p WHERE id = %s', post)[0][0])


def ended(stack: Stack, post: str, state: str, seconds: float = PUBLISH_SECONDS) -> None:
    wait_for(f"{post} {state}", lambda: posts.read(stack, post).state == state, seconds)


def sleeping(stack: Stack, temporal: Temporal, seconds: float = HOUR, channel: str = "x") -> str:
    """A post of the future whose workflow has gone to sleep."""
    post = posts.schedule(stack, seconds, channel)
    wait_for("a sleeping workflow", lambda: temporal.asleep(f"post_{post}"), 20, 0.1)
    return post


def update(stack: Stack, post: str, column: str, value: object) -> None:
    with stack.database() as cursor:
        statement = sql.SQL('UPDATE "Post" SET {} = %s WHERE id = %s').format(sql.Identifier(column))
        cursor.execute(statement, (value, post))


def flag_channel(stack: Stack, channel: str, column: str, value: object) -> None:
    with stack.database() as cursor:
        statement = sql.SQL('UPDATE "Integration" SET {} = %s WHERE id = %s').format(sql.Identifier(column))
        cursor.execute(statement, (value, channel))


# Classes


def test_nothing_that_is_not_stuck_is_called_so(stack: Stack, temporal: Temporal) -> None:
    future = sleeping(stack, temporal)
    root, child = posts.insert(stack, HOUR, children=1)
    (draft,) = posts.insert(stack, HOUR, state="DRAFT")
    (recurring,) = posts.insert(stack, HOUR)
    update(stack, recurring, "intervalInDays", 7)
    (published,) = posts.insert(stack, HOUR, state="PUBLISHED")
    result = look(stack)
    assert classes(result) == {root: "no-workflow"}
    assert not {future, child, draft, recurring, published} & set(classes(result))


@pytest.mark.parametrize("flag", ["disabled", "refreshNeeded", "inBetweenSteps", "deletedAt"])
def test_channel_broken(stack: Stack, undo: str, flag: str) -> None:
    (post,) = posts.insert(stack, HOUR, "reddit")
    channel = posts.channel(stack, "reddit").id
    value: object = posts.now() if flag == "deletedAt" else True
    flag_channel(stack, channel, flag, value)
    try:
        result = look(stack)
        assert classes(result) == {post: "channel-broken"}
        assert result.codes == ["posts-channel-broken"]
        assert act(stack, undo, actions={"channel-broken": "poke"}).values["msg"].startswith("poke is no action")
        before = row(stack, post)
        held = act(stack, undo, actions={"channel-broken": "hold"})
        assert held.values["planned"] == 1
        assert posts.read(stack, post).state == "DRAFT"
        act(stack, undo, state="undone", undo_file=held.values["undo_file"])
        assert row(stack, post) == before
    finally:
        stack.change('UPDATE "Integration" SET "deletedAt" = NULL WHERE id = %s', channel)


def test_without_a_workflow(stack: Stack, undo: str) -> None:
    (lost,) = posts.insert(stack, HOUR, "x")
    (old,) = posts.insert(stack, 4 * DAY, "mastodon")
    assert classes(look(stack)) == {lost: "no-workflow", old: "older-than-sweep"}
    assert classes(look(stack, newer_than=_iso(-2 * HOUR))) == {lost: "no-workflow"}
    assert look(stack, newer_than=_iso(-2 * HOUR)).values["older_than_selected"] == 1
    assert classes(look(stack, providers=["mastodon"])) == {old: "older-than-sweep"}
    planned = act(stack, undo, check=True)
    assert planned.values["changed"]
    assert posts.read(stack, lost).state == "QUEUE"
    assert not Path(undo).exists()
    done = act(stack, undo)
    assert done.values["plan"] == planned.values["plan"]
    assert done.values["diff"] == planned.values["diff"]
    ended(stack, lost, "PUBLISHED")
    assert social.published(lost) == 1
    again = act(stack, undo)
    assert not again.values["changed"]
    assert posts.read(stack, old).state == "QUEUE"
    assert social.published(lost) == 1


def test_a_sleeping_workflow_behind_whose_back_the_date_was_changed(
    stack: Stack, temporal: Temporal, undo: str
) -> None:
    post = sleeping(stack, temporal)
    update(stack, post, "publishDate", posts.now() - timedelta(hours=1))
    result = look(stack)
    assert classes(result) == {post: "workflow-running-overdue"}
    assert "sleeps until" in result.values["posts"][0]["evidence"]
    assert not act(stack, undo).values["changed"], "nothing is done unless it is asked for"
    done = act(stack, undo, actions={"workflow-running-overdue": "reschedule"})
    assert done.values["plan"][0]["action"] == "reschedule"
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1


def test_ghosts(stack: Stack, temporal: Temporal, undo: str) -> None:
    deleted, gone, draft, moved = (sleeping(stack, temporal) for _ in range(4))
    update(stack, deleted, "deletedAt", posts.now())
    stack.change('DELETE FROM "Post" WHERE id = %s', gone)
    update(stack, draft, "state", "DRAFT")
    due = posts.now() + timedelta(hours=2)
    update(stack, moved, "publishDate", due)
    expected = dict.fromkeys((deleted, gone, draft, moved), "ghost-workflow")
    wait_for("visibility", lambda: classes(look(stack)) == expected, 20)
    before = row(stack, draft)
    done = act(stack, undo)
    assert done.values["planned"] == 3
    assert [post["id"] for post in done.values["left_alone"]] == [gone]
    done = act(stack, undo, actions={"ghost-workflow": "end_workflow"})
    assert done.values["planned_ids"] == [gone]
    assert [temporal.status(f"post_{post}") for post in (deleted, gone, draft)] == ["TERMINATED"] * 3
    assert row(stack, draft) == before
    wait_for("a workflow at the row's time", lambda: temporal.asleep(f"post_{moved}"), 20)
    wait_for("no ghost", lambda: classes(look(stack)) == {}, 20)
    assert not act(stack, undo).values["changed"]


def test_a_type_that_no_worker_registers(stack: Stack, temporal: Temporal, undo: str) -> None:
    (post,) = posts.insert(stack, HOUR)
    channel = posts.channel(stack)
    temporal.poke(post, channel.organization, channel.provider, "postWorkflowV999")
    wait_for("its class", lambda: classes(look(stack, failing_attempts=2)) == {post: "workflow-failing"}, 60)
    done = act(stack, undo, failing_attempts=2, actions={"workflow-failing": "reschedule"})
    assert done.values["planned"] == 1, done.values["report"]
    ended(stack, post, "PUBLISHED")
    assert temporal.post_workflow_type(post) != "postWorkflowV999"
    assert social.published(post) == 1


def test_live_but_marked_error(stack: Stack, temporal: Temporal, undo: str) -> None:
    post = posts.schedule(stack, 0)
    ended(stack, post, "PUBLISHED")
    wait_for("its workflow's end", lambda: temporal.status(f"post_{post}") == "COMPLETED", 30)
    channel = posts.channel(stack)
    temporal.poke(post, channel.organization, channel.provider, temporal.post_workflow_type(post))
    ended(stack, post, "ERROR")
    (other,) = posts.insert(stack, HOUR, state="ERROR")
    for column, value in (("releaseId", "r"), ("error", "a comment failed")):
        update(stack, other, column, value)
    assert classes(look(stack)) == {post: "live-but-marked-error", other: "live-but-marked-error"}
    done = act(stack, undo)
    assert done.values["planned"] == 1
    assert [item["id"] for item in done.values["left_alone"]] == [other]
    assert posts.read(stack, post).state == "PUBLISHED"
    assert posts.read(stack, post).error is None
    assert posts.read(stack, other).state == "ERROR"
    assert social.published(post) == 1


def test_what_may_be_live_is_never_started_again(stack: Stack, temporal: Temporal, undo: str) -> None:
    social.behave("bluesky", mode="hang", times=1)
    unknown = posts.schedule(stack, 0, "bluesky")
    wait_for("the call", lambda: social.ledger(unknown), PUBLISH_SECONDS, 0.1)
    assert classes(look(stack, posts=[unknown])) == {unknown: "publishing"}
    stack.container("postiz").kill()
    update(stack, unknown, "publishDate", posts.now() - timedelta(hours=1))
    result = look(stack)
    assert classes(result) == {unknown: "outcome-unknown"}
    assert "finalizePost" in result.values["posts"][0]["evidence"]
    sent = ("worker-dead", "no-workflow", "workflow-running-overdue", "outcome-unknown", "workflow-failing")
    everything = dict.fromkeys(sent, "reschedule")
    refused = act(stack, undo, actions=everything)
    assert not refused.values["changed"]
    assert refused.values["left_alone"][0]["id"] == unknown
    repair.start_service(stack, "postiz")
    repair.wait_works(stack)
    assert classes(look(stack)) == {unknown: "outcome-unknown"}, "also beside a living worker"
    failed = act(stack, undo, actions={"outcome-unknown": "fail"})
    assert failed.values["planned"] == 1
    assert posts.read(stack, unknown).error == "Could not confirm the post status"
    assert temporal.status(f"post_{unknown}") == "TERMINATED"
    back = act(stack, undo, state="undone", undo_file=failed.values["undo_file"])
    assert back.values["left_alone"][0]["reason"].startswith("it may be live")
    assert posts.read(stack, unknown).state == "ERROR"
    assert stays(lambda: social.published(unknown) == 1, 5)


def test_a_run_that_ended_while_it_was_publishing(stack: Stack, temporal: Temporal, undo: str) -> None:
    social.behave("bluesky", mode="hang", times=1)
    post = posts.schedule(stack, 0, "bluesky")
    wait_for("the call", lambda: social.ledger(post), PUBLISH_SECONDS, 0.1)
    temporal.terminate(f"post_{post}")
    update(stack, post, "publishDate", posts.now() - timedelta(hours=1))
    assert classes(look(stack)) == {post: "outcome-unknown"}
    assert not act(stack, undo, actions={"outcome-unknown": "reschedule"}).values["changed"]
    accepted = act(stack, undo, actions={"outcome-unknown": "reschedule"}, accept_duplicate_risk=[post])
    assert accepted.values["planned"] == 1
    wait_for("a second publish, as it was asked for", lambda: social.published(post) == 2, PUBLISH_SECONDS)


def test_an_earlier_run_that_began_to_publish_counts(stack: Stack, temporal: Temporal, undo: str) -> None:
    """As after a move in the calendar: the newest run sleeps and knows nothing of the one that was ended."""
    social.behave("bluesky", mode="hang", times=1)
    post = posts.schedule(stack, 0, "bluesky")
    wait_for("the call", lambda: social.ledger(post), PUBLISH_SECONDS, 0.1)
    kind = temporal.post_workflow_type(post)
    temporal.terminate(f"post_{post}")
    update(stack, post, "publishDate", posts.now() + timedelta(hours=1))
    temporal.poke(post, posts.channel(stack).organization, "bluesky", kind)
    wait_for("a sleeping workflow", lambda: temporal.asleep(f"post_{post}"), 20, 0.1)
    wait_for("its class", lambda: classes(look(stack, posts=[post])) == {post: "outcome-unknown"}, 20)
    asked = dict.fromkeys(("scheduled", "worker-dead", "no-workflow", "workflow-running-overdue"), "reschedule")
    assert not act(stack, undo, posts=[post], actions=asked).values["changed"]
    assert social.published(post) == 1


def test_delete_takes_the_thread_and_no_other_channel_of_the_group(stack: Stack, undo: str) -> None:
    (chosen, child) = posts.insert(stack, HOUR, "x", children=1)
    (sibling,) = posts.insert(stack, HOUR, "mastodon", state="PUBLISHED")
    group = stack.rows('SELECT "group" FROM "Post" WHERE id = %s', chosen)[0][0]
    update(stack, sibling, "group", group)
    before = {post: row(stack, post) for post in (chosen, child, sibling)}
    done = act(stack, undo, posts=[chosen], actions={"no-workflow": "delete"}, max_posts=1)
    assert done.values["planned"] == 1
    assert [posts.read(stack, post).deleted for post in (chosen, child, sibling)] == [True, True, False]
    act(stack, undo, state="undone", undo_file=done.values["undo_file"])
    assert {post: row(stack, post) for post in before} == before


def test_a_thread_comes_back_whole_or_not_at_all(stack: Stack, undo: str) -> None:
    changed, other = (posts.insert(stack, HOUR, channel, children=2) for channel in ("x", "mastodon"))
    before = {post: row(stack, post) for post in (*changed, *other)}
    done = act(stack, undo, actions={"no-workflow": "delete"})
    assert done.values["planned"] == 2
    stack.change('UPDATE "Post" SET content = %s, "updatedAt" = %s WHERE id = %s', "edited", posts.now(), changed[2])
    left = {post: row(stack, post) for post in changed}
    reason = "a part of its thread was changed since, and a thread comes back whole or not at all"
    for check in (True, False):
        back = act(stack, undo, check=check, state="undone", undo_file=done.values["undo_file"])
        assert back.values["restored"] == [other[0]], back.values.get("msg")
        assert [(item["id"], item["reason"]) for item in back.values["left_alone"]] == [(changed[0], reason)]
    assert {post: row(stack, post) for post in changed} == left
    assert {post: row(stack, post) for post in other} == {post: before[post] for post in other}


def test_a_thread_of_which_somebody_holds_a_part(stack: Stack, undo: str) -> None:
    """Neither waited for nor torn apart: not when it is deleted, and not when it is brought back."""
    root, child, last = posts.insert(stack, HOUR, children=2)
    before = {post: row(stack, post) for post in (root, child, last)}
    lock = 'SELECT id FROM "Post" WHERE id = %s FOR UPDATE'
    with stack.database() as cursor:
        cursor.execute(lock, (last,))
        held = act(stack, undo, actions={"no-workflow": "delete"})
    assert not held.failed, held.values["msg"]
    assert (held.values["planned"], [item["id"] for item in held.values["left_alone"]]) == (0, [root])
    assert {post: row(stack, post) for post in before} == before
    done = act(stack, undo, actions={"no-workflow": "delete"})
    assert done.values["planned"] == 1
    given = {"state": "undone", "undo_file": done.values["undo_file"]}
    with stack.database() as cursor:
        cursor.execute(lock, (child,))
        held = act(stack, undo, **given)
    assert held.values["restored"] == []
    assert held.values["left_alone"][0]["reason"] == "somebody holds it, or changed it just now"
    assert all(posts.read(stack, post).deleted for post in before)
    assert act(stack, undo, **given).values["restored"] == [root]
    assert {post: row(stack, post) for post in before} == before


def test_a_part_that_was_added_since_the_plan_goes_along_and_comes_back(stack: Stack, undo: str) -> None:
    (root,) = posts.insert(stack, HOUR)
    process = _killed(stack, undo, 0, pause=True, actions={"no-workflow": "delete"})
    _paused(process)
    (part,) = posts.insert(stack, HOUR)
    update(stack, part, "parentPostId", root)
    _go_on(process)
    assert [posts.read(stack, post).deleted for post in (root, part)] == [True, True]
    (path,) = Path(undo).glob("*.undo.jsonl")
    assert act(stack, undo, state="undone", undo_file=str(path)).values["restored"] == [root]
    assert [posts.read(stack, post).deleted for post in (root, part)] == [False, False]


def test_looping(stack: Stack, undo: str) -> None:
    social.behave("threads", mode="drop")
    post = posts.schedule(stack, 0, "threads")
    wait_for("two calls", lambda: len(social.ledger(post)) >= 2, 60, 0.1)
    result = look(stack, posts=[post])
    assert classes(result)[post] in ("looping", "publishing")
    wait_for("its class", lambda: classes(look(stack, posts=[post])) == {post: "looping"}, 20, 0.1)
    done = act(stack, undo, posts=[post], actions={"looping": "fail"})
    assert done.values["planned"] == 1, done.values["report"]
    calls = len(social.ledger(post))
    assert stays(lambda: len(social.ledger(post)) == calls, 5)


# Repair


def lost_ahead(stack: Stack, temporal: Temporal, seconds: float, channel: str = "x") -> str:
    """A post of the future whose workflow Temporal has lost, as with its volume."""
    post = sleeping(stack, temporal, seconds, channel)
    temporal.json("workflow", "delete", "--workflow-id", f"post_{post}")
    wait_for("no workflow", lambda: temporal.describe(f"post_{post}") is None, 20, 0.2)
    update(stack, post, "updatedAt", posts.now() - timedelta(minutes=5))
    return post


def test_posts_of_the_future_whose_workflow_is_gone(stack: Stack, temporal: Temporal, undo: str) -> None:
    """Found before their time, started at their own times, each once; what has its workflow stays as it is."""
    asleep = sleeping(stack, temporal)
    soon, later = lost_ahead(stack, temporal, 75), lost_ahead(stack, temporal, 2 * HOUR, "mastodon")
    beyond, recurring = lost_ahead(stack, temporal, 20 * DAY), lost_ahead(stack, temporal, HOUR, "reddit")
    update(stack, recurring, "intervalInDays", 7)
    (just_made,) = posts.insert(stack, -HOUR)
    expected = {soon: "scheduled-no-workflow", later: "scheduled-no-workflow"}
    found = look(stack)
    assert classes(found) == expected
    assert found.values["later_than_horizon"] == 1
    assert "1 post due from" in found.values["report"]
    due = found.finding("posts-scheduled-no-workflow")["evidence"].partition("the first due at ")[2][:19]
    assert due == posts.read(stack, soon).due.isoformat(timespec="seconds")
    assert classes(look(stack, horizon=HOUR)) == {soon: "scheduled-no-workflow"}
    assert classes(look(stack, horizon=0)) == {}
    assert beyond in classes(look(stack, horizon=30 * DAY))
    assert recurring not in classes(look(stack, horizon=30 * DAY))
    before = {post: row(stack, post) for post in (asleep, soon, later)}
    done = act(stack, undo, check=True)
    assert done.values["planned_ids"] == [soon, later]
    done = act(stack, undo)
    assert (done.values["planned_ids"], done.values["not_running"]) == ([soon, later], [])
    for post in (soon, later):
        wait_for("a sleeping workflow", lambda post=post: temporal.asleep(f"post_{post}"), 20, 0.1)
    assert {post: row(stack, post) for post in before} == before
    assert not act(stack, undo).values["changed"]
    assert temporal.describe(f"post_{just_made}") is None
    # Upstream's sweep signals what it finds: it starts nothing beside.
    channel = posts.channel(stack)
    temporal.poke(soon, channel.organization, channel.provider, temporal.post_workflow_type(soon))
    assert social.published(soon) == 0
    ended(stack, soon, "PUBLISHED", 90)
    assert abs((posts.published_at(soon).replace(tzinfo=None) - posts.read(stack, soon).due).total_seconds()) < 5
    assert social.published(soon) == 1
    assert posts.read(stack, later).state == "QUEUE"


def test_actions_on_posts_of_the_future(stack: Stack, temporal: Temporal, undo: str) -> None:
    held, failed, deleted, moved = (sleeping(stack, temporal, HOUR) for _ in range(4))
    root = posts.schedule(stack, HOUR, "x", children=1)
    wait_for("a sleeping workflow", lambda: temporal.asleep(f"post_{root}"), 20, 0.1)
    chosen = {held: "hold", failed: "fail", deleted: "delete", root: "delete", moved: "reschedule"}
    before = {post: row(stack, post) for post in (*chosen, *posts.thread(stack, root))}
    files = []
    for action in ("hold", "fail", "delete", "reschedule"):
        ids = [post for post, wanted in chosen.items() if wanted == action]
        done = act(stack, undo, posts=ids, actions={"scheduled": action}, not_before=_iso(2 * HOUR))
        assert done.values["planned"] == len(ids), done.values["report"]
        files.append(done.values["undo_file"])
    assert posts.read(stack, held).state == "DRAFT"
    assert (posts.read(stack, failed).state, posts.read(stack, failed).error) == (
        "ERROR",
        "Stuck, and given up by the operator",
    )
    assert all(posts.read(stack, post).deleted for post in (deleted, *posts.thread(stack, root)))
    assert posts.read(stack, moved).due > posts.now() + timedelta(hours=1.9)
    for post in (held, failed, deleted, root):
        assert temporal.status(f"post_{post}") == "TERMINATED"
    assert temporal.status(f"post_{moved}") == "RUNNING"
    wait_for("a sleeping workflow", lambda: temporal.asleep(f"post_{moved}"), 20, 0.1)
    for path in files:
        assert act(stack, undo, check=True, state="undone", undo_file=path).values["changed"]
        back = act(stack, undo, state="undone", undo_file=path)
        assert not back.failed, back.values["msg"]
        assert back.values["left_alone"] == []
    assert {post: row(stack, post) for post in before} == before, "byte for byte"
    for post in chosen:
        wait_for("a workflow again", lambda post=post: temporal.asleep(f"post_{post}"), 20, 0.1)
    assert classes(look(stack)) == {}
    again = act(stack, undo, state="undone", undo_file=files[0])
    assert not again.values["changed"]


def test_rows_of_any_content_come_back_byte_for_byte(stack: Stack, undo: str) -> None:
    (post,) = posts.insert(stack, HOUR)
    update(stack, post, "content", f"{PLANTED} 😀 \u202e \\ ' \" {'long ' * 20000}")
    update(stack, post, "error", "an older text\nwith two lines")
    before = row(stack, post)
    done = act(stack, undo, actions={"no-workflow": "fail"})
    path = done.values["undo_file"]
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert Path(undo).stat().st_mode & 0o777 == 0o700
    assert PLANTED not in done.text
    assert PLANTED not in look(stack, posts=[post]).text
    assert act(stack, undo, state="undone", undo_file=path).values["restored"] == [post]
    assert row(stack, post) == before


def test_no_secret_leaves_the_modules(stack: Stack, undo: str) -> None:
    posts.insert(stack, HOUR)
    text = look(stack).text + act(stack, undo, check=True).text + act(stack, undo).text
    secret = {
        row[0] for row in stack.rows('SELECT token FROM "Integration" UNION SELECT "refreshToken" FROM "Integration"')
    }
    secret |= {
        value
        for name, value in stack.environment("postiz").items()
        if any(word in name for word in ("SECRET", "PASSWORD", "DATABASE_URL"))
    }
    secret.add(stack.environment("postiz-postgres")["POSTGRES_PASSWORD"])
    assert len(secret) > 5
    assert not [value for value in secret if len(value) > 8 and value in text]


def test_a_post_edited_between_plan_and_act_is_left_alone(stack: Stack, undo: str) -> None:
    (edited,) = posts.insert(stack, HOUR)
    (other,) = posts.insert(stack, HOUR)
    process = _killed(stack, undo, 0, pause=True, actions={"no-workflow": "hold"})
    _paused(process)
    stack.change('UPDATE "Post" SET content = %s, "updatedAt" = %s WHERE id = %s', "edited", posts.now(), edited)
    _go_on(process)
    assert process.returncode == 0
    assert posts.read(stack, edited).state == "QUEUE"
    assert posts.read(stack, other).state == "DRAFT"


def test_kill_after_every_step(stack: Stack, temporal: Temporal, tmp_path: Path) -> None:
    """After a kill anywhere, one more run ends it: nothing lost, nothing twice."""
    everything = {
        "workflow-running-overdue": "reschedule",
        "scheduled": "reschedule",
        "outcome-unknown": "fail",
    }
    for last in range(1, 40):
        undo = str(tmp_path / f"undo-{last}")
        (poked,) = posts.insert(stack, HOUR, "mastodon")
        moved = sleeping(stack, temporal, HOUR, "tiktok")
        update(stack, moved, "publishDate", posts.now() - timedelta(hours=1))
        ghost = sleeping(stack, temporal, HOUR, "facebook")
        update(stack, ghost, "deletedAt", posts.now())
        (ahead,) = posts.insert(stack, -HOUR, "reddit")
        update(stack, ahead, "updatedAt", posts.now() - timedelta(minutes=5))
        social.behave("bluesky", mode="hang", times=1)
        unknown = posts.schedule(stack, 0, "bluesky")
        wait_for("the call", lambda unknown=unknown: social.ledger(unknown), PUBLISH_SECONDS, 0.1)
        temporal.terminate(f"post_{unknown}")
        update(stack, unknown, "publishDate", posts.now() - timedelta(hours=1))
        wait_for("visibility", lambda ghost=ghost: ghost in classes(look(stack)), 20)
        process = _killed(stack, undo, last, actions=everything)
        _, steps = process.communicate(timeout=60)
        done = act(stack, undo, actions=everything)
        assert not done.failed, done.values["msg"]
        for post in (poked, moved):
            ended(stack, post, "PUBLISHED")
            assert social.published(post) == 1, steps
        assert temporal.status(f"post_{ghost}") == "TERMINATED", steps
        assert temporal.status(f"post_{ahead}") == "RUNNING", steps
        assert social.published(ghost) == 0
        failed = posts.read(stack, unknown)
        assert (failed.state, failed.error) == ("ERROR", "Could not confirm the post status"), steps
        assert social.published(unknown) == 1, steps
        assert list(Path(undo).glob("*.pending*")) == [], steps
        wait_for("no ghost", lambda: classes(look(stack)) == {}, 20)
        assert not act(stack, undo, actions=everything).values["changed"], steps
        if process.returncode == 0:
            assert len(steps.split("\n")) >= 8, "it has steps"
            return
    pytest.fail("the run never came to its end")


def test_killed_twice_and_still_known_as_ours(stack: Stack, undo: str) -> None:
    """A row of the last minute lacks its workflow because of the first run; the second one was killed with its plan ready."""
    order = {"actions": {"worker-dead": "reschedule", "no-workflow": "reschedule"}, "overdue_for": -10.0}
    with worker.away(stack):
        post = posts.schedule(stack, 1)
        wait_for(
            "overdue beyond what is started at once", lambda: posts.now() > posts.read(stack, post).due + _LATE, 40
        )
        first = _killed(stack, undo, 4, **order)
        assert first.communicate(timeout=60)[1].split("\n")[3] == f"end {post}"
        second = _killed(stack, undo, 1, **order)
        assert second.communicate(timeout=60)[1].split() == ["plan"]
        soon = (datetime.now(UTC) + timedelta(seconds=15)).strftime("%Y-%m-%dT%H:%M:%SZ")
        done = act(stack, undo, **order, not_before=soon)
    assert done.values["planned_ids"] == [post], done.values["report"]
    assert list(Path(undo).glob("*.pending*")) == []
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1


_LATE = timedelta(seconds=21)


def _killed(stack: Stack, undo: str, last: int, pause: bool = False, **parameters: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed_repair.py")), str(last), *(["pause"] if pause else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"project": stack.project, "undo_directory": undo, **parameters}) + "\n")
    process.stdin.flush()
    return process


def _paused(process: subprocess.Popen[str]) -> None:
    """It has its plan, and waits."""
    assert process.stderr is not None
    assert process.stderr.readline().strip() == "plan"


def _go_on(process: subprocess.Popen[str]) -> None:
    """To its end."""
    process.communicate("go\n", timeout=60)


def test_two_runs_at_the_same_time(stack: Stack, undo: str) -> None:
    (post,) = posts.insert(stack, HOUR)
    process = _killed(stack, undo, 0, pause=True)
    _paused(process)
    refused = act(stack, undo, lock_timeout=1)
    assert refused.failed
    assert refused.values["msg"].startswith("Another run of stuck_posts works on this database (from ")
    assert "did not end within 1 seconds (lock_timeout); nothing was changed." in refused.values["msg"]
    parameters = {"project": stack.project, "undo_directory": undo, "lock_timeout": 60}
    waiting = modules.Running("stuck_posts", parameters)
    time.sleep(2)
    assert waiting.process.poll() is None, "it waits"
    _go_on(process)
    after = waiting.result()
    assert not after.failed, after.values["msg"]
    assert after.values["planned"] == 0 or after.values["planned_ids"] == [post]
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1


def test_ten_thousand(stack: Stack, undo: str) -> None:
    channel = posts.channel(stack)
    stack.change(
        """INSERT INTO "Post" (id, state, "publishDate", "organizationId", "integrationId", content, "group", "updatedAt")
        SELECT 'labmany' || n, 'QUEUE', (now() AT TIME ZONE 'utc') - interval '3 days', %s, %s, 'x', 'labmany' || n,
        (now() AT TIME ZONE 'utc') - interval '5 minutes' FROM generate_series(1, 10000) n""",
        channel.organization,
        channel.id,
    )
    digest = "SELECT md5(string_agg(to_jsonb(p)::text, '' ORDER BY id)) FROM \"Post\" p WHERE id LIKE 'labmany%%'"
    count = "SELECT count(*) FROM \"Post\" WHERE id LIKE 'labmany%%' AND state = 'DRAFT'"
    before = stack.rows(digest)
    try:
        held = act(stack, undo, max_posts=10000, actions={"older-than-sweep": "hold"})
        assert held.values["planned"] == 10000, held.values.get("msg")
        assert len(held.values["plan"]) == 100
        assert stack.rows(count) == [(10000,)]
        back = act(stack, undo, state="undone", undo_file=held.values["undo_file"])
        assert len(back.values["restored"]) == 10000
        assert stack.rows(digest) == before
        print(f"held in {held.seconds:.1f} s, back in {back.seconds:.1f} s")
    finally:
        stack.change("DELETE FROM \"Post\" WHERE id LIKE 'labmany%%'")


def test_undoing_says_what_became_of_posts_that_were_only_started(stack: Stack, temporal: Temporal, undo: str) -> None:
    (poked,) = posts.insert(stack, HOUR)
    ahead = lost_ahead(stack, temporal, HOUR)
    (held,) = posts.insert(stack, 4 * DAY, "mastodon")
    done = act(stack, undo, actions={"older-than-sweep": "hold"})
    assert sorted(done.values["planned_ids"]) == sorted([poked, ahead, held])
    ended(stack, poked, "PUBLISHED")
    for check in (True, False):
        back = act(stack, undo, check=check, state="undone", undo_file=done.values["undo_file"])
        assert back.values["restored"] == [held]
        told = {item["id"]: item["reason"] for item in back.values["left_alone"]}
        assert told[poked] == "its row was not changed, its workflow was only started; it has been published"
        assert told[ahead].startswith("its row was not changed, its workflow was only started; it waits for ")
    assert posts.read(stack, held).state == "QUEUE"


def test_what_was_handed_over_to_the_network_is_never_repeated(stack: Stack, undo: str) -> None:
    """TikTok's inbox: the release id is 'missing', and only the account tells whether it is live."""
    (queued,) = posts.insert(stack, HOUR, "tiktok")
    (marked,) = posts.insert(stack, HOUR, "tiktok", state="ERROR")
    update(stack, marked, "error", "Already posted")
    for post in (queued, marked):
        update(stack, post, "releaseId", "missing")
    assert classes(look(stack)) == {queued: "has-release"}
    found = look(stack, posts=[queued, marked, "no-such-post"])
    assert classes(found) == {queued: "has-release", marked: "not-queued"}
    assert all("'missing'" in post["evidence"] for post in found.values["posts"])
    assert found.values["not_found"] == ["posts: no-such-post"]
    assert "Selected, and not there: posts: no-such-post." in found.values["report"]
    before = {post: row(stack, post) for post in (queued, marked)}
    asked = {"no-workflow": "poke", "live-but-marked-error": "mark_published", "outcome-unknown": "reschedule"}
    done = act(stack, undo, posts=[queued, marked], accept_duplicate_risk=[queued, marked], actions=asked)
    assert not done.values["changed"]
    assert {post: row(stack, post) for post in before} == before
    failures = modules.run("post_failures_info", project=stack.project, posts=[marked])
    assert [(item["code"], item["retry"]) for item in failures.values["findings"]] == [
        ("outcome-unknown", "look-first")
    ]


def test_a_damaged_file_of_an_interrupted_run(stack: Stack, undo: str) -> None:
    (post,) = posts.insert(stack, HOUR)
    process = _killed(stack, undo, 3)
    process.communicate(timeout=60)
    (pending,) = Path(undo).glob("*.pending.jsonl")
    pending.write_text(pending.read_text()[:-9])
    for check in (True, False):
        refused = act(stack, undo, check=check)
        assert (
            f"{pending} is damaged at line 4 (JSONDecodeError); posts that can be read of it: {post}."
            in refused.values["msg"]
        )
        assert "set_aside_damaged: true" in refused.values["msg"]
    would = act(stack, undo, check=True, set_aside_damaged=True)
    assert (would.values["changed"], would.values["set_aside"], pending.exists()) == (True, [], True)
    done = act(stack, undo, set_aside_damaged=True)
    assert (done.values["set_aside"], done.values["planned_ids"]) == ([f"{pending}.damaged"], [post])
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1


def test_the_cap_says_the_number(stack: Stack, undo: str) -> None:
    for _ in range(3):
        posts.insert(stack, HOUR)
    refused = act(stack, undo, max_posts=2)
    assert refused.failed
    assert "3 posts would be changed, and max_posts is 2; nothing was changed." in refused.values["msg"]
    assert not Path(undo).exists()


# The burst guard


def test_a_backlog_goes_out_at_a_rate(stack: Stack, undo: str) -> None:
    """Worker away, posts fall due, the guard spreads them, the worker comes back: each once, none in a burst."""
    names = CHANNELS
    spacing = 4.0
    with worker.away(stack):
        due = {name: [posts.schedule(stack, 1, name) for _ in range(4)] for name in names}
        drafts = posts.insert(stack, HOUR, children=1, state="DRAFT")
        few = posts.schedule(stack, 1, "x")
        del few
        time.sleep(2)
        found = look(stack, overdue_for=0)
        assert set(classes(found).values()) == {"worker-dead"}
        guarded = act(
            stack,
            undo,
            overdue_for=-60,
            burst_threshold=3,
            spacing=spacing,
            max_posts=100,
            not_before_in=25,
            actions={"worker-dead": "reschedule", "no-workflow": "reschedule", "scheduled": "reschedule"},
        )
        assert guarded.values["planned"] == 41, guarded.values["report"]
    every = [post for ids in due.values() for post in ids]
    for post in every:
        ended(stack, post, "PUBLISHED", 90)
    judged = social.judge(social.ledger(), every)
    assert judged.sound, judged
    for name, ids in due.items():
        wanted = sorted(posts.read(stack, post).due for post in ids)
        assert min((later - sooner).total_seconds() for sooner, later in pairwise(wanted)) >= spacing, name
        moments = sorted(posts.published_at(post).replace(tzinfo=None) for post in ids)
        late = [(moment - due).total_seconds() for moment, due in zip(moments, wanted, strict=True)]
        # None before its time; a busy machine may be late with all of them.
        assert min(late) > -0.5, (name, late)
        assert max(late) < 30, (name, late)
    assert {posts.read(stack, post).state for post in drafts} == {"DRAFT"}


def test_the_role_s_burst_guard(stack: Stack, tmp_path: Path) -> None:
    """Overdue posts and those that fall due soon, with or without a workflow; the first time by the database's clock."""
    chosen = [posts.insert(stack, overdue)[0] for overdue in (3 * HOUR, HOUR, -200)]
    (later,) = posts.insert(stack, -HOUR)
    task = {
        "ansible.builtin.include_role": {"name": "selfhost.postiz.posts", "tasks_from": "burst_guard"},
        "vars": {"posts_burst_threshold": 2, "posts_burst_per_minute": 6, "posts_burst_resume_in": 600},
    }
    path = tmp_path / "guard.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    extra = {
        "postiz_project": stack.project,
        "posts_undo_directory": str(tmp_path / "undo"),
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(path)]
    before = posts.now()
    done = subprocess.run(
        [*command, "-e", json.dumps(extra)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "3 posts of postiz-posts were changed." in done.stdout
    due = [posts.read(stack, post).due for post in chosen]
    assert 600 <= (due[0] - before).total_seconds() <= 660
    assert [round((later - sooner).total_seconds()) for sooner, later in pairwise(due)] == [10, 10]
    assert posts.read(stack, later).due < before + timedelta(seconds=HOUR + 60)


# What goes wrong


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"project": "nope"}, "Compose project 'nope' has no container"),
        ({"service": "nope"}, "has no container of a service 'nope'"),
        ({"namespace": "nope"}, "[namespace-missing]"),
        ({"address": "temporal:1"}, "[temporal-unreachable]"),
        ({"database_host": "127.0.0.1", "database_port": 1}, "The database of Postiz cannot be used"),
        ({"newer_than": "yesterday"}, "newer_than is 'yesterday', which is no time with a zone."),
        ({"limit": -1}, "limit is -1, which is less than 0."),
    ],
)
def test_bad_input(stack: Stack, undo: str, parameters: dict[str, Any], text: str) -> None:
    for module, more in (("stuck_posts_info", {}), ("stuck_posts", {"undo_directory": undo})):
        result = modules.run(module, **{"project": stack.project, **parameters, **more})
        assert result.failed
        assert text in result.values["msg"]
        assert "Remedy: " in result.values["msg"]
        assert "exception" not in result.values
    assert not Path(undo).exists()


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"actions": {"nonsense": "hold"}}, "there is no class 'nonsense'"),
        ({"actions": {"no-workflow": "explode"}}, "no such action: 'explode'"),
        ({"actions": {"publishing": "hold"}}, "hold is no action for posts of the class publishing"),
        ({"state": "undone"}, "undo_file is missing"),
        ({"state": "undone", "undo_file": "/etc/hostname"}, "is not in undo_directory"),
        (
            {"state": "undone", "undo_file": "/etc/hostname", "undo_directory": "/etc"},
            "The undo file /etc/hostname is not used: its mode is 0",
        ),
        ({"max_posts": 0}, "max_posts is 0"),
        ({"spacing": 0}, "spacing is 0 seconds, and must be from 0.001"),
        ({"undo_directory": "/proc/nowhere"}, "nothing was changed"),
    ],
)
def test_bad_orders(stack: Stack, undo: str, parameters: dict[str, Any], text: str) -> None:
    (post,) = posts.insert(stack, HOUR)
    before = row(stack, post)
    result = act(stack, **{"undo": undo, **parameters})
    assert result.failed
    assert text in result.values["msg"]
    assert row(stack, post) == before


def test_another_namespace_than_the_stack_s_own(stack: Stack, temporal: Temporal, undo: str) -> None:
    """There every post seems to lack its workflow; in the right one, nothing is wrong."""
    asleep = sleeping(stack, temporal)
    update(stack, asleep, "updatedAt", posts.now() - timedelta(minutes=5))
    (old,) = posts.insert(stack, 4 * DAY, "mastodon")
    before = {post: row(stack, post) for post in (asleep, old)}
    temporal.json("operator", "namespace", "create", "--namespace", "another", "--retention", "24h")
    wait_for("the namespace", lambda: not look(stack, namespace="another").failed, 60, 2)
    told = look(stack, namespace="another")
    assert "nothing shows that it belongs to this stack" in told.values["report"]
    assert classes(told)[asleep] == "scheduled-no-workflow"
    for action in ("hold", "fail", "delete", "reschedule", "poke"):
        for check in (True, False):
            refused = act(stack, undo, check=check, namespace="another", action_default=action)
            assert refused.failed
            assert "in the namespace 'another', Postiz itself uses " in refused.values["msg"]
            assert "nothing was changed" in refused.values["msg"]
    assert {post: row(stack, post) for post in before} == before
    assert not Path(undo).exists()


def test_databases_that_do_not_take_it(stack: Stack, undo: str) -> None:
    (post,) = posts.insert(stack, HOUR)
    before = row(stack, post)
    user = stack.environment("postiz-postgres")["POSTGRES_USER"]
    password = stack.environment("postiz-postgres")["POSTGRES_PASSWORD"]
    stack.change(f"ALTER ROLE \"{user}\" PASSWORD 'another'")
    try:
        wrong = act(stack, undo)
    finally:
        # The local socket asks for no password.
        statement = f"ALTER ROLE \"{user}\" PASSWORD '{password}'"
        name = stack.environment("postiz-postgres")["POSTGRES_DB"]
        stack.run("postiz-postgres", "psql", "-U", user, "-d", name, "-c", statement)
    assert "password authentication failed" in wrong.values["msg"]
    assert password not in wrong.text
    stack.change('ALTER TABLE "Post" RENAME COLUMN "releaseURL" TO "releaseURLs"')
    try:
        other = look(stack)
    finally:
        stack.change('ALTER TABLE "Post" RENAME COLUMN "releaseURLs" TO "releaseURL"')
    assert other.values["msg"].startswith("The tables of this release of Postiz are others than those known here")
    stack.change("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    stack.change("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    connection = psycopg2.connect(
        host=stack.address("postiz-postgres"),
        user="reader",
        password="reader",
        dbname=stack.environment("postiz-postgres")["POSTGRES_DB"],
    )
    try:
        with pytest.raises(changes.ReadOnly, match="cannot be changed by this user"):
            changes.claim(connection, 0, Clock())
    finally:
        connection.close()
        stack.change("DROP OWNED BY reader")
        stack.change("DROP ROLE reader")
    frozen = psycopg2.connect(
        host=stack.address("postiz-postgres"),
        user=user,
        password=password,
        dbname=stack.environment("postiz-postgres")["POSTGRES_DB"],
        options="-c default_transaction_read_only=on",
    )
    with closing(frozen), pytest.raises(changes.ReadOnly, match="nothing was changed"):
        changes.claim(frozen, 0, Clock())
    assert row(stack, post) == before


def test_temporal_away(stack: Stack, undo: str) -> None:
    (post,) = posts.insert(stack, HOUR)
    stack.container("temporal").stop(timeout=10)
    try:
        result = act(stack, undo)
        assert result.failed
        assert "[temporal-unreachable]" in result.values["msg"]
        assert "Nothing was changed" in result.values["msg"]
        assert posts.read(stack, post).state == "QUEUE"
    finally:
        repair.start_service(stack, "temporal")
        repair.restart_postiz(stack)


def test_through_the_command_line_client(stack: Stack, temporal: Temporal, undo: str) -> None:
    """Where the HTTP API does not answer: the same answers, and the same repair."""
    (lost,) = posts.insert(stack, HOUR)
    moved, asleep = sleeping(stack, temporal), sleeping(stack, temporal)
    ahead = lost_ahead(stack, temporal, HOUR)
    update(stack, asleep, "updatedAt", posts.now() - timedelta(minutes=5))
    update(stack, moved, "publishDate", posts.now() - timedelta(hours=1))
    # By its number the frontend is no service of the project, so only the client's container is asked.
    where = {"address": f"{stack.address('temporal')}:7233"}
    assert classes(look(stack, **where)) == {
        lost: "no-workflow",
        moved: "workflow-running-overdue",
        ahead: "scheduled-no-workflow",
    }
    done = act(stack, undo, actions={"workflow-running-overdue": "reschedule"}, spacing=2, **where)
    assert done.values["planned"] == 3, done.values["report"]
    for post in (lost, moved):
        ended(stack, post, "PUBLISHED")
        assert social.published(post) == 1


def test_return_documentation_is_true(stack: Stack, undo: str) -> None:
    posts.insert(stack, HOUR)
    posts.insert(stack, 4 * DAY)
    assert contract.disagreements("stuck_posts_info", look(stack).values) == []
    done = act(stack, undo, actions={"older-than-sweep": "hold"})
    assert contract.disagreements("stuck_posts", done.values) == []
    back = act(stack, undo, state="undone", undo_file=done.values["undo_file"])
    assert contract.disagreements("stuck_posts", back.values) == []


def _play(
    stack: Stack, *options: str, inventory: str = str(INVENTORY), **variables: Any
) -> subprocess.CompletedProcess[str]:
    """playbooks/posts.yml, as a person would run it."""
    extra = {"postiz_project": stack.project, "postiz_dir": str(stack.folder), **variables}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", inventory]
    command += [str(REPOSITORY / "playbooks" / "posts.yml"), *options, "-e", json.dumps(extra)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    print(done.stdout)
    return done


def test_the_playbook(stack: Stack, temporal: Temporal, tmp_path: Path) -> None:
    """A report; a plan in check mode; the repair; nothing more to do; the way back. Failed posts do not fail a task."""
    (lost,) = posts.insert(stack, HOUR)
    (old,) = posts.insert(stack, 4 * DAY, "mastodon")
    (commented,) = posts.insert(stack, HOUR, "tiktok", state="ERROR")
    for column, value in (("releaseId", "r"), ("error", "a comment failed")):
        update(stack, commented, column, value)
    report = tmp_path / "report.json"
    told = _play(stack)
    assert told.returncode == 0
    assert "changed=0" in told.stdout
    assert _play(stack, posts_report_file=str(report)).returncode == 0
    assert "3 posts of postiz-posts are stuck." in told.stdout
    assert "1 post failed since" in told.stdout
    assert report.stat().st_mode & 0o777 == 0o600
    assert json.loads(report.read_text())["stuck"]["total"] == 3
    orders = {"posts_actions": {"older-than-sweep": "hold"}}
    repair_it = ("-e", "posts_repair=true")
    assert "are stuck" in _play(stack, "-e", "posts_repair=false", "-e", "posts_failures=false").stdout
    planned = _play(stack, "--check", "--diff", *repair_it, **orders)
    assert planned.returncode == 0
    assert "2 posts of postiz-posts would be changed." in planned.stdout
    assert f"-{old} QUEUE due" in planned.stdout
    assert f"+{old} DRAFT due" in planned.stdout
    assert posts.read(stack, old).state == "QUEUE"
    done = _play(stack, *repair_it, **orders)
    assert done.returncode == 0
    assert "skipped=1 " not in done.stdout.rpartition("Repair posts")[2].partition("TASK")[0]
    assert "2 posts of postiz-posts were changed." in done.stdout
    assert "left alone: 1 live-but-marked-error" in done.stdout
    assert posts.read(stack, old).state == "DRAFT"
    ended(stack, lost, "PUBLISHED")
    wait_for("its end", lambda: temporal.status(f"post_{lost}") == "COMPLETED", 30)
    again = _play(stack, *repair_it, **orders)
    assert "changed=0" in again.stdout
    (path,) = (stack.folder / "state" / "posts").glob("*.undo.jsonl")
    back = _play(stack, posts_undo_file=str(path))
    assert "changed=1" in back.stdout
    assert posts.read(stack, old).state == "QUEUE"


def test_two_hosts_of_the_inventory_that_are_one_stack(stack: Stack, tmp_path: Path) -> None:
    (post,) = posts.insert(stack, HOUR)
    done = _play(
        stack,
        inventory="one,two",
        posts_repair=True,
        posts_report_file=str(tmp_path / "report.json"),
        posts_undo_directory=str(tmp_path / "undo"),
        ansible_connection="local",
        ansible_python_interpreter=sys.executable,
    )
    assert done.returncode == 0
    told = [json.loads((tmp_path / f"report-{name}.json").read_text())["stuck"] for name in ("one", "two")]
    assert post in [*told[0]["planned_ids"], *told[1]["planned_ids"]]
    assert max(len(line) for line in done.stdout.splitlines() if "no-workflow " in line) <= 80
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1


def test_examples_run_as_they_stand(stack: Stack, tmp_path: Path) -> None:
    (post,) = posts.insert(stack, HOUR)
    tasks = []
    for name in ("stuck_posts_info", "stuck_posts", "post_failures_info"):
        text = importlib.import_module(f"{modules.PREFIX}.{name}").EXAMPLES
        text = (
            text.replace("cmwv8reb5kanz02l01n1a8eb1", post)
            .replace("cm1111111111111111111111", post)
            .replace("cm3333333333333333333333", post)
            .replace("cm0000000000000000000000", posts.channel(stack).id)
            .replace("/opt/postiz/state/posts", str(tmp_path / "undo"))
            .replace("project: postiz\n", f"project: {stack.project}\n")
        )
        tasks += yaml.safe_load(text)
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    path = tmp_path / "examples.yml"
    path.write_text(yaml.safe_dump(play, sort_keys=False))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(path)]
    command += ["-e", f"ansible_connection=local ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout + done.stderr


def _iso(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
