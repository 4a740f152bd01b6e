"""Failures in the middle: what was done by then is told, and nothing else is said to have happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import (
    changes,
    completing,
    going_back,
    operations,
    report,
    undo,
    undo_folder,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, PostClass, Selection
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import ActRequest
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import WorkflowsFailed
from posts_lab import ASLEEP, KIND, Lab
from posts_samples import NOW, row, settings

FUTURE = NOW + timedelta(hours=2)
LOST = psycopg2.OperationalError("server closed the connection unexpectedly\nDETAIL: of a row")


def breaks(lab: Lab, statement: str) -> None:
    def broken(name: str) -> None:
        if name == statement:
            raise LOST

    lab.database.broken = broken


def refuses(lab: Lab, post: str) -> None:
    def before(name: str) -> None:
        if name == f"post_{post}":
            raise WorkflowsFailed("Temporal does not answer: timed out.", "ask temporal_health.")

    lab.temporal.before_end = before


def three(folder: Path) -> Lab:
    posts = [f"f{number}" for number in range(3)]
    return Lab(folder, [row(id=post, due=FUTURE) for post in posts], dict.fromkeys(posts, ASLEEP))


def test_temporal_fails_while_workflows_are_being_ended(tmp_path: Path) -> None:
    lab = three(tmp_path)
    refuses(lab, "f2")
    with pytest.raises(Unfinished) as told:
        lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.HOLD}))
    message = told.value.message
    assert message.startswith("No row was changed, 2 workflows ended, of 1 more it is not known, and then it could")
    assert "timed out" in message
    assert "pending.jsonl says which posts." in message
    assert "same undo_directory" in told.value.remedy
    lab.database.rollback()
    lab.temporal.before_end = lambda _name: None
    assert completing.complete(lab.tools()).started == ("f0", "f1")


@pytest.mark.parametrize("statement", ["write", "startable"])
def test_the_database_is_lost_in_the_middle(tmp_path: Path, statement: str) -> None:
    lab = three(tmp_path)
    breaks(lab, statement)
    with pytest.raises(Unfinished) as told:
        lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.RESCHEDULE}, not_before=FUTURE))
    expected = "No row was changed" if statement == "write" else "The rows of 3 posts were changed"
    assert told.value.message.startswith(f"{expected}, 3 workflows ended")
    assert "server closed the connection unexpectedly. /" in told.value.message
    assert "DETAIL" not in told.value.message


def test_a_commit_without_an_answer_may_have_happened(tmp_path: Path) -> None:
    lab = three(tmp_path)

    def commit() -> None:
        raise LOST

    plan = lab.plan({PostClass.SCHEDULED: Action.HOLD})
    lab.database.commit = commit  # type: ignore[method-assign]
    with pytest.raises(Unfinished, match="Whether the rows of 3 posts were changed is not known, 3 workflows ended"):
        lab.carry_out(plan)


@pytest.mark.parametrize("statement", ["now", "take"])
def test_what_fails_before_anything_was_done_is_told_as_it_is(tmp_path: Path, statement: str) -> None:
    lab = three(tmp_path)
    plan = lab.plan({PostClass.SCHEDULED: Action.HOLD})
    breaks(lab, statement)
    with pytest.raises(psycopg2.OperationalError):
        lab.carry_out(plan)
    assert lab.files() == []


@pytest.mark.parametrize("statement", ["by_ids", "restore", "startable"])
def test_undoing_that_fails_says_that_the_next_run_finishes_it(tmp_path: Path, statement: str) -> None:
    lab = three(tmp_path)
    done = lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.HOLD}))
    breaks(lab, statement)
    with pytest.raises(Unfinished) as told:
        going_back.undone(done.undo_file, lab.tools())
    expected = "The rows of 3 posts were changed" if statement == "startable" else "No row was changed"
    assert told.value.message.startswith(expected)
    assert "undoing.jsonl says which posts." in told.value.message
    assert "the next run finishes the undoing" in told.value.remedy
    lab.database.rollback()
    lab.database.broken = lambda _name: None
    completing.complete(lab.tools())
    assert (lab.files(), lab.state("f0")) == (["undone.jsonl"], "QUEUE")


def test_finishing_that_fails_says_how_far_it_came(tmp_path: Path) -> None:
    lab = interrupted(three(tmp_path))
    lab.temporal.refuses = ["f2"]
    with pytest.raises(Unfinished, match="No row was changed, 2 workflows started, of 1 more it is not known"):
        completing.complete(lab.tools())
    assert lab.files() == ["pending.jsonl"]


def interrupted(lab: Lab, step: str = "commit") -> Lab:
    """A run that moved three posts was killed."""
    lab.interrupt = step
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.RESCHEDULE}, not_before=FUTURE))
    lab.database.rollback()
    lab.interrupt = ""
    return lab


@pytest.fixture(name="repair")
def _repair(monkeypatch: pytest.MonkeyPatch) -> Callable[..., operations.Outcome]:
    """The whole operation on a lab, its looking around replaced."""

    def run(lab: Lab, *, check: bool = False, undo_file: str = "", **changed: Any) -> operations.Outcome:
        @contextmanager
        def session(*_asked: object, **_how: object) -> Iterator[Any]:
            yield lab.database

        def find(_connection: object, _looker: object, _request: object, keep: Callable[[Any], bool]) -> Any:
            judged = lab.look([one.row for one in lab.database.posts.values()])
            wanted = tuple(one for one in judged if keep(one))
            return operations.Found(report.Tally(10), wanted, 0, 0, 0)

        scene = SimpleNamespace(database=None, workflows=lab.temporal, postiz="", elsewhere="")
        looker = SimpleNamespace(judge=lab.look)
        monkeypatch.setattr(operations, "open_scene", lambda *_asked: scene)
        monkeypatch.setattr(operations, "session", session)
        monkeypatch.setattr(operations, "Looker", lambda *_asked: looker)
        monkeypatch.setattr(operations, "find", find)
        monkeypatch.setattr(operations, "workflow_type", lambda *_asked: KIND)
        look = SimpleNamespace(
            temporal=SimpleNamespace(wanted=SimpleNamespace(project="postiz")),
            database=None,
            failing_attempts=3,
            statement_seconds=1.0,
            selection=Selection(900.0, 0.0, None, (), (), (), ()),
            limit=10,
            scan_limit=0,
        )
        wanted: Any = ActRequest(
            look=look,  # type: ignore[arg-type]
            settings=settings(**changed),
            undo_directory=str(lab.folder),
            undo_file=undo_file,
            undo=bool(undo_file),
            check_mode=check,
            set_aside_damaged=False,
            lock_seconds=0.0,
        )
        clock = SimpleNamespace(now=lambda: lab.seconds, monotonic=lambda: lab.seconds)
        return operations.repair(None, wanted, clock, lab.step)  # type: ignore[arg-type]

    return run


Repair = Callable[..., operations.Outcome]


def test_a_refusal_after_an_interrupted_run_was_finished_says_so(tmp_path: Path, repair: Repair) -> None:
    lab = interrupted(three(tmp_path))
    lab.database.posts["p1"] = replace(lab.database.posts["f0"], row=row(id="p1"))
    with pytest.raises(Unfinished) as told:
        repair(lab, max_posts=0)
    assert told.value.message.startswith(
        "No row was changed, 3 workflows started, and then it could not go on: 1 posts"
    )
    assert told.value.remedy.startswith("give max_posts: 1")
    with pytest.raises(BadInput, match="nothing was changed"):
        repair(lab, max_posts=0)


def test_check_mode_refuses_a_user_that_may_not_write(tmp_path: Path, repair: Repair) -> None:
    lab = three(tmp_path)
    lab.database.writable = False
    for check in (True, False):
        with pytest.raises(changes.ReadOnly, match="cannot be changed by this user"):
            repair(lab, check=check)
    lab.database.writable = True
    repair(lab, check=True)
    assert "try_lock" not in lab.log


def test_check_mode_foresees_what_finishing_starts(tmp_path: Path, repair: Repair) -> None:
    lab = interrupted(three(tmp_path))
    lab.database.posts["g1"] = replace(lab.database.posts["f0"], row=row(id="g1", due=FUTURE))
    before = lab.files()
    would = repair(lab, check=True)
    assert (would.payload["planned_ids"], would.payload["completed"]) == (["g1"], 0)
    assert "An interrupted run would be finished first; workflows started for it: 3." in would.payload["report"]
    assert (lab.files(), lab.temporal.started) == (before, [])
    done = repair(lab)
    assert (done.payload["planned_ids"], done.payload["completed"]) == (["g1"], 3)
    assert [start.post for start in lab.temporal.started] == ["f0", "f1", "f2", "g1"]


def test_what_finishing_leaves_is_reported(tmp_path: Path, repair: Repair) -> None:
    lab = interrupted(three(tmp_path))
    lab.database.locked.add("f1")
    done = repair(lab, actions={})
    assert f"of the interrupted run, not started: 1 (f1): {going_back.HELD}." in done.payload["report"]
    assert (done.payload["completed"], lab.files()) == (2, ["pending.jsonl"])


def test_what_has_no_workflow_afterwards_is_a_warning(tmp_path: Path, repair: Repair) -> None:
    lab = three(tmp_path)
    step = lab.step

    def hold(name: str) -> None:
        step(name)
        if name == "commit":
            lab.database.locked.add("f1")

    lab.step = hold  # type: ignore[method-assign]
    done = repair(lab, actions={PostClass.SCHEDULED: Action.RESCHEDULE}, not_before=FUTURE)
    assert done.payload["not_running"] == ["f1"]
    assert done.warnings == ("1 posts still have no workflow; run this again.",)


def test_check_mode_of_an_undo_that_was_interrupted(tmp_path: Path, repair: Repair) -> None:
    lab = three(tmp_path)
    path = lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.HOLD})).undo_file
    lab.interrupt = "undoing"
    with pytest.raises(RuntimeError):
        going_back.undone(path, lab.tools())
    lab.interrupt = ""
    for given in (path, undo.current(path)):
        would = repair(lab, check=True, undo_file=given)
        assert (would.changed, would.payload["restored"]) == (True, ["f0", "f1", "f2"])
        assert would.payload["report"].startswith("An interrupted run of this file would be finished first.")
    assert (lab.state("f0"), lab.files()) == ("DRAFT", ["undoing.jsonl"])
    done = repair(lab, undo_file=undo.current(path))
    assert (done.changed, done.payload["restored"], done.payload["completed"]) == (True, ["f0", "f1", "f2"], 3)
    assert (lab.state("f0"), lab.files()) == ("QUEUE", ["undone.jsonl"])


def test_the_file_of_a_run_that_changed_no_row_has_nothing_to_bring_back(tmp_path: Path, repair: Repair) -> None:
    lab = interrupted(three(tmp_path), "rows")
    (path,) = undo.pending(str(tmp_path), "postiz")
    would = repair(lab, check=True, undo_file=path)
    assert would.payload["restored"] == []
    done = repair(lab, undo_file=path)
    assert (done.payload["restored"], done.payload["completed"], lab.files()) == ([], 3, [])
    assert done.payload["report"].startswith("The run of this file was interrupted before it changed a row")


def test_what_began_while_it_was_undone_is_a_warning(tmp_path: Path, repair: Repair) -> None:
    lab = three(tmp_path)
    path = lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.RESCHEDULE}, not_before=FUTURE)).undo_file
    lab.temporal.histories.update(post_f0=ASLEEP, post_f1=ASLEEP, post_f2=ASLEEP)
    lab.temporal.begins = ["post_f1"]
    done = repair(lab, undo_file=path)
    assert done.warnings == ("1 (f1) began to publish while they were being undone; see the report.",)
    assert done.payload["restored"] == ["f0", "f2"]


@pytest.mark.parametrize("check", [True, False])
def test_an_undo_file_that_is_damaged_or_elsewhere_changes_nothing(tmp_path: Path, repair: Repair, check: bool) -> None:
    lab = three(tmp_path / "undo")
    path = lab.carry_out(lab.plan({PostClass.SCHEDULED: Action.HOLD})).undo_file
    with pytest.raises(BadInput, match="is not in undo_directory"):
        repair(lab, check=check, undo_file=str(tmp_path / "file"))
    with Path(path).open("a") as stream:
        stream.write("{")
    with pytest.raises(BadInput, match="The undo file cannot be applied; nothing was changed"):
        repair(lab, check=check, undo_file=path)
    assert (lab.state("f0"), lab.files()) == ("DRAFT", ["undo.jsonl"])
    Path(path).chmod(0o644)
    with pytest.raises(undo_folder.Untrusted, match="its mode is 0644"):
        repair(lab, check=check, undo_file=path)
