"""The steps of a restore on a stack that only says what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import backup_samples as samples
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    databases,
    project_files,
    restore,
    restore_files,
    restore_journal,
    restore_observe,
    restore_parameters,
    restore_workflows,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import Manifest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_run import Run
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_SERVICE,
    Container,
    ContainerDetail,
    Volume,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from fake_engine import FakeEngine

SERVER = Container("id-postiz-postgres", "postgres-1", "postgres:17", "running", "", {}, (), ())
SHARED = replace(
    samples.MANIFEST,
    servers=(samples.MANIFEST.servers[0],),
    databases=tuple(replace(item, service="postiz-postgres") for item in samples.MANIFEST.databases),
)


class Engine(FakeEngine):
    """One PostgreSQL server."""

    def detail(self, _identifier: str) -> ContainerDetail:
        return ContainerDetail({"PG_MAJOR": "17"}, "", "", 0, 0, False, "", "", "")


def request(directory: str = "/backups", **given: Any) -> restore_parameters.Request:
    params = {name: option.get("default") for name, option in restore_parameters.ARGUMENT_SPEC.items()}
    return restore_parameters.parse({**params, "project": "postiz", "directory": directory, **given}, False)


def scene(**changes: Any) -> restore_observe.Scene:
    seen = samples.project(servers=(samples.server("postiz-postgres", place="postgres-volume"),), **changes)
    return restore_observe.Scene(seen, (), {"postgres-volume": Volume("postiz_postgres-volume", {})})


def running(
    directory: Path, wanted: restore_parameters.Request, manifest: Manifest = samples.MANIFEST, **changes: Any
) -> Run:
    tools = Tools(Engine(), Engine, Clock(), lambda _step: None)
    made = Run(tools, wanted, Backup(str(directory / "b"), manifest), scene(), None)
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"parts": ["database"]}, ("postiz-postgres/temporal",)),
        ({"parts": ["database"], "volumes": "kept"}, ()),
        ({"parts": ["database", "temporal"]}, ()),
        ({"parts": ["uploads"]}, ()),
    ],
)
def test_other_databases_of_a_server_that_is_made_anew_are_seen(
    given: dict[str, Any], found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = (replace(samples.POSTS, kind="other"), replace(samples.WORKFLOWS, service="postiz-postgres"), samples.EMPTY)
    facts = databases.ServerFacts("17.10", 170010, (), there, "")
    monkeypatch.setattr(databases, "look", lambda _login: facts)
    live = restore_observe.live(Engine(), request(**given), SHARED, scene())
    assert live.others == found


@pytest.mark.parametrize(
    ("started", "done", "worked"),
    [
        ("2026-11-24T10:00:00.5Z", (), False),
        ("2026-11-24T12:00:00.5Z", (), True),
        ("2026-11-24T12:00:00.5Z", ("files", "volumes", "databases"), True),
        ("2026-11-24T12:00:00.5Z", ("files", "volumes", "databases", "workflows"), False),
        ("0001-01-01T00:00:00Z", (), False),
    ],
)
def test_what_was_known_to_be_unsent_is_forgotten_once_postiz_has_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, done: tuple[str, ...], worked: bool
) -> None:
    """Somebody, or a timer, started it while the restore was interrupted."""
    own = Container("id-postiz", "postiz-1", "postiz", "running", "", {LABEL_SERVICE: "postiz"}, (), ())
    detail = ContainerDetail({}, "", "", 0, 0, False, started, "", "")
    monkeypatch.setattr(Engine, "detail", lambda _self, _identifier: detail)
    journal = restore_journal.Journal("b", ("database",), False, "c", "2026-11-24T11:00:00+00:00", done, unsent=("p1",))
    restore_journal.write(str(tmp_path), "postiz", journal)
    there = replace(scene(), containers=(own,))
    wanted = request(str(tmp_path), parts=["database"])
    monkeypatch.setattr(restore_files, "_ask_unsent", lambda _run: "")
    restore_files.place(running(tmp_path, wanted, scene=there, journal=journal))
    kept = restore_journal.read(str(tmp_path), "postiz")
    assert kept is not None
    assert (kept.worked, kept.unsent) == (worked, () if worked else ("p1",))


def planned(
    directory: Path, monkeypatch: pytest.MonkeyPatch, there: restore_observe.Scene | None = None, **given: Any
) -> Outcome:
    monkeypatch.setattr(restore_observe, "scene", lambda _engine, _request: there or scene())
    monkeypatch.setattr(restore, "judged", lambda _run: ())
    wanted = replace(request(str(directory), **given), check_mode=True)
    return restore.restore(running(directory, wanted).tools, wanted)


def test_the_plan_says_which_parts_are_not_there_and_what_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, parts in (("1", ("database", "temporal", "uploads")), ("2", ("database", "temporal"))):
        (tmp_path / name).mkdir()
        manifest = replace(samples.MANIFEST, taken_at=name, parts=parts)
        (tmp_path / name / "manifest.json").write_text(manifests.text(manifest))
    outcome = planned(tmp_path, monkeypatch)
    lacking, passed = outcome.warnings
    assert outcome.payload["backup"] == str(tmp_path / "1")
    assert outcome.payload["parts"] == ["database", "temporal", "uploads"]
    assert lacking == f"{tmp_path}/1 does not hold config: these stay as they are."
    assert passed.endswith(f"hold less than {tmp_path}/1: 2 (only database, temporal).")
    assert outcome.payload["report"].splitlines()[:2] == [lacking, passed]
    assert planned(tmp_path, monkeypatch, backup="2", parts=["database"]).warnings == ()
    for step in restore_parameters.STEPS:
        with pytest.raises(BadInput, match="/2 does not hold uploads, only database, temporal"):
            planned(tmp_path, monkeypatch, backup="2", parts=["database", "uploads"], step=step)
    # One that is under way stays what it was.
    journal = restore_journal.Journal(str(tmp_path / "2"), ("database",), True, "", "2026-11-24T09:00:00+00:00")
    restore_journal.write(str(tmp_path), "postiz", journal)
    outcome = planned(tmp_path, monkeypatch)
    assert outcome.payload["backup"] == str(tmp_path / "2")
    assert outcome.payload["parts"] == ["database"]
    assert outcome.warnings == ()


def test_a_restore_that_only_was_not_closed_gives_way_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(manifests.text(replace(samples.MANIFEST, taken_at=name)))
    steps = restore_parameters.STEPS[1:-1]
    journal = restore_journal.Journal(str(tmp_path / "1"), ("database",), True, "", "2026-11-24T09:00:00+00:00", steps)
    restore_journal.write(str(tmp_path), "postiz", journal)
    for name in ("newest", "1"):
        outcome = planned(tmp_path, monkeypatch, backup=name)
        assert outcome.payload["under_way"]
        assert outcome.payload["backup"] == str(tmp_path / "1")
        assert "All of it is in place" in outcome.payload["report"]
    other = planned(tmp_path, monkeypatch, backup="2")
    assert not other.payload["under_way"]
    assert other.payload["backup"] == str(tmp_path / "2")
    # Wiped again: nothing of it is in place any more.
    wiped = planned(tmp_path, monkeypatch, there=replace(scene(), volumes={}))
    assert not wiped.payload["under_way"]
    assert wiped.payload["backup"] == str(tmp_path / "2")
    # One that has changed half of the stack gives way to none.
    restore_journal.write(str(tmp_path), "postiz", replace(journal, done=steps[:2]))
    with pytest.raises(BadInput, match="is under way"):
        planned(tmp_path, monkeypatch, backup="2")


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (("/opt/postiz/compose.yaml", "/opt/postiz/compose.override.yml"), ()),
        (("/opt/postiz/docker-compose.yml",), ()),
        (("/opt/postiz/a.yml", "/opt/postiz/prod/b.yml", "/etc/c.yml"), ("a.yml", "prod/b.yml", "/etc/c.yml")),
        (("/opt/postiz/compose.yaml", "/opt/postiz/prod.yml"), ("compose.yaml", "prod.yml")),
        (("/opt/postiz/sub/compose.yaml",), ("sub/compose.yaml",)),
        ((), ()),
    ],
)
def test_compose_files_with_names_of_their_own(paths: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert project_files.told(paths, "/opt/postiz") == found


def test_which_compose_files_the_stack_is_started_from(tmp_path: Path) -> None:
    manifest = replace(samples.MANIFEST, compose_files=("/opt/postiz/a.yml",))
    wanted = replace(request(str(tmp_path), parts=["database", "config"]), project_directory=str(tmp_path))
    run = running(tmp_path, wanted, manifest, scene=scene(compose_files=("/opt/postiz/b.yml",)))
    assert (project_files.now(run), project_files.afterwards(run)) == (("b.yml",), ("a.yml",))
    run = replace(run, request=replace(wanted, parts=("database",)))
    assert project_files.afterwards(run) == ("b.yml",)
    # Nothing is there but the files that somebody has put in place.
    run = replace(run, scene=replace(run.scene, project=None))
    assert project_files.afterwards(run) == ()
    (tmp_path / "a.yml").touch()
    assert project_files.afterwards(run) == ("a.yml",)


@pytest.mark.parametrize(
    ("parts", "done", "text"),
    [
        (("uploads", "config"), (), "No database goes back, so every workflow goes on."),
        (("database",), ("workflows",), "The workflows are ended already."),
    ],
)
def test_workflows_go_on_if_no_database_goes_back(
    parts: tuple[str, ...], done: tuple[str, ...], text: str, tmp_path: Path
) -> None:
    journal = restore_journal.Journal(str(tmp_path / "b"), parts, True, "", "2026-11-24T09:00:00+00:00", done)
    run = running(tmp_path, request(str(tmp_path), parts=list(parts)), journal=journal)
    run = replace(run, scene=replace(run.scene, containers=(replace(SERVER, labels={LABEL_SERVICE: "postiz"}),)))
    outcome = restore_workflows.end(run)
    assert outcome.payload["report"] == text
    assert not outcome.changed
    assert outcome.payload["done"] == ["workflows"]


def test_a_restore_without_configuration_is_under_way_before_containers_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack").mkdir()
    wanted = request(str(tmp_path), parts=["uploads"], project_directory=str(tmp_path / "stack"))
    run = running(tmp_path, wanted)
    monkeypatch.setattr(restore_files, "gate", lambda _run: ())
    outcome = restore_files.place(run)
    journal = restore_journal.read(str(tmp_path), "postiz")
    assert journal is not None
    assert journal.done == ("files",)
    pointer = tmp_path / "stack" / "state" / "restore-under-way"
    assert pointer.read_text() == str(tmp_path / ".restore-postiz.json")
    assert (pointer.stat().st_mode & 0o777, pointer.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not outcome.changed
    assert outcome.payload["under_way"]


def test_what_a_restore_leaves_in_the_directory_of_the_stack_goes_with_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = tmp_path / "stack"
    stack.mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "manifest.json").write_text(manifests.text(samples.MANIFEST))
    wanted = request(str(tmp_path), step="done", project_directory=str(stack))
    run = running(tmp_path, wanted)
    run.begun()
    assert restore_journal.places(str(stack), "postiz") == (str(tmp_path), str(stack / "backups"))
    assert restore_journal.places(str(stack), "other") == (str(stack / "backups"),)
    monkeypatch.setattr(restore_observe, "scene", lambda _engine, _request: scene())
    monkeypatch.setattr(restore.volumes, "remove_left", lambda *_: None)
    assert restore.restore(run.tools, wanted).changed
    assert restore_journal.read(str(tmp_path), "postiz") is None
    assert list(stack.iterdir()) == []
    assert restore_journal.places(str(stack), "postiz") == (str(stack / "backups"),)


def test_a_restore_goes_on_where_nothing_can_be_left_in_the_directory_of_the_stack(tmp_path: Path) -> None:
    (tmp_path / "stack").write_text("a file")
    for name in ("stack", "missing"):
        wanted = request(str(tmp_path), parts=["uploads"], project_directory=str(tmp_path / name))
        run = running(tmp_path, wanted)
        assert run.begun()
        assert restore_journal.remove(str(tmp_path), "postiz", run.directory)
    assert not (tmp_path / "missing").exists()


def test_a_resumed_restore_leaves_it_again(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    wanted = request(str(tmp_path), parts=["uploads"], project_directory=str(tmp_path / "stack"))
    journal = restore_journal.Journal("/b", ("uploads",), True, "", "2026-11-24T09:00:00+00:00")
    run = running(tmp_path, wanted, journal=journal)
    assert run.begun() == journal
    assert (tmp_path / "stack" / "state" / "restore-under-way").exists()
