"""Carrying a plan out: in which order, and what a failure or a surprise in the middle leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import act, changes, going_back, rows, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    MISSING,
    Action,
    Judged,
    PostClass,
    Row,
    Seen,
    World,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Plan, build
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    RUNNING,
    Start,
    Trail,
    Workflow,
    Workflows,
    WorkflowsFailed,
    workflow_id,
)
from posts_samples import EPOCH, NOW, row, settings, workflow, world

KIND = "postWorkflowV109"
STAMP = NOW
ASLEEP = Trail(0, 0, EPOCH + 7200)
BEGUN = Trail(1, 1, None)


@dataclass
class Fields:
    """A row of the table, as far as it is read or changed."""

    row: Row
    error: str | None = None

    def text(self) -> str:
        return json.dumps({"id": self.row.id, "state": self.row.state, "error": self.error, "due": str(self.row.due)})


@dataclass
class Database:
    """The table of posts behind a connection: uncommitted changes can be rolled back. `log` is shared by all fakes."""

    posts: dict[str, Fields]
    log: list[str]
    locked: set[str] = field(default_factory=set)
    saved: dict[str, Fields] = field(default_factory=dict)
    broken: Callable[[str], None] = lambda _name: None

    def __post_init__(self) -> None:
        self.commit_silently()

    def commit_silently(self) -> None:
        self.saved = {name: replace(fields) for name, fields in self.posts.items()}

    def commit(self) -> None:
        self.log.append("commit")
        self.commit_silently()

    def rollback(self) -> None:
        self.log.append("rollback")
        self.posts = {name: replace(fields) for name, fields in self.saved.items()}

    def cursor(self) -> Cursor:
        return Cursor(self)


class Cursor:
    """Knows the statements that changes and rows use."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.found: list[tuple[Any, ...]] = []

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *problem: object) -> None:
        del problem

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.found)

    def fetchone(self) -> tuple[Any, ...]:
        return self.found[0]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.found

    def execute(self, statement: str, values: Mapping[str, Any] | None = None) -> None:
        answers = {
            rows._NOW: self.now,
            rows.BY_ID: self.by_ids,
            changes._TAKE: self.take,
            changes._TAKE_THREAD: self.take_thread,
            changes._WRITE: self.write,
            changes._DELETE_THREAD: self.delete_thread,
            changes._STARTABLE: self.startable,
            changes._RESTORE: self.restore,
            changes._HOLD_WRITTEN: self.hold_written,
        }
        answer = answers[statement]
        self.database.broken(answer.__name__)
        self.database.log.append(answer.__name__)
        self.found = answer(values or {})

    def present(self, values: Mapping[str, Any]) -> list[Fields]:
        return [self.database.posts[post] for post in values["ids"] if post in self.database.posts]

    def now(self, _values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [(STAMP,)]

    def by_ids(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (
                one.row.id,
                one.row.state,
                one.row.due,
                one.row.updated,
                one.row.organization,
                one.row.channel,
                one.row.channel_name,
                one.row.provider,
                False,
                False,
                False,
                False,
                one.row.release,
                one.row.already_posted,
                one.row.deleted,
                one.row.root,
                one.row.recurring,
                one.row.group,
            )
            for one in self.present(values)
        ]

    def take(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (one.row.id, one.row.updated, one.row.state, one.text())
            for one in self.present(values)
            if one.row.id not in self.database.locked
        ]

    def thread(self, values: Mapping[str, Any]) -> list[tuple[str, Fields]]:
        """Here a thread is what has the group of its root, and is no root."""
        roots = {one.row.group: one.row.id for one in self.present(values)}
        return [
            (roots[one.row.group], one)
            for one in self.database.posts.values()
            if one.row.group in roots and not one.row.root and not one.row.deleted
        ]

    def take_thread(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [(root, one.row.id, one.text()) for root, one in self.thread(values)]

    def hold_written(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (one.row.id,)
            for one in self.present(values)
            if one.row.updated == values["stamp"] and one.row.id not in self.database.locked
        ]

    def write(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        lists = (values[name] for name in ("ids", "states", "dues", "errors", "deleted"))
        for post, state, due, error, deleted in zip(*lists, strict=True):
            one = self.database.posts[post]
            one.row = replace(
                one.row,
                state=state or one.row.state,
                due=due or one.row.due,
                deleted=bool(deleted) or one.row.deleted,
                updated=values["stamp"],
            )
            one.error = error if state == "ERROR" else None if state == "PUBLISHED" else one.error
        return []

    def delete_thread(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        for _root, one in self.thread(values):
            one.row = replace(one.row, deleted=True, updated=values["stamp"])
        return []

    def startable(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (one.row.id,)
            for one in self.present(values)
            if one.row.state == "QUEUE" and not one.row.deleted and not one.row.release
        ]

    def restore(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        found = []
        for text in values["rows"]:
            given = json.loads(text)
            one = self.database.posts[given["id"]]
            if one.row.updated == values["stamp"]:
                due = datetime.fromisoformat(given["due"])
                one.row = replace(one.row, state=given["state"], due=due, deleted=False, updated=STAMP - DAY)
                one.error = given["error"]
                found.append((one.row.id,))
        return found


DAY = timedelta(days=1)


class Temporal(Workflows):
    """Workflows and their trails; `begins` are posts that begin to publish when they are about to be ended."""

    def __init__(self, log: list[str], running: Mapping[str, Trail], begins: Sequence[str] = ()) -> None:
        self.log = log
        self.known = {workflow_id(post): workflow(identifier=workflow_id(post), run=f"run-{post}") for post in running}
        self.histories = {workflow_id(post): trail for post, trail in running.items()}
        self.begins = [workflow_id(post) for post in begins]
        self.started: list[Start] = []
        self.refuses: Sequence[str] = ()

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Workflow | None]:
        return {name: self.known.get(name) for name in identifiers}

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        return {item.identifier: self.histories[item.identifier] for item in workflows}

    def ended_runs(self, identifiers: Sequence[str]) -> tuple[Workflow, ...]:
        raise AssertionError(identifiers)

    def running_posts(self, limit: int) -> tuple[tuple[str, ...], int]:
        raise AssertionError(limit)

    def terminate(self, workflow: Workflow, reason: str) -> bool:
        assert reason == act.REASON
        self.log.append(f"terminate {workflow.identifier}")
        self.known[workflow.identifier] = replace(workflow, status="TERMINATED", activities=())
        if workflow.identifier in self.begins:
            self.histories[workflow.identifier] = BEGUN
        return workflow.running

    def start(self, wanted: Start) -> None:
        self.log.append(f"start {wanted.identifier}")
        if wanted.post in self.refuses:
            raise WorkflowsFailed("Temporal refused.", "wait.")
        assert wanted.kind == KIND
        self.started.append(wanted)
        self.known[wanted.identifier] = workflow(identifier=wanted.identifier, run="new", status=RUNNING)
        self.histories[wanted.identifier] = Trail(0, 0, None)


class Lab:
    """A stack with posts, as far as carrying out a plan sees one."""

    def __init__(
        self, folder: Path, posts: Sequence[Row], running: Mapping[str, Trail], begins: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.log: list[str] = []
        self.database = Database({one.id: Fields(one) for one in posts}, self.log)
        self.temporal = Temporal(self.log, running, begins)
        self.around: World = world(polled_queues=frozenset({"main", "mastodon"}))
        self.interrupt = ""
        self.at_once = 5

    def step(self, name: str) -> None:
        self.log.append(f"[{name}]")
        if name == self.interrupt:
            raise RuntimeError(name)

    def look(self, posts: Sequence[Row]) -> list[Judged]:
        """Judged by their workflows of this moment; the rows as they are given."""
        found = []
        for one in posts:
            name = workflow_id(one.id)
            found.append(
                judge(Seen(one, self.temporal.known.get(name), self.temporal.histories.get(name)), self.around)
            )
        return found

    def tools(self) -> act.Tools:
        return act.Tools(
            connection=self.database,
            workflows=self.temporal,
            look=self.look,
            kind=KIND,
            project="postiz",
            folder=str(self.folder),
            fail_reason="given up",
            step=self.step,
            epoch=lambda: EPOCH,
            at_once=self.at_once,
        )

    def plan(self, actions: Mapping[PostClass, Action], **changed: Any) -> Plan:
        judged = self.look([one.row for one in self.database.posts.values()])
        return build(judged, settings(actions=actions, **changed), NOW, lambda *_asked: {})

    def carry_out(self, plan: Plan) -> act.Done:
        return act.carry_out(plan, self.tools())

    def state(self, post: str) -> str:
        return self.database.saved[post].row.state

    def files(self) -> list[str]:
        return sorted(item.name.partition(".")[2].partition(".")[2] for item in self.folder.iterdir())


RESCHEDULE = {PostClass.RUNNING_OVERDUE: Action.RESCHEDULE}
HOLD = {PostClass.RUNNING_OVERDUE: Action.HOLD}


def test_the_order(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan(RESCHEDULE))
    assert lab.log == [
        "now",
        "take",
        "[locks]",
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
    assert json.loads(record.rows[0])["due"] == str(row().due)


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
    assert lab.database.saved["p1"].error == act.UNCONFIRMED == "Could not confirm the post status"
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
    assert (saved.row.state, saved.row.deleted, saved.error) == ("ERROR", False, act.UNCONFIRMED)


def test_a_ghost_that_began_to_publish_is_told_and_its_row_is_left(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1", state="DRAFT")], {"p1": ASLEEP}, begins=["p1"])
    done = lab.carry_out(lab.plan({PostClass.GHOST: Action.END_WORKFLOW}))
    assert (done.kept_away, lab.state("p1"), lab.temporal.started) == (("p1",), "DRAFT", [])


def test_a_post_that_may_be_live_says_so_and_not_the_operator_s_reason(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1"), row(id="p2")], {"p1": BEGUN})
    done = lab.carry_out(lab.plan({PostClass.OUTCOME_UNKNOWN: Action.FAIL, PostClass.NO_WORKFLOW: Action.FAIL}))
    assert {name: one.error for name, one in lab.database.saved.items()} == {"p1": act.UNCONFIRMED, "p2": "given up"}
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
    lab = Lab(tmp_path, [row(id="p1"), row(id="child", root=False), row(id="other", group="g2", state="DRAFT")], {})
    done = lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.DELETE}))
    assert {name: one.row.deleted for name, one in lab.database.saved.items()} == {
        "p1": True,
        "child": True,
        "other": False,
    }
    (record,) = undo.records(done.undo_file)
    assert [json.loads(text)["id"] for text in record.rows] == ["p1", "child"]


def test_a_missing_post_s_workflow_is_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [], {"gone": ASLEEP})
    nobody = row(id="gone", state=MISSING)
    plan = build(lab.look([nobody]), settings(), NOW, lambda *_asked: {})
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
    assert [(one.judged.row.id, one.reason) for one in done.skipped] == [("p1", act._CHANGED)]
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
    assert ([one.reason for one in done.skipped], done.items) == ([act._CHANGED], ())
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

    going_back.complete(lab.tools())
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
    assert going_back.complete(lab.tools()) == 1
    assert ([start.post for start in lab.temporal.started], lab.state("p1")) == (["p1"], "QUEUE")


def test_a_future_post_that_had_no_workflow_gets_none_from_a_run_that_broke_off(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1", due=NOW + timedelta(hours=2))], {})
    lab.interrupt = "rows"
    with pytest.raises(RuntimeError):
        lab.carry_out(lab.plan({PostClass.NO_WORKFLOW: Action.HOLD}))
    lab.database.rollback()
    lab.interrupt = ""
    assert going_back.complete(lab.tools()) == 0
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
    going_back.complete(lab.tools())
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


def test_undoing_does_not_let_a_burst_go(tmp_path: Path) -> None:
    names = ["p1", "p2", "p3"]
    lab = Lab(tmp_path, [row(id=name) for name in names], dict.fromkeys(names, ASLEEP))
    done = lab.carry_out(lab.plan(HOLD))
    lab.at_once = 2
    found = going_back.undone(done.undo_file, lab.tools())
    assert (sorted(found.back), found.started, found.waiting) == (names, 2, 1)


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
        going_back.complete(lab.tools())
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


def test_undoing_what_begins_to_publish_meanwhile(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {"p1": ASLEEP})
    done = lab.carry_out(lab.plan(RESCHEDULE, not_before=NOW + timedelta(hours=5)))
    lab.temporal.histories["post_p1"] = Trail(0, 0, EPOCH + 5 * 3600)
    lab.temporal.begins = ["post_p1"]
    found = going_back.undone(done.undo_file, lab.tools())
    assert (found.back, found.left) == ((), (("p1", "it began to publish"),))
    assert len(lab.temporal.started) == 1
