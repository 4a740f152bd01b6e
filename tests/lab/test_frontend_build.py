"""frontend_build on the lab's images: built beside what serves, proved, switched; refused, failed, killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contract
import docker
import modules
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.origins import LABEL
from frontends import LOGIN, PATH, SMALL, START, Frontend, patch, source
from labkit import engine, images
from labkit.catalog import BUILDABLE
from labkit.paths import COLLECTIONS, MADE
from labkit.waiting import wait_for
from modules import Result

V1, V2 = BUILDABLE["v1"], BUILDABLE["v2"]
PROJECT = "postiz-frontend-build"
GREETING = "Welcome back"
# What a build leaves, in no time: the image's own frontend, under another name.
FAKE = f"printf faked >{PATH}/BUILD_ID"
# Of a process on a machine with neighbours; a build takes several times as long.
MAX_UNCHANGED_SECONDS = 3.0


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    found = engine.ensure()
    images.ensure(found, (V1, V2))
    return found


@pytest.fixture(scope="module")
def login(client: docker.DockerClient) -> str:
    return source(client, V1)


@pytest.fixture(scope="module")
def greeting(login: str) -> dict[str, Any]:
    return patch(login, login.replace("Sign In", GREETING))


@pytest.fixture(scope="module")
def extracted(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the image's own frontend, to be copied."""
    del client
    folder = tmp_path_factory.mktemp("extracted") / "next"
    bundle(folder, image=V1)
    return folder


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "a place" / "next"


@pytest.fixture
def own(extracted: Path, dest: Path) -> str:
    """That release lies there and is the current one."""
    shutil.copytree(extracted, dest, symlinks=True)
    return (dest / "current").resolve().name


@pytest.fixture(autouse=True)
def nothing_stays(client: docker.DockerClient, dest: Path) -> Iterator[None]:
    """Whatever a build does, no container of it is left."""
    yield
    assert left(client, dest) == []


def left(client: docker.DockerClient, dest: Path) -> list[str]:
    found = client.containers.list(all=True, filters={"label": f"{LABEL}={os.path.realpath(dest)}"})
    return [str(container.name) for container in found]


def build(dest: Path, patches: list[dict[str, Any]], check: bool = False, **parameters: Any) -> Result:
    source_of = {} if "project" in parameters else {"image": V1}
    given = {**SMALL, **source_of, "dest": str(dest), "patches": patches, "_ansible_check_mode": check, **parameters}
    return modules.run("frontend_build", **given)


def bundle(dest: Path, **parameters: Any) -> dict[str, Any]:
    return good(modules.run("frontend_bundle", dest=str(dest), **parameters), "frontend_bundle")


def good(result: Result, module: str = "frontend_build") -> dict[str, Any]:
    assert not result.failed, result.values["msg"]
    assert contract.disagreements(module, result.values) == []
    return result.values


def refused(result: Result, code: str) -> str:
    assert result.failed, result.values
    assert result.codes == [code], result.values["msg"]
    assert contract.disagreements("frontend_build", result.values) == []
    return str(result.values["msg"])


class Visitor:
    """Somebody who loads the page again and again."""

    def __init__(self, frontend: Frontend) -> None:
        self.answers: list[int] = []
        self._stop = threading.Event()
        self._frontend = frontend
        self._thread = threading.Thread(target=self._visit)
        self._thread.start()

    def _visit(self) -> None:
        while not self._stop.is_set():
            self.answers.append(self._frontend.status("/auth/login"))
            time.sleep(0.05)

    def leave(self) -> set[int]:
        self._stop.set()
        self._thread.join(20)
        return set(self.answers)


def test_built_beside_what_serves(dest: Path, own: str, client: docker.DockerClient, greeting: dict[str, Any]) -> None:
    """Nobody is turned away by a build; the page changes with the container; old chunks stay; and it can be gone back."""
    frontend = Frontend(client, V1, dest / "current", PROJECT)
    try:
        frontend.serves(dest / "current")
        old_chunks = [
            f"/_next/{path.relative_to(dest / 'current')}" for path in (dest / "current/static").rglob("*.js")
        ]
        predicted = good(build(dest, [greeting], check=True, project=PROJECT))
        assert (predicted["changed"], predicted["extracted"]) == (True, True)
        visitor = Visitor(frontend)
        built = good(build(dest, [greeting], project=PROJECT))
        assert visitor.leave() == {200}
        assert len(visitor.answers) > 5
        assert (built["extracted"], built["switched"], built["served"], built["proven"]) == (True, True, False, False)
        assert built["sources"] == [{"path": LOGIN, "sha256": greeting["upstream"][LOGIN]}]
        assert built["seconds"]["build"] > built["seconds"]["extract"]
        assert "Compiled successfully" in Path(built["log"]).read_text()
        assert built["bridged_from"] == [own]
        assert "Sign In" in frontend.get("/auth/login")[1]
        frontend.container.restart(timeout=0)
        frontend.serves(dest / "current")
        assert GREETING in frontend.get("/auth/login")[1]
        assert {frontend.status(chunk) for chunk in old_chunks} == {200}
        again = build(dest, [greeting], project=PROJECT)
        assert (good(again)["changed"], again.values["served"]) == (False, True)
        assert again.seconds < MAX_UNCHANGED_SECONDS
        assert bundle(dest, state="verified", project=PROJECT)["findings"] == []
        first = bundle(dest, state="proven", project=PROJECT)
        assert (first["changed"], first["proven"]) == (True, True)
        assert not bundle(dest, state="proven", project=PROJECT)["changed"]

        back = bundle(dest, release="previous", project=PROJECT)
        assert (back["release"], back["switched"], back["served"]) == (own, True, False)
        assert back["bridged"] > 0
        assert not bundle(dest, release="previous", project=PROJECT)["changed"]
        # What was built is there, so it is only switched to.
        forth = good(build(dest, [greeting], project=PROJECT))
        assert (forth["extracted"], forth["switched"], forth["release"]) == (False, True, built["release"])
        assert bundle(dest, state="verified")["findings"] == []
    finally:
        frontend.remove()


def test_sources_that_moved_on(dest: Path, client: docker.DockerClient, greeting: dict[str, Any]) -> None:
    moved = source(client, V2)
    told = refused(build(dest, [greeting], image=V2), "frontend-patch-conflict")
    assert LOGIN in told
    assert greeting["upstream"][LOGIN] in told
    assert "hunk 1" in told
    assert told == refused(build(dest, [greeting], image=V2, check=True), "frontend-patch-conflict")
    whole = {"path": LOGIN, "content": moved, "upstream": greeting["upstream"]}
    assert "would undo what changed" in refused(build(dest, [whole], image=V2), "frontend-patch-conflict")
    outside = {"path": "../etc/passwd", "content": "", "upstream": {}}
    assert "no path below the sources" in build(dest, [outside]).values["msg"]
    assert not dest.exists()


@pytest.mark.parametrize(
    ("code", "parameters", "words"),
    [
        ("frontend-build-failed", {}, "greeting"),
        ("frontend-build-failed", {"command": "echo so long; exit 7"}, "exit code 7"),
        ("frontend-build-timed-out", {"command": "echo begun; sleep 60", "timeout": 1.0}, "| begun"),
        (
            "frontend-build-out-of-memory",
            {"command": "sh -c 'head -c 300000000 /dev/zero | tail' >/dev/null", "memory": 64 << 20},
            "64 MiB",
        ),
        ("bundle-not-built", {"command": "true"}, "BUILD_ID"),
        ("frontend-not-starting", {"command": f"{FAKE}; rm -r {PATH}/server/app/auth"}, "auth/login answers"),
        ("frontend-not-starting", {"command": FAKE, "start_command": "echo nothing; exit 3"}, "| nothing"),
    ],
)
def test_a_build_that_fails(
    dest: Path, own: str, login: str, greeting: dict[str, Any], code: str, parameters: dict[str, Any], words: str
) -> None:
    """What is served stays, and the message says what was seen."""
    # A syntax error, which the real build finds.
    change = greeting if parameters else patch(login, login.replace("<h1>Sign In</h1>", "<h1>greeting</h2>"))
    started = {"start_timeout": 8.0, **parameters}
    assert words in refused(build(dest, [change], **started), code)
    if code.startswith("frontend"):
        again = build(dest, [change], **started)
        assert words in refused(again, "frontend-failed-before")
        assert again.seconds < MAX_UNCHANGED_SECONDS
    assert (dest / "current").resolve().name == own
    assert [path.name for path in dest.glob(".staging*")] == []
    assert bundle(dest, state="verified")["findings"] == []


def driven(parameters: dict[str, Any], step: str) -> int:
    """The operation in a process that kills itself after a step; its exit code."""
    return subprocess.run(
        [sys.executable, str(Path(__file__).with_name("driven_bundle.py")), step],
        input=json.dumps(parameters) + "\n",
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(COLLECTIONS))},
        timeout=120,
        check=False,
    ).returncode


def test_killed(dest: Path, own: str, client: docker.DockerClient, greeting: dict[str, Any]) -> None:
    """After each step of a build: what is current is whole, and the next run does not stand in the way of anything."""
    given = {**SMALL, "image": V1, "dest": str(dest), "patches": [greeting], "command": FAKE}
    for step in ("patched", "built", "proved", "bridged"):
        assert driven(given, step) == -9
        assert (dest / "current").resolve().name == own
        assert bundle(dest, state="verified")["findings"] == []
    assert driven(given, "switched") == -9
    # In the middle of the build itself.
    slow = {**given, "command": f"sleep 30; {FAKE}", "dest": str(dest)}
    process = modules.Running("frontend_build", slow)
    label = {"label": f"{LABEL}={os.path.realpath(dest)}"}
    wait_for("the build itself", lambda: client.containers.list(filters=label), 30, 0.1)
    process.process.kill()
    process.process.wait()
    assert len(left(client, dest)) == 1
    finished = good(build(dest, [greeting], command=FAKE))
    assert (finished["extracted"], finished["build_id"]) == (False, "faked")
    assert left(client, dest) == []
    assert bundle(dest, state="verified")["findings"] == []


def test_assets_that_differ(dest: Path, own: str, greeting: dict[str, Any]) -> None:
    """Two contents under one name: one of them would be wrong for somebody."""
    broken = f"{FAKE}; for f in {PATH}/static/chunks/*.js; do echo '//' >>$f; done"
    told = refused(build(dest, [greeting], command=broken), "bundle-asset-conflict")
    assert "static/chunks/" in told
    assert (dest / "current").resolve().name == own
    assert good(build(dest, [greeting], command=broken, bridge=0))["bridged"] == 0


@pytest.mark.usefixtures("own")
def test_a_stack_of_others(dest: Path, tmp_path: Path) -> None:
    """The mount in a Compose project that this collection did not make."""
    folder = tmp_path / "their stack"
    folder.mkdir()
    service = {"image": V1, "entrypoint": START, "working_dir": "/app/apps/frontend", "init": True, "labels": MADE}
    (folder / "docker-compose.yml").write_text(json.dumps({"services": {"postiz": service}}))
    given = {"project": PROJECT, "source": str(dest / "current")}

    def compose(*words: str) -> None:
        subprocess.run(["docker", "compose", "-p", PROJECT, *words], cwd=folder, check=True, capture_output=True)

    def mount(**parameters: Any) -> Result:
        return modules.run("frontend_mount", **given, **parameters)

    compose("up", "-d")
    try:
        predicted = good(mount(_ansible_check_mode=True), "frontend_mount")
        assert predicted["changed"]
        override = folder / "compose.override.yaml"
        assert not override.exists()
        made = good(mount(), "frontend_mount")
        assert (made["changed"], made["managed"], made["mounted"]) == (True, False, False)
        assert made["files"] == predicted["files"] == [str(folder / "docker-compose.yml"), str(override)]
        compose("up", "-d")
        again = good(mount(), "frontend_mount")
        assert (again["changed"], again["mounted"], again["files"]) == (False, True, made["files"])
        assert bundle(dest, image=V1, project=PROJECT)["served"]
        gone = good(mount(state="absent"), "frontend_mount")
        assert (gone["changed"], gone["files"]) == (True, made["files"][:1])
        assert not override.exists()
        compose("up", "-d", "--remove-orphans")
        assert not good(mount(state="absent"), "frontend_mount")["mounted"]
        override.write_text("services: {}\n")
        compose("up", "-d", "--force-recreate")
        told = mount()
        assert told.codes == ["frontend-not-mountable"]
        assert all(part in told.values["msg"] for part in (f'source: "{dest}/current"', f'target: "{PATH}"'))
        assert override.read_text() == "services: {}\n"
    finally:
        compose("down", "-t", "0")
