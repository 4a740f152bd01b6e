"""What keeps a restored stack from publishing again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import backup_samples as samples
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import endings, restore_journal, restore_report
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.endings import Row, judge
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.outcomes import CopyReader, Outcome, known_until
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_journal import Journal
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.unsent import never_begun
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import NOT_TOLD, Trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import PendingActivity, Workflow
from hypothesis import given
from hypothesis import strategies as some

NOW = 1_000_000.0
LATER = Trail(0, 0, NOW + 60)
FIRED = Trail(0, 0, None)
ELAPSED = Trail(0, 0, NOW - 60)
SENT = Trail(1, 1, None)
REPEATS = Trail(1, 1, NOW + 3600)
QUEUED = Row("QUEUE", False, NOW + 60)


@pytest.mark.parametrize(
    ("row", "trail"),
    [
        (QUEUED, LATER),
        (QUEUED, FIRED),
        (Row("QUEUE", False, NOW - 1), ELAPSED),
        (Row("PUBLISHED", False, NOW - 60), REPEATS),
    ],
)
def test_what_may_go_on(row: Row, trail: Trail) -> None:
    assert judge("post_a", row, trail, NOW) == ""


@pytest.mark.parametrize(
    ("identifier", "row", "trail"),
    [
        ("post_a", Row("ERROR", False, NOW - 60), FIRED),
        ("post_a", Row("ERROR", False, NOW - 60), LATER),
        ("post_a", Row("DRAFT", False, NOW + 60), LATER),
        ("post_a", Row("QUEUE", True, NOW + 60), LATER),
        ("post_a", None, LATER),
        ("post_a", QUEUED, ELAPSED),
        ("post_a", Row("PUBLISHED", False, NOW - 60), FIRED),
        ("post_a", Row("PUBLISHED", False, NOW - 60), ELAPSED),
        ("post_a", Row("PUBLISHED", False, NOW - 60), NOT_TOLD),
        ("post_a_k3jd83jd92", Row("PUBLISHED", False, NOW - 60), SENT),
        # A repeat publishes whatever its row says.
        ("post_a_k3jd83jd92", QUEUED, FIRED),
        ("autopost-1", None, LATER),
    ],
)
def test_what_is_ended(identifier: str, row: Row | None, trail: Trail) -> None:
    assert judge(identifier, row, trail, NOW)


@pytest.mark.parametrize("trail", [SENT, NOT_TOLD])
def test_what_had_begun_is_held_as_well(trail: Trail) -> None:
    assert judge("post_a", Row("QUEUE", False, NOW - 1), trail, NOW) == endings.BEGUN


def test_post_of_a_repeat() -> None:
    assert endings.post_of("post_cm1_x9") == endings.post_of("post_cm1") == "cm1"


def test_a_newer_backup_tells_all_only_if_nobody_worked_after_it() -> None:
    assert known_until(samples.MANIFEST) is None
    assert known_until(replace(samples.MANIFEST, consistency="online")) is None
    stopped = known_until(replace(samples.MANIFEST, consistency="stopped"))
    assert stopped is not None
    assert stopped.isoformat() == "2026-11-24T03:15:00.123000"


def escaped(text: str | None) -> str:
    if text is None:
        return "\\N"
    for old, new in (
        ("\\", "\\\\"),
        ("\b", "\\b"),
        ("\f", "\\f"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
        ("\v", "\\v"),
    ):
        text = text.replace(old, new)
    return text


TEXTS = some.none() | some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(
    some.lists(some.tuples(some.sampled_from(["QUEUE", "PUBLISHED", "ERROR"]), TEXTS, TEXTS, TEXTS), max_size=6),
    some.integers(1, 40),
)
def test_copy_is_read_in_pieces_of_any_size(
    rows: list[tuple[str, str | None, str | None, str | None]], size: int
) -> None:
    head = (
        'SET x;\nCOPY public."Post" (id, content, state, "releaseId", "releaseURL", error, "deletedAt") FROM stdin;\n'
    )
    lines = [
        "\t".join([f"p{number}", escaped("a\tb\\\n"), state, escaped(release), escaped(url), escaped(error), "\\N"])
        for number, (state, release, url, error) in enumerate(rows)
    ]
    data = (head + "".join(f"{line}\n" for line in lines) + "\\.\n\n").encode()
    reader = CopyReader()
    for first in range(0, len(data), size):
        reader.feed(data[first : first + size])
    assert reader.ended
    wanted = [
        Outcome(f"p{number}", state, release, url, error, None)
        for number, (state, release, url, error) in enumerate(rows)
        if state != "QUEUE" or release is not None or url is not None
    ]
    assert reader.found == wanted


RUNNING = Workflow("post_a", "r", "postWorkflowV109", "RUNNING", NOW - 600, None)
HANDED = PendingActivity("postSocial", "SCHEDULED", 1, "", 0.0)


@pytest.mark.parametrize(
    ("workflow", "trail", "certain"),
    [
        (RUNNING, ELAPSED, True),
        (RUNNING, FIRED, True),
        (RUNNING, LATER, True),
        (RUNNING, SENT, False),
        (RUNNING, NOT_TOLD, False),
        (RUNNING, None, False),
        (replace(RUNNING, activities=(HANDED,)), FIRED, False),
        (replace(RUNNING, activities=(replace(HANDED, name="getPostsList"),)), FIRED, True),
        # What has ended may have sent; what is not there may have ended long ago.
        (replace(RUNNING, status="COMPLETED"), FIRED, False),
        (None, FIRED, False),
    ],
)
def test_only_what_certainly_was_not_sent_may_go_out(
    workflow: Workflow | None, trail: Trail | None, certain: bool
) -> None:
    assert never_begun(workflow, trail) is certain


def test_what_was_made_since_is_told() -> None:
    head = 'COPY public."Post" (id, state, "publishDate", "parentPostId", "createdAt", "deletedAt") FROM stdin;\n'
    rows = [
        ("before", "QUEUE", "2026-11-24 05:00:00", "\\N", "2026-11-24 03:14:59.9", "\\N"),
        ("since", "QUEUE", "2026-11-24 05:00:00", "\\N", "2026-11-24 03:15:00.123", "\\N"),
        ("child", "QUEUE", "2026-11-24 05:00:00", "since", "2026-11-24 03:15:01", "\\N"),
        ("deleted", "QUEUE", "2026-11-24 05:00:00", "\\N", "2026-11-24 03:15:02", "2026-11-24 03:15:03"),
        ("live", "PUBLISHED", "2026-11-24 03:16:00", "\\N", "2026-11-24 03:15:02", "\\N"),
    ]
    reader = CopyReader(samples.MANIFEST.taken_at)
    reader.feed((head + "".join("\t".join(row) + "\n" for row in rows) + "\\.\n").encode())
    assert [item.post for item in reader.made] == ["since", "live"]


def test_what_became_of_posts_stays_beside_the_newer_backup(tmp_path: Path) -> None:
    left = {"id": "since", "state": "QUEUE", "due": "2026-11-24 05:00:00", "created": "2026-11-24 03:15:00"}
    kept = Journal("/b", ("database",), False, str(tmp_path), "t", (), ("h",), ("c",), ("u",), (left,))
    restore_journal.keep_beside(kept)
    told = json.loads((tmp_path / "settled.json").read_text())
    assert told == {"backup": "/b", "held": ["h"], "carried": ["c"], "unsent": ["u"], "left": [left]}
    restore_journal.write(str(tmp_path), "p", kept)
    assert restore_journal.read(str(tmp_path), "p") == kept
    report = restore_report.databases({}, kept)
    assert "since, QUEUE, due 2026-11-24 05:00:00" in report
    assert "certainly did not go out" in report
