"""What a look means for a decision: the first cause, and what stands in the way of a step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_journal
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import (
    CONTAINERS,
    LAYERS,
    PM2,
    TEMPORAL,
    Layer,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_PROJECT,
    LABEL_SERVICE,
    Container,
    ContainerDetail,
    EngineInfo,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict, error
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import LABEL_DEPENDS_ON
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import observe as module
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import History, Rung, Tried
from ansible_collections.selfhost.postiz.plugins.module_utils.release import journal
from fake_engine import FakeEngine

STARTED = "2026-11-24T03:00:00Z"
STARTED_AT = 1795489200.0
DEPENDS = {"postiz": "temporal:service_healthy:false", "temporal": "temporal-postgresql:service_healthy:false"}


class StackEngine(FakeEngine):
    _services: tuple[str, ...] = ("postiz", "temporal", "temporal-postgresql")
    _environment: ClassVar[dict[str, str]] = {}

    def project_containers(self, _project: str) -> tuple[Container, ...]:
        return tuple(
            Container(
                name,
                name,
                "",
                "running",
                "",
                {LABEL_PROJECT: "p", LABEL_SERVICE: name, LABEL_DEPENDS_ON: DEPENDS.get(name, "")},
                (),
                (),
            )
            for name in self._services
        )

    def containers(self) -> tuple[Container, ...]:
        return ()

    def info(self) -> EngineInfo:
        return EngineInfo("", "", "", 0, "/")

    def detail(self, _identifier: str) -> ContainerDetail:
        return ContainerDetail(self._environment, "", "", 0, 0, False, STARTED, "", "", state="running")


def request() -> Any:
    return parse({name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()} | {"project": "p"})


def seen(
    monkeypatch: pytest.MonkeyPatch,
    *layers: Layer,
    engine: StackEngine | None = None,
    obstacle: Finding | None = None,
    least_free: int = 0,
    history: History | None = None,
    directory: str = "",
) -> module.Sight:
    given = {layer.name: layer for layer in layers}
    whole = tuple(given.get(name) or Layer(name, Verdict.UNKNOWN, judged=False) for name in LAYERS)
    asked: list[Any] = []
    monkeypatch.setattr(module, "look", lambda _connect, asking, _clock, _seconds: asked.append(asking) or whole)
    monkeypatch.setattr(module, "temporal_obstacle", lambda *_: obstacle)
    clock = SimpleNamespace(now=lambda: STARTED_AT + 1000)
    found = module.observe(
        lambda: engine or StackEngine(), request(), history or History(), least_free, clock, directory
    )  # type: ignore[arg-type, return-value]
    seen.asked = asked[0]  # type: ignore[attr-defined]
    return found


def unhealthy(name: str, code: str, component: str, evidence: str = "seen.", known: str = "") -> Layer:
    details = {"culprits": [{"service": component, "known_line": known}]}
    return Layer(name, Verdict.UNHEALTHY, (error(code, component, evidence, "do."),), "", True, "", details)


CALM = Layer(CONTAINERS, Verdict.HEALTHY)


def test_a_healthy_stack_has_no_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    sight = seen(monkeypatch, *(Layer(name, Verdict.HEALTHY) for name in LAYERS))
    assert sight.verdict is Verdict.HEALTHY
    assert sight.situation.cause == ()


def test_an_app_stands_for_the_service_of_postiz(monkeypatch: pytest.MonkeyPatch) -> None:
    sight = seen(monkeypatch, CALM, unhealthy(PM2, "hung-at-start", "backend"))
    first = sight.situation.cause[0]
    assert (first.service, first.app, first.component) == ("postiz", "backend", "backend")
    assert sight.situation.booted_at == STARTED_AT
    assert not sight.situation.settled


def test_what_is_wrong_with_temporal_comes_before_what_the_apps_show(monkeypatch: pytest.MonkeyPatch) -> None:
    obstacle = error("temporal-unreachable", "temporal", "nothing serves.", "do.")
    sight = seen(monkeypatch, CALM, unhealthy(PM2, "not-listening", "backend"), obstacle=obstacle)
    assert [cause.code for cause in sight.situation.cause] == ["temporal-unreachable", "not-listening"]


def test_a_health_check_that_fails_because_temporal_is_slow_is_no_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = unhealthy(TEMPORAL, "temporal-slow", "temporal")
    for service in ("temporal", "temporal-admin-tools"):
        ailing = unhealthy(CONTAINERS, "unhealthy", service)
        codes = [cause.code for cause in seen(monkeypatch, ailing, asked).situation.cause]
        assert codes == ["temporal-slow", "unhealthy"]
    # The look stops at ailing apps.
    slow = error("temporal-slow", "temporal", "no answer in time.", "do.")
    away = error("temporal-unreachable", "temporal", "nothing serves.", "do.")
    tools = unhealthy(CONTAINERS, "unhealthy", "temporal-admin-tools")
    apps = unhealthy(PM2, "not-listening", "backend")
    assert seen(monkeypatch, tools, apps, obstacle=slow).situation.cause[0].code == "temporal-slow"
    assert seen(monkeypatch, tools, apps, obstacle=away).situation.cause[0].code != "temporal-unreachable"
    ended = unhealthy(CONTAINERS, "exited", "temporal-admin-tools")
    assert seen(monkeypatch, ended, apps, obstacle=slow).situation.cause[0].code != "temporal-slow"


@pytest.mark.parametrize(
    "line",
    [
        "could not write to file: No space left on device",
        "PANIC:  could not locate a valid checkpoint record",
        "FATAL:  database files are incompatible with server",
        'FATAL:  password authentication failed for user "temporal"',
    ],
)
def test_what_no_restart_mends_is_left_to_a_person(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    layer = unhealthy(CONTAINERS, "exited", "temporal-postgresql", "ended with exit code 1.", line)
    assert line[:40] in seen(monkeypatch, layer).situation.for_person
    killed = unhealthy(CONTAINERS, "exited", "temporal-postgresql", "ended with exit code 137 (killed).", line)
    assert not seen(monkeypatch, killed).situation.for_person


def test_a_full_disk_comes_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    sight = seen(monkeypatch, unhealthy(CONTAINERS, "exited", "temporal"), least_free=1 << 62)
    assert sight.situation.cause[0].code == "disk-low"


def test_a_service_without_a_container_is_known_by_those_that_depend_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutTemporal(StackEngine):
        _services = ("postiz", "temporal-postgresql")

    sight = seen(monkeypatch, CALM, engine=WithoutTemporal())
    assert sight.verdict is Verdict.UNHEALTHY
    assert (sight.situation.cause[0].code, sight.situation.absent) == ("missing-container", frozenset({"temporal"}))
    assert not sight.situation.for_person


def test_a_service_of_another_name_is_told_with_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed(StackEngine):
        _services = ("app", "temporal", "temporal-postgresql")

    first = seen(monkeypatch, CALM, engine=Renamed()).situation.cause[0]
    assert first.evidence.endswith("Services that have: app, temporal, temporal-postgresql.")
    assert "name that (service)" in first.remedy


def test_a_database_that_is_gone_is_not_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutData(StackEngine):
        _services = ("postiz", "temporal")

    assert "dangling=true" in seen(monkeypatch, CALM, engine=WithoutData()).situation.for_person


def test_a_project_without_containers_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty(StackEngine):
        _services = ()

    with pytest.raises(BadInput, match="has no container"):
        seen(monkeypatch, CALM, engine=Empty())


def test_only_the_server_s_own_namespace_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    own = unhealthy(TEMPORAL, "namespace-missing", "temporal", "the cluster serves, and has no namespace 'default'.")
    other = unhealthy(TEMPORAL, "namespace-missing", "temporal", "the cluster serves, and has no namespace 'mine'.")
    assert not seen(monkeypatch, CALM, own).situation.for_person
    assert "correct the name" in seen(monkeypatch, CALM, other).situation.for_person

    class Named(StackEngine):
        _environment: ClassVar[dict[str, str]] = {"DEFAULT_NAMESPACE": "mine"}

    assert not seen(monkeypatch, CALM, other, engine=Named()).situation.for_person


def test_a_sweep_that_shall_not_run_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = unhealthy(TEMPORAL, "sweeper-missing", "orchestrator", "it does not exist.")
    off = unhealthy(TEMPORAL, "sweeper-missing", "orchestrator", "it does not exist. RUN_CRON is not set, so …")
    assert not seen(monkeypatch, CALM, wanted).situation.for_person
    assert "RUN_CRON" in seen(monkeypatch, CALM, off).situation.for_person


def test_a_temporal_outside_of_the_project_is_not_acted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without(StackEngine):
        _services = ("postiz",)

        def project_containers(self, project: str) -> tuple[Container, ...]:
            return tuple(
                replace(item, labels={**item.labels, LABEL_DEPENDS_ON: ""})
                for item in super().project_containers(project)
            )

    layer = unhealthy(TEMPORAL, "temporal-unreachable", "temporal")
    assert "no service temporal" in seen(monkeypatch, CALM, layer, engine=Without()).situation.for_person


def test_ends_from_before_the_last_step_are_no_crash_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Tried("run", 1, Rung.END_PROCESS_GROUP, "k c", "postiz", "", "k", STARTED_AT + 900, STARTED_AT + 960)
    seen(monkeypatch, CALM, unhealthy(PM2, "hung-at-start", "backend"), history=History(tried=(step,)))
    assert seen.asked.pm2.settings.restart_window == 40  # type: ignore[attr-defined]


class PlacedEngine(StackEngine):
    _directory = ""

    def project_containers(self, project: str) -> tuple[Container, ...]:
        labels = {"com.docker.compose.project.working_dir": self._directory}
        return tuple(replace(item, labels={**item.labels, **labels}) for item in super().project_containers(project))


def upgrading(folder: Path) -> None:
    (folder / "state" / "upgrade").mkdir(parents=True)
    journal.begin(str(folder), 1_800_000_000.0, "r", "root@here:boot:7:8", "back", (), 1)
    journal.note(str(folder), 1_800_000_001.0, "started", step="back-restore")


@pytest.mark.parametrize("code", ["hung-at-start", "temporal-refused", "ghost-process"])
def test_in_the_middle_of_a_rollback_a_person_is_asked_whatever_the_cause(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    upgrading(tmp_path)
    situation = seen(monkeypatch, CALM, unhealthy(PM2, code, "backend"), directory=str(tmp_path)).situation
    assert [cause.key for cause in situation.cause] == ["upgrade-under-way p", f"{code} backend"]
    for text in ("A rollback of root on here, process 7", "2027-01-15T08:00:00Z", "back-restore", "playbook rollback"):
        assert text in situation.for_person


def test_a_healthy_stack_is_let_alone_in_the_middle_of_an_upgrade(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upgrading(tmp_path)
    sight = seen(monkeypatch, *(Layer(name, Verdict.HEALTHY) for name in LAYERS), directory=str(tmp_path))
    assert (sight.verdict, sight.situation.cause) == (Verdict.HEALTHY, ())


def test_an_upgrade_of_another_stack_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The directory that was given may be the default one, and another stack's."""
    upgrading(tmp_path)
    engine = PlacedEngine()
    engine._directory = str(tmp_path / "mine")
    ailing = (CALM, unhealthy(PM2, "hung-at-start", "backend"))
    assert not seen(monkeypatch, *ailing, engine=engine, directory=str(tmp_path)).situation.for_person
    upgrading(tmp_path / "mine")
    assert seen(monkeypatch, *ailing, engine=engine, directory=str(tmp_path)).situation.for_person


def test_in_the_middle_of_a_restore_from_anywhere_a_person_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stack").mkdir()
    begun = restore_journal.Journal("/b/1", ("database",), True, "", "2026-11-24T09:00:00+00:00", ("files",))
    restore_journal.write(str(tmp_path), "p", begun)
    restore_journal.point(str(tmp_path / "stack"), str(tmp_path), "p")
    ailing = (CALM, unhealthy(PM2, "hung-at-start", "backend"))
    situation = seen(monkeypatch, *ailing, directory=str(tmp_path / "stack")).situation
    assert situation.cause[0].code == "restore-under-way"
    for text in ("A restore of /b/1", "2026-11-24T09:00:00+00:00", "is files", "playbook restore again"):
        assert text in situation.for_person
    restore_journal.remove(str(tmp_path), "p", str(tmp_path / "stack"))
    assert not seen(monkeypatch, *ailing, directory=str(tmp_path / "stack")).situation.for_person
