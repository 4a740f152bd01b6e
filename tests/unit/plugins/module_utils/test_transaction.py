"""All files or none; an interrupted placement is finished by the next run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.transaction import WantedFile

FILES = (WantedFile(".env", "A=1\n", 0o600, secret=True), WantedFile("boot-guard/x.sh", "#!/bin/sh\n", 0o755))


def place(directory: Path) -> None:
    staged = transaction.stage(
        str(directory), tuple(change.wanted for change in transaction.changes(str(directory), FILES))
    )
    transaction.commit(str(directory), staged)


def test_files_get_content_and_mode_and_the_second_look_finds_nothing(tmp_path: Path) -> None:
    place(tmp_path)
    assert (tmp_path / ".env").read_text() == "A=1\n"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "boot-guard/x.sh").stat().st_mode & 0o777 == 0o755
    assert transaction.changes(str(tmp_path), FILES) == ()
    assert list((tmp_path / "state").iterdir()) == []


def test_a_wrong_mode_is_a_change(tmp_path: Path) -> None:
    place(tmp_path)
    (tmp_path / ".env").chmod(0o644)
    (change,) = transaction.changes(str(tmp_path), FILES)
    assert (change.wanted.path, change.old_mode) == (".env", 0o644)


@pytest.mark.parametrize("moves", [0, 1])
def test_a_decided_placement_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    real = os.replace
    left = [moves + 1]  # the manifest's own move, then the files

    def killed(source: str, target: str) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        real(source, target)

    monkeypatch.setattr(transaction.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        place(tmp_path)
    monkeypatch.undo()
    assert transaction.interrupted(str(tmp_path))
    assert transaction.changes(str(tmp_path), FILES) == ()
    assert Path(transaction.current_path(str(tmp_path), ".env")).read_text() == "A=1\n"
    transaction.finish_interrupted(str(tmp_path))
    assert (tmp_path / ".env").read_text() == "A=1\n"
    assert (tmp_path / "boot-guard/x.sh").exists()


def test_power_that_fails_leaves_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rename is on the disk before what relies on it: the staged files, the manifest, the places, then the removal."""
    happened: list[str] = []
    fsync, move, remove = os.fsync, os.replace, transaction.shutil.rmtree

    def told(what: str) -> str:
        return str(Path(what).relative_to(tmp_path))

    def synced(handle: int) -> None:
        happened.append(f"sync {told(str(Path(f'/proc/self/fd/{handle}').readlink()))}")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(
        transaction.os, "replace", lambda old, new: (happened.append(f"move {told(new)}"), move(old, new))
    )
    monkeypatch.setattr(
        transaction.shutil, "rmtree", lambda path, **more: (happened.append("remove"), remove(path, **more))
    )
    place(tmp_path)
    decided = happened.index("move state/staged/manifest.json")
    first, gone = happened.index("move .env"), happened.index("remove")
    assert "sync state/staged" in happened[:decided]
    assert {"sync state/staged", "sync state"} <= set(happened[decided:first])
    assert {"sync .", "sync boot-guard"} <= set(happened[happened.index("move boot-guard/x.sh") : gone])


def test_an_undecided_placement_is_dropped(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=0\n")
    transaction.stage(str(tmp_path), FILES)
    assert not transaction.interrupted(str(tmp_path))
    transaction.finish_interrupted(str(tmp_path))
    assert (tmp_path / ".env").read_text() == "A=0\n"
    assert list((tmp_path / "state").iterdir()) == []
