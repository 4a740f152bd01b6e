"""A stack with posts, as far as carrying out and undoing a plan sees one: table, workflows, and what was done in which order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import (
    act,
    changes,
    ending,
    rows,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    Action,
    Judged,
    PostClass,
    Row,
    Seen,
    World,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Plan, build
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    RUNNING,
    Start,
    Workflow,
    Workflows,
    WorkflowsFailed,
    workflow_id,
)
from posts_samples import EPOCH, NOW, settings, workflow, world

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
        return json.dumps(
            {"id": self.row.id, "state": self.row.state, "error": self.error, "publishDate": str(self.row.due)}
        )


@dataclass
class Database:
    """The table of posts behind a connection: uncommitted changes can be rolled back. `log` is shared by all fakes."""

    posts: dict[str, Fields]
    log: list[str]
    locked: set[str] = field(default_factory=set)
    saved: dict[str, Fields] = field(default_factory=dict)
    broken: Callable[[str], None] = lambda _name: None
    writable: bool = True

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
            changes._MAY_WRITE: self.may_write,
            changes._TRY_LOCK: self.try_lock,
            rows._NOW: self.now,
            rows._TAKEN: self.taken,
            rows.BY_ID: self.by_ids,
            changes._TAKE: self.take,
            changes._TAKE_THREAD: self.take_thread,
            changes._NAME_THREAD: self.name_thread,
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

    def may_write(self, _values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [(self.database.writable,)]

    def try_lock(self, _values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [(True,)]

    def taken(self, _values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return []

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
                "disabled" in one.row.broken,
                False,
                False,
                False,
                one.row.release,
                one.row.already_posted,
                one.row.deleted,
                one.row.root,
                one.row.recurring,
                one.row.handed_over,
            )
            for one in self.present(values)
        ]

    def take(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (one.row.id, one.text(), *changes._relied_on(one.row))
            for one in self.present(values)
            if one.row.id not in self.database.locked
        ]

    def thread(self, values: Mapping[str, Any]) -> list[tuple[str, Fields]]:
        """Here the children of a root carry its id before a full stop."""
        roots = {one.row.id for one in self.present(values)}
        return [
            (one.row.id.partition(".")[0], one)
            for one in self.database.posts.values()
            if one.row.id.partition(".")[0] in roots and not one.row.root and not one.row.deleted
        ]

    def take_thread(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        found = [(root, one.row.id, one.text()) for root, one in self.thread(values)]
        return [item for item in found if item[1] not in self.database.locked]

    def name_thread(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [(root, one.row.id) for root, one in self.thread(values)]

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
            if one.row.id not in self.database.locked
        ]

    def restore(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        found = []
        for text in values["rows"]:
            given = json.loads(text)
            one = self.database.posts[given["id"]]
            if one.row.updated == values["stamp"]:
                due = datetime.fromisoformat(given["publishDate"])
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
        self.begun: Mapping[str, str] = {}
        self.before_end: Callable[[str], None] = lambda _name: None

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Workflow | None]:
        return {name: self.known.get(name) for name in identifiers}

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        return {item.identifier: self.histories[item.identifier] for item in workflows}

    def ended_runs(self, identifiers: Sequence[str]) -> tuple[Workflow, ...]:
        raise AssertionError(identifiers)

    def running_among(self, identifiers: Sequence[str]) -> frozenset[str]:
        raise AssertionError(identifiers)

    def running_posts(self, limit: int) -> tuple[tuple[str, ...], int]:
        raise AssertionError(limit)

    def terminate(self, workflow: Workflow, reason: str) -> bool:
        assert reason == ending.REASON
        self.before_end(workflow.identifier)
        self.log.append(f"terminate {workflow.identifier}")
        self.known[workflow.identifier] = replace(workflow, status="TERMINATED", activities=())
        if workflow.identifier in self.begins:
            self.histories[workflow.identifier] = BEGUN
        return workflow.running

    def run(self, post: str, trail: Trail) -> None:
        """Somebody else starts its workflow."""
        self.known[workflow_id(post)] = workflow(identifier=workflow_id(post), run=f"run-{post}")
        self.histories[workflow_id(post)] = trail

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
        self.seconds = EPOCH

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
                judge(
                    Seen(
                        one,
                        self.temporal.known.get(name),
                        self.temporal.histories.get(name),
                        self.temporal.begun.get(name, ""),
                    ),
                    self.around,
                )
            )
        return found

    def tools(self) -> Tools:
        return Tools(
            connection=self.database,
            workflows=self.temporal,
            look=self.look,
            kind=KIND,
            project="postiz",
            folder=str(self.folder),
            fail_reason="given up",
            step=self.step,
            epoch=lambda: self.seconds,
            at_once=self.at_once,
        )

    def plan(self, actions: Mapping[PostClass, Action], **changed: Any) -> Plan:
        judged = self.look([one.row for one in self.database.posts.values()])
        return build(judged, settings(actions=actions, **changed), self.around.now, lambda *_asked: {})

    def carry_out(self, plan: Plan) -> act.Done:
        return act.carry_out(plan, self.tools())

    def state(self, post: str) -> str:
        return self.database.saved[post].row.state

    def files(self) -> list[str]:
        return sorted(item.name.partition(".")[2].partition(".")[2] for item in self.folder.iterdir())
