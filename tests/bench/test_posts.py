"""Stuck posts on a "Post" of five million rows: what reading and repairing costs beside what people do by hand.

All in one run, on the lab's PostgreSQL 17 and Postiz' own tables, without Temporal. `BENCH_ROWS` gives another number of
rows. Ways that take minutes are measured on a few posts and multiplied, which the output says.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import reading
import row_by_row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import act, going_back, rows, undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import DatabaseFailed, session
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import reading as reading_cursor
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import MOST_POSTS
from big_table import BROKEN, OVERDUE, QUEUED, Table, big_table

ROWS = int(os.environ.get("BENCH_ROWS", "5000000"))
PLAN_ROUNDS = 9
ROUNDS = 5
ROWS_EACH_ROUND = 20
ANSIBLE_ROWS = 11
NAIVE_SECONDS = 25.0
# What the product asks for: the bare query may have it as well.
WORK_MEMORY = "64MB"
MAX_RATIO = 2.0
MAX_BYTES = 40 * 1024**2
MIN_FASTER = 50
MIB = 1024**2
MANY = 50_000

_BARE = """
SELECT p.id FROM "Post" p WHERE p.state = 'QUEUE' AND p."publishDate" < %(due)s AND p."intervalInDays" IS NULL
  AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
"""
_BARE_AHEAD = """
SELECT p.id FROM "Post" p WHERE p.state = 'QUEUE' AND p."publishDate" >= %(now)s AND p."publishDate" < %(until)s
  AND p."intervalInDays" IS NULL AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
"""
_NAIVE = _BARE + """ORDER BY p."publishDate" LIMIT 5000"""
# PostgreSQL's own value.
_OWN_FRACTION = "SET cursor_tuple_fraction = 0.1"
_SOME_FUTURE = """SELECT id FROM "Post" WHERE state = 'QUEUE' AND "publishDate" > %(now)s ORDER BY id LIMIT %(limit)s"""
_ALL_DUE = """
UPDATE "Post" SET "publishDate" = %(now)s::timestamp - interval '1 hour' WHERE id IN (
  SELECT id FROM "Post" WHERE state = 'QUEUE' AND "publishDate" > %(now)s ORDER BY id LIMIT %(limit)s)
"""
_MOVED = """SELECT id, "publishDate" FROM "Post" WHERE "updatedAt" = %(stamp)s"""


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """The filled table."""
    with big_table(ROWS) as found:
        print(
            f"\n{found.rows:,} rows, {found.secondary_indexes} secondary indexes, filled in {found.load_seconds:.0f} s"
        )
        yield found


@pytest.fixture(scope="module")
def crowded(table: Table) -> Table:
    """The same with many more posts scheduled in the future."""
    more = table.schedule_many_more()
    print(f"\n{more:,} more posts scheduled in the future")
    return table


def database_now(table: Table) -> datetime:
    """As Postiz stores times."""
    with session(table.target, reading.STATEMENT_SECONDS, readonly=True) as connection:
        return rows.database_now(connection)


def due_before(table: Table) -> datetime:
    """Posts that should be out by then."""
    seconds = reading.request("").look.selection.overdue_seconds
    return database_now(table) - timedelta(seconds=seconds)


def bare(table: Table, due: datetime, work_memory: str = "") -> int:
    """The best query for the ids alone; how many."""
    connection = table.connect()
    try:
        with connection.cursor() as cursor:
            if work_memory:
                cursor.execute("SELECT set_config('work_mem', %s, false)", [work_memory])
            cursor.execute(_BARE, {"due": due})
            return len(cursor.fetchall())
    finally:
        connection.close()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    began = time.monotonic()
    found = work()
    return time.monotonic() - began, found


def printed(title: str, times: Mapping[str, Sequence[float]], unit: float = 1000, name: str = "ms") -> dict[str, float]:
    """Medians in seconds, printed with what they were made of."""
    medians = {way: statistics.median(values) for way, values in times.items()}
    print(f"\n{title}")
    for way, values in times.items():
        text = ", ".join(f"{value * unit:.1f}" for value in values)
        print(f"  {way:34} median {medians[way] * unit:8.1f} {name}  of {text}")
    return medians


def bare_ahead(table: Table, work_memory: str) -> int:
    """And for the ids of the future up to the horizon; how many."""
    now = database_now(table)
    until = now + timedelta(seconds=reading.request("").look.selection.horizon_seconds)
    connection = table.connect()
    try:
        with connection.cursor() as cursor:
            if work_memory:
                cursor.execute("SELECT set_config('work_mem', %s, false)", [work_memory])
            cursor.execute(_BARE_AHEAD, {"now": now, "until": until})
            return len(cursor.fetchall())
    finally:
        connection.close()


def check_plan(table: Table, title: str) -> None:
    due = due_before(table)
    look, wanted = "look: read and judged", OVERDUE + BROKEN
    queries = {"bare query": "", f"bare query, work_mem {WORK_MEMORY}": WORK_MEMORY}
    whole = {f"{name}, and of the future": memory for name, memory in queries.items()}
    times: dict[str, list[float]] = {name: [] for name in (look, *queries, *whole)}
    ahead = 0
    for number in range(PLAN_ROUNDS + 1):
        seconds, judged = timed(lambda: reading.look(table.target))
        found = {look: seconds}
        classes = Counter(one.post_class for one in judged)
        assert classes[PostClass.CHANNEL_BROKEN] == BROKEN
        assert classes[PostClass.WORKER_DEAD] + classes[PostClass.OLDER_THAN_SWEEP] == OVERDUE
        assert len(judged) == wanted
        for name, work_memory in queries.items():
            found[name], count = timed(partial(bare, table, due, work_memory))
            assert count == wanted
            seconds, ahead = timed(partial(bare_ahead, table, work_memory))
            found[f"{name}, and of the future"] = found[name] + seconds
        # The first of each fills the caches.
        for name, seconds in found.items() if number else ():
            times[name].append(seconds)
    medians = printed(f"{title}: {wanted:,} overdue posts found", times)
    print(
        f"  ratio to the better query for the overdue ones {medians[look] / min(medians[name] for name in queries):.2f}"
    )
    ratio = medians[look] / min(medians[name] for name in whole)
    print(
        f"  ratio to the better queries, {ahead:,} posts up to the horizon included: {ratio:.2f} (at most {MAX_RATIO})"
    )
    assert ratio <= MAX_RATIO


class Recorder:
    """A connection that notes the statement of a reading, and has no rows."""

    itersize = 0

    def __init__(self) -> None:
        self.statement = ""
        self.values: Mapping[str, Any] = {}

    def cursor(self, name: str) -> Recorder:
        assert name
        return self

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def execute(self, statement: str, values: Mapping[str, Any]) -> None:
        self.statement, self.values = statement, values

    def fetchmany(self, count: int) -> list[object]:
        assert count
        return []


def explained(table: Table, *settings: str) -> str:
    """The plan of the product's own server-side cursor."""
    recorder = Recorder()
    assert list(rows.overdue(recorder, reading.request("").look.selection, database_now(table))) == []
    with reading_cursor(table.target, reading.STATEMENT_SECONDS) as cursor:
        for setting in settings:
            cursor.execute(setting)
        cursor.execute("EXPLAIN DECLARE bench CURSOR FOR " + recorder.statement, recorder.values)
        return "\n".join(line for (line,) in cursor.fetchall())


def walks_the_dates(plan: str) -> bool:
    """Whether the index of dates is followed in its order, from the oldest published post on."""
    return 'Index Scan using "Post_publishDate_idx"' in plan


def scans(plan: str) -> str:
    """The lines that say how "Post" is read."""
    return "; ".join(
        line.strip(" ->").partition("  (")[0] for line in plan.splitlines() if " Scan" in line and "Post" in line
    )


def check_cursor(table: Table, title: str) -> None:
    plan = explained(table)
    by_default = explained(table, _OWN_FRACTION)
    print(f"\n{title}: how the server-side cursor reads the table\n  {scans(plan)}")
    print(f"  with PostgreSQL's own cursor_tuple_fraction: {scans(by_default)}")
    assert not walks_the_dates(plan), plan


def test_plan_beside_the_bare_query(table: Table) -> None:
    check_plan(table, f"{QUEUED:,} queued")
    check_cursor(table, f"{QUEUED:,} queued")


def check_memory(table: Table, title: str, ways: Sequence[str], folder: Path) -> None:
    idle = statistics.median(reading.peak_bytes(table.target, reading.IDLE) for _ in range(3))
    print(f"\n{title}: most memory, beyond {idle / MIB:.1f} MiB of an idle process (at most {MAX_BYTES / MIB:.0f} MiB)")
    for way in ways:
        more = reading.peak_bytes(table.target, way, str(folder)) - idle
        print(f"  {way:34} {more / MIB:8.1f} MiB")
        assert more <= MAX_BYTES


def test_memory_of_a_plan(table: Table, tmp_path: Path) -> None:
    check_memory(table, f"{OVERDUE + BROKEN:,} overdue posts", (reading.LOOK, reading.PLAN), tmp_path)


def moved(table: Table, stamp: datetime) -> dict[str, datetime]:
    """New times of the rows that bear this stamp."""
    with table.cursor() as cursor:
        cursor.execute(_MOVED, {"stamp": stamp})
        return dict(cursor.fetchall())


def repaired(table: Table, folder: Path) -> tuple[float, float]:
    """Seconds to move all overdue posts, and to bring them back; both checked row by row."""
    workflows = reading.NoWorkflows()
    with session(table.target, reading.STATEMENT_SECONDS, readonly=False) as connection:
        plan, tools = reading.plan(connection, table.target, workflows, str(folder))
        wanted = {item.id: item.due for item in plan.items}
        assert len(wanted) == OVERDUE
        seconds, done = timed(lambda: act.carry_out(plan, tools))
        stamp = undo.header(done.undo_file).stamp
        assert moved(table, stamp) == wanted
        assert workflows.started == OVERDUE
        back, undone = timed(lambda: going_back.undone(done.undo_file, tools))
    assert set(undone.back) == set(wanted)
    assert moved(table, stamp) == {}
    return seconds, back


def by_hand(table: Table, way: Callable[[row_by_row.Move], float], posts: Sequence[str]) -> float:
    """Seconds for each post; checked row by row."""
    now = database_now(table)
    move = row_by_row.Move(table, tuple(posts), now + timedelta(days=90), now)
    seconds = way(move)
    assert moved(table, now) == dict.fromkeys(posts, move.due)
    return seconds


def test_apply_beside_row_by_row(table: Table, tmp_path: Path) -> None:
    with table.cursor() as cursor:
        count = ROUNDS * ROWS_EACH_ROUND + ANSIBLE_ROWS
        cursor.execute(_SOME_FUTURE, {"now": database_now(table), "limit": count})
        posts = [post for (post,) in cursor.fetchall()]
    ways = row_by_row.ways(table)
    repairs: dict[str, list[float]] = {"all at once, with undo file": [], "undone": []}
    each: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS):
        for name, seconds in zip(repairs, repaired(table, tmp_path / "undo"), strict=True):
            repairs[name].append(seconds)
        chosen = posts[number * ROWS_EACH_ROUND : (number + 1) * ROWS_EACH_ROUND]
        for name, way in ways.items():
            each[name].append(by_hand(table, way, chosen))
    each["Ansible task"] = [
        by_hand(table, lambda move: row_by_row.ansible_tasks(move, tmp_path), posts[-ANSIBLE_ROWS:])
    ]
    medians = printed(f"{OVERDUE:,} posts moved to new times", repairs, 1, "s")
    sample = printed(f"one post ({ROUNDS * ROWS_EACH_ROUND} of each way, {ANSIBLE_ROWS - 1} with Ansible)", each)
    mine = medians["all at once, with undo file"]
    print(
        f"\n{OVERDUE:,} posts, multiplied from those; at least {MIN_FASTER} times slower than {mine:.2f} s wanted of psql"
    )
    for name, seconds in sample.items():
        print(f"  {name:34} {seconds * OVERDUE:8.0f} s  {seconds * OVERDUE / mine:6.0f} times")
    slower = {name: seconds * OVERDUE / mine for name, seconds in sample.items()}
    assert all(ratio >= MIN_FASTER for name, ratio in slower.items() if "psql" in name)
    assert slower["Ansible task"] >= MIN_FASTER


def test_plan_with_many_more_in_the_future(crowded: Table) -> None:
    queued = crowded.count("state = 'QUEUE'")
    check_plan(crowded, f"{queued:,} queued")
    check_cursor(crowded, f"{queued:,} queued")


def told(table: Table, read: Callable[[Any], int]) -> str:
    """Seconds of a reading that may take too long, and what it found."""
    began = time.monotonic()
    try:
        with session(table.target, NAIVE_SECONDS, readonly=True) as connection:
            found = f"{read(connection):,} posts"
    except DatabaseFailed as problem:
        if "statement timeout" not in str(problem):
            raise
        found = "cancelled"
    return f"{time.monotonic() - began:6.1f} s, {found}"


def test_what_the_obvious_ways_cost(crowded: Table) -> None:
    due, now = due_before(crowded), database_now(crowded)
    selection = reading.request("").look.selection

    def limited(connection: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_NAIVE, {"due": due})
            return len(cursor.fetchall())

    def paged(connection: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_OWN_FRACTION)
        return sum(len(page) for page in rows.overdue(connection, selection, now))

    print(f"\nwhat is avoided, with a limit of {NAIVE_SECONDS:.0f} s for each statement")
    print(f'  ORDER BY "publishDate" LIMIT 5000    {told(crowded, limited)}')
    print(f"  cursor_tuple_fraction of PostgreSQL  {told(crowded, paged)}")


def make_due(table: Table, count: int) -> None:
    """Let so many of the future posts be overdue."""
    assert table.change(_ALL_DUE, now=database_now(table), limit=count) == count


def test_memory_of_many_more(crowded: Table, tmp_path: Path) -> None:
    waiting = OVERDUE
    title = f"{MOST_POSTS + BROKEN:,} overdue posts, as many as one run repairs"
    for ways in ((reading.LOOK, reading.PLAN, reading.REPAIR), (reading.REPAIR_ENDING,)):
        make_due(crowded, MOST_POSTS - waiting)
        assert bare(crowded, due_before(crowded)) == MOST_POSTS + BROKEN
        check_memory(crowded, title, ways, tmp_path)
        assert bare(crowded, due_before(crowded)) == BROKEN
        waiting = 0
    make_due(crowded, MANY)
    assert bare(crowded, due_before(crowded)) == MANY + BROKEN
    check_memory(crowded, f"{MANY + BROKEN:,} overdue posts", (reading.LOOK, reading.REFUSED), tmp_path)
