"""Bringing back and finishing: nothing that may be live is started, and nothing goes out in a burst."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import act, completing, going_back, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import UNCONFIRMED, Action, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail
from posts_lab import ASLEEP, BEGUN, STAMP, Lab
from posts_samples import EPOCH, NOW, row, world

RESCHEDULE = {PostClass.RUNNING_OVERDUE: Action.RESCHEDULE}
HOLD = {PostClass.RUNNING_OVERDUE: Action.HOLD}
LATER = NOW + timedelta(hours=5)
FUTURE = NOW + timedelta(hours=2)
WAITS = Trail(0, 0, EPOCH + 5 * 3600)


def moved(folder: Path, *posts: str) -> tuple[Lab, str]:
    """Posts that a run moved to another time; their new workflows sleep until then."""
    lab = Lab(folder, [row(id=post) for post in posts], dict.fromkeys(posts, ASLEEP))
    done = lab.carry_out(lab.plan(RESCHEDULE, not_before=LATER))
    lab.temporal.started.clear()
    lab.temporal.histories.update({f"post_{post}": WAITS for post in posts})
    return lab, done.undo_file


def ended(lab: Lab, post: str, status: str, trail: Trail) -> None:
    name = f"post_{post}"
    lab.temporal.known[name] = replace(lab.temporal.known[name], status=status)
    lab.temporal.histories[name] = trail


@pytest.mark.parametrize("status", ["TERMINATED", "FAILED", "RUNNING"])
def test_a_post_that_began_to_publish_since_is_not_brought_back(tmp_path: Path, status: str) -> None:
    lab, path = moved(tmp_path, "p1")
    ended(lab, "p1", status, BEGUN)
    before = replace(lab.database.posts["p1"])
    foreseen = going_back.foreseen(path, lab.tools())
    found = going_back.undone(path, lab.tools())
    for one in (foreseen, found):
        ((post, reason),) = one.left
        assert (one.back, post) == ((), "p1")
        assert reason.startswith("it may be live (outcome-unknown)")
    assert (found.started, lab.temporal.started) == (0, [])
    assert lab.database.saved["p1"] == before


@pytest.mark.parametrize("action", [Action.HOLD, Action.FAIL, Action.DELETE])
def test_a_row_that_is_not_queued_tells_of_its_runs_all_the_same(tmp_path: Path, action: Action) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan({PostClass.RUNNING_OVERDUE: action}))
    ended(lab, "p1", "TERMINATED", BEGUN)
    state = lab.state("p1")
    found = going_back.undone(done.undo_file, lab.tools())
    assert (found.back, [post for post, _reason in found.left], lab.temporal.started) == ((), ["p1"], [])
    assert lab.state("p1") == state


def test_an_earlier_run_that_began_keeps_a_sleeping_one_s_post_away(tmp_path: Path) -> None:
    lab, path = moved(tmp_path, "p1")
    lab.temporal.begun = {"post_p1": "TERMINATED"}
    found = going_back.undone(path, lab.tools())
    assert (found.back, lab.temporal.started, lab.temporal.known["post_p1"].running) == ((), [], True)
    assert "an earlier run" in found.left[0][1]


def test_what_begins_while_it_is_being_undone_is_kept_away_for_ever(tmp_path: Path) -> None:
    lab, path = moved(tmp_path, "p1", "p2")
    lab.temporal.histories["post_p2"] = Trail(0, 0, EPOCH + 5)
    lab.temporal.begins = ["post_p1"]
    first = going_back.undone(path, lab.tools())
    assert dict(first.left)["p1"] == going_back.BEGAN
    assert (lab.state("p1"), lab.database.saved["p1"].error) == ("ERROR", UNCONFIRMED)
    # p2 is left for a reason that passes, so the file can be applied again.
    assert lab.files() == ["undo.jsonl"]
    assert {record.decision.post: record.decision.kept_away for record in undo.records(path)} == {
        "p1": True,
        "p2": False,
    }
    lab.temporal.histories["post_p2"] = WAITS
    second = going_back.undone(path, lab.tools())
    assert second.back == ("p2",)
    assert [start.post for start in lab.temporal.started] == ["p2"]


@pytest.mark.parametrize("step", ["restored", "undo committed"])
def test_an_undo_that_was_killed_does_not_start_what_began(tmp_path: Path, step: str) -> None:
    lab, path = moved(tmp_path, "p1", "p2")
    lab.temporal.begins = ["post_p1"]
    lab.interrupt = step
    with pytest.raises(RuntimeError):
        going_back.undone(path, lab.tools())
    lab.database.rollback()
    lab.interrupt = ""
    # As if Temporal kept nothing of it.
    lab.temporal.histories["post_p1"] = Trail(0, 0, None)
    found = completing.complete(lab.tools())
    assert [start.post for start in lab.temporal.started] == ["p2"]
    assert "p1" in dict(found.left)
    assert lab.files() == ["undone.jsonl"]
    # Postiz' own sweep would send it again.
    assert (lab.state("p1"), lab.database.saved["p1"].error) == ("ERROR", UNCONFIRMED)


def test_a_post_is_judged_again_before_it_is_started(tmp_path: Path) -> None:
    """Between the end of its workflow and the start of the next, somebody may have started and ended one."""
    lab, path = moved(tmp_path, "p1")
    step = lab.step

    def between(name: str) -> None:
        step(name)
        if name == "undo committed":
            ended(lab, "p1", "TERMINATED", BEGUN)

    found = going_back.undone(path, replace(lab.tools(), step=between))
    assert (found.back, lab.temporal.started) == (("p1",), [])
    assert [post for post, reason in found.unstarted if reason.startswith("it may be live")] == ["p1"]


def test_a_held_post_of_the_future_without_a_workflow_gets_one(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="f1", due=FUTURE), row(id="p1")], {})
    done = lab.carry_out(lab.plan({PostClass.SCHEDULED_LOST: Action.HOLD, PostClass.NO_WORKFLOW: Action.HOLD}))
    found = going_back.undone(done.undo_file, lab.tools())
    assert sorted(found.back) == ["f1", "p1"]
    assert [start.post for start in lab.temporal.started] == ["f1"]
    assert found.unstarted == (("p1", "overdue, and without a workflow as it was before"),)


@pytest.mark.parametrize("change", [{"broken": ("disabled",)}, {"due": NOW - timedelta(days=3)}])
def test_what_is_stale_or_of_a_broken_channel_comes_back_and_is_not_started(
    tmp_path: Path, change: dict[str, object]
) -> None:
    lab = Lab(tmp_path, [row(id="p1", **change)], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan({**HOLD, PostClass.CHANNEL_BROKEN: Action.HOLD}))
    found = going_back.undone(done.undo_file, lab.tools(), {})
    told = [post for post, _reason in found.unstarted]
    assert (found.back, told, lab.temporal.started) == (("p1",), ["p1"], [])


def test_a_row_whose_state_somebody_s_sql_changed_stays(tmp_path: Path) -> None:
    lab, path = moved(tmp_path, "p1")
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row, state="DRAFT")
    found = going_back.undone(path, lab.tools())
    assert found.left == (("p1", "it was changed since"),)


def killed(folder: Path, count: int, step: str = "commit") -> Lab:
    """So many posts of one channel, moved a minute apart; the run was killed."""
    lab = Lab(folder, [row(id=f"p{number:02}") for number in range(count)], {})
    lab.interrupt = step
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.RESCHEDULE}))
    lab.database.rollback()
    lab.interrupt = ""
    return lab


def passes(lab: Lab, later: timedelta) -> None:
    lab.seconds += later.total_seconds()
    lab.around = world(now=NOW + later, epoch=EPOCH + later.total_seconds())


def test_finishing_starts_nothing_that_became_overdue(tmp_path: Path) -> None:
    lab = killed(tmp_path, 60)
    passes(lab, timedelta(minutes=30))
    found = completing.complete(lab.tools())
    started = [start.post for start in lab.temporal.started]
    assert all(lab.database.saved[post].row.due > NOW + timedelta(minutes=29) for post in started)
    assert {reason for _post, reason in found.left} == {completing.OVERDUE}
    assert len(started) + len(found.left) == 60
    assert 20 < len(started) < 40
    # The plan of the same run has its limits for the rest.
    plan = lab.plan({PostClass.NO_WORKFLOW: Action.POKE})
    assert {item.id for item in plan.items} == {post for post, _reason in found.left}
    assert sum(item.goes_out_at_once for item in plan.items) == 5


def test_what_is_left_to_the_plan_stays_known_until_the_plan_is_carried_out(tmp_path: Path) -> None:
    lab = killed(tmp_path, 3)
    passes(lab, timedelta(minutes=30))
    first = completing.complete(lab.tools())
    # Killed before its plan was carried out.
    assert lab.files() == ["pending.jsonl"]
    again = completing.complete(lab.tools())
    assert (again.left, len(again.left)) == (first.left, 3)
    completing.close(again)
    assert lab.files() == ["undo.jsonl"]
    assert completing.complete(lab.tools()) == completing.Completed()


def test_what_the_plan_would_not_find_yet_is_started_within_the_limit(tmp_path: Path) -> None:
    lab = killed(tmp_path, 12)
    passes(lab, timedelta(minutes=14))
    lab.at_once = 3
    found = completing.complete(replace(lab.tools(), overdue_seconds=900.0))
    assert [start.post for start in lab.temporal.started] == ["p00", "p01", "p02"]
    assert {reason for _post, reason in found.left} == {going_back.TOO_MANY}


def test_the_file_of_rows_that_somebody_removed_since_is_kept(tmp_path: Path) -> None:
    """It may be all that is left of them."""
    lab = killed(tmp_path, 1)
    lab.database.posts.clear()
    completing.complete(lab.tools())
    assert lab.files() == ["undo.jsonl"]


@pytest.mark.parametrize(("later", "change"), [(timedelta(days=4), {}), (timedelta(0), {"broken": ("disabled",)})])
def test_finishing_leaves_what_is_stale_or_of_a_broken_channel(
    tmp_path: Path, later: timedelta, change: dict[str, object]
) -> None:
    lab = Lab(tmp_path, [row(id=f"f{number}", due=FUTURE) for number in range(3)], {})
    lab.interrupt = "undo file"
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan({PostClass.SCHEDULED_LOST: Action.POKE}))
    lab.database.rollback()
    lab.interrupt = ""
    passes(lab, later)
    look = lab.look
    tools = replace(lab.tools(), look=lambda posts: look([replace(one, **change) for one in posts]))
    found = completing.complete(tools)
    assert (lab.temporal.started, [post for post, _reason in found.left]) == ([], ["f0", "f1", "f2"])


def test_a_row_that_somebody_holds_keeps_the_file_pending(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="f1", due=FUTURE), row(id="f2", due=FUTURE)], {"f1": ASLEEP, "f2": ASLEEP})
    step = lab.step

    def hold(name: str) -> None:
        step(name)
        if name == "commit":
            lab.database.locked.add("f2")

    plan = lab.plan({PostClass.SCHEDULED: Action.RESCHEDULE}, not_before=LATER)
    done = act.carry_out(plan, replace(lab.tools(), step=hold))
    assert (done.not_running, lab.files()) == (("f2",), ["pending.jsonl"])
    # The path that it returned is the one that it will have.
    assert done.undo_file.endswith(".undo.jsonl")
    assert undo.current(done.undo_file).endswith(".pending.jsonl")

    still = completing.complete(lab.tools())
    assert (still.left, lab.files()) == ((("f2", going_back.HELD),), ["pending.jsonl"])
    lab.database.locked.clear()
    assert completing.complete(lab.tools()).started == ("f2",)
    assert lab.files() == ["undo.jsonl"]
    assert undo.current(done.undo_file) == done.undo_file


def test_a_restored_row_that_somebody_holds_can_be_started_by_another_undo(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="f1", due=FUTURE)], {"f1": ASLEEP})
    done = lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.HOLD}))
    step = lab.step

    def hold(name: str) -> None:
        step(name)
        if name == "undo committed":
            lab.database.locked.add("f1")

    found = going_back.undone(done.undo_file, replace(lab.tools(), step=hold))
    assert (found.back, found.unstarted, lab.files()) == (("f1",), (("f1", going_back.HELD),), ["undo.jsonl"])
    lab.database.locked.clear()
    assert going_back.undone(done.undo_file, lab.tools()).started == 1


CHANGES: list[dict[str, object]] = [
    {"due": LATER},
    {"deleted": True},
    {"release": True},
    {"channel": "c2"},
    {"recurring": True},
    {"root": False},
]


@pytest.mark.parametrize("change", CHANGES)
def test_sql_that_does_not_move_updated_at_is_not_overwritten(tmp_path: Path, change: dict[str, object]) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    plan = lab.plan(RESCHEDULE)
    lab.database.posts["p1"].row = replace(lab.database.posts["p1"].row, **change)
    before = replace(lab.database.posts["p1"])
    done = lab.carry_out(plan)
    assert ([one.judged.row.id for one in done.skipped], done.items) == (["p1"], ())
    assert lab.database.posts["p1"] == before
    assert "terminate post_p1" not in lab.log


def test_a_page_that_takes_long_ends_nothing_that_woke(tmp_path: Path) -> None:
    """A quarter of a second for each of 200: the last ones' time comes before their turn."""
    posts = [f"p{number:03}" for number in range(200)]
    lab = Lab(tmp_path, [row(id=post) for post in posts], dict.fromkeys(posts, Trail(0, 0, EPOCH + 45)))
    late: list[str] = []

    def slowly(name: str) -> None:
        if EPOCH + 45 - lab.seconds <= 20:
            late.append(name)
        lab.seconds += 0.25

    def look_at_the_clock(rows: object) -> object:
        lab.around = world(epoch=lab.seconds)
        return lab_look(rows)

    lab_look: Callable[..., object] = lab.look
    lab.temporal.before_end = slowly
    done = act.carry_out(lab.plan(RESCHEDULE), replace(lab.tools(), look=look_at_the_clock))
    assert (late, done.kept_away) == ([], ())
    assert 90 <= len(done.items) <= 101
    assert {one.reason for one in done.skipped} == {act._AWAKE}
    assert len(done.items) + len(done.skipped) == 200


def test_one_end_that_takes_long_makes_undoing_look_again(tmp_path: Path) -> None:
    lab, path = moved(tmp_path, "p1", "p2")
    lab.temporal.histories["post_p2"] = Trail(0, 0, EPOCH + 45)

    def slowly(_name: str) -> None:
        lab.seconds += 30

    lab.temporal.before_end = slowly
    found = going_back.undone(path, lab.tools())
    assert found.back == ("p1",)
    assert [post for post, _reason in found.left] == ["p2"]
    assert lab.database.saved["p2"].row.updated == STAMP
    assert (lab.temporal.known["post_p2"].running, lab.files()) == (True, ["undo.jsonl"])


def test_another_run_of_the_same_post_is_not_ended_in_its_stead(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": ASLEEP, "p2": ASLEEP})

    def slowly(name: str) -> None:
        if name == "post_p1":
            lab.seconds += 30
            lab.temporal.known["post_p2"] = replace(lab.temporal.known["post_p2"], run="another")

    lab.temporal.before_end = slowly
    done = lab.carry_out(lab.plan(RESCHEDULE))
    assert [item.id for item in done.items] == ["p1"]
    assert lab.temporal.known["post_p2"].running
