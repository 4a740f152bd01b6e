"""A whole recovery without an engine: what is written down when, what is handed back, what is not done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import LAYERS, Layer
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_PROJECT,
    LABEL_SERVICE,
    Container,
    ContainerDetail,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway, LibraryMissing
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict, error
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import act, operations, parameters, record
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import (
    HANDS_OFF_SECONDS,
    Cause,
    Rung,
    Situation,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.observe import Sight
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.project import Compose
from ansible_collections.selfhost.postiz.plugins.module_utils.release import journal
from contract import disagreements
from fake_engine import FakeEngine

NOW = 1_800_000_000.0
GIVEN = {name: entry.get("default") for name, entry in parameters.ACT_SPEC.items()} | {"project": "p", "run": "r1"}


class TestClock:
    __test__ = False

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class OneContainer(FakeEngine):
    def project_containers(self, _project: str) -> tuple[Container, ...]:
        labels = {LABEL_PROJECT: "p", LABEL_SERVICE: "postiz"}
        return (Container("postiz", "postiz", "", "running", "", labels, (), ()),)

    def detail(self, _identifier: str) -> ContainerDetail:
        return ContainerDetail({}, "", "", 0, 0, False, "2026-11-24T03:00:00Z", "", "", state="running")


def sight(verdict: Verdict, code: str = "", component: str = "", service: str = "postiz") -> Sight:
    layers = tuple(Layer(name, verdict) for name in LAYERS)
    if not code:
        return Sight(layers, verdict, (), Situation(verdict, (), "", 0.0, True, "postiz", ""), Compose(), NOW)
    cause = Cause(code, component, "seen.", "do.", service, component)
    situation = Situation(verdict, (cause,), "", NOW - 9000, False, "postiz", "")
    return Sight(layers, verdict, (error(code, component, "seen.", "do."),), situation, Compose(), NOW)


HEALTHY = sight(Verdict.HEALTHY)
SILENT = sight(Verdict.UNHEALTHY, "worker-not-polling", "orchestrator")
ENDED = sight(Verdict.UNHEALTHY, "exited", "temporal", "temporal")


class World:
    """The sights that come one after the other, and what was done."""

    def __init__(self, folder: Path, *sights: Sight) -> None:
        self.folder = folder
        self.sights = list(sights)
        self.noted: list[str] = []
        self.waiting: int | None = 0
        self.clock = TestClock()

    def see(self, *_: Any) -> Sight:
        return self.sights.pop(0) if len(self.sights) > 1 else self.sights[0]

    def inform(self, **given: Any) -> dict[str, Any]:
        request = parameters.parse({**GIVEN, "state_directory": str(self.folder), "timeout": 60.0, **given})
        outcome = operations.inform(OneContainer, request, self.clock)  # type: ignore[arg-type]
        assert not outcome.changed
        assert disagreements("stack_recovery_info", outcome.payload) == []
        return outcome.payload

    def call(self, state: str, told: dict[str, Any] | None = None, check: bool = False, **given: Any) -> dict[str, Any]:
        told = told or {"step": {}, "number": 0, "booted_at": 0.0}
        taken = {name: told[name] for name in ("step", "number", "booted_at")}
        params = {**GIVEN, **taken, "state": state, "state_directory": str(self.folder), "timeout": 60.0, **given}
        outcome = operations.Recovery(OneContainer, parameters.parse_act(params), self.clock).run(check)  # type: ignore[arg-type]
        assert disagreements("stack_recovery", outcome.payload) == []
        return outcome.payload

    @property
    def events(self) -> list[str]:
        return [str(event["event"]) for event in record.events(str(self.folder))]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    def make(*sights: Sight) -> World:
        found = World(tmp_path / "state", *sights)
        monkeypatch.setattr(operations, "observe", found.see)
        monkeypatch.setattr(operations.evidence, "save", lambda *_: found.noted.append("evidence"))
        monkeypatch.setattr(operations.backlog, "PSYCOPG2_IMPORT_ERROR", None)
        monkeypatch.setattr(operations.backlog, "most_waiting", lambda *_: found.waiting)
        monkeypatch.setattr(act, "hold", lambda _scene: found.noted.append("hold") or True)
        monkeypatch.setattr(act, "release", lambda _scene: found.noted.append("release"))
        monkeypatch.setattr(act, "prepare", lambda _scene, step: found.noted.append(f"prepare {step.rung.value}"))
        monkeypatch.setattr(act, "finish", lambda _scene, step: found.noted.append(f"finish {step.rung.value}"))
        return found

    return make


def test_a_step_is_written_down_before_and_after_and_its_proof_too(world: Callable[..., World]) -> None:
    stack = world(*[SILENT] * 16, HEALTHY)
    told = stack.inform()
    assert (told["decision"], told["step"]["rung"]) == ("act", "end_process_group")
    assert stack.events == []
    begun = stack.call("begun", told)
    assert begun["taken"]
    assert stack.events == ["begun", "prepared"]
    assert stack.noted == ["evidence", "prepare end_process_group"], "the evidence comes first"
    done = stack.call("finished", told)
    assert done["decision"] == "nothing" or done["decision"] == "close"
    assert done["steps"][0]["helped"]
    assert stack.events == ["begun", "prepared", "ended", "proved", "closed"]
    assert list((stack.folder / "reports").iterdir())


def test_what_did_not_help_is_followed_by_the_next_step(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    told = stack.inform()
    stack.call("begun", told)
    done = stack.call("finished", told, settle_seconds=10.0, cooldown=1.0)
    assert not done["steps"][0]["helped"]
    assert (done["decision"], done["step"]["rung"]) == ("act", "restart_container")
    assert done["number"] == 2
    assert stack.events == ["begun", "prepared", "ended", "proved"]


def test_nothing_is_done_where_another_run_was_faster(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    told = stack.inform()
    stack.call("begun", told)
    again = stack.call("begun", told)
    assert not again["taken"]
    assert "another run" in again["problem"]
    assert stack.events == ["begun", "prepared"]


def test_a_step_in_the_middle_of_which_another_run_may_be_is_left_to_it(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    told = stack.inform()
    stack.call("begun", told)
    early = stack.inform()
    assert early["step"]["resumes"] == 1
    early["number"] = 2
    stack.sights = [SILENT]
    at = stack.clock.at
    stack.clock.at -= 15
    refused = stack.call("begun", early, run="r2")
    assert (refused["taken"], refused["problem"]) == (False, "another run may be in the middle of a step.")
    stack.clock.at = at
    assert at - NOW > HANDS_OFF_SECONDS, "the look waited so long"


def test_a_step_that_another_run_has_taken_over_is_not_finished_twice(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    told = stack.inform()
    stack.call("begun", told)
    later = stack.inform()
    assert stack.call("begun", later, run="r2")["taken"]
    stack.noted.clear()
    stack.call("finished", told, timeout=0.0)
    assert stack.noted == [], "it was away for too long"
    stack.sights = [HEALTHY]
    stack.call("finished", later, run="r2")
    assert stack.noted == ["finish end_process_group"]
    assert len({event.get("number", 1) for event in record.events(str(stack.folder))}) == 1


def test_a_network_that_refuses_ends_a_quarantine_and_asks_a_person_once(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    for _round in range(2):
        told = stack.inform()
        stack.call("begun", told)
        stack.call("finished", told, timeout=0.0)
        stack.clock.at += 600
    assert stack.call("noted", told, attempts=2, run="r2")["decision"] == "quarantine"
    locked = sight(Verdict.UNHEALTHY, "identity-checkpoint", "meta")
    stack.sights = [replace(locked, situation=replace(locked.situation, flows=True))]
    asked = stack.call("noted", told, attempts=2, run="r3")
    assert (asked["decision"], asked["asked_before"], asked["quarantined"]) == ("person", False, False)
    assert "the stack works" in asked["heading"]
    assert stack.call("noted", told, attempts=2, run="r4")["asked_before"]
    assert stack.events[-2:] == ["closed", "person"]


def test_anonymous_data_is_told_even_where_nothing_is_to_be_done(world: Callable[..., World]) -> None:
    stack = world(replace(HEALTHY, anonymous=("temporal-postgresql",)))
    report = stack.inform()["report"]
    assert "rescue_volumes" in report
    assert max(len(line) for line in report.splitlines()) <= 80


@pytest.mark.parametrize("meanwhile", [HEALTHY, sight(Verdict.SETTLING), ENDED])
def test_nothing_is_done_where_the_cause_has_gone_meanwhile(world: Callable[..., World], meanwhile: Sight) -> None:
    stack = world(SILENT)
    told = stack.inform()
    stack.sights = [meanwhile]
    assert not stack.call("begun", told)["taken"]
    assert stack.events == []
    assert stack.noted == []


def test_nothing_is_done_in_check_mode(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    stack.call("begun", stack.inform(), check=True)
    assert not stack.folder.exists()


@pytest.mark.parametrize(("waiting", "held"), [(None, True), (6, True), (5, False), (0, False)])
def test_postiz_is_held_only_where_a_burst_would_come(
    world: Callable[..., World], waiting: int | None, held: bool
) -> None:
    stack = world(ENDED)
    stack.waiting = waiting
    begun = stack.call("begun", stack.inform())
    assert ("hold" in stack.noted) == held
    assert begun["guard"] == held


def test_without_the_guard_nothing_is_held(world: Callable[..., World]) -> None:
    stack = world(ENDED)
    stack.waiting = 1000
    begun = stack.call("begun", stack.inform(), burst_guard=False)
    assert not begun["guard"]
    assert "hold" not in stack.noted


def test_a_step_that_fails_lets_postiz_go_on_and_says_why(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = world(ENDED)

    def fails(*_: Any) -> None:
        raise act.NotTaken("temporal ended again with exit code 3.", "look at its log.")

    monkeypatch.setattr(act, "prepare", fails)
    told = stack.inform()
    begun = stack.call("begun", told)
    assert begun["problem"] == "temporal ended again with exit code 3."
    assert stack.noted[-1] == "release"
    done = stack.call("finished", told, failure=begun["problem"], cooldown=0.0, settle_seconds=0.0)
    assert done["steps"][0]["outcome"] == begun["problem"]
    assert "finish start_service" not in stack.noted
    assert done["step"]["rung"] == "recreate_container"


def test_posts_that_could_not_be_spread_leave_postiz_standing(world: Callable[..., World]) -> None:
    stack = world(ENDED)
    stack.waiting = 100
    told = stack.inform()
    stack.call("begun", told)
    done = stack.call("finished", told, failure="the table is locked.", unspread=True)
    assert done["decision"] == "person"
    assert "recover_burst_guard=false" in done["report"].replace("\n", " ")
    assert not any(entry in stack.noted for entry in ("finish start_service", "release"))


def test_quarantine_is_told_once_and_ends_when_the_stack_is_healthy(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    for _round in range(2):
        told = stack.inform()
        stack.call("begun", told)
        stack.call("finished", told, timeout=0.0)
        stack.clock.at += 600
    told = stack.inform() | {"attempts": 2}
    params = {"attempts": 2, "run": "r2"}
    assert stack.call("noted", told, **params)["decision"] == "quarantine"
    later = stack.call("noted", told, **{**params, "run": "r3"})
    assert later["decision"] == "quiet"
    assert later["asked_before"]
    assert later["quarantined"]
    stack.sights = [HEALTHY]
    assert stack.call("noted", told, **{**params, "run": "r4"})["decision"] == "close"
    assert stack.events[-1] == "closed"
    assert stack.inform()["decision"] == "nothing"


def test_a_person_is_asked_for_once(world: Callable[..., World]) -> None:
    refused = sight(Verdict.UNHEALTHY, "temporal-refused", "temporal", "temporal")
    stack = world(refused)
    told = stack.inform()
    assert (told["decision"], told["asked_before"]) == ("person", False)
    assert not stack.call("noted", told)["asked_before"], "not by the run that asks"
    assert stack.events == ["person"]
    assert parameters.parse({**GIVEN, "run": "r2"}).run == "r2"
    again = stack.call("noted", told, run="r2")
    assert again["asked_before"]
    assert stack.events == ["person"]


def test_lifting_forgets_what_was_tried(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    told = stack.inform()
    stack.call("begun", told)
    stack.call("lifted")
    assert record.history(record.events(str(stack.folder))).tried == ()
    assert stack.inform()["step"]["rung"] == Rung.END_PROCESS_GROUP.value


def test_a_stack_of_others_keeps_its_record_below_var_lib() -> None:
    request = parameters.parse({**GIVEN, "directory": "/nonexistent"})
    assert operations.places(OneContainer, request).state == "/var/lib/selfhost-postiz/p/recover"  # type: ignore[arg-type]


def test_the_next_run_does_not_use_more_force_because_posts_could_not_be_spread(world: Callable[..., World]) -> None:
    stack = world(ENDED)
    stack.waiting = 100
    told = stack.inform()
    stack.call("begun", told)
    stack.call("finished", told, failure="the table is locked.", unspread=True)
    stack.clock.at += 600
    assert stack.inform()["step"]["rung"] == told["step"]["rung"] == "start_service"


def test_what_a_failure_quotes_is_redacted_before_it_is_written_down(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = world(ENDED)
    monkeypatch.setattr(operations.evidence, "secrets_of", lambda *_: {"temporal DB_PASSWORD": "planted-7f3a"})
    told = stack.inform()
    stack.call("begun", told)
    done = stack.call("finished", told, failure="no such thing: planted-7f3a.")
    assert "planted-7f3a" not in str(done) + (stack.folder / record.FILE).read_text()
    assert done["steps"][0]["outcome"] == "no such thing: ********."


def test_a_person_is_asked_for_though_it_cannot_be_written_down(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = world(sight(Verdict.UNHEALTHY, "disk-low", "host", ""))
    told = stack.inform()

    def full(*_: Any, **__: Any) -> None:
        raise record.RecordFailed("No space left on device.", "make room.")

    monkeypatch.setattr(operations.record, "append", full)
    asked = stack.call("noted", told)
    assert (asked["decision"], asked["asked_before"]) == ("person", False)
    with record.alone(str(stack.folder)), pytest.raises(record.Busy):
        stack.call("noted", told)
    stack.sights = [HEALTHY]
    assert stack.call("noted", told)["decision"] == "nothing"


def test_lifting_nothing_is_no_change_in_check_mode_either(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    params = {**GIVEN, "state": "lifted", "state_directory": str(stack.folder)}

    def lifts() -> bool:
        parsed = parameters.parse_act(params)
        return operations.Recovery(OneContainer, parsed, stack.clock).run(True).changed  # type: ignore[arg-type]

    assert not lifts()
    stack.call("begun", stack.inform())
    assert lifts()


def test_postiz_is_not_stopped_where_nothing_could_be_spread_afterwards(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = world(sight(Verdict.UNHEALTHY, "app-crash-loop", "backend"))
    monkeypatch.setattr(operations.backlog, "PSYCOPG2_IMPORT_ERROR", "No module named 'psycopg2'")
    told = stack.inform()
    assert told["step"]["rung"] == "restart_container"
    with pytest.raises(LibraryMissing, match="python3-psycopg2"):
        stack.call("begun", told)
    assert (stack.noted, stack.events) == ([], [])
    assert stack.call("begun", told, burst_guard=False)["taken"]


def test_a_notice_that_did_not_get_out_is_told_by_the_next_run(world: Callable[..., World]) -> None:
    stack = world(*[SILENT] * 16, HEALTHY)
    told = stack.inform()
    assert told["notice"]["run"] == "", "nothing was done yet"
    stack.call("begun", told)
    done = stack.call("finished", told)
    assert (done["notice"]["run"], done["notice"]["told"], done["notice"]["late"]) == ("r1", [], False)
    stack.call("told", run="r1", ways=["mail"])
    written = (stack.folder / "reports" / "r1.json").stat().st_mtime
    stack.sights = [replace(HEALTHY, at=written + 3600)]
    later = stack.inform(run="r2")["notice"]
    assert (later["run"], later["told"], later["late"]) == ("r1", ["mail"], True)
    assert later["heading"].endswith(done["heading"])
    assert later["steps"] == ["end the process group of orchestrator; PM2 starts it anew"]
    stack.call("told", run="r1", ways=["webhook"])
    assert stack.inform(run="r2")["notice"]["told"] == ["mail", "webhook"]
    stack.sights = [replace(HEALTHY, at=written + 2 * 86400)]
    assert stack.inform(run="r2")["notice"]["run"] == "", "no news any more"


def test_that_a_person_is_needed_stays_news(world: Callable[..., World]) -> None:
    stack = world(sight(Verdict.UNHEALTHY, "temporal-refused", "temporal", "temporal"))
    asked = stack.call("noted", stack.inform())
    assert asked["notice"]["decision"] == "person"
    written = (stack.folder / "reports" / "r1.json").stat().st_mtime
    stack.sights = [replace(stack.sights[0], at=written + 9 * 86400)]
    again = stack.call("noted", asked, run="r2")
    assert again["asked_before"], again
    assert (again["notice"]["run"], again["notice"]["late"]) == ("r1", True)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"decision": "close"}', '{"decision": "close", "asked_before": 0, "steps": 3}']
)
def test_a_damaged_report_tells_nothing_and_stops_nothing(world: Callable[..., World], text: str) -> None:
    stack = world(HEALTHY)
    (stack.folder / "reports").mkdir(parents=True)
    (stack.folder / "reports" / "r0.json").write_text(text)
    stack.clock.at = (stack.folder / "reports" / "r0.json").stat().st_mtime
    assert stack.inform()["notice"]["run"] == ""


def test_a_look_may_leave_the_quarantine_aside(world: Callable[..., World]) -> None:
    stack = world(SILENT)
    told = stack.inform()
    stack.call("begun", told)
    stack.call("finished", told, timeout=0.0)
    stack.clock.at += 600
    stack.call("noted", told, attempts=1, run="r2")
    assert stack.inform()["decision"] == "quiet"
    looked = stack.inform(lifted=True)
    assert (looked["decision"], looked["step"]["rung"]) == ("act", "end_process_group")


def test_an_engine_that_is_lost_in_the_middle_of_a_step_is_written_down(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = world(ENDED)
    told = stack.inform()

    def away(*_: Any) -> int:
        raise EngineAway("the engine went away.", "look at it.")

    monkeypatch.setattr(operations.BurstGuard, "must_hold", lambda *_: False)
    monkeypatch.setattr(operations.BurstGuard, "must_spread", away)
    begun = stack.call("begun", told)
    assert (begun["taken"], begun["problem"]) == (True, "the engine went away.")
    assert stack.events == ["begun", "prepared"]
    assert stack.noted[-1] == "release"


def test_an_unsent_call_for_a_person_is_not_hidden_by_another_one(world: Callable[..., World]) -> None:
    slow = sight(Verdict.UNHEALTHY, "temporal-refused", "temporal", "temporal")
    tls = sight(Verdict.UNHEALTHY, "http-tls", "web")
    stack = world(slow)
    told = stack.inform()
    stack.call("noted", told)
    stack.sights = [tls]
    stack.call("noted", told, run="r2")
    stack.call("told", run="r2", ways=["webhook"])
    stack.sights = [slow]
    assert (again := stack.inform(run="r3"))["asked_before"]
    assert (again["notice"]["run"], again["notice"]["told"]) == ("r1", [])
    stack.sights = [tls]
    assert stack.inform(run="r4")["notice"]["told"] == ["webhook"]


def test_a_report_without_news_hides_none_before_it(world: Callable[..., World]) -> None:
    stack = world(sight(Verdict.UNHEALTHY, "temporal-refused", "temporal", "temporal"))
    told = stack.inform()
    stack.call("noted", told)
    (stack.folder / "reports" / "r2.json").write_text('{"decision": "wait", "asked_before": false, "steps": []}')
    (stack.folder / "reports" / "r3.json").write_text("torn")
    stack.sights = [replace(sight(Verdict.SETTLING), at=(stack.folder / "reports" / "r1.json").stat().st_mtime)]
    assert stack.inform(run="r4")["notice"]["run"] == "r1"


def test_who_meets_another_run_says_so_in_the_result() -> None:
    assert record.Busy("Another run.", "wait.").told == {"busy": True}


def upgrading(folder: Path) -> str:
    (folder / "state" / "upgrade").mkdir(parents=True)
    journal.begin(str(folder), NOW, "r", "root@here:boot:7:8", "forward", (), 1)
    return str(folder)


def test_no_step_begins_where_an_upgrade_has_begun_since_the_look(world: Callable[..., World], tmp_path: Path) -> None:
    stack = world(SILENT)
    told = stack.inform()
    begun = stack.call("begun", told, directory=upgrading(tmp_path / "stack"))
    assert not begun["taken"]
    assert "An upgrade of root on here, process 7 is not finished" in begun["problem"]
    assert stack.events == []
    assert stack.noted == ["evidence"]


def test_postiz_is_not_started_where_an_upgrade_has_begun_since_the_step(
    world: Callable[..., World], tmp_path: Path
) -> None:
    stack = world(ENDED)
    told = stack.inform()
    assert stack.call("begun", told)["taken"]
    stack.noted.clear()
    done = stack.call("finished", told, directory=upgrading(tmp_path / "stack"), timeout=0.0)
    assert stack.noted == [], "neither finished nor released"
    assert "An upgrade of root on here" in done["steps"][0]["outcome"]


def test_a_restore_under_way_gives_a_stack_of_others_no_record_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "restore-under-way").touch()
    request = parameters.parse({**GIVEN, "directory": str(tmp_path)})
    assert operations.places(OneContainer, request).state == "/var/lib/selfhost-postiz/p/recover"  # type: ignore[arg-type]
    (tmp_path / "state" / "secrets.json").touch()
    assert operations.places(OneContainer, request).state == str(tmp_path / "state" / "recover")  # type: ignore[arg-type]
