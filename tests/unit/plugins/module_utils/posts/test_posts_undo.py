"""The undo file: nothing of a row is lost, and nothing half written stays."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.undo import Decision, Header, Record, UndoFailed
from hypothesis import given
from hypothesis import strategies as st
from posts_samples import NOW, UNHURRIED

STAMP = NOW.replace(microsecond=7000)
HEADER = Header("postiz", STAMP)
NAME = "20260131T120000.007Z"
DECISION = Decision("p1", "o1", "x", "reschedule", NOW - timedelta(days=1), "run-1", start=True, kept_away=False)


def written(folder: Path, *records: Record, dropped: Sequence[str] = (), header: Header = HEADER) -> Path:
    with undo.drafting(str(folder), header) as draft:
        for record in records:
            draft.decide(record.decision)
            for text in record.rows:
                draft.row(record.decision.post, text)
        if dropped:
            draft.drop(dropped)
    return Path(undo.newest(str(folder), header))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_names_and_modes(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    old = os.umask(0)
    try:
        path = written(folder, Record(DECISION, ("{}",)))
    finally:
        os.umask(old)
    assert path == folder / f"{NAME}.pending.jsonl"
    assert (mode(path), mode(folder)) == (0o600, 0o700)
    assert undo.pending(str(folder)) == (str(path),)
    assert os.listdir(folder) == [path.name]  # noqa: PTH208 - hidden ones too
    assert undo.header(str(path)) == HEADER

    named = undo.finish(str(path), undo.UNDO)
    assert named == str(folder / f"{NAME}.undo.jsonl")
    assert undo.pending(str(folder)) == ()
    assert undo.finish(named, undo.UNDONE) == str(folder / f"{NAME}.undone.jsonl")
    assert [item.name for item in folder.iterdir()] == [f"{NAME}.undone.jsonl"]
    assert mode(folder / f"{NAME}.undone.jsonl") == 0o600


def test_pending_files_are_told_oldest_first(tmp_path: Path) -> None:
    later = replace(HEADER, stamp=STAMP + timedelta(seconds=1))
    paths = [written(tmp_path, header=header) for header in (later, HEADER)]
    assert undo.pending(str(tmp_path)) == (str(paths[1]), str(paths[0]))
    undo.discard(str(paths[1]))
    assert undo.pending(str(tmp_path)) == (str(paths[0]),)
    assert undo.pending(str(tmp_path / "none")) == ()


@pytest.mark.parametrize(
    "text",
    ["", "{}", "🧵 👩‍👩‍👧 \u200b", "x" * 100_000, "ä" * 100_000, "\ud83d alone", "a\r\nb\n\x85\u2028c\x00", '"\\'],
    ids=["empty", "an object", "emoji", "100 kB", "200 kB", "a lone surrogate", "line ends", "quotes"],
)
def test_rows_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    records = (Record(DECISION, (text, "{}", text)), Record(replace(DECISION, post="p2", run="", start=False), (text,)))
    path = written(tmp_path, *records)
    assert undo.header(str(path)) == HEADER
    assert tuple(undo.records(str(path))) == records


TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
RECORDS = st.lists(
    st.builds(
        Record,
        st.builds(
            Decision,
            TEXTS,
            TEXTS,
            TEXTS,
            TEXTS,
            st.datetimes(),
            TEXTS,
            st.booleans(),
            st.booleans(),
        ),
        st.lists(TEXTS, max_size=3).map(tuple),
    ),
    max_size=5,
    unique_by=lambda record: record.decision.post,
)


@UNHURRIED
@given(RECORDS, st.data())
def test_whatever_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], data: st.DataObject
) -> None:
    posts = [record.decision.post for record in records]
    dropped = data.draw(st.sets(st.sampled_from(posts))) if posts else set()
    path = written(tmp_path_factory.mktemp("undo"), *records, dropped=sorted(dropped))
    assert list(undo.records(str(path))) == [item for item in records if item.decision.post not in dropped]


def test_posts_that_began_to_publish_are_kept_away(tmp_path: Path) -> None:
    others = [Record(replace(DECISION, post=post), ()) for post in ("p1", "p2", "p3")]
    path = written(tmp_path, *others, dropped=["p3"])
    undo.keep_away(str(path), ["p2"])
    found = list(undo.records(str(path)))
    assert [(item.decision.post, item.decision.kept_away) for item in found] == [("p1", False), ("p2", True)]


def full(*_arguments: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_when_it_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UndoFailed, match=r"No space left on device; nothing was changed\."):
        written(tmp_path, Record(DECISION, ("{}",)))
    assert list(tmp_path.iterdir()) == []


def full_device(path: str, flags: int, mode: int = 0o777, real: Any = os.open) -> int:
    """A file whose every byte is one too many."""
    os.close(real(path, flags, mode))
    found: int = real("/dev/full", os.O_WRONLY)
    return found


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_disk_that_is_full_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(os, "open", full_device)
    with pytest.raises(UndoFailed, match="No space left on device"):
        written(tmp_path, Record(DECISION, ("x" * size,)))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        with pytest.raises(UndoFailed, match="could not be written to") as failed:
            written(folder)
        assert "undo_directory" in failed.value.remedy


def test_a_run_of_the_same_moment_is_not_overwritten(tmp_path: Path) -> None:
    draft = tmp_path / f"{NAME}.draft"
    draft.write_text("of another run")
    with pytest.raises(UndoFailed, match="File exists"):
        written(tmp_path)
    assert draft.read_text() == "of another run"


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt])
def test_whatever_happens_meanwhile_no_draft_stays(tmp_path: Path, problem: type[BaseException]) -> None:
    def interrupted() -> None:
        with undo.drafting(str(tmp_path), HEADER) as draft:
            draft.decide(DECISION)
            raise problem

    with pytest.raises(problem):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_note_that_cannot_be_added_leaves_the_file_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, Record(DECISION, ("{}",)))
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UndoFailed, match="No space left on device"):
        undo.keep_away(str(path), ["p1"])
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_renamed(tmp_path: Path) -> None:
    path = str(tmp_path / f"gone{undo.PENDING}")
    with pytest.raises(UndoFailed, match="No such file"):
        undo.finish(path, undo.UNDO)
    with pytest.raises(UndoFailed, match="No such file"):
        undo.discard(path)
    with pytest.raises(UndoFailed, match="No such file"):
        undo.keep_away(path, ["p1"])


FIRST = json.dumps({"format": undo.FORMAT, "project": "postiz", "stamp": STAMP.isoformat()})
DECIDED = json.dumps({"decision": {**asdict(DECISION), "before": NOW.isoformat()}})


@pytest.mark.parametrize(
    "first",
    [
        "",
        "no JSON",
        "[]",
        "7",
        "null",
        "{}",
        json.dumps({"format": 2, "project": "postiz", "stamp": STAMP.isoformat()}),
        json.dumps({"format": 1, "stamp": STAMP.isoformat()}),
        json.dumps({"format": 1, "project": "postiz", "stamp": "yesterday"}),
        json.dumps({"format": 1, "project": "postiz", "stamp": 7}),
    ],
)
def test_a_foreign_file(tmp_path: Path, first: str) -> None:
    path = tmp_path / "foreign"
    path.write_text(f"{first}\n{DECIDED}\n")
    for read in (undo.header, lambda name: list(undo.records(name))):
        with pytest.raises(BadInput, match=r"is no undo file of stuck_posts\."):
            read(str(path))


def test_a_file_that_is_not_even_text(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="is no undo file"):
        undo.header(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(BadInput, match="cannot be read: "):
            list(undo.records(str(path)))


@pytest.mark.parametrize(
    "line",
    [
        DECIDED[:-9],
        "7",
        "[]",
        '"decision"',
        '{"decision": {}}',
        '{"decision": 7}',
        '{"dropped": 7}',
        json.dumps({"decision": {**asdict(DECISION), "before": "yesterday"}}),
        json.dumps({"decision": {**asdict(DECISION), "before": 7}}),
        json.dumps({"decision": {**asdict(DECISION), "before": NOW.isoformat(), "more": 1}}),
    ],
)
def test_a_damaged_file(tmp_path: Path, line: str) -> None:
    path = tmp_path / "damaged"
    path.write_text("\n".join((FIRST, DECIDED, line)))
    assert undo.header(str(path)) == HEADER
    with pytest.raises(BadInput, match="is damaged"):
        list(undo.records(str(path)))
