"""The mount in the Compose files of others, and what recreating their service would apply besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import composed, manifest, override
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import ImageFacts, Origin, Tree
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    ContainerDetail,
    ImageConfig,
    Mount,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from fake_engine import FakeEngine

SOURCE, TARGET, IMAGE = "/opt/next/current", "/app/.next", "postiz:1"
BIND = {"type": "bind", "source": SOURCE, "target": TARGET}


class Stack(FakeEngine):
    """One container, made of `docker-compose.yml` with the hash `made`."""

    def __init__(self, folder: Path, mounted: bool = False, made: str = "one", compose: str = "2.40.3") -> None:
        (folder / "docker-compose.yml").write_text("services: {}\n")
        labels = {
            "com.docker.compose.service": "postiz",
            "com.docker.compose.project.working_dir": str(folder),
            "com.docker.compose.project.config_files": str(folder / "docker-compose.yml"),
            "com.docker.compose.config-hash": made,
            "com.docker.compose.version": compose,
        }
        mounts = (Mount("bind", "", TARGET, SOURCE),) if mounted else ()
        self._container = Container("4c01", "postiz-1", IMAGE, "running", "", labels, (), mounts)

    def project_containers(self, project: str) -> tuple[Container, ...]:  # noqa: ARG002
        return (self._container,)

    def image(self, name: str) -> ImageConfig:
        return ImageConfig(f"sha256:{name[-1] * 16}", (), ())

    def detail(self, identifier: str) -> ContainerDetail:  # noqa: ARG002
        return ContainerDetail({"URL": "old", "PATH": "/bin"}, "", "", 0, 0, False, "", "", "")


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Compose answers: the service, and its hash with the container's image and mount."""
    told: dict[str, Any] = {"service": {"image": IMAGE, "environment": {"URL": "old"}}, "hash": "one"}

    def ask(_files: composed.Files, words: list[str], more: str = "") -> str:
        told["more"] = more
        if "--hash" in words:
            return f"postiz {told['hash']}\n"
        return json.dumps({"services": {"postiz": told["service"]}}) if told["service"] else ""

    monkeypatch.setattr(composed.Files, "ask", ask)
    monkeypatch.setattr(composed, "compose_version", lambda: "2.40.3")
    return told


def run(engine: Stack, **given: Any) -> Outcome:
    defaults = {name: entry.get("default") for name, entry in override.ARGUMENT_SPEC.items()}
    params = {**defaults, "project": "postiz", "source": SOURCE, "path": TARGET, **given}
    return override.run(engine, override.parse(params, True))  # type: ignore[arg-type]


def write(engine: Stack, **given: Any) -> Outcome:
    defaults = {name: entry.get("default") for name, entry in override.ARGUMENT_SPEC.items()}
    params = {**defaults, "project": "postiz", "path": TARGET, "accept_pending": True, **given}
    return override.run(engine, override.parse(params, False))  # type: ignore[arg-type]


def test_nothing_is_pending(tmp_path: Path, files: dict[str, Any]) -> None:
    outcome = run(Stack(tmp_path))
    assert outcome.changed
    assert not outcome.warnings
    assert outcome.payload["configured_image"] == IMAGE
    assert files["more"] == 'services:\n  "postiz":\n    image: "postiz:1"\n'


def test_other_changes_are_refused_by_name_and_without_values(tmp_path: Path, files: dict[str, Any]) -> None:
    files.update(hash="two", service={"image": IMAGE, "environment": {"URL": "new-secret", "MORE": "1"}})
    with pytest.raises(Refused) as told:
        run(Stack(tmp_path))
    assert told.value.findings[0].code == "frontend-changes-pending"
    assert "MORE, URL" in str(told.value)
    assert "new-secret" not in str(told.value)
    assert run(Stack(tmp_path), accept_pending=True).changed


def test_another_release_of_compose_may_have_another_hash(tmp_path: Path, files: dict[str, Any]) -> None:
    files["hash"] = "two"
    with pytest.raises(Refused, match="settings besides image and mount"):
        run(Stack(tmp_path))
    assert "Another release of Compose" in run(Stack(tmp_path, compose="2.20.0")).warnings[0]


def test_compose_that_cannot_answer_refuses_nothing(tmp_path: Path, files: dict[str, Any]) -> None:
    files["service"] = None
    assert run(Stack(tmp_path)).changed


def test_lines_that_were_added_by_hand_need_no_recreation_before(tmp_path: Path, files: dict[str, Any]) -> None:
    engine = Stack(tmp_path)
    (tmp_path / "compose.override.yaml").write_text("services: {}\n")
    with pytest.raises(Refused) as told:
        run(engine)
    advice = str(told.value)
    assert f'source: "{SOURCE}"' in advice
    assert "create_host_path: false" in advice
    files["service"]["volumes"] = [BIND, {"type": "volume", "source": "data", "target": "/data $x"}]
    outcome = run(engine)
    assert (outcome.changed, outcome.payload["mounted"], outcome.payload["configured"]) == (False, False, True)
    assert outcome.payload["configured_source"] == SOURCE
    # The hash of a container without the mount is asked for without it.
    assert "volumes: !override [{" in files["more"]
    assert SOURCE not in files["more"]
    assert "/data $$x" in files["more"]


def test_an_override_that_somebody_removed_is_written_again(tmp_path: Path, files: dict[str, Any]) -> None:
    engine = Stack(tmp_path, mounted=True)
    listed = engine.project_containers("")[0].labels["com.docker.compose.project.config_files"]
    engine.project_containers("")[0].labels["com.docker.compose.project.config_files"] = (  # type: ignore[index]
        f"{listed},{tmp_path}/compose.override.yaml"
    )
    outcome = run(engine)
    assert (outcome.changed, outcome.payload["configured"]) == (True, False)
    assert outcome.payload["files"] == [listed, f"{tmp_path}/compose.override.yaml"]
    assert f'"source": "{SOURCE}"' in files["more"]


OLD, NEW = "sha256:" + "1" * 16, "sha256:" + "2" * 16


def store_with(folder: Path, *builds: tuple[str, str]) -> Store:
    """A bundle with a release for each image; the last one is the current one."""
    store = Store(str(folder / "next"))
    for build, image in builds:
        stage = store.stage()
        Path(store.staged_tree(stage)).mkdir()
        origin = Origin("image", image, TARGET, ())
        made, text = manifest.make(
            Tree((), build), ImageFacts(f"postiz:{build}", image), origin, "2026-01-01T00:00:00.000Z"
        )
        release = store.commit(stage, made, text)
        store.clean()
        store.switch(release.name)
    return store


def test_the_link_of_the_image_is_what_is_mounted(tmp_path: Path, files: dict[str, Any]) -> None:
    """Name and link of an image come into the files together; what was made for the older one is not touched by a switch."""
    store = store_with(tmp_path, ("b1", OLD))
    engine = Stack(tmp_path)
    own = tmp_path / "compose.override.yaml"
    given = {"source": store.current_path}
    assert write(engine, **given).changed
    assert json.dumps(store.image_path(OLD)) in own.read_text()
    files["service"]["volumes"] = [{**BIND, "source": store.image_path(OLD)}]
    assert not write(engine, **given).changed
    store_with(tmp_path, ("b2", NEW))
    assert not write(engine, **given).changed
    files["service"]["image"] = "postiz:2"
    assert write(engine, **given).changed
    assert json.dumps(store.image_path(NEW)) in own.read_text()


@pytest.mark.parametrize(
    ("image", "source", "code"),
    [
        ("postiz:1", "images/111111111111", ""),
        ("postiz:2", "images/222222222222", ""),
        ("postiz:2", "images/111111111111", "bundle-image-mismatch"),
        ("postiz:1", "current", "bundle-image-mismatch"),
        ("postiz:1", "images/333333333333", "bundle-missing"),
        ("postiz:1", "", ""),
    ],
)
def test_before_a_restart(tmp_path: Path, files: dict[str, Any], image: str, source: str, code: str) -> None:
    store = store_with(tmp_path, ("b1", OLD), ("b2", NEW))
    mounted = [{**BIND, "source": f"{store.folder}/{source}"}] if source else []
    # What is pending besides is no matter of a restart.
    files.update(hash="two", service={"image": image, "volumes": mounted})
    engine = Stack(tmp_path)
    if not code:
        assert not run(engine, source=store.current_path, state="verified").changed
        return
    with pytest.raises(Refused) as told:
        run(engine, source=store.current_path, state="verified")
    assert [finding.code for finding in told.value.findings] == [code]
