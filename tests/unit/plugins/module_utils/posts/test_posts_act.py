"""Carrying a plan out: in which order, and what a failure or a surprise in the middle leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import (
    act,
    completing,
    going_back,
    holding,
    staying,
    undo,
    unsure,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    MISSING,
    UNCONFIRMED,
    Action,
    Judged,
    PostClass,
    Row,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import build
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Start
from posts_lab import ASLEEP, BEGUN, DAY, KIND, STAMP, Lab
from posts_samples import EPOCH, NOW, row, settings, workflow, world

RESCHEDULE = {PostClass.RUNNING_OVERDUE: Action.RESCHEDULE}
HOLD = {PostClass.RUNNING_OVERDUE: Action.HOLD}


def test_the_order(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan(RESCHEDULE))
    assert lab.log == [
        "now",
        "take",
        "[locks]",
        "by_ids",
        "[undo file]",
        "terminate post_p1",
        "[end p1]",
        "write",
        "[rows]",
        "commit",
        "[commit]",
        "startable",
        "start post_p1",
        "[start p1]",
        "commit",
        "[end]",
    ]
    assert lab.database.saved["p1"].row == row(id="p1", due=NOW, updated=STAMP)
    assert [item.id for item in done.items] == ["p1"]
    assert done.undo_file.endswith(".undo.jsonl")
    assert lab.files() == ["undo.jsonl"]
    (record,) = undo.records(done.undo_file)
    assert (record.decision.run, record.decision.start, record.decision.kept_away) == ("run-p1", True, False)
    assert json.loads(record.rows[0])["publishDate"] == str(row().due)


FUTURE = NOW + timedelta(hours=2)


def test_a_post_of_the_future_is_started_after_the_commit_and_keeps_its_time(tmp_path: Path) -> None:
    """Thousands of them hold no row for longer than their page."""
    posts = [row(id="p1"), *(row(id=f"f{number}", due=FUTURE) for number in range(7))]
    lab = Lab(tmp_path, posts, {})
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.POKE, PostClass.SCHEDULED_LOST: Action.POKE}))
    assert [start.post for start in lab.temporal.started] == ["p1", *(f"f{number}" for number in range(7))]
    assert lab.log.index("start post_p1") < lab.log.index("commit") < lab.log.index("start post_f0")
    assert {one.row.due for name, one in lab.database.saved.items() if name != "p1"} == {FUTURE}
    assert "write" not in lab.log
    assert (done.undo_file, lab.files(), done.not_running) == ("", [], ())


@pytest.mark.parametrize("interrupt", ["undo file", "rows", "commit", "start f1"])
def test_the_next_run_starts_posts_of_the_future_that_a_kill_left(tmp_path: Path, interrupt: str) -> None:
    lab = Lab(tmp_path, [row(id="f1", due=FUTURE), row(id="f2", due=FUTURE)], {})
    lab.interrupt = interrupt
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan({PostClass.SCHEDULED_LOST: Action.POKE}))
    lab.database.rollback()
    lab.interrupt = ""
    completing.complete(lab.tools())
    assert [start.post for start in lab.temporal.started] == ["f1", "f2"]
    assert lab.files() == []


def test_a_post_of_the_future_that_was_held_since_is_not_started(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="f1", due=FUTURE)], {})
    plan = lab.plan({PostClass.SCHEDULED_LOST: Action.POKE})
    lab.database.posts["f1"].row = replace(lab.database.posts["f1"].row, state="DRAFT")
    done = lab.carry_out(plan)
    assert (done.items, lab.temporal.started) == ((), [])


@pytest.mark.parametrize("back", [True, False])
def test_who_polls_is_looked_at_again_before_workflows_are_ended_for_long(tmp_path: Path, back: bool) -> None:
    """They run without a timer: only that nobody polls makes it safe to end them."""
    idle = Trail(0, 0, None)
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": idle, "p2": ASLEEP})
    lab.around = world(polled_queues=frozenset(), workers=())
    plan = lab.plan({PostClass.WORKER_DEAD: Action.HOLD})
    assert [item.id for item in plan.items] == ["p1", "p2"]
    look = lab.look

    def slowly(posts: Sequence[Row]) -> list[Judged]:
        """After the first look, under the locks, a worker is back."""
        found = look(posts)
        lab.seconds += 60
        lab.around = world() if back else lab.around
        return found

    done = act.carry_out(plan, replace(lab.tools(), look=slowly))
    assert [item.id for item in done.items] == (["p2"] if back else ["p1", "p2"])
    assert [(one.judged.row.id, one.reason) for one in done.skipped] == ([("p1", act._AWAKE)] if back else [])
    assert ("terminate post_p1" in lab.log) is not back
    assert lab.state("p1") == ("QUEUE" if back else "DRAFT")
    assert [item.decision.post for item in undo.records(done.undo_file)] == [item.id for item in done.items]


def test_what_postiz_starts_while_it_is_being_held_is_told(tmp_path: Path) -> None:
    """Its sweep reads rows that are not committed yet as queued."""
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {})
    step = lab.step

    def sweep(name: str) -> None:
        step(name)
        if name == "rows":
            lab.temporal.run("p1", BEGUN)
            lab.temporal.run("p2", ASLEEP)

    done = act.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.HOLD}), replace(lab.tools(), step=sweep))
    assert done.not_held == ("p1",)
    assert (lab.temporal.known["post_p1"].running, lab.temporal.known["post_p2"].running) == (True, False)
    assert [lab.state(post) for post in ("p1", "p2")] == ["DRAFT", "DRAFT"]


def test_a_channel_that_was_disabled_since_the_plan(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {})
    plan = lab.plan({PostClass.NO_WORKFLOW: Action.POKE})
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row, broken=("disabled",))
    done = lab.carry_out(plan)
    assert (done.items, lab.temporal.started) == ((), [])


STEPS_OF_FAIL = ["locks", "undo file", "rows", "commit", "end p1"]


@pytest.mark.parametrize("interrupt", STEPS_OF_FAIL)
def test_what_may_be_live_is_never_left_queued_without_its_workflow(tmp_path: Path, interrupt: str) -> None:
    """Postiz' own sweep would send it again; so its row is marked first, and its workflow ended afterwards."""
    lab = Lab(tmp_path, [row(id="p1")], {"p1": BEGUN})
    lab.around = world(polled_queues=frozenset(), workers=())
    fail = {PostClass.OUTCOME_UNKNOWN: Action.FAIL}
    lab.interrupt = interrupt
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan(fail))
    lab.database.rollback()
    lab.interrupt = ""
    assert lab.temporal.known["post_p1"].running or lab.state("p1") == "ERROR"
    completing.complete(lab.tools())
    written = STEPS_OF_FAIL.index(interrupt) >= STEPS_OF_FAIL.index("commit")
    assert (lab.state("p1"), lab.temporal.known["post_p1"].running) == (
        ("ERROR", False) if written else ("QUEUE", True)
    )
    assert lab.temporal.started == []


@pytest.mark.parametrize("interrupt", ["rows", "commit"])
def test_what_began_while_a_killed_run_ended_it_is_marked_by_the_next(tmp_path: Path, interrupt: str) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP}, begins=["p1"])
    lab.interrupt = interrupt
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan(RESCHEDULE))
    lab.database.rollback()
    lab.interrupt = ""
    found = completing.complete(lab.tools())
    assert (lab.state("p1"), lab.database.saved["p1"].error) == ("ERROR", UNCONFIRMED)
    assert found.left == (() if interrupt == "commit" else (("p1", unsure.MARKED),))
    assert (lab.temporal.started, lab.files()) == ([], ["undo.jsonl"])


def test_a_poke_starts_under_the_lock_and_leaves_no_undo_file(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {})
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.POKE}))
    assert [entry for entry in lab.log if entry in ("take", "start post_p1", "commit", "write")] == [
        "take",
        "start post_p1",
        "commit",
    ]
    assert lab.temporal.started == [Start("p1", "o1", "mastodon", KIND)]
    assert (done.undo_file, lab.files(), done.not_running) == ("", [], ())


def test_publishing_that_began_while_it_was_ended_is_never_started_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": ASLEEP, "p2": ASLEEP}, begins=["p1"])
    done = lab.carry_out(lab.plan(RESCHEDULE))
    assert done.kept_away == ("p1",)
    assert [start.post for start in lab.temporal.started] == ["p2"]
    assert lab.state("p1") == "ERROR"
    assert lab.database.saved["p1"].error == UNCONFIRMED == "Could not confirm the post status"
    assert lab.database.saved["p1"].row.due == row().due
    assert (lab.state("p2"), lab.database.saved["p2"].error) == ("QUEUE", None)
    kept = {item.decision.post: item.decision.kept_away for item in undo.records(done.undo_file)}
    assert kept == {"p1": True, "p2": False}

    undone = going_back.undone(done.undo_file, lab.tools())
    assert dict(undone.left)["p1"] == "it may be live: brought back, it would be published again"
    assert lab.state("p1") == "ERROR"
    assert all(start.post != "p1" for start in lab.temporal.started)


@pytest.mark.parametrize("action", [Action.HOLD, Action.DELETE, Action.FAIL])
def test_whatever_was_asked_publishing_that_began_is_told_as_such(tmp_path: Path, action: Action) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP}, begins=["p1"])
    done = lab.carry_out(lab.plan({PostClass.RUNNING_OVERDUE: action}))
    assert done.kept_away == ("p1",)
    saved = lab.database.saved["p1"]
    assert (saved.row.state, saved.row.deleted, saved.error) == ("ERROR", False, UNCONFIRMED)


def test_a_ghost_that_began_to_publish_is_told_and_its_row_is_left(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1", state="DRAFT")], {"p1": ASLEEP}, begins=["p1"])
    done = lab.carry_out(lab.plan({PostClass.GHOST: Action.END_WORKFLOW}))
    assert (done.kept_away, lab.state("p1"), lab.temporal.started) == (("p1",), "DRAFT", [])


def test_a_post_that_may_be_live_says_so_and_not_the_operator_s_reason(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": BEGUN})
    done = lab.carry_out(lab.plan({PostClass.OUTCOME_UNKNOWN: Action.FAIL, PostClass.NO_WORKFLOW: Action.FAIL}))
    assert {name: one.error for name, one in lab.database.saved.items()} == {"p1": UNCONFIRMED, "p2": "given up"}
    assert done.kept_away == ()
    kept = {item.decision.post: item.decision.kept_away for item in undo.records(done.undo_file)}
    assert kept == {"p1": True, "p2": False}
    assert lab.temporal.started == []


def test_an_accepted_id_is_ended_and_started_anew(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": BEGUN})
    wanted = {PostClass.OUTCOME_UNKNOWN: Action.RESCHEDULE}
    assert lab.plan(wanted).items == ()
    done = lab.carry_out(lab.plan(wanted, accepted=frozenset({"p1"})))
    assert (done.kept_away, [start.post for start in lab.temporal.started]) == ((), ["p1"])


def test_a_deleted_post_takes_its_group_along(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p1.child", root=False), row(id="other", state="DRAFT")], {})
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.DELETE}))
    assert {name: one.row.deleted for name, one in lab.database.saved.items()} == {
        "p1": True,
        "p1.child": True,
        "other": False,
    }
    (record,) = undo.records(done.undo_file)
    assert [json.loads(text)["id"] for text in record.rows] == ["p1", "p1.child"]


THREAD = [row(id="p1"), row(id="p1.one", root=False), row(id="p1.two", root=False)]


def test_a_thread_of_which_somebody_holds_a_part_is_left_alone(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [*THREAD, row(id="p2")], {})
    lab.database.locked.add("p1.two")
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.DELETE}))
    assert [item.id for item in done.items] == ["p2"]
    assert [(one.judged.row.id, one.reason) for one in done.skipped] == [("p1", holding._CHANGED)]
    assert {name for name, one in lab.database.saved.items() if one.row.deleted} == {"p2"}
    assert lab.log.index("take") < lab.log.index("take_thread") < lab.log.index("name_thread")


def test_a_missing_post_s_workflow_is_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [], {"gone": ASLEEP})
    nobody = row(id="gone", state=MISSING)
    unasked = build(lab.look([nobody]), settings(), NOW, lambda *_asked: {})
    assert ([item.id for item in unasked.items], [item.judged.row.id for item in unasked.skipped]) == ([], ["gone"])
    plan = build(lab.look([nobody]), settings(asked=frozenset({PostClass.GHOST})), NOW, lambda *_asked: {})
    done = lab.carry_out(plan)
    assert [item.id for item in done.items] == ["gone"]
    assert "terminate post_gone" in lab.log
    assert (done.undo_file, lab.files(), lab.temporal.started) == ("", [], [])


def edited(lab: Lab) -> None:
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row, updated=NOW)


def published(lab: Lab) -> None:
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row, state="PUBLISHED")


def locked(lab: Lab) -> None:
    lab.database.locked.add("p1")


def removed(lab: Lab) -> None:
    del lab.database.posts["p1"]


def began(lab: Lab) -> None:
    lab.temporal.histories["post_p1"] = BEGUN


def woke(lab: Lab) -> None:
    lab.temporal.histories["post_p1"] = Trail(0, 0, None)


@pytest.mark.parametrize("meanwhile", [edited, published, locked, removed, began, woke])
def test_what_changed_since_the_plan_is_left_alone_and_told(tmp_path: Path, meanwhile: Callable[[Lab], None]) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": ASLEEP, "p2": ASLEEP})
    plan = lab.plan(RESCHEDULE)
    meanwhile(lab)
    before = {name: replace(one) for name, one in lab.database.posts.items()}
    done = lab.carry_out(plan)
    assert [item.id for item in done.items] == ["p2"]
    assert [(one.judged.row.id, one.reason) for one in done.skipped] == [("p1", holding._CHANGED)]
    assert lab.database.saved.get("p1") == before.get("p1")
    assert "terminate post_p1" not in lab.log
    assert [start.post for start in lab.temporal.started] == ["p2"]
    assert [item.decision.post for item in undo.records(done.undo_file)] == ["p2"]


def test_a_worker_that_comes_or_goes_meanwhile_changes_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    plan = lab.plan(RESCHEDULE)
    lab.around = world(polled_queues=frozenset(), workers=())
    assert [item.id for item in lab.carry_out(plan).items] == ["p1"]


def appeared(lab: Lab) -> None:
    lab.temporal.known["post_p1"] = workflow(identifier="post_p1", run="appeared")
    lab.temporal.histories["post_p1"] = ASLEEP


def test_a_workflow_that_appeared_meanwhile_is_not_ended_unseen(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {})
    plan = lab.plan({PostClass.NO_WORKFLOW: Action.HOLD})
    appeared(lab)
    done = lab.carry_out(plan)
    assert ([one.reason for one in done.skipped], done.items) == ([holding._CHANGED], ())
    assert (lab.temporal.known["post_p1"].running, lab.state("p1"), lab.files()) == (True, "QUEUE", [])


def test_a_workflow_that_appeared_meanwhile_is_poked_all_the_same(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {})
    plan = lab.plan({PostClass.NO_WORKFLOW: Action.POKE})
    appeared(lab)
    assert [item.id for item in lab.carry_out(plan).items] == ["p1"]
    assert "terminate post_p1" not in lab.log


STEPS = ("locks", "undo file", "end p1", "rows", "commit", "start p1", "end")


@pytest.mark.parametrize("interrupt", STEPS)
def test_whatever_breaks_off_the_next_run_completes(tmp_path: Path, interrupt: str) -> None:
    lab = Lab(tmp_path, [row(id="p1", due=NOW - timedelta(hours=1))], {"p1": ASLEEP})
    lab.interrupt = interrupt
    with pytest.raises(RuntimeError, match=interrupt):
        lab.carry_out(lab.plan(RESCHEDULE))
    lab.database.rollback()
    assert "draft" not in lab.files()
    lab.interrupt = ""
    committed = STEPS.index(interrupt) >= STEPS.index("commit")
    assert (lab.database.posts["p1"].row.updated == STAMP) is committed

    completing.close(completing.complete(lab.tools()))
    assert undo.pending(str(tmp_path), "postiz") == ()
    if committed:
        assert [start.post for start in lab.temporal.started] == ["p1"]
        assert lab.files() == ["undo.jsonl"]
        return
    assert lab.files() == []
    # What was not committed is stuck as it was, or without a workflow, and is planned anew.
    wanted = {**RESCHEDULE, PostClass.NO_WORKFLOW: Action.RESCHEDULE}
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row)
    done = lab.carry_out(lab.plan(wanted))
    assert ([item.id for item in done.items], lab.state("p1")) == (["p1"], "QUEUE")
    assert [start.post for start in lab.temporal.started] == ["p1"]


def test_a_future_post_whose_workflow_was_ended_before_the_commit_gets_it_back(tmp_path: Path) -> None:
    ahead = row(id="p1", due=NOW + timedelta(hours=2))
    lab = Lab(tmp_path, [ahead], {"p1": ASLEEP})
    lab.interrupt = "end p1"
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.HOLD}))
    lab.database.rollback()
    lab.interrupt = ""
    assert completing.complete(lab.tools()).workflows == 1
    assert ([start.post for start in lab.temporal.started], lab.state("p1")) == (["p1"], "QUEUE")


def test_a_future_post_that_had_no_workflow_gets_none_from_a_run_that_broke_off(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1", due=NOW + timedelta(hours=2))], {})
    lab.interrupt = "rows"
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan({PostClass.SCHEDULED_LOST: Action.HOLD}))
    lab.database.rollback()
    lab.interrupt = ""
    assert completing.complete(lab.tools()).workflows == 0
    assert (lab.temporal.started, lab.files()) == ([], [])


@pytest.mark.parametrize("statement", ["take", "write", "startable"])
def test_a_database_that_fails(tmp_path: Path, statement: str) -> None:
    def broken(name: str) -> None:
        if name == statement:
            raise RuntimeError(name)

    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    plan = lab.plan(HOLD if statement != "startable" else RESCHEDULE)
    lab.database.broken = broken
    with pytest.raises(RuntimeError, match=statement):
        lab.carry_out(plan)
    assert lab.files() == ([] if statement == "take" else ["pending.jsonl"])
    assert lab.temporal.started == []
    assert lab.state("p1") == "QUEUE"


def test_a_disk_without_room_keeps_everything_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    lab = Lab(file, [row(id="p1")], {"p1": ASLEEP})
    with pytest.raises(StackError, match="nothing was changed"):
        lab.carry_out(lab.plan(RESCHEDULE))
    assert lab.log == ["now"]
    assert lab.temporal.known["post_p1"].running


def test_a_start_that_is_refused_is_completed_by_the_next_run(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": ASLEEP, "p2": ASLEEP})
    lab.temporal.refuses = ["p2"]
    with pytest.raises(Unfinished, match=r"The rows of 2 posts were changed, .* Temporal refused\. .*pending\.jsonl"):
        lab.carry_out(lab.plan(RESCHEDULE))
    lab.database.rollback()
    lab.temporal.refuses = []
    completing.complete(lab.tools())
    assert [start.post for start in lab.temporal.started] == ["p1", "p2"]
    assert lab.files() == ["undo.jsonl"]


def test_undoing_brings_rows_and_workflows_back(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan({**HOLD, PostClass.NO_WORKFLOW: Action.HOLD}))
    assert (lab.state("p1"), lab.state("p2")) == ("DRAFT", "DRAFT")
    found = going_back.undone(done.undo_file, lab.tools())
    assert (sorted(found.back), found.left, found.started) == (["p1", "p2"], (), 1)
    assert (lab.state("p1"), lab.state("p2")) == ("QUEUE", "QUEUE")
    # Only the one that had a workflow gets one.
    assert [start.post for start in lab.temporal.started] == ["p1"]
    assert lab.files() == ["undone.jsonl"]


def became(lab: Lab, **changed: Any) -> None:
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row, **changed)


@pytest.mark.parametrize(
    ("since", "told"),
    [
        (lambda lab: became(lab, state="PUBLISHED", updated=NOW), "it has been published"),
        (lambda lab: became(lab, state="ERROR", updated=NOW), "by now it is ERROR"),
        (lambda lab: became(lab, deleted=True), "by now it is deleted"),
        (lambda _lab: None, "it waits for 2026-01-31 11:00:00 UTC"),
        (lambda lab: lab.temporal.known.clear(), "none runs by now"),
        (
            lambda lab: lab.temporal.histories.update(post_p1=BEGUN),
            "by now it is outcome-unknown: its run began to publish, without a result: it may be live",
        ),
    ],
)
def test_undoing_tells_what_became_of_a_post_that_was_only_started(
    tmp_path: Path, since: Callable[[Lab], None], told: str
) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p2": ASLEEP})
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.POKE, **HOLD}))
    since(lab)
    expected = (("p1", f"its row was not changed, its workflow was only started; {told}"),)
    before = {name: replace(one) for name, one in lab.database.posts.items()}["p1"]
    assert going_back.foreseen(done.undo_file, lab.tools()).left == expected
    found = going_back.undone(done.undo_file, lab.tools())
    assert (found.back, found.left) == (("p2",), expected)
    assert lab.database.posts["p1"] == before
    assert lab.files() == ["undone.jsonl"]


def test_undoing_tells_of_a_ghost_that_was_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1", state="DRAFT"), row(id="p2")], {"p1": ASLEEP, "p2": ASLEEP})
    done = lab.carry_out(lab.plan({PostClass.GHOST: Action.END_WORKFLOW, **HOLD}))
    expected = (("p1", "its row was not changed, its workflow was only ended; by now it is DRAFT"),)
    assert going_back.foreseen(done.undo_file, lab.tools()).left == expected
    assert going_back.undone(done.undo_file, lab.tools()).left == expected


def test_undoing_a_ghost_that_began_to_publish_says_that_it_may_be_live(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1", due=FUTURE)], {"p1": Trail(0, 0, EPOCH + 60)}, begins=["p1"])
    done = lab.carry_out(lab.plan({PostClass.GHOST: Action.END_WORKFLOW}))
    assert (done.kept_away, lab.state("p1")) == (("p1",), "ERROR")
    ((_post, told),) = going_back.foreseen(done.undo_file, lab.tools()).left
    assert told.startswith("it may be live")


def test_undoing_does_not_let_a_burst_go(tmp_path: Path) -> None:
    names = ["p1", "p2", "p3"]
    lab = Lab(tmp_path, [row(id=name) for name in names], dict.fromkeys(names, ASLEEP))
    done = lab.carry_out(lab.plan(HOLD))
    lab.at_once = 2
    found = going_back.undone(done.undo_file, lab.tools())
    assert (sorted(found.back), found.started, found.unstarted) == (names, 2, (("p3", going_back.TOO_MANY),))


def test_undoing_that_was_killed_is_ended_by_the_next_run(tmp_path: Path) -> None:
    for step in ("undoing", "restored", "undo committed", "start p1"):
        folder = tmp_path / step.replace(" ", "-")
        lab = Lab(folder, [row(id="p1")], {"p1": ASLEEP})
        done = lab.carry_out(lab.plan(RESCHEDULE))
        lab.temporal.histories["post_p1"] = ASLEEP
        lab.interrupt = step
        with pytest.raises(RuntimeError):
            going_back.undone(done.undo_file, lab.tools())
        lab.database.rollback()
        lab.interrupt = ""
        assert lab.files() == ["undoing.jsonl"], step
        completing.complete(lab.tools())
        assert lab.database.posts["p1"].row.due == row(id="p1").due, step
        assert lab.temporal.known["post_p1"].running, step
        assert lab.files() == ["undone.jsonl"], step


def test_undoing_tells_what_somebody_holds_and_can_be_tried_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan(HOLD))
    lab.database.locked.add("p1")
    found = going_back.undone(done.undo_file, lab.tools())
    assert (found.back, [post for post, _reason in found.left]) == ((), ["p1"])
    assert lab.files() == ["undo.jsonl"]
    lab.database.locked.clear()
    assert going_back.undone(done.undo_file, lab.tools()).back == ("p1",)


def test_undoing_leaves_what_was_changed_since(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": ASLEEP, "p2": ASLEEP})
    done = lab.carry_out(lab.plan(HOLD))
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row, updated=NOW + DAY)
    del lab.database.posts["p2"]
    found = going_back.undone(done.undo_file, lab.tools())
    assert found.back == ()
    assert found.left == (("p1", "it was changed since"), ("p2", "there is no such post any more"))


def part_edited(lab: Lab) -> None:
    lab.database.posts["p1.two"].row = replace(lab.database.posts["p1.two"].row, updated=NOW + DAY)


def part_brought_back(lab: Lab) -> None:
    lab.database.posts["p1.two"].row = replace(lab.database.posts["p1.two"].row, deleted=False)


def part_removed(lab: Lab) -> None:
    del lab.database.posts["p1.two"]


@pytest.mark.parametrize("change", [part_edited, part_brought_back, part_removed])
def test_a_thread_comes_back_whole_or_not_at_all(tmp_path: Path, change: Callable[[Lab], None]) -> None:
    lab = Lab(tmp_path, [*THREAD, row(id="p2")], {})
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.DELETE}))
    change(lab)
    lab.database.commit_silently()
    before = dict(lab.database.saved)
    for undoing in (going_back.foreseen, going_back.undone):
        found = undoing(done.undo_file, lab.tools())
        assert (found.back, found.left) == (("p2",), (("p1", staying.IN_PART),))
    del before["p2"]
    assert {name: one for name, one in lab.database.saved.items() if name != "p2"} == before


def test_a_thread_of_which_somebody_holds_a_part_comes_back_another_time(tmp_path: Path) -> None:
    lab = Lab(tmp_path, THREAD, {})
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.DELETE}))
    lab.database.locked.add("p1.one")
    found = going_back.undone(done.undo_file, lab.tools())
    assert (found.back, found.left, lab.files()) == ((), (("p1", going_back.HELD),), ["undo.jsonl"])
    assert all(one.row.deleted for one in lab.database.saved.values())
    lab.database.locked.clear()
    assert going_back.undone(done.undo_file, lab.tools()).back == ("p1",)
    assert not any(one.row.deleted for one in lab.database.saved.values())


def test_undoing_what_begins_to_publish_meanwhile(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan(RESCHEDULE, not_before=NOW + timedelta(hours=5)))
    lab.temporal.histories["post_p1"] = Trail(0, 0, EPOCH + 5 * 3600)
    lab.temporal.begins = ["post_p1"]
    found = going_back.undone(done.undo_file, lab.tools())
    assert (found.back, found.left) == ((), (("p1", going_back.BEGAN),))
    assert len(lab.temporal.started) == 1
