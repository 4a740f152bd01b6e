"""Upgrades and rollbacks one after the other: which release is gone back to, what stays recorded, what the end of one tells."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.images import ImageDetail
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineLost, Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.release import (
    closing,
    journal,
    operations,
    records,
    saving,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import RELEASES
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.layout import MANAGED

LABELS = {"com.docker.compose.project": "p", "com.docker.compose.service": "postiz"}


class Stack:
    """A stack of one service, an engine with every image that is asked for, and the transaction's own part of the role."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.backups = 0
        self.keep = 3
        self.happened: list[str] = []
        self.images = SimpleNamespace(detail=self._detail, tag=lambda *_names: None, untag=lambda _name: None)
        (directory / ".env").write_text("SECRET=x\n")
        self.run("v1")

    def run(self, version: str) -> None:
        self.version = version
        (self.directory / "compose.yaml").write_text(
            f"# {MANAGED}\nservices: {{postiz: {{image: postiz:{version}}}}}\n"
        )

    def _detail(self, name: str) -> ImageDetail:
        version = name.rpartition(":")[2]
        return ImageDetail(f"sha256:{version}", (), {"NEXT_PUBLIC_VERSION": version})

    def containers(self, *_project: str) -> tuple[Container, ...]:
        image = f"postiz:{self.version}"
        return (Container("c", "p-postiz-1", image, "running", "", LABELS, (), (), f"sha256:{self.version}"),)

    def asked(self, state: str, **more: object) -> Outcome:
        given = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
        mine = {"project": "p", "directory": str(self.directory), "owner": "me@here:boot:1:2", "pull": "never"}
        engine: Any = SimpleNamespace(
            containers=self.containers,
            project_containers=self.containers,
            images=lambda: self.images,
            detail=lambda _identifier: SimpleNamespace(stop_seconds=10),
            acts=lambda: SimpleNamespace(stop=lambda *_given: self.happened.append("stopped")),
        )
        wanted = parse({**given, **mine, "keep": self.keep, "state": state, **more})
        return operations.run(wanted, False, Clock(), engine)

    def saved(self, label: str) -> dict[str, object]:
        return {"directory": str(self.directory / "backups"), "label": label, "exclude": []}

    def backup(self, wanted: Request, *_given: object) -> str:
        self.happened.append(wanted.label)
        self.backups += 1
        folder = self.directory / "backups" / str(self.backups)
        folder.mkdir(parents=True)
        return str(folder)

    def upgrade(self, version: str) -> Outcome:
        images = [{"service": "postiz", "image": f"postiz:{version}", "digest": ""}]
        self.asked("begun", images=images)
        self.asked("stepped", steps=["stop", "backup", "recreate"], backup=self.saved("before-upgrade"))
        self.run(version)
        return self.asked("committed")

    def rollback(self, release: object = "previous") -> Outcome:
        begun = self.asked("begun", to_release=str(release))
        return self.finish_rollback() if begun.payload["decision"] == "rollback" else begun

    def finish_rollback(self) -> Outcome:
        self.asked("stepped", steps=["back-stop", "back-backup"], backup=self.saved("before-rollback"))
        back_to = self.asked("stepped", steps=["back-files"]).payload["back_to_image"]
        self.run(back_to.rpartition(":")[2])
        return self.asked("returned")

    def recorded(self) -> list[int]:
        return [release.number for release in records.read(str(self.directory))]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    found = Stack(tmp_path)
    monkeypatch.setattr(saving, "save", found.backup)
    return found


def test_the_backup_is_taken_once_the_writers_have_ended_and_before_anything_is_made_anew(stack: Stack) -> None:
    stack.upgrade("v2")
    assert stack.happened == ["stopped", "before-upgrade"]
    written = journal.entries(str(stack.directory))
    told = [(entry["event"], entry["step"], entry.get("info")) for entry in written if "step" in entry][2:7]
    backup = {"backup": str(stack.directory / "backups" / "1")}
    assert told == [
        ("started", "stop", None),
        ("done", "stop", {}),
        ("started", "backup", None),
        ("done", "backup", backup),
        ("started", "recreate", None),
    ]


def test_a_backup_that_fails_announces_no_new_containers(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object) -> str:
        raise StackError("The disk is full.", "make room.")

    monkeypatch.setattr(saving, "save", full)
    with pytest.raises(StackError, match="The disk is full"):
        stack.upgrade("v2")
    found = journal.transaction(journal.entries(str(stack.directory)))
    assert found is not None
    assert (found.started, found.data_touched) == ("backup", False)


def ways(stack: Stack, *steps: str) -> str:
    """What runs after each step: `back` is a rollback without a number, another one the version of an upgrade."""
    seen = []
    for step in steps:
        if step.startswith("back"):
            stack.rollback(step[4:] or "previous")
        else:
            stack.upgrade(step)
        seen.append(stack.version)
    return " ".join(seen)


@pytest.mark.parametrize(
    ("steps", "runs"),
    [
        ("v2 back back", "v2 v1 v1"),
        ("v2 back v3 back", "v2 v1 v3 v1"),
        ("v2 back v3 back back", "v2 v1 v3 v1 v1"),
        ("v2 v3 back back back", "v2 v3 v2 v1 v1"),
        ("v2 v3 back v4 back back", "v2 v3 v2 v4 v2 v1"),
        ("v2 v3 back1 back", "v2 v3 v1 v1"),
        ("v2 v3 back1 v4 back", "v2 v3 v1 v4 v1"),
        # The number leads anywhere, also forward again.
        ("v2 back back2 back", "v2 v1 v2 v1"),
        # The same images again are another release by then, unless nothing came in between.
        ("v2 back v2 back", "v2 v1 v2 v1"),
        ("v2 v3 back1 v2 back back", "v2 v3 v1 v2 v1 v1"),
    ],
)
def test_back_is_the_release_before_and_never_one_that_was_left_by_going_back(
    stack: Stack, steps: str, runs: str
) -> None:
    stack.keep = 9
    assert ways(stack, *steps.split()) == runs


def test_a_rollback_that_is_played_again_changes_nothing(stack: Stack) -> None:
    """Also where another record has the same images."""
    stack.keep = 9
    ways(stack, "v2", "v3", "back1", "v2", "back1")
    told = stack.rollback()
    assert (told.changed, told.payload["decision"]) == (False, "nothing")
    assert "release 1 (v1) runs already: a rollback brought it back, and none before it" in told.payload["report"]
    ways(stack, "back2")
    assert "release 2 (v2) runs already." in stack.rollback(2).payload["report"]


def test_without_a_release_before_a_rollback_is_refused(stack: Stack) -> None:
    with pytest.raises(Refused, match=r"before the one that runs \(not recorded\) is recorded with a backup; .*: none"):
        stack.rollback()
    stack.upgrade("v2")
    records.drop(str(stack.directory), 1)
    with pytest.raises(Refused, match=r"No release before the one that runs \(2\) is recorded with a backup"):
        stack.rollback()


def test_records_of_before_they_knew_their_past_are_gone_through_by_number(stack: Stack) -> None:
    ways(stack, "v2", "v3")
    for place in (stack.directory / RELEASES).glob("*/release.json"):
        content = json.loads(place.read_text())
        del content["before"]
        place.write_text(json.dumps(content))
    assert ways(stack, "back", "back", "back") == "v2 v1 v1"


@pytest.mark.parametrize(
    ("keep", "steps", "kept"),
    [
        (1, "v2", [1, 2]),
        (1, "v2 v3", [2, 3]),
        (3, "v2 v3 v4", [2, 3, 4]),
        (3, "v2 v3 v4 v5 back3 v6", [3, 5, 6]),
        (3, "v2 back v3 v4", [1, 3, 4]),
    ],
)
def test_the_release_that_was_left_is_never_forgotten(stack: Stack, keep: int, steps: str, kept: list[int]) -> None:
    stack.keep = keep
    ways(stack, *steps.split())
    assert stack.recorded() == kept
    left = json.loads((stack.directory / RELEASES / f"{kept[-1]:04d}" / "release.json").read_text())["before"]
    assert stack.rollback().payload["release"] == left


def test_what_cannot_be_tidied_up_fails_no_release(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that runs at that time has the folder; the engine may be gone, too."""

    def lost(_name: str) -> None:
        raise EngineLost("It is gone.", "look.")

    monkeypatch.setattr(closing, "_LOCK_SECONDS", 0)
    stack.images.untag = lost
    stack.keep = 2
    stack.upgrade("v2")
    with Store(str(stack.directory / "backups")).locked(0, Clock()):
        told = stack.upgrade("v3")
    assert (told.payload["result"], told.payload["dropped"]) == ("committed", [1])
    (line,) = told.warnings
    assert line.startswith("Old backups stay until the next upgrade: Another run, process ")
    assert line in told.payload["report"]
    assert journal.entries(str(stack.directory))[-1]["event"] == "closed"
    assert stack.upgrade("v4").warnings == ()


def test_a_record_whose_removal_was_interrupted_is_no_record(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    ways(stack, "v2", "v3")

    def killed(_path: str, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(records.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            records.drop(str(stack.directory), 1)
    assert stack.recorded() == [2, 3]
    records.drop(str(stack.directory), 2)
    assert sorted(path.name for path in (stack.directory / RELEASES).iterdir()) == ["0003"]


def test_a_backup_that_failed_is_not_done_by_the_step_after_it(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left behind could not be dumped: the way back starts other servers first, and may be killed meanwhile."""
    ways(stack, "v2")
    stack.asked("begun", to_release="previous")

    def failed(*_given: object) -> str:
        raise StackError("It cannot be dumped.", "look.")

    with monkeypatch.context() as patched:
        patched.setattr(saving, "save", failed)
        with pytest.raises(StackError, match="cannot be dumped"):
            stack.asked("stepped", steps=["back-stop", "back-backup"], backup=stack.saved("before-rollback"))
    told = stack.asked("stepped", steps=["back-files"]).payload
    assert "back-backup" in told["begun"]
    assert "back-backup" not in told["done"]
    told = stack.asked("stepped", steps=["back-stop", "back-backup"], backup=stack.saved("before-rollback")).payload
    assert "back-backup" in told["done"]
    assert told["info"]["back-backup"]


@pytest.mark.parametrize("state", ["planned", "begun"])
def test_a_torn_record_is_said_before_anything_is_stopped(stack: Stack, state: str) -> None:
    stack.upgrade("v2")
    closed = journal.entries(str(stack.directory))
    (stack.directory / RELEASES / "0001" / "files" / "compose.yaml").write_text("")
    with pytest.raises(StackError, match="record of release 1 is not whole"):
        stack.asked(state, to_release="previous")
    assert journal.entries(str(stack.directory)) == closed


def asked_for(stack: Stack, wanted: str) -> tuple[str, int, str]:
    """Decision, end and what stays to be asked for, of a run that finds an open journal."""
    images = [{"service": "postiz", "image": f"postiz:{wanted}", "digest": ""}] if wanted.startswith("v") else []
    told = stack.asked("begun", images=images, to_release=None if images else wanted).payload
    assert told["unmet"] in told["report"]
    return told["decision"], told["back_to"], told["unmet"]


@pytest.mark.parametrize(
    ("wanted", "unmet"),
    [
        ("1", ""),
        ("2", "release 2"),
        ("previous", "release 2, the one before 3 (rollback_to=2)"),
        ("v4", "postiz:v4"),
        ("v1", ""),
    ],
)
def test_an_interrupted_rollback_is_finished_and_says_what_it_does_not_reach(
    stack: Stack, wanted: str, unmet: str
) -> None:
    ways(stack, "v2", "v3")
    stack.asked("begun", to_release="1")
    assert asked_for(stack, wanted) == ("return", 1, unmet)
    assert stack.finish_rollback().payload["release"] == 1


@pytest.mark.parametrize(("wanted", "unmet"), [("previous", ""), ("2", ""), ("1", "release 1"), ("v4", "postiz:v4")])
def test_a_rollback_during_an_interrupted_upgrade_goes_back_to_where_that_began(
    stack: Stack, wanted: str, unmet: str
) -> None:
    stack.upgrade("v2")
    stack.asked("begun", images=[{"service": "postiz", "image": "postiz:v3", "digest": ""}])
    assert asked_for(stack, wanted) == ("return", 2, unmet)


def test_an_interrupted_rollback_to_the_release_before_is_the_same_when_it_is_played_again(stack: Stack) -> None:
    ways(stack, "v2", "v3", "back", "v4")
    stack.asked("begun", to_release="previous")
    assert asked_for(stack, "previous") == ("return", 2, "")
