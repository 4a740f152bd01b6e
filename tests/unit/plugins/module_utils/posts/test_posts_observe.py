"""Rows and workflows put together: what is asked, how often, and what is looked at again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import observe
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import PostClass, Row, Selection
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.observe import LOOK_AGAIN_SECONDS, Looker
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import build
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.scene import Scene
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal import parameters
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Answer
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import Poller, Queue, Snapshot, Worker
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    Start,
    Workflow,
    Workflows,
    workflow_id,
)
from posts_samples import BOOTED, EPOCH, HOST, NOW, PID, WORKER, row, settings, workflow

FUTURE = NOW + timedelta(hours=2)
ASLEEP = Trail(0, 0, EPOCH + 7200)
BEGUN = Trail(1, 1, None)


class Ticking(Clock):
    """Stands still unless it is told."""

    seconds = EPOCH

    def now(self) -> float:
        return self.seconds


@dataclass
class Temporal(Workflows):
    """`running` sleep until FUTURE; `visible` of them are listed; `ended` are closed, with what they did."""

    running: set[str] = field(default_factory=set)
    visible: set[str] = field(default_factory=set)
    ended: dict[str, Trail] = field(default_factory=dict)
    posts: tuple[str, ...] | None = None
    clock: Ticking | None = None
    cost: float = 0.0
    listed: list[int] = field(default_factory=list)
    described: list[str] = field(default_factory=list)

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Workflow | None]:
        self.described += identifiers
        if self.clock is not None:
            self.clock.seconds += self.cost * len(identifiers)
        return {name: self._one(name.removeprefix("post_")) for name in identifiers}

    def _one(self, post: str) -> Workflow | None:
        if post in self.running:
            return workflow(identifier=workflow_id(post))
        if post in self.ended:
            return workflow(identifier=workflow_id(post), status="TERMINATED", closed_at=EPOCH - 60)
        return None

    def ended_runs(self, identifiers: Sequence[str]) -> tuple[Workflow, ...]:
        del identifiers
        return ()

    def running_among(self, identifiers: Sequence[str]) -> frozenset[str]:
        self.listed.append(len(identifiers))
        return frozenset(name for name in identifiers if name.removeprefix("post_") in self.visible)

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        return {item.identifier: self.ended.get(item.identifier.removeprefix("post_"), ASLEEP) for item in workflows}

    def running_posts(self, limit: int) -> tuple[tuple[str, ...], int]:
        assert self.posts is not None
        names = tuple(workflow_id(post) for post in self.posts)
        return names[:limit], len(names)

    def terminate(self, workflow: Workflow, reason: str) -> bool:
        raise AssertionError((workflow, reason))

    def start(self, wanted: Start) -> None:
        raise AssertionError(wanted)


def snapshot(polled: bool = True, now: float = EPOCH) -> Snapshot:
    """With one living worker that polls main, or none."""
    nothing = Answer({})
    pollers = (Poller(WORKER, "workflow", now),) if polled else ()
    return Snapshot(
        now=now,
        address="temporal:7233",
        namespace="default",
        cluster=nothing,
        described_namespace=nothing,
        queues=(Queue("main", pollers, {}, {}, nothing),) if polled else (),
        sweeper=nothing,
        attributes=nothing,
        workflows=(),
        workers=(Worker("c1", HOST, BOOTED, frozenset({1, PID})),) if polled else (),
        sql_visibility=False,
        cron_enabled=False,
        excluded_queues=frozenset(),
    )


def looker(temporal: Temporal, clock: Clock, later: Sequence[Snapshot] = (), polled: bool = True) -> Looker:
    given = {name: entry.get("default") for name, entry in parameters.ARGUMENT_SPEC.items()}
    request = parameters.parse({**given, "project": "postiz", "timeout": 0.0})
    again = iter(later)
    scene = Scene(
        engine=cast(Any, None),
        postiz="",
        database=cast(Any, None),
        workflows=temporal,
        cli=cast(Any, None),
        snapshot=snapshot(polled),
        request=request,
        failing_attempts=3,
        look_again=lambda: next(again),
    )
    return Looker(scene, NOW, clock)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Row]:
    """Rows by id, and how they are asked for."""
    found: dict[str, Row] = {}
    monkeypatch.setattr(
        observe, "by_ids", lambda _connection, ids: {post: found[post] for post in ids if post in found}
    )
    return found


def test_of_many_posts_of_the_future_only_those_that_are_not_listed_are_asked_for(table: dict[str, Row]) -> None:
    pages = [[f"p{page}-{number}" for number in range(500)] for page in range(4)]
    every = {post for page in pages for post in page}
    lost, lagging, sent = "p1-7", "p2-9", "p3-1"
    table.update({post: row(id=post, due=FUTURE) for post in every})
    temporal = Temporal(running=every - {lost, sent}, visible=every - {lost, lagging, sent}, ended={sent: BEGUN})
    found = [one for page in looker(temporal, Ticking()).lost(None, pages) for one in page]
    assert [(one.row.id, one.post_class) for one in found] == [
        (lost, PostClass.SCHEDULED_LOST),
        (sent, PostClass.OUTCOME_UNKNOWN),
    ]
    assert temporal.listed == [500] * 4
    # Those that are listed as well, while they are few.
    assert set(temporal.described) == {workflow_id(post) for post in every}
    assert len(temporal.described) == len(every) + 2


def test_a_visibility_that_outlived_the_workflows_is_not_believed(table: dict[str, Row]) -> None:
    page = [f"p{number}" for number in range(300)]
    table.update({post: row(id=post, due=FUTURE) for post in page})
    temporal = Temporal(running={"p7"}, visible=set(page))
    ((*found,),) = looker(temporal, Ticking()).lost(None, [page])
    assert [one.row.id for one in found] == [post for post in page if post != "p7"]
    assert {one.post_class for one in found} == {PostClass.SCHEDULED_LOST}


@pytest.mark.parametrize("lost", [1, 5, 20])
def test_a_visibility_that_outlived_some_of_the_workflows_misses_none(table: dict[str, Row], lost: int) -> None:
    pages = [[f"p{page}-{number}" for number in range(1000)] for page in range(3)]
    every = [post for page in pages for post in page]
    gone = set(every[17 :: len(every) // lost][:lost])
    table.update({post: row(id=post, due=FUTURE) for post in every})
    eye = looker(Temporal(running=set(every) - gone, visible=set(every)), Ticking())
    assert {one.row.id for page in eye.lost(None, pages) for one in page} == gone
    assert (eye.ahead.believed, eye.ahead.not_looked_at, eye.ahead.disbelieved) == (0, 0, True)


def test_beyond_some_thousands_a_few_of_each_page_are_asked_for_and_the_rest_is_told(
    table: dict[str, Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "ALL_LISTED", 1000)
    pages = [[f"p{page}-{number}" for number in range(1000)] for page in range(4)]
    every = {post for page in pages for post in page}
    table.update({post: row(id=post, due=FUTURE) for post in every})
    temporal = Temporal(running=every, visible=every)
    eye = looker(temporal, Ticking())
    assert not [one for page in eye.lost(None, pages) for one in page]
    assert 1000 + 3 * observe.SAMPLE >= eye.ahead.by_id > 1000 + 3 * observe.SAMPLE // 2
    assert eye.ahead.by_id + eye.ahead.believed == len(every)
    assert not eye.ahead.disbelieved
    # One hit, on whichever page: what was believed until then is asked for as well.
    temporal.running = every - {"p1-5", "p2-7", "p3-0"}
    eye = looker(temporal, Ticking())
    assert {one.row.id for page in eye.lost(None, pages) for one in page} == {"p1-5", "p2-7", "p3-0"}
    assert (eye.ahead.believed, eye.ahead.not_looked_at, eye.ahead.disbelieved) == (0, 0, True)


def test_of_what_is_believed_only_so_many_ids_are_kept(table: dict[str, Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "ALL_LISTED", 0)
    monkeypatch.setattr(observe, "MOST_BELIEVED", 300)
    pages = [[f"p{page}-{number}" for number in range(1000)] for page in range(3)]
    every = {post for page in pages for post in page}
    table.update({post: row(id=post, due=FUTURE) for post in every})
    eye = looker(Temporal(running=every, visible=every), Ticking())
    list(eye.lost(None, pages))
    assert eye.ahead.by_id + eye.ahead.believed == len(every)
    eye = looker(Temporal(running=every - {"p1-0"}, visible=every), Ticking())
    assert [one.row.id for page in eye.lost(None, pages) for one in page] == ["p1-0"]
    assert eye.ahead.believed == 0
    assert eye.ahead.by_id + eye.ahead.not_looked_at == len(every)
    assert eye.ahead.not_looked_at > 1000


def test_a_look_ahead_that_takes_too_long_ends_and_says_how_many_are_left(table: dict[str, Row]) -> None:
    """Visibility is empty, and the command line client takes its time for each."""
    pages = [[f"p{page}-{number}" for number in range(1000)] for page in range(5)]
    every = {post for page in pages for post in page}
    table.update({post: row(id=post, due=FUTURE) for post in every})
    clock = Ticking()
    # Nobody polls is looked at again in a run as long as this.
    temporal = Temporal(running=every - {"p0-3"}, clock=clock, cost=0.25)
    eye = looker(temporal, clock, later=[snapshot(True, EPOCH + second) for second in range(1, 2000)])
    assert [one.row.id for page in eye.lost(None, pages) for one in page] == ["p0-3"]
    assert clock.seconds - EPOCH < observe.AHEAD_SECONDS + 60
    assert eye.ahead.not_looked_at > 3000
    assert eye.ahead.by_id + eye.ahead.not_looked_at == len(every)


def test_what_is_listed_is_not_asked_for_without_end_by_a_slow_client(table: dict[str, Row]) -> None:
    pages = [[f"p{page}-{number}" for number in range(1000)] for page in range(3)]
    every = {post for page in pages for post in page}
    table.update({post: row(id=post, due=FUTURE) for post in every})
    clock = Ticking()
    eye = looker(Temporal(running=every, visible=every, clock=clock, cost=0.25), clock)
    list(eye.lost(None, pages))
    assert clock.seconds - EPOCH < observe.ALL_LISTED_SECONDS + 60
    assert eye.ahead.not_looked_at == 0
    assert eye.ahead.by_id + eye.ahead.believed == len(every)


SELECTION = Selection(900.0, 7 * 86400.0, None, (), (), (), ())


def test_a_workflow_that_is_listed_and_does_not_run_tells_that_its_post_is_lost(
    table: dict[str, Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["p1", "p2", "p3"]
    table.update({post: row(id=post, due=FUTURE) for post in [*wanted, "other"]})
    monkeypatch.setattr(
        observe, "ahead_among", lambda _connection, _selection, _now, ids: frozenset(ids) & frozenset(wanted)
    )
    temporal = Temporal(running={"p2"}, visible=set(table), posts=("p1", "other"))
    eye = looker(temporal, Ticking())
    monkeypatch.setattr(eye, "_suspects", lambda page: eye._believe(page) or [])
    assert [list(page) for page in eye.lost(None, [wanted])] == [[]]
    assert eye.ahead.believed == 3
    found, looked, running = eye.ghosts(None, 10, SELECTION)
    # What was believed before is asked for now; nothing twice, and nothing that was not selected.
    assert [(one.row.id, one.post_class) for one in found] == [
        ("p1", PostClass.SCHEDULED_LOST),
        ("p3", PostClass.SCHEDULED_LOST),
    ]
    assert (looked, running, eye.ahead.believed, eye.ahead.disbelieved) == (2, 2, 0, True)
    assert eye.ghosts(None, 10, SELECTION)[0] == []


@pytest.mark.parametrize(("polled", "running", "refused"), [(False, 0, True), (False, 1, False), (True, 0, False)])
def test_a_namespace_in_which_nothing_of_postiz_is_gets_no_new_workflows(
    table: dict[str, Row], polled: bool, running: int, refused: bool
) -> None:
    table["p1"] = row(id="p1", due=FUTURE)
    eye = looker(Temporal(posts=tuple(f"q{number}" for number in range(running))), Ticking(), polled=polled)
    ((one,),) = eye.lost(None, [["p1"]])
    assert one.post_class is PostClass.SCHEDULED_LOST
    made = build([one], settings(), NOW, lambda *_asked: {})
    assert [item.id for item in made.items] == ([] if refused else ["p1"])
    assert ["correct namespace" in skipped.reason for skipped in made.skipped] == ([True] if refused else [])


def test_a_row_that_is_gone_or_published_meanwhile_is_not_lost(table: dict[str, Row]) -> None:
    table["p1"] = row(id="p1", state="PUBLISHED", release=True)
    table["p2"] = replace(row(id="p2"), state="DRAFT")
    assert [list(page) for page in looker(Temporal(), Ticking()).lost(None, [["p1", "p2", "p3"]])] == [[]]


def test_who_polls_is_looked_at_again_when_that_is_no_longer_fresh() -> None:
    clock = Ticking()
    temporal = Temporal(running={"p1"})
    idle = {"p1": Trail(0, 0, None)}
    temporal.ended = idle
    eye = looker(temporal, clock, [snapshot(True, EPOCH + LOOK_AGAIN_SECONDS + 1)], polled=False)
    (before,) = eye.judge([row()])
    assert (before.post_class, before.endable) == (PostClass.WORKER_DEAD, True)
    clock.seconds += LOOK_AGAIN_SECONDS
    (same,) = eye.judge([row()])
    assert same.endable
    clock.seconds += 1
    (after,) = eye.judge([row()])
    assert (after.post_class, after.endable) == (PostClass.RUNNING_OVERDUE, False)
    # It is fresh now: nothing more is asked.
    assert eye.judge([row()]) == [after]
