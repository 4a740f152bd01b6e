"""Names, retention and what a killed run leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import backup_samples as samples
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import PARTS
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.rules import NOT_CHOSEN
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup, Busy, Store, expired
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput


def test_manifest_comes_back() -> None:
    assert manifests.parse(manifests.text(samples.MANIFEST)) == samples.MANIFEST
    assert samples.MANIFEST.bytes == 100


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": 1', '"format": 2'),
        ("databases/p.dump", "../p.dump"),
        ("config.tar", "/etc/passwd"),
        ('"rows"', '"lines"'),
    ],
)
def test_what_is_no_manifest(old: str, new: str) -> None:
    text = manifests.text(samples.MANIFEST)
    assert old in text
    with pytest.raises(ValueError):  # noqa: PT011 - any text of it
        manifests.parse(text.replace(old, new))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"format": 1}'])
def test_other_json_is_no_manifest(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text of it
        manifests.parse(text)


def backup(name: str, label: str = "", project: str = "postiz") -> Backup:
    return Backup(f"/b/{name}", replace(samples.MANIFEST, name=name, label=label, project=project, taken_at=name))


def test_retention_counts_each_label_and_project_by_itself() -> None:
    there = (backup("1"), backup("2"), backup("3"), backup("0", "before-upgrade"), backup("4", project="other"))
    assert [item.path for item in expired(there, "postiz", "", 2)] == ["/b/1"]
    assert expired(there, "postiz", "before-upgrade", 1) == ()
    assert expired(there, "postiz", "", 0) == ()
    assert [item.path for item in expired(there, "postiz", "", 1)] == ["/b/2", "/b/1"]


def test_whole_ones_have_names_and_the_rest_is_swept(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "backups"))
    with store.locked(0, Clock()):
        first = store.commit(store.begin(0.0, ""), replace(samples.MANIFEST, taken_at="1"))
        second = store.commit(
            store.begin(0.0, "before-restore"), replace(samples.MANIFEST, taken_at="2", label="before-restore")
        )
        store.begin(1.0, "")
        assert len(store.leftovers()) == 1
        assert [item.path for item in store.backups("postiz")] == [second.path, first.path]
        # What was made on the way of a restore is not what somebody means by the newest.
        assert store.named("newest", "postiz").path == first.path
        assert store.named(Path(second.path).name, "postiz").path == second.path
        assert store.clean() == ("19700101T000001Z.partial",)
        store.remove(first)
        assert [item.path for item in store.backups()] == [second.path]
    assert Path(second.path).stat().st_mode & 0o777 == 0o700
    assert (Path(second.path) / "manifest.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match="no backup of the project"):
        store.named("newest", "other")
    with pytest.raises(BadInput, match="Backups in"):
        store.named("20200101T000000Z", "postiz")


def kept(folder: Path, name: str, parts: tuple[str, ...], label: str = "") -> None:
    (folder / name).mkdir()
    made = replace(samples.MANIFEST, name=name, taken_at=name, parts=parts, label=label)
    (folder / name / "manifest.json").write_text(manifests.text(made))


def test_newest_holds_what_is_wanted(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    kept(tmp_path, "1", ("database", "temporal", "uploads"))
    kept(tmp_path, "2", PARTS)
    kept(tmp_path, "3-before-upgrade", ("database", "temporal"), "before-upgrade")
    kept(tmp_path, "4-before-rollback", PARTS, "before-rollback")

    def named(*parts: str) -> str:
        return Path(store.named("newest", "postiz", parts).path).name

    assert named() == "2"
    assert named("uploads") == "2"
    assert named("database", "temporal") == "3-before-upgrade"
    # What is named is taken as it is.
    assert Path(store.named("4-before-rollback", "postiz", PARTS).path).name == "4-before-rollback"
    store.remove(store.named("2", "postiz"))
    assert named() == "1"
    with pytest.raises(BadInput, match=r"holds all of config.*3-before-upgrade \(database, temporal\), 1 \(database"):
        named("config")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, ("database", "temporal", "uploads", "config")),
        ({"files": [], "volumes": []}, ("database", "temporal")),
        ({"databases": []}, ("uploads", "config")),
        (
            {"only": "postiz", "exclusions": [{"name": "database:t/temporal", "reason": NOT_CHOSEN}]},
            ("database", "uploads", "config"),
        ),
        # Temporal's lies elsewhere.
        ({"only": "postiz"}, ("database", "temporal", "uploads", "config")),
    ],
)
def test_parts_of_a_manifest_that_does_not_say_them(changes: dict[str, Any], parts: tuple[str, ...]) -> None:
    found = {**manifests.as_dict(samples.MANIFEST), **changes}
    del found["parts"]
    only = found.pop("only", "")
    found["databases"] = [item for item in found["databases"] if not only or item["kind"] == only]
    assert manifests.parse(json.dumps(found)).parts == parts


def test_one_run_at_a_time(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with store.locked(0, Clock()), pytest.raises(Busy), Store(str(tmp_path)).locked(0, Clock()):
        pass
    with store.locked(0, Clock()):
        pass


def test_a_run_that_changes_nothing_waits_for_one_that_does_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    store = Store(str(folder))
    store.wait_until_free(0, Clock())
    assert not folder.exists()
    with store.locked(0, Clock()), pytest.raises(Busy):
        Store(str(folder)).wait_until_free(0, Clock())
    store.wait_until_free(0, Clock())
