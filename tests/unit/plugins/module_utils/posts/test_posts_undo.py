"""The undo file: nothing of a row is lost, and nothing half written stays."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import undo, undo_damage, undo_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.undo import Decision, Header, Record
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.undo_folder import UndoFailed
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


def put(path: Path, text: str | bytes) -> None:
    """As a run writes it: for its owner alone."""
    path.touch(0o600)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


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
    assert undo.pending(str(folder), HEADER.project) == (str(path),)
    assert os.listdir(folder) == [path.name]  # noqa: PTH208 - hidden ones too
    assert undo.header(str(path)) == HEADER

    named = undo.finish(str(path), undo.UNDO)
    assert named == str(folder / f"{NAME}.undo.jsonl")
    assert undo.pending(str(folder), HEADER.project) == ()
    assert undo.finish(named, undo.UNDONE) == str(folder / f"{NAME}.undone.jsonl")
    assert [item.name for item in folder.iterdir()] == [f"{NAME}.undone.jsonl"]
    assert mode(folder / f"{NAME}.undone.jsonl") == 0o600


def test_pending_files_are_told_oldest_first(tmp_path: Path) -> None:
    later = replace(HEADER, stamp=STAMP + timedelta(seconds=1))
    paths = [written(tmp_path, header=header) for header in (later, HEADER)]
    assert undo.pending(str(tmp_path), HEADER.project) == (str(paths[1]), str(paths[0]))
    undo.discard(str(paths[1]))
    assert undo.pending(str(tmp_path), HEADER.project) == (str(paths[0]),)
    assert undo.pending(str(tmp_path / "none"), HEADER.project) == ()


def test_files_of_another_project_are_left_alone(tmp_path: Path) -> None:
    theirs = written(tmp_path, header=replace(HEADER, project="another"))
    draft = tmp_path / "20260101T000000.000Z.draft"
    put(draft, theirs.read_text())
    assert undo.pending(str(tmp_path), HEADER.project) == ()
    undo.sweep(str(tmp_path), HEADER.project)
    assert draft.exists()
    undo.sweep(str(tmp_path), "another")
    assert not draft.exists()
    assert theirs.exists()


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
    monkeypatch.setattr(undo, "why_untrusted", lambda _device: "")
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
    put(path, f"{first}\n{DECIDED}\n")
    for read in (undo.header, lambda name: list(undo.records(name))):
        with pytest.raises(BadInput, match=r"is no undo file of stuck_posts\."):
            read(str(path))


def test_a_file_that_is_not_even_text(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    put(path, b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="is no undo file"):
        undo.header(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: "):
        list(undo.records(str(tmp_path / "none")))


def as_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def as_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def as_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


UNTRUSTED = {
    "it is a symbolic link": as_a_link,
    "it is no regular file": as_a_fifo,
    "it is no regular": as_a_folder,
    "its mode is 0640, which is more than 0600": lambda path: path.chmod(0o640),
    "its mode is 4600": lambda path: path.chmod(0o4600),
}


@pytest.mark.parametrize(("reason", "change"), UNTRUSTED.items(), ids=list(UNTRUSTED))
def test_a_file_that_somebody_else_may_have_written(
    tmp_path: Path, reason: str, change: Callable[[Path], object]
) -> None:
    path = written(tmp_path, Record(DECISION, ('{"id": "p1"}',)))
    change(path)
    for read in (undo.header, lambda name: list(undo.records(name))):
        with pytest.raises(undo_folder.Untrusted, match=f"{path} is not used: {reason}") as refused:
            read(str(path))
        assert "mode 0600" in refused.value.remedy
    (damage,) = undo_damage.damaged(str(tmp_path), "postiz")
    with pytest.raises(BadInput, match=f"{path} is not to be used .{reason}"):
        undo_damage.refuse_damaged([damage])
    with pytest.raises(BadInput, match=f"{path} is not to be used .{reason}"):
        undo_damage.refuse_damage(str(path))


def test_a_file_of_another_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, Record(DECISION, ('{"id": "p1"}',)))
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    with pytest.raises(undo_folder.Untrusted, match=r"it belongs to .*, and this runs as "):
        undo.header(str(path))


@pytest.mark.parametrize("other", ["elsewhere/file", "inner/file", "../file"])
def test_a_file_outside_of_the_folder(tmp_path: Path, other: str) -> None:
    folder = tmp_path / "undo"
    with pytest.raises(BadInput, match=r"is not in undo_directory .*; nothing was changed") as refused:
        undo_folder.within(str(folder), str(folder / other))
    assert f"undo_directory: {(folder / other).parent}".replace("undo/..", "").rstrip("/") in refused.value.remedy


def test_a_file_in_the_folder_by_another_name_of_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "name").symlink_to(tmp_path / "real")
    undo_folder.within(str(tmp_path / "name"), str(tmp_path / "real" / "file"))
    undo_folder.within(f"{tmp_path}/real/", f"{tmp_path}/real/../name/file")


def test_a_file_system_without_owners_and_modes_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (undo, undo_folder):
        monkeypatch.setattr(module, "why_untrusted", lambda _found: "its mode is 0755, which is more than 0600")
    with pytest.raises(UndoFailed, match="its mode is 0755, which is more than 0600; nothing was changed"):
        written(tmp_path, Record(DECISION, ()))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UndoFailed, match="its mode is 0755, which is more than 0600"):
        undo_folder.check_folder(str(tmp_path))


def test_a_damaged_file_that_is_to_be_applied(tmp_path: Path) -> None:
    path = written(tmp_path, Record(DECISION, ('{"id": "p1"}',)))
    undo_damage.refuse_damage(str(path))
    put(path, path.read_text() + '{"post": "p1", "row": "{"}\n')
    with pytest.raises(
        BadInput, match=r"damaged at line 4 \(JSONDecodeError\); posts that can be read of it: p1"
    ) as told:
        undo_damage.refuse_damage(str(path))
    assert f"mv {path} {path}.damaged" in told.value.remedy


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
    put(path, "\n".join((FIRST, DECIDED, line)))
    assert undo.header(str(path)) == HEADER
    with pytest.raises(BadInput, match="is damaged"):
        list(undo.records(str(path)))


def test_a_folder_is_checked_without_a_trace(tmp_path: Path) -> None:
    """What check mode says is what the real run meets."""
    undo_folder.check_folder(str(tmp_path))
    undo_folder.check_folder(str(tmp_path / "new" / "folder"))
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_used_are_refused_as_the_real_run_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for folder in (file, file / "below", tmp_path / "dangling", Path("/proc/nowhere")):
        with pytest.raises(UndoFailed, match=r"could not be written to .*; nothing was changed\."):
            undo_folder.check_folder(str(folder))
        with pytest.raises(UndoFailed):
            written(folder)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(
        UndoFailed, match=r"user \S+ may not write there \(\S+ belongs to \S+\); nothing was changed"
    ) as failed:
        undo_folder.check_folder(str(tmp_path))
    assert "become" in failed.value.remedy


def test_a_read_only_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(UndoFailed, match="Read-only file system"):
        undo_folder.check_folder(str(tmp_path))


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EISDIR])
def test_a_file_system_without_nameless_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def unsupported(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", unsupported)
    undo_folder.check_folder(str(tmp_path))


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs(tmp_path)
    values = [0 if index == 4 else value for index, value in enumerate(room)]
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(values))
    with pytest.raises(UndoFailed, match="no room is left there"):
        undo_folder.check_folder(str(tmp_path))


@pytest.mark.parametrize("ending", [undo.PENDING, undo.UNDOING])
@pytest.mark.parametrize(
    ("text", "line", "posts"),
    [
        (f"{FIRST}\n{DECIDED}\n{DECIDED[:-9]}", 3, ("p1",)),
        (f"{FIRST}\n{DECIDED}\n7\n", 3, ("p1",)),
        (f'{FIRST}\n{DECIDED}\n{{"dropped": 7}}\n', 3, ("p1",)),
        (f"{DECIDED}\n", 1, ()),
        ("", 1, ()),
    ],
)
def test_a_damaged_file_of_an_interrupted_run(
    tmp_path: Path, ending: str, text: str, line: int, posts: tuple[str, ...]
) -> None:
    path = tmp_path / f"{NAME}{ending}"
    put(path, text)
    found = undo_damage.damaged(str(tmp_path), "postiz")
    assert [(one.path, one.line, one.posts) for one in found] == [(str(path), line, posts)]
    with pytest.raises(BadInput) as refused:
        undo_damage.refuse_damaged(found)
    assert f"{path} is damaged at line {line}" in refused.value.message
    assert all(post in refused.value.message for post in posts)
    assert "set_aside_damaged: true" in refused.value.remedy
    assert undo.pending(str(tmp_path), "postiz", ending, {str(path)}) == ()
    assert undo_damage.set_aside(found) == (f"{path}.damaged",)
    assert undo_damage.damaged(str(tmp_path), "postiz") == ()
    assert undo.pending(str(tmp_path), "postiz", ending) == ()
    assert Path(f"{path}.damaged").read_text() == text


def test_a_sound_file_is_not_damaged_nor_is_one_of_another_project(tmp_path: Path) -> None:
    path = written(tmp_path, Record(DECISION, ('{"id": "p1"}',)), dropped=["p2"])
    undo.keep_away(str(path), ["p1"])
    assert undo_damage.damaged(str(tmp_path), "postiz") == ()
    undo_damage.refuse_damaged(())
    path.write_text(path.read_text()[:-3])
    assert undo_damage.damaged(str(tmp_path), "another") == ()
    assert len(undo_damage.damaged(str(tmp_path), "postiz")) == 1


def test_posts_that_are_dropped_later_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, Record(DECISION, ("{}",)), Record(replace(DECISION, post="p2"), ("{}",)))
    undo.drop(str(path), ["p1"])
    assert [record.decision.post for record in undo.records(str(path))] == ["p2"]
