"""A container that ends between the look at it and the program that shall run in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import docker.errors
import pytest
import requests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import prove
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import DockerEngine
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail, ExecResult
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    ContainerGone,
    ContainerNotRunning,
    EngineFailed,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2 import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import Settings
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Cli, ClientStopped, Connection
from fake_engine import FakeEngine

# Words of Engine 20.10 and 28.
STOPPED = (409, "Container 4c01 is not running")
PAUSED = (409, "Container 4c01 is paused, unpause the container before exec")
ENDED_BETWEEN = (
    500,
    "Container bf4dd3e8839871dfa5064899a3435af136f66c28c1c4040094c492c55b1b555e is not running: Exited (3) Less than a second ago",
)
GONE = (404, "No such container: 4c01")
FORGOTTEN = (404, "No such exec instance: 77aa")
BROKEN = (500, "write /: no space left on device")


def problem(status: int, text: str) -> docker.errors.APIError:
    answer = requests.Response()
    answer.status_code = status
    kind = docker.errors.NotFound if status == 404 else docker.errors.APIError
    return kind(text, response=answer, explanation=text)


class Client:
    """Of the SDK: refuses at one of the three calls that an exec takes."""

    def __init__(self, at: str, status: int, text: str) -> None:
        self._at, self._problem = at, problem(status, text)

    def _maybe(self, name: str) -> None:
        if name == self._at:
            raise self._problem

    def exec_create(self, *_words: Any, **_more: Any) -> dict[str, str]:
        self._maybe("create")
        return {"Id": "77aa"}

    def exec_start(self, *_words: Any, **_more: Any) -> Any:
        self._maybe("start")
        raise AssertionError("nothing to read")


@pytest.mark.parametrize("at", ["create", "start"])
@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (STOPPED, ContainerNotRunning),
        (ENDED_BETWEEN, ContainerNotRunning),
        (PAUSED, ContainerNotRunning),
        (FORGOTTEN, ContainerNotRunning),
        (GONE, ContainerGone),
        (BROKEN, EngineFailed),
    ],
)
def test_what_the_engine_means(at: str, told: tuple[int, str], kind: type[EngineFailed]) -> None:
    engine = DockerEngine(Client(at, *told))
    with pytest.raises(EngineFailed) as caught:
        engine.execute("4c01", ["node"], 1.0)
    assert caught.type is kind
    with pytest.raises(EngineFailed) as caught:
        engine.streams().run_to("4c01", ["node"], {}, lambda _data: None, 1.0)
    assert caught.type is kind


DETAIL = ContainerDetail({}, "", "", 0, 0, False, "", "", "", state="running")


class Ending(FakeEngine):
    """A container that is told to run, and that ends before anything runs in it."""

    def __init__(self, *states: str) -> None:
        self._states: Iterator[str] = iter(states)

    def detail(self, _identifier: str) -> ContainerDetail:
        return replace(DETAIL, state=next(self._states))

    def execute(self, _identifier: str, _argv: Sequence[str], _seconds: float, _most: int = 0) -> ExecResult:
        raise ContainerNotRunning("node could not run in a container.", "look.")


def test_a_proof_that_ends_while_it_is_asked() -> None:
    assert prove.wait(Ending("running", "exited"), "4c01", "http://127.0.0.1/", 5.0, Clock()) is None  # type: ignore[arg-type]


def test_a_proof_that_ends_when_the_time_is_up() -> None:
    answer = prove.wait(Ending("running"), "4c01", "http://127.0.0.1/", 0.0, Clock())  # type: ignore[arg-type]
    assert answer is not None
    assert "stopped meanwhile" in answer.text("http://127.0.0.1/")


def test_a_client_of_temporal_that_ends() -> None:
    with pytest.raises(ClientStopped):
        Cli(Ending(), "4c01", Connection("temporal:7233", "default"), 2).ask([["operator", "cluster", "health"]])  # type: ignore[arg-type]


def test_a_worker_that_ends_while_its_apps_are_looked_at() -> None:
    class Listing(Ending):
        def project_containers(self, _project: str) -> tuple[Container, ...]:
            return (
                Container("4c01", "postiz", "postiz", "running", "", {"com.docker.compose.service": "postiz"}, (), ()),
            )

    wanted = gate.Request("stack", "postiz", Settings((), {}, 5000, 0.0, 0, 0.0, False), 0.0)
    (replica,) = gate.look_once(Listing("running"), wanted)  # type: ignore[arg-type]
    assert [finding.code for finding in replica.judgement.findings] == ["exited"]
    assert replica.unknown
