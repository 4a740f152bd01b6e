"""The steps on an engine that only writes down what it was told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import CONTAINERS, Layer
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.acts import EngineActs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_PROJECT,
    LABEL_SERVICE,
    Container,
    ContainerDetail,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import LABEL_DEPENDS_ON
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import App, Process, Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import act, evidence, parameters
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Rung, Situation, Step
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.observe import Sight
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.project import Compose, compose_of
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from fake_engine import FakeEngine

PLANTED = "planted-secret-5d1c"
DEPENDS = {
    "postiz": "postiz-postgres:service_healthy:false,temporal:service_healthy:false",
    "temporal": "temporal-postgresql:service_healthy:false",
    "temporal-ui": "temporal:service_started:false",
}
SERVICES = ("postiz", "temporal-ui", "temporal", "temporal-postgresql", "postiz-postgres")


class StillClock(Clock):
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def container(service: str, state: str = "running") -> Container:
    labels = {LABEL_PROJECT: "p", LABEL_SERVICE: service, LABEL_DEPENDS_ON: DEPENDS.get(service, "")}
    return Container(service, f"p-{service}-1", "image", state, "", labels, (), ())


class Noted(EngineActs):
    def __init__(self, engine: NotingEngine) -> None:
        self.engine = engine

    def _to(self, identifier: str, what: str, state: str) -> None:
        self.engine.noted.append(f"{what} {identifier}")
        self.engine.states[identifier] = state

    def start(self, identifier: str) -> None:
        self._to(identifier, "start", self.engine.after_start.get(identifier, "running"))

    def stop(self, identifier: str, grace_seconds: int) -> None:
        assert grace_seconds == 60
        self._to(identifier, "stop", "exited")

    def pause(self, identifier: str) -> None:
        self._to(identifier, "pause", "paused")

    def unpause(self, identifier: str) -> None:
        self._to(identifier, "unpause", "running")


class NotingEngine(FakeEngine):
    _fields = ()

    def __init__(self, **states: str) -> None:
        given = {name.replace("_", "-"): state for name, state in states.items()}
        self.states = {service: given.get(service, "running") for service in SERVICES}
        self.noted: list[str] = []
        self.after_start: dict[str, str] = {}

    def project_containers(self, _project: str) -> tuple[Container, ...]:
        return tuple(container(service, state) for service, state in self.states.items())

    def detail(self, identifier: str) -> ContainerDetail:
        return ContainerDetail(
            environment={"JWT_SECRET": PLANTED, "RUN_CRON": "true"},
            health="healthy",
            health_output="",
            exit_code=3,
            restarts=0,
            oom_killed=False,
            started_at="2026-11-24T03:00:00Z",
            error="",
            address="",
            state=self.states[identifier],
            has_healthcheck=True,
            stop_seconds=60,
        )

    def acts(self) -> EngineActs:
        return Noted(self)

    def log_tail(self, identifier: str, _lines: int, _since: float | None = None) -> str:
        return f"{identifier} says {PLANTED}\n" + "x" * evidence.LOG_BYTES

    def files(self, _identifier: str, path: str, _max_bytes: int) -> dict[str, bytes]:
        name = path.rpartition("/")[2]
        return {f"{name}/backend-error.log": PLANTED.encode(), f"{name}/old/backend-error.log": b"another"}


def request() -> Any:
    return parse({name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()} | {"project": "p"})


def scene(engine: NotingEngine) -> act.Scene:
    return act.Scene(engine, request(), StillClock(), 30.0)  # type: ignore[arg-type]


def step(rung: Rung, service: str = "postiz", **given: Any) -> Step:
    return replace(Step(rung, service, "", "code", "code component", "because."), **given)


@pytest.fixture(autouse=True)
def serving(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Temporal that serves."""
    monkeypatch.setattr(act, "wait_for_temporal", lambda _scene: None)


def test_dependencies_come_first_and_postiz_last() -> None:
    order = [item.service for item in act.in_order(NotingEngine().project_containers("p"), "postiz")]
    assert order == ["postiz-postgres", "temporal-postgresql", "temporal", "temporal-ui", "postiz"]


def test_a_circle_of_dependencies_has_an_order_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEPENDS, "temporal-postgresql", "temporal:service_started:false")
    assert len(act.in_order(NotingEngine().project_containers("p"), "postiz")) == len(SERVICES)


def both_parts(engine: NotingEngine, wanted: Step) -> list[str]:
    act.prepare(scene(engine), wanted)
    engine.noted.append("spread")
    act.finish(scene(engine), wanted)
    return engine.noted


def test_what_stands_still_is_started_and_postiz_only_after_posts_were_spread() -> None:
    engine = NotingEngine(temporal="exited", temporal_postgresql="exited", postiz="exited")
    wanted = step(Rung.START_SERVICE, "temporal", also=("postiz", "temporal-postgresql"))
    assert both_parts(engine, wanted) == ["start temporal-postgresql", "start temporal", "spread", "start postiz"]


def test_postiz_is_held_while_a_dependency_comes_back() -> None:
    engine = NotingEngine(temporal="exited")
    assert act.hold(scene(engine))
    assert both_parts(engine, step(Rung.START_SERVICE, "temporal")) == [
        "pause postiz",
        "start temporal",
        "spread",
        "unpause postiz",
    ]


def test_the_container_of_postiz_is_stopped_and_started_around_the_spreading() -> None:
    assert both_parts(NotingEngine(), step(Rung.RESTART_CONTAINER)) == ["stop postiz", "spread", "start postiz"]


def test_a_frozen_container_is_let_go_on_before_it_is_stopped() -> None:
    engine = NotingEngine(postiz="paused")
    assert both_parts(engine, step(Rung.RESTART_CONTAINER))[:2] == ["unpause postiz", "stop postiz"]


def test_the_whole_stack_goes_down_and_up_in_order() -> None:
    assert both_parts(NotingEngine(), step(Rung.RESTART_STACK)) == [
        "stop postiz",
        "stop temporal-ui",
        "stop temporal",
        "stop temporal-postgresql",
        "stop postiz-postgres",
        "start postiz-postgres",
        "start temporal-postgresql",
        "start temporal",
        "start temporal-ui",
        "spread",
        "start postiz",
    ]


def test_a_service_that_ends_again_is_told() -> None:
    engine = NotingEngine(temporal="exited")
    engine.after_start["temporal"] = "exited"
    with pytest.raises(act.NotTaken, match="ended again with exit code 3"):
        act.prepare(scene(engine), step(Rung.START_SERVICE, "temporal"))


def test_a_service_that_shall_end_is_not_waited_for_once_it_has_ended_well(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = NotingEngine()
    monkeypatch.setitem(DEPENDS, "temporal-ui", "temporal:service_completed_successfully:false")
    engine.after_start["temporal"] = "exited"
    with pytest.raises(act.NotTaken, match="ended again with exit code 3"):
        act.prepare(scene(engine), step(Rung.RESTART_STACK))
    told = engine.detail
    monkeypatch.setattr(engine, "detail", lambda identifier: replace(told(identifier), exit_code=0))
    assert both_parts(engine, step(Rung.RESTART_STACK))[-1] == "start postiz"


def test_a_service_that_does_not_become_healthy_is_told() -> None:
    engine = NotingEngine(temporal="exited")
    engine.after_start["temporal"] = "restarting"
    with pytest.raises(act.NotTaken, match="not become healthy within 30 s"):
        act.prepare(scene(engine), step(Rung.START_SERVICE, "temporal"))


def snapshot(*processes: Process) -> Snapshot:
    app = App("orchestrator", 0, 20, "online", 0.0, 0, 0)
    return Snapshot("c", "h", 0.0, 100.0, "host", "ok", "", (app,), processes, {}, {}, None)


def process(pid: int, group: int, folder: str = "/app/apps/orchestrator") -> Process:
    return Process(pid, 1, group, "S", 0.0, 0, folder, "node main.js")


def test_only_the_ghost_s_group_is_ended_if_there_is_one() -> None:
    found = snapshot(process(20, 20), process(21, 20), process(11, 10), process(5, 5, "/app/apps/backend"))
    assert act.doomed(found, step(Rung.END_PROCESS_GROUP, app="orchestrator", code="ghost-process")) == (10,)
    assert act.doomed(found, step(Rung.END_PROCESS_GROUP, app="orchestrator", code="worker-not-polling")) == (10, 20)


def test_evidence_has_no_secret_and_is_bounded(tmp_path: Path) -> None:
    layers = (
        Layer(CONTAINERS, Verdict.UNHEALTHY, (), f"says {PLANTED}"),
        Layer("pm2", Verdict.UNHEALTHY, judged=False),
    )
    sight = Sight(
        layers, Verdict.UNHEALTHY, (), Situation(Verdict.UNHEALTHY, (), "", 0, False, "postiz", ""), Compose(), 0
    )
    for number in range(4):
        path = evidence.save(
            NotingEngine(),
            request(),
            sight,
            str(tmp_path),
            f"run-{number}",
            2,
            Redactor([PLANTED]),  # type: ignore[arg-type]
        )
    kept = sorted(item.name for item in (tmp_path / evidence.FOLDER).iterdir())
    assert kept == ["run-2", "run-3"]
    files = list(Path(path).iterdir())
    assert {
        "health.json",
        "p-postiz-1.log",
        "p-postiz-1.inspect.json",
        "p-postiz-1.backend-error.log",
        "p-postiz-1.old_backend-error.log",
    } <= {item.name for item in files}
    assert not any(PLANTED in item.read_text() for item in files)
    assert all(item.stat().st_mode & 0o777 == 0o600 for item in files)
    assert (Path(path) / "p-postiz-1.log").stat().st_size <= evidence.LOG_BYTES + 100
    assert '"RUN_CRON": "true"' in (Path(path) / "p-postiz-1.inspect.json").read_text()


def test_compose_files_that_are_gone_are_told(tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.yaml"
    labels = {"com.docker.compose.project.config_files": str(path)}
    found = (replace(container("postiz"), labels=labels),)
    assert "is not on this host any more" in compose_of(found).gone
    path.write_text("")
    assert compose_of(found).files == (str(path),)
    assert not compose_of(found).gone
    assert "name no compose file" in compose_of((container("postiz"),)).gone


GIVEN = {name: entry.get("default") for name, entry in parameters.ACT_SPEC.items()} | {"project": "p"}
STEP = {"rung": "restart_container", "service": "postiz"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"attempts": 0}, "attempts is 0"),
        ({"window": -1.0}, "window is -1"),
        ({"run": "../elsewhere"}, "no name that a run was given"),
        ({"keep_evidence": 0}, "keep_evidence is 0"),
        ({"burst_ahead": -1.0}, "burst_ahead is -1"),
        ({"step": {}}, "none that a look has returned"),
        ({"step": {"rung": "wait"}}, "which is no act"),
        ({"step": {"rung": "rm -rf"}}, "none that a look has returned"),
    ],
)
def test_bad_input_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parameters.parse_act({**GIVEN, "state": "begun", "step": STEP, **given})


def test_a_step_comes_back_as_it_was_told() -> None:
    wanted = step(Rung.START_SERVICE, "temporal", also=("postiz",), resumes=3)
    assert parameters.parse_act({**GIVEN, "state": "begun", "step": wanted.as_dict()}).step == wanted
