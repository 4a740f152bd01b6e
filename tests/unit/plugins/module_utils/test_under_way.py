"""Journals of upgrades and restores that are not closed, as other playbooks see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils import under_way
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_journal
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding
from ansible_collections.selfhost.postiz.plugins.module_utils.release import journal
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import BACK, FORWARD

RESTORE = restore_journal.Journal("/b/1", ("database",), True, "", "2026-11-24T09:00:00+00:00")


def upgrading(folder: Path, direction: str = FORWARD) -> None:
    (folder / "state" / "upgrade").mkdir(parents=True, exist_ok=True)
    journal.begin(str(folder), 1_800_000_000.0, "r", "root@here:boot:7:8", direction, (), 1)


def restoring(stack: Path, folder: Path, project: str = "postiz") -> None:
    folder.mkdir(exist_ok=True)
    restore_journal.write(str(folder), project, RESTORE)
    restore_journal.point(str(stack), str(folder), project)


def found(*folders: Path) -> Finding:
    finding = under_way.look([str(folder) for folder in folders], "postiz")
    assert finding is not None
    return finding


def test_nothing_is_under_way_without_a_journal_or_a_folder(tmp_path: Path) -> None:
    assert under_way.look([str(tmp_path), str(tmp_path / "missing")], "postiz") is None
    assert under_way.report(str(tmp_path), "postiz", True).payload == {"open": False, "findings": []}


@pytest.mark.parametrize(
    ("direction", "turned", "what", "playbook"),
    [
        (FORWARD, False, "An upgrade of root on here, process 7", "upgrade"),
        (FORWARD, True, "An upgrade, which goes back, of root on here, process 7", "upgrade"),
        (BACK, False, "A rollback of root on here, process 7", "rollback"),
    ],
)
def test_an_upgrade_is_told_by_who_since_when_and_how_far(
    tmp_path: Path, direction: str, turned: bool, what: str, playbook: str
) -> None:
    upgrading(tmp_path, direction)
    told = f"{what} is not finished: it is under way since 2027-01-15T08:00:00Z, and "
    if turned:
        journal.note(str(tmp_path), 2.0, "turned", direction=BACK, cause="x")
    assert found(tmp_path).evidence == f"{told}no step has begun."
    assert f"run the playbook {playbook} again: it goes on from there" in found(tmp_path).remedy
    journal.note(str(tmp_path), 2.0, "started", step="back-stop" if direction == BACK else "stop")
    step = "back-stop" if direction == BACK else "stop"
    assert found(tmp_path).evidence == f"{told}its last step is {step}."
    journal.note(str(tmp_path), 3.0, "done", step=step)
    assert found(tmp_path).evidence == f"{told}its last step is {step}."
    journal.note(str(tmp_path), 4.0, "closed", result="returned", release=1)
    assert under_way.look([str(tmp_path)], "postiz") is None


def test_a_restore_is_found_in_its_usual_folder_and_wherever_else_it_is(tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    stack.mkdir()
    restore_journal.write(str(tmp_path), "postiz", RESTORE)
    assert under_way.look([str(stack)], "postiz") is None, "nothing tells of that folder"
    restoring(stack, tmp_path / "elsewhere")
    finding = found(stack)
    assert finding.code == "restore-under-way"
    assert "A restore of /b/1 is not finished: it is under way since 2026-11-24T09:00:00+00:00" in finding.evidence
    assert (
        "no step is at its end; its journal is " + str(tmp_path / "elsewhere" / ".restore-postiz.json")
        in finding.evidence
    )
    assert "run the playbook restore again" in finding.remedy
    restore_journal.write(str(tmp_path / "elsewhere"), "postiz", replace(RESTORE, done=("files", "volumes")))
    assert "its last step at an end is volumes" in found(stack).evidence
    (tmp_path / "elsewhere" / ".restore-postiz.json").unlink()
    assert under_way.look([str(stack)], "postiz") is None, "a pointer whose journal is gone is none"
    (stack / "backups").mkdir()
    restore_journal.write(str(stack / "backups"), "postiz", RESTORE)
    assert found(stack).code == "restore-under-way"
    assert under_way.look([str(stack)], "other") is None


def test_a_restore_of_an_upgrade_is_told_as_that(tmp_path: Path) -> None:
    restoring(tmp_path, tmp_path / "backups")
    upgrading(tmp_path)
    assert found(tmp_path).code == "upgrade-under-way"


@pytest.mark.parametrize("text", ["nonsense\n", '{"event": "begun"}\n', "[]\n", "\xff\n"])
def test_a_damaged_journal_of_an_upgrade_counts_as_open(tmp_path: Path, text: str) -> None:
    upgrading(tmp_path)
    Path(journal.path(str(tmp_path))).write_bytes(text.encode("latin-1"))
    assert found(tmp_path).code == "upgrade-under-way"
    assert "cannot be told" in found(tmp_path).evidence


def test_a_damaged_journal_of_a_restore_counts_as_open(tmp_path: Path) -> None:
    restoring(tmp_path, tmp_path / "backups")
    (tmp_path / "backups" / ".restore-postiz.json").write_text("{")
    assert found(tmp_path).code == "restore-under-way"
    assert "cannot be told" in found(tmp_path).evidence
    (tmp_path / "state" / "restore-under-way").write_bytes(b"\xff")
    assert found(tmp_path).code == "restore-under-way"


def test_one_that_this_user_may_not_read_counts_as_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_given: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    upgrading(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", refused)
        told = found(tmp_path)
    assert (told.code, "become: true" in told.remedy) == ("upgrade-under-way", True)


def test_a_caller_may_ask_without_a_refusal(tmp_path: Path) -> None:
    upgrading(tmp_path)
    with pytest.raises(Refused, match="upgrade-under-way"):
        under_way.report(str(tmp_path), "postiz", True)
    told = under_way.report(str(tmp_path), "postiz", False).payload
    assert told["open"]
    assert [item["code"] for item in told["findings"]] == ["upgrade-under-way"]
