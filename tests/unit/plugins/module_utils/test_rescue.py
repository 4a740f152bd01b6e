"""Which anonymous volumes go where, when that is refused, and that a copy is proved."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_CONFIG_FILES,
    LABEL_SERVICE,
    Container,
    Mount,
    Volume,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import record
from ansible_collections.selfhost.postiz.plugins.module_utils.rescue import copy, operations, plan
from contract import disagreements
from fake_engine import FakeEngine

ANONYMOUS = "0" * 63 + "a"
DATA = "/var/lib/postgresql/data"


def container(service: str, *mounts: Mount, name: str = "") -> Container:
    return Container(service, name or service, "", "running", "", {LABEL_SERVICE: service}, (), mounts)


def anonymous(destination: str = DATA, name: str = ANONYMOUS) -> Mount:
    return Mount("volume", name, destination, f"/volumes/{name}/_data")


def test_only_anonymous_volumes_are_moved_and_get_upstream_s_names() -> None:
    found = plan.moves(
        (
            container("temporal-postgresql", anonymous()),
            container("postiz", Mount("volume", "p_postiz-uploads", "/uploads"), Mount("bind", "", "/x")),
            container("other", anonymous("/some/data/")),
        ),
        "p",
    )
    assert [(move.service, move.name) for move in found] == [
        ("other", "p_other-some-data"),
        ("temporal-postgresql", "p_temporal-postgres-data"),
    ]
    assert yaml.safe_load(plan.override_text(found)) == {
        "services": {
            "other": {"volumes": ["other-some-data:/some/data/"]},
            "temporal-postgresql": {"volumes": [f"temporal-postgres-data:{DATA}"]},
        },
        "volumes": {"other-some-data": {}, "temporal-postgres-data": {}},
    }


def test_what_an_earlier_run_has_switched_stays_in_the_file() -> None:
    first = plan.moves((container("temporal-postgresql", anonymous()),), "p")
    second = plan.moves((container("other", anonymous("/d")),), "p")
    whole = operations._all(second, plan.override_text(first))
    assert [move.service for move in whole] == ["temporal-postgresql", "other"]
    assert operations._all(second, "services: {}\n") == second


def test_a_rescue_that_was_interrupted_after_its_file_is_seen_until_the_services_are_switched(tmp_path: Path) -> None:
    files = (str(tmp_path / "compose.yaml"),)
    old = (container("temporal-postgresql", anonymous()), container("other", anonymous("/d")))
    copied = (Volume("p_temporal-postgres-data", {plan.LABEL: ANONYMOUS}),)
    assert plan.half_done(old, copied, "p", files) == ()
    (tmp_path / "compose.override.yaml").write_text(plan.override_text(plan.moves(old[:1], "p")))
    assert plan.half_done(old, copied, "p", files) == ("temporal-postgresql",)
    started_without = (container("temporal-postgresql", anonymous(name="1" * 64)), old[1])
    assert plan.half_done(started_without, copied, "p", files) == (), "the copy is of another one, and newer perhaps"
    switched = container("temporal-postgresql", Mount("volume", "p_temporal-postgres-data", DATA))
    assert plan.half_done((switched, old[1]), copied, "p", files) == ()
    (tmp_path / "compose.override.yaml").write_text("services: {}\n")
    assert plan.half_done(old, copied, "p", files) == ()


@pytest.mark.parametrize(
    ("files", "path"),
    [
        (("/s/docker-compose.yaml",), "/s/docker-compose.override.yaml"),
        (("/s/compose.yml",), "/s/compose.override.yml"),
        (("/s/docker-compose.yaml", "/s/docker-compose.override.yaml"), "/s/docker-compose.override.yaml"),
        (("/s/docker-compose.yaml", "/s/more.yaml"), ""),
        (("/s/postiz.yaml",), ""),
        ((), ""),
    ],
)
def test_the_override_is_the_file_that_compose_reads_by_itself(files: tuple[str, ...], path: str) -> None:
    assert plan.override_path(files) == path


def test_the_switch_is_refused_where_it_would_not_hold() -> None:
    files = ("/s/compose.yaml",)
    one = plan.moves((container("db", anonymous()),), "p")
    two = plan.moves((container("db", anonymous()), container("db", anonymous(name="1" * 64), name="db-2")), "p")
    assert plan.obstacle(one, files, "", "") == ""
    assert plan.obstacle(one, files, "", plan.override_text(one)) == ""
    assert "somebody else" in plan.obstacle(one, files, "", "services: {}\n")
    assert "several containers" in plan.obstacle(two, files, "", "")
    assert "reads no other file" in plan.obstacle(one, ("/s/mine.yaml",), "", "")
    assert plan.obstacle(one, files, "gone.", "") == "gone."


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "file").write_bytes(os.urandom(3000))
    (source / "link").symlink_to("deep/file")
    (source / "deep" / "file").chmod(0o640)
    source.chmod(0o700)
    target.mkdir()
    return source, target


def test_a_copy_is_the_same_in_everything(folders: tuple[Path, Path]) -> None:
    source, target = folders
    assert copy.copy(str(source), str(target)) == 5
    assert (target / "deep" / "file").read_bytes() == (source / "deep" / "file").read_bytes()
    assert target.stat().st_mode & 0o777 == 0o700
    assert copy.size(str(source)) > 0


def test_a_copy_that_differs_is_told(folders: tuple[Path, Path]) -> None:
    source, target = folders
    (target / "left-over").write_text("of a run that was killed")
    with pytest.raises(copy.CopyFailed, match="differs from it at left-over"):
        copy.copy(str(source), str(target))
    copy.clear(str(target))
    assert copy.empty(str(target))
    assert copy.copy(str(source), str(target)) == 5


def test_a_copy_that_cannot_be_made_is_told(folders: tuple[Path, Path]) -> None:
    source, _target = folders
    with pytest.raises(copy.CopyFailed, match="could not be copied"):
        copy.copy(str(source), "/nonexistent/target")


def test_nothing_is_stopped_while_a_recovery_is_in_the_middle_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services: {}\n")
    labels = {LABEL_SERVICE: "temporal-postgresql", LABEL_CONFIG_FILES: str(compose)}
    database = Container("id", "name", "", "running", "", labels, (), (anonymous(),))

    class OneDatabase(FakeEngine):
        def project_containers(self, _project: str) -> tuple[Container, ...]:
            return (database,)

    monkeypatch.setattr(operations, "_refuse", lambda *_: None)
    copied: list[str] = []

    def copies(*_: object) -> int:
        with pytest.raises(record.Busy), record.alone(state):
            pass
        copied.append("copied")
        return 7

    monkeypatch.setattr(operations, "_copied", copies)
    state = str(tmp_path / "state")
    with record.alone(state), pytest.raises(record.Busy):
        operations.rescue(OneDatabase, "p", "postiz", state, False)  # type: ignore[arg-type]
    assert not copied
    done = operations.rescue(OneDatabase, "p", "postiz", state, False)  # type: ignore[arg-type]
    assert (done.changed, done.payload["entries"], done.payload["environment_files"]) == (True, 7, [])
    assert disagreements("stack_volume_rescue", done.payload) == []


def test_a_named_volume_with_data_of_another_one_is_not_gone_over(tmp_path: Path) -> None:
    class Volumes(FakeEngine):
        def volumes(self) -> tuple[Volume, ...]:
            return (Volume("p_temporal-postgres-data", {plan.LABEL: "1" * 64}),)

        def containers(self) -> tuple[Container, ...]:
            return ()

    mount = replace(anonymous(), source=str(tmp_path))
    moves = plan.moves((container("temporal-postgresql", mount),), "p")
    with pytest.raises(BadInput, match="is there already"):
        operations._refuse(Volumes(), moves)  # type: ignore[arg-type]
