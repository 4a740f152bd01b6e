"""Preparing an engine: what is said when it is not possible, and version numbers of Compose."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from labkit import compose, engine
from labkit.errors import LabError


@pytest.mark.parametrize(
    ("text", "version"),
    [("2.40.3", (2, 40)), ("v2.26.1-4", (2, 26)), ("Docker Compose version v2.5.0", (2, 5)), ("", (0, 0))],
)
def test_compose_version(text: str, version: tuple[int, int]) -> None:
    assert compose.parse_version(text) == version


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine answers, and nothing may be installed or started for real."""
    monkeypatch.setattr(engine, "_answering", lambda: None)
    monkeypatch.setattr(engine, "_apt", lambda *_: pytest.fail("ran apt-get"))
    monkeypatch.setattr(engine, "_start", lambda: pytest.fail("started an engine"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)


@pytest.mark.usefixtures("silent")
def test_a_named_engine_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example:2375")
    with pytest.raises(LabError, match="DOCKER_HOST="):
        engine.ensure()


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(("uid", "debian"), [(1000, True), (0, False)])
def test_only_root_on_debian_gets_an_engine(monkeypatch: pytest.MonkeyPatch, uid: int, debian: bool) -> None:
    monkeypatch.setattr("labkit.engine.shutil.which", lambda _: None)
    monkeypatch.setattr("labkit.engine.os.getuid", lambda: uid)
    monkeypatch.setattr(engine, "on_debian", lambda: debian)
    with pytest.raises(LabError, match=r"Install Docker Engine \(20.10 or later\)"):
        engine.ensure()


@pytest.mark.parametrize(("known", "client"), [(True, ["docker-cli"]), (False, [])])
def test_debian_13_has_the_command_line_client_apart(
    monkeypatch: pytest.MonkeyPatch, known: bool, client: list[str]
) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(engine, "_answering", lambda: None)
    monkeypatch.setattr(engine, "_apt", lambda *words: commands.append(words))
    monkeypatch.setattr(engine, "_start", lambda: None)
    monkeypatch.setattr(engine, "_wait", lambda: "client")
    monkeypatch.setattr(engine, "on_debian", lambda: True)
    monkeypatch.setattr("labkit.engine.shutil.which", lambda _: None)
    monkeypatch.setattr("labkit.engine.os.getuid", lambda: 0)
    monkeypatch.setattr(
        "labkit.engine.subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], 0 if known else 100)
    )
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert engine.ensure() == "client"
    assert [words[0] for words in commands] == ["update", "install"]
    assert list(commands[1][3:]) == ["docker.io", "iptables", "debootstrap", *client]


def test_an_engine_that_never_answers_is_reported_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine, "_answering", lambda: None)
    monkeypatch.setattr(engine, "START_SECONDS", 0)
    monkeypatch.setattr(engine, "LAB_CACHE", tmp_path)
    (tmp_path / "dockerd.log").write_text("failed to start daemon")
    with pytest.raises(LabError, match="dockerd"):
        engine._wait()
