"""What people and plays are told about stuck posts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.codes.table import CODES
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Severity
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import report
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    MISSING,
    Action,
    Judged,
    PostClass,
    Selection,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.observe import Ahead
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Item, Plan, Skipped
from posts_samples import NOW, judged


def tally(posts: Iterable[Judged], limit: int = 100) -> report.Tally:
    found = report.Tally(limit)
    for one in posts:
        found.add(one)
    return found


@pytest.mark.parametrize("post_class", PostClass)
def test_every_class_that_is_trouble_has_a_code_and_a_remedy(post_class: PostClass) -> None:
    found = report.findings(tally([judged(post_class)]))
    if post_class in report.QUIET:
        assert found == ()
        return
    (finding,) = found
    assert finding.code == f"posts-{post_class.value}"
    assert finding.code in CODES
    assert finding.severity is Severity.WARNING
    assert finding.remedy.endswith(".")


def test_findings_count_and_name_one() -> None:
    (one,) = report.findings(tally([judged(id="p1")]))
    assert one.evidence == "1 post. For instance p1: because"
    (two,) = report.findings(tally([judged(id="p1"), judged(id="p2")]))
    assert two.evidence.startswith("2 posts. For instance p1")
    (unlisted,) = report.findings(tally([judged(id="p1"), judged(id="p2")], limit=0))
    assert unlisted.evidence == "2 posts."


def test_the_limit_bounds_what_is_listed_and_not_what_is_counted() -> None:
    found = tally((judged(id=f"p{number}") for number in range(7)), limit=3)
    assert (found.total, found.of(PostClass.NO_WORKFLOW), len(found.listed)) == (7, 7, 3)


def test_the_summary_and_its_table() -> None:
    posts = [
        judged(PostClass.WORKER_DEAD, channel="c2", channel_name="", provider="x"),
        judged(PostClass.NO_WORKFLOW, due=NOW - timedelta(hours=2)),
        judged(PostClass.NO_WORKFLOW, due=NOW - timedelta(hours=3)),
    ]
    found = tally(posts)
    assert [(item["class"], item["channel"], item["posts"], item["oldest"]) for item in found.summary()] == [
        ("no-workflow", "c1", 2, "2026-01-31T09:00:00Z"),
        ("worker-dead", "c2", 1, "2026-01-31T11:00:00Z"),
    ]
    assert found.table() == [
        "CLASS        POSTS  FIRST DUE (UTC)   CHANNEL",
        "no-workflow  2      2026-01-31 09:00  mastodon-custom Channel",
        "worker-dead  1      2026-01-31 11:00  x -",
    ]
    assert tally([]).table() == []


@pytest.mark.parametrize("post_class", PostClass)
@pytest.mark.parametrize("action", Action)
def test_tables_fit_a_terminal(post_class: PostClass, action: Action) -> None:
    """80 columns, less what Ansible writes before each line."""
    one = judged(post_class, channel_name="a name that somebody made long " * 3, provider="instagram-standalone")
    lines = [*tally([one]).table(), *report.plan_table([Item(one, action, due=NOW)])]
    assert max(len(line) for line in lines) <= 72
    assert any(line.endswith("…") for line in lines)


def test_every_id_is_in_the_summary_and_the_number_of_ids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    posts = [judged(id=f"p{number}") for number in range(3)]
    found = tally(posts, limit=1)
    assert [item["ids"] for item in found.summary()] == [["p0", "p1", "p2"]]
    assert found.all_named
    monkeypatch.setattr(report, "MOST_IDS", 2)
    found = tally(posts, limit=1)
    assert ([item["ids"] for item in found.summary()], found.all_named) == ([["p0", "p1"]], False)


def test_what_is_not_due_yet_is_told_with_its_time() -> None:
    lost = [judged(PostClass.SCHEDULED_LOST, id=f"p{number}", due=NOW + timedelta(hours=number)) for number in (2, 1)]
    (one,) = report.findings(tally(lost))
    assert one.evidence == "2 posts, the first due at 2026-01-31T13:00:00Z. For instance p2: because"


def test_a_post_for_plays() -> None:
    found = report.post(judged(PostClass.RUNNING_OVERDUE, running=True))
    assert (found["workflow"], found["workflow_status"]) == ("postWorkflowV109", "RUNNING")
    nobody = report.post(judged(PostClass.GHOST, state=MISSING))
    assert (nobody["due"], nobody["workflow"], nobody["state"]) == ("", "", MISSING)
    moved = report.decision(Item(judged(), Action.RESCHEDULE, due=NOW))
    assert (moved["action"], moved["new_due"]) == ("reschedule", "2026-01-31T12:00:00Z")
    assert report.decision(Item(judged(), Action.HOLD))["new_due"] == ""


def moved(count: int) -> list[Item]:
    return [
        Item(judged(id=f"p{number}"), Action.RESCHEDULE, due=NOW + timedelta(minutes=number), start=True)
        for number in range(count)
    ]


def test_the_plan_s_table() -> None:
    assert report.plan_table([*moved(3), Item(judged(), Action.POKE, start=True)]) == [
        "CLASS        ACTION      POSTS  CHANNEL",
        "no-workflow  poke        1      mastodon-custom Channel",
        "no-workflow  reschedule  3      mastodon-custom Channel",
        "    new times: 2026-01-31T12:00:00Z to 2026-01-31T12:02:00Z",
    ]
    assert report.plan_table([]) == []


@pytest.mark.parametrize(
    ("item", "before", "after"),
    [
        (
            Item(judged(running=True), Action.RESCHEDULE, due=NOW, end=True, start=True),
            "p1 QUEUE due 2026-01-31T11:00:00Z, workflow runs",
            "p1 QUEUE due 2026-01-31T12:00:00Z, new workflow",
        ),
        (
            Item(judged(running=True), Action.HOLD, state="DRAFT", end=True),
            "p1 QUEUE due 2026-01-31T11:00:00Z, workflow runs",
            "p1 DRAFT due 2026-01-31T11:00:00Z, workflow ended",
        ),
        (
            Item(judged(), Action.DELETE),
            "p1 QUEUE due 2026-01-31T11:00:00Z, no workflow",
            "p1 deleted due 2026-01-31T11:00:00Z, no workflow",
        ),
    ],
)
def test_the_diff_tells_each_post(item: Item, before: str, after: str) -> None:
    found = report.diff(Plan((item,), ()))
    why = f" ({item.action.value}, {item.judged.post_class.value} on Channel: {item.judged.evidence})"
    assert (found["before"], found["after"]) == (f"{before}\n", f"{after}{why}\n")


@pytest.mark.parametrize(("count", "lines"), [(500, 500), (501, 501), (20_000, 501)])
def test_the_diff_is_bounded(count: int, lines: int) -> None:
    item = moved(1)[0]
    items = tuple(replace(item) for _number in range(count))
    found: Any = report.diff(Plan(items, ()))
    assert found["before"].count("\n") == found["after"].count("\n") == lines
    assert found["after"].endswith(f"and {count - 500} more\n") is (count > 500)


def test_why_posts_are_left_alone() -> None:
    skipped = [
        Skipped(judged(PostClass.OUTCOME_UNKNOWN, id="p1"), Action.RESCHEDULE, "it may be live"),
        Skipped(judged(PostClass.OUTCOME_UNKNOWN, id="p2"), Action.RESCHEDULE, "it may be live"),
        Skipped(judged(PostClass.LIVE_ERROR, id="p3"), Action.MARK_PUBLISHED, "another error"),
    ]
    assert report.reasons(skipped) == [
        "left alone: 1 live-but-marked-error, as p3: another error.",
        "left alone: 2 outcome-unknown, as p1: it may be live.",
    ]
    assert report.skip(skipped[2]) == {
        "id": "p3",
        "class": "live-but-marked-error",
        "action": "mark_published",
        "reason": "another error",
    }


def test_times_and_columns() -> None:
    assert (report.iso(None), report.iso(NOW)) == ("", "2026-01-31T12:00:00Z")
    assert report.table([["A", "LONG"], ["longer", ""]]) == ["A       LONG", "longer"]


WEEK = Selection(900.0, 7 * 86400.0, None, (), (), (), ())


@pytest.mark.parametrize(
    ("ahead", "selection", "recurring", "told"),
    [
        (Ahead(), WEEK, 0, []),
        (Ahead(way="http-api"), WEEK, 0, ["Temporal was asked through its HTTP API."]),
        (Ahead(way="cli"), WEEK, 0, ["command line client, which is slow"]),
        (Ahead(), replace(WEEK, horizon_seconds=0.0), 0, ["Not looked at: posts of the future (horizon is 0)."]),
        # Ids are looked at whatever the horizon.
        (Ahead(), replace(WEEK, horizon_seconds=0.0, posts=("p1",)), 0, []),
        (Ahead(by_id=5000, believed=12), WEEK, 0, ["5000 were asked for by id; 12 are listed as running"]),
        (Ahead(by_id=9, disbelieved=True), WEEK, 0, ["visibility lists workflows that do not run"]),
        (
            Ahead(not_looked_at=1),
            WEEK,
            0,
            ["Not looked at: 1 post of the future, as the time for that was up (300 s)."],
        ),
        (Ahead(), WEEK, 2, ["Not looked at: 2 recurring posts; whether a workflow waits"]),
        (Ahead(), WEEK, 10000, ["Not looked at: 10000 or more recurring posts; whether a workflow waits"]),
    ],
)
def test_how_far_it_was_looked_ahead_is_told(
    ahead: Ahead, selection: Selection, recurring: int, told: list[str]
) -> None:
    lines = report.ahead_lines(ahead, selection, recurring)
    assert len(lines) == len(told)
    assert all(part in line for part, line in zip(told, lines, strict=True))


def test_how_far_it_was_looked_ahead_is_in_the_result() -> None:
    assert report.looked_ahead(Ahead(3, 2, 1, True, "cli")) == {
        "by_id": 3,
        "only_listed": 2,
        "not_looked_at": 1,
        "visibility_believed": False,
        "way": "cli",
    }
