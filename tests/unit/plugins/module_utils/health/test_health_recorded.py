"""The container gate on what two real engines answered (made by tests/tools/record_engine.py)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import DockerEngine
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.events import ACTIONS, StreamEvents, filters
from ansible_collections.selfhost.postiz.plugins.module_utils.health.causes import chains, first_cause, graph
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judge import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Judgement
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Declared, History, Settings
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import Observation, observe

RECORDED = Path(__file__).parent / "recorded"
ENGINES = ("20.10", "26.1")
PROJECT = "gate-recording"
LABEL = f"com.docker.compose.project={PROJECT}"
# Service: expectation, code of its trouble ('' if there is none), and whether waiting longer cannot help.
EXPECTED = {
    "healthy": ("healthy", "", False),
    "unhealthy": ("healthy", "unhealthy", False),
    "starting": ("healthy", "starting", False),
    "unchecked": ("running", "", False),
    "done": ("completed", "", False),
    "failed": ("completed", "exited", True),
    "looping": ("running", "crash-loop", False),
    "oom": ("completed", "oom-killed", True),
    "oom-child": ("completed", "oom-killed", True),
    "paused": ("running", "paused", False),
    "holder": ("running", "", False),
    "port-taken": ("running", "not-started", True),
    "waiting": ("healthy", "not-started", False),
    "waits-for-one-shot": ("running", "", False),
    "terminal": ("running", "", False),
    "volume": ("running", "", False),
}


class RecordedClient:
    """The calls of the SDK that the adapter makes, answered from a recording."""

    def __init__(self, recording: dict[str, Any]) -> None:
        self.recording = recording

    def containers(self, **arguments: Any) -> list[dict[str, Any]]:
        assert arguments == {"all": True, "filters": {"label": LABEL}}
        return self.recording["list"]

    def inspect_container(self, identifier: str) -> dict[str, Any]:
        return self.recording["inspect"][identifier]


@pytest.fixture(params=ENGINES)
def recording(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Everything that one engine said."""
    found: dict[str, Any] = json.loads(RECORDED.joinpath(f"engine-{request.param}.json").read_text())
    assert found["engine"]["Version"].startswith(request.param)
    return found


@pytest.fixture
def observation(recording: dict[str, Any]) -> Observation:
    """The recording as the gate sees it."""
    return observe(DockerEngine(RecordedClient(recording)), PROJECT, None)


@pytest.fixture
def judgement(recording: dict[str, Any], observation: Observation) -> Judgement:
    """What the gate thinks of it, ten seconds after the containers were started."""
    return judge(observation.snapshot, {}, Settings(stable_for=5), History(), recording["now"])


def test_every_state_of_a_container(recording: dict[str, Any], judgement: Judgement) -> None:
    expected = dict(EXPECTED)
    if recording["engine"]["Version"].startswith("20.10"):
        # The lie of 20.10: killed within 40 ms for lack of memory, and neither marked nor reported.
        expected["oom"] = ("completed", "exited", True)
        forgotten = next(item for item in judgement.troubles if item.service == "oom")
        assert forgotten.state == "ended with exit code 137 (killed)"
        assert "dmesg" in forgotten.hint
    found = {
        item.service: (
            item.expectation.value,
            item.trouble.code if item.trouble else "",
            bool(item.trouble and item.trouble.settled),
        )
        for item in judgement.services
    }
    assert found == expected


def test_causes_are_read_from_the_labels(observation: Observation, judgement: Judgement) -> None:
    waiting = tuple(item for item in judgement.troubles if item.service in ("waiting", "unhealthy"))
    cause = first_cause(chains(waiting, graph(observation.snapshot)))
    assert cause == "waiting was never started, because unhealthy is unhealthy"


def test_details(observation: Observation) -> None:
    found = {container.service: container for container in observation.snapshot.containers}
    assert "port is already allocated" in found["port-taken"].error
    assert found["holder"].ports == ("127.0.0.1:59817->80",)
    assert found["volume"].anonymous_volumes == ("/data",)
    assert found["unhealthy"].probes[-1].output == "connection refused"
    assert found["waiting"].started_at is None
    assert found["failed"].finished_at is not None
    assert found["terminal"].terminal
    assert not found["unchecked"].has_healthcheck
    assert observation.secrets == {"planted-recorded-secret"}


def test_a_service_without_containers_and_without_its_image(recording: dict[str, Any]) -> None:
    class Engine(DockerEngine):
        def image(self, name: str) -> None:
            assert name == "example/none:1"

    declared = {"healthy": Declared(2, "never/asked:1"), "more": Declared(1, "example/none:1"), "off": Declared(0, "x")}
    snapshot = observe(Engine(RecordedClient(recording)), PROJECT, declared).snapshot
    only = replace(snapshot, containers=tuple(item for item in snapshot.containers if item.service == "healthy"))
    found = judge(only, {}, Settings(), History(), recording["now"])
    assert [(item.service, item.code, item.settled) for item in found.troubles] == [
        ("healthy", "missing-container", False),
        ("more", "image-missing", True),
    ]
    assert found.troubles[0].state == "has 1 of 2 containers"


class Stream(list[dict[str, Any]]):
    """A stream of events that ends."""

    def close(self) -> None:
        self.clear()


def test_events(recording: dict[str, Any]) -> None:
    services = {entry["Id"]: entry["Labels"]["com.docker.compose.service"] for entry in recording["list"]}
    events = StreamEvents(lambda: Stream(recording["events"]), 5)
    seen = [events.next(5) for _event in recording["events"]]
    actions = {(services[event.identifier], event.action) for event in seen if event}
    assert actions >= {
        ("healthy", "health_status: healthy"),
        ("unhealthy", "health_status: unhealthy"),
        ("oom-child", "oom"),
        ("looping", "die"),
        ("paused", "pause"),
    }
    # Everything that happened passes the filter by which the engine is asked.
    assert {event.action.partition(":")[0] for event in seen if event} <= set(ACTIONS)
    assert filters(PROJECT)["label"] == LABEL
