"""Recovery: nothing on a healthy stack, the least step on a sick one, no burst, no thought after a kill, quiet in the end.

The table of all faults is `make recover-matrix`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import modules
import pytest
from contract import disagreements
from docker.errors import NotFound
from labkit import posts, social
from labkit.faults import repair
from labkit.paths import COLLECTIONS, MADE
from labkit.stack import PROJECT_LABEL, SERVICE_LABEL, Stack
from labkit.temporal import SWEEP, Temporal
from labkit.waiting import wait_for
from recovery import SETTLE_SECONDS, Play, broken, due_at, engine_events, record, recover
from shared import CHANNELS, RECOVER_PROJECT, RECOVER_VARIABLES, SECRET_NAMES

pytestmark = pytest.mark.usefixtures("whole_again")

BACKLOG = 40
PER_MINUTE = 30
WINDOW = 20
LAG = 4
PLANTED = "planted-4f1c0e"


@pytest.fixture(scope="module")
def project() -> str:
    return RECOVER_PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return RECOVER_VARIABLES


def secrets(stack: Stack) -> list[str]:
    """Secret values of the environments."""
    return [
        value
        for service in ("postiz", "postiz-postgres", "temporal", "temporal-postgresql")
        for name, value in stack.environment(service).items()
        if any(word in name for word in SECRET_NAMES) and len(value) > 8
    ]


def test_a_healthy_stack_is_left_alone_and_quickly_so(stack: Stack, tmp_path: Path) -> None:
    with engine_events(stack) as watched:
        done = recover(stack, tmp_path)
    assert done.code == 0
    assert done.values["decision"] == "nothing"
    assert done.changed == 1, "the report on the controller"
    assert watched.acts == []
    assert record(tmp_path) == []
    assert not (tmp_path / "state").exists()
    assert disagreements("stack_recovery_info", _own(done.values)) == []


def test_a_look_at_a_healthy_stack_costs_what_its_health_does(stack: Stack) -> None:
    took: dict[str, list[float]] = {"stack_health": [], "stack_recovery_info": []}
    for _ in range(7):
        for name, seconds in took.items():
            seconds.append(modules.run(name, project=stack.project).seconds)
    health, recovery = (statistics.median(seconds) for seconds in took.values())
    print(f"health {health:.2f} s, recovery {recovery:.2f} s: {recovery / health:.2f} times as long")
    assert recovery <= 1.2 * health


def _own(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in ("changed", "failed", "deprecations")}


def test_check_mode_tells_the_first_step_and_takes_none(stack: Stack, tmp_path: Path) -> None:
    with broken(stack, "hung-at-start"):
        wait_for("the end of its window", lambda: _decision(stack, tmp_path) == "act", 90, 2)
        with engine_events(stack) as watched:
            checked = recover(stack, tmp_path, "--check")
        done = recover(stack, tmp_path)
    assert done.code == 0
    assert checked.code == 0
    assert "Next step: end the process group of backend; PM2 starts it anew" in checked.text
    assert watched.acts == []
    assert done.rungs == ["end_process_group"]
    kept = Path(done.values["evidence"])
    names = {path.name for path in kept.iterdir()}
    container = stack.container("postiz").name
    assert {"health.json", "health.txt", f"{container}.log", f"{container}.inspect.json"} <= names
    assert f"{container}.backend-error.log" in names
    assert kept.stat().st_mode & 0o777 == 0o700
    told = [path.read_text(errors="replace") for path in (tmp_path / "state").rglob("*") if path.is_file()]
    for value in secrets(stack):
        assert not any(value in text for text in (*told, done.text))
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "state").rglob("*"))
    assert max(len(line) for line in done.values["report"].splitlines() if "/" not in line) <= 80
    assert [event["event"] for event in record(tmp_path)] == ["begun", "prepared", "ended", "proved", "closed"]
    assert disagreements("stack_recovery", _own(done.values)) == []


def _decision(stack: Stack, folder: Path) -> str:
    told = modules.run(
        "stack_recovery_info",
        project=stack.project,
        settle_seconds=SETTLE_SECONDS,
        state_directory=str(folder / "state"),
    )
    return str(told.values["decision"])


def test_temporal_that_comes_back_starts_no_burst(stack: Stack, tmp_path: Path) -> None:
    names = CHANNELS[:2]
    deadline = time.time() + 30
    due = due_at(stack, deadline, BACKLOG, names)
    with broken(stack, "temporal-down"):
        time.sleep(max(deadline + 1 - time.time(), 0))
        with engine_events(stack) as watched:
            done = recover(stack, tmp_path, recover_burst_per_minute=PER_MINUTE)
    assert done.code == 0
    assert done.rungs == ["start_service"]
    assert done.values["steps"][0]["spread"]
    assert [act.action for act in watched.acts] == ["pause", "unpause"], "nothing was restarted"
    wait_for("all published", lambda: set(posts.states(stack, tuple(due)).values()) == {"PUBLISHED"}, 120, 1)
    assert social.judge(social.ledger(), due).sound
    for name in names:
        moments = sorted(
            posts.published_at(post).timestamp() for number, post in enumerate(due) if names[number % 2] == name
        )
        most = max(sum(0 <= other - one < WINDOW for other in moments) for one in moments)
        assert most <= PER_MINUTE * WINDOW / 60 + LAG, moments


def test_killed_between_stop_and_start_the_next_run_goes_on(stack: Stack, tmp_path: Path) -> None:
    post = posts.schedule(stack, 25)
    with broken(stack, "port-collision"):
        play = Play(stack, tmp_path)
        wait_for("Postiz stopped", lambda: stack.state("postiz")[0] == "exited", 120, 0.1)
        play.kill()
        assert record(tmp_path)[0]["event"] == "begun"
        done = recover(stack, tmp_path)
    assert done.code == 0
    assert done.rungs == ["restart_container"]
    assert {event["number"] for event in record(tmp_path) if event["event"] == "begun"} == {1}
    wait_for("the post", lambda: posts.read(stack, post).state == "PUBLISHED", 60)
    assert social.published(post) == 1


@pytest.fixture
def hopeless(stack: Stack) -> Iterator[None]:
    """A container of the project that ends as soon as it is started, and that no compose file knows."""
    labels = {**MADE, PROJECT_LABEL: stack.project, SERVICE_LABEL: "hopeless"}
    client = stack.client.containers
    container = client.run("postiz-lab/base:bookworm", ["sh", "-c", "exit 3"], labels=labels, detach=True)
    yield
    with suppress(NotFound):
        container.remove(force=True)


class Listener:
    """Somebody whom a recovery tells: a webhook, and a mail program that keeps what it gets."""

    def __init__(self, folder: Path) -> None:
        told: list[dict[str, Any]] = []

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.append({"token": self.headers["X-Token"], **json.loads(body)})
                self.send_response(204)
                self.end_headers()

        self.told = told
        self.mail = folder / "mail"
        program = folder / "sendmail"
        program.write_text(f"#!/bin/sh\necho \"$@\" > '{self.mail}'\ncat >> '{self.mail}'\n")
        program.chmod(0o755)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.parameters = {
            "recover_webhook_url": f"http://127.0.0.1:{self.server.server_port}/hook/{PLANTED}",
            "recover_webhook_headers": {"X-Token": PLANTED},
            "recover_mail_to": "night@example.com",
            "recover_mail_program": str(program),
        }


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    found = Listener(tmp_path)
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.mark.usefixtures("hopeless")
def test_what_cannot_be_healed_ends_in_quarantine_and_stays_quiet(
    stack: Stack, tmp_path: Path, listener: Listener
) -> None:
    first = recover(stack, tmp_path, "-vvv", recover_attempts=2, **listener.parameters)
    assert PLANTED not in first.text
    (told,) = listener.told
    assert (told["token"], told["project"], told["decision"]) == (PLANTED, stack.project, "quarantine")
    assert told["steps"]
    arguments, address, subject, *_ = listener.mail.read_text().splitlines()
    assert (arguments, address) == ("-t -oi", "To: night@example.com")
    assert stack.project in subject
    assert first.code == 2
    assert first.rungs == ["start_service", "recreate_container"]
    assert first.values["decision"] == "quarantine"
    with engine_events(stack, "hopeless") as watched:
        later = recover(stack, tmp_path, recover_attempts=2, **listener.parameters)
    assert later.code == 2
    assert later.values["decision"] == "quiet"
    assert later.rungs == []
    assert watched.acts == []
    assert len(later.values["report"].splitlines()) <= 8
    assert [event["event"] for event in record(tmp_path)][-2:] == ["quarantined", "told"], "nothing more is written"
    assert len(listener.told) == 1, "told once"
    stack.container("hopeless").remove(force=True)
    healed = recover(stack, tmp_path, recover_attempts=2)
    assert healed.code == 0
    assert record(tmp_path)[-1]["event"] == "closed"


def test_the_sweep_is_started_again_without_any_restart(stack: Stack, temporal: Temporal, tmp_path: Path) -> None:
    temporal.terminate(SWEEP)
    with engine_events(stack) as watched:
        done = recover(stack, tmp_path)
    assert done.code == 0
    assert done.rungs == ["restore_sweeper"]
    assert watched.acts == []
    assert temporal.status(SWEEP) == "RUNNING"


def test_a_notice_that_cannot_be_sent_fails_nothing_and_is_sent_by_the_next_run(
    stack: Stack, temporal: Temporal, tmp_path: Path, listener: Listener
) -> None:
    temporal.terminate(SWEEP)
    done = recover(stack, tmp_path, **{**listener.parameters, "recover_webhook_url": "http://127.0.0.1:9/"})
    assert done.code == 0
    assert done.rungs == ["restore_sweeper"]
    assert "Nobody could be told: Post a notice to the webhook failed." in done.text
    assert "work flows again" in listener.mail.read_text()
    listener.mail.unlink()
    for _ in range(2):
        later = recover(stack, tmp_path, **listener.parameters)
        assert (later.code, later.rungs) == (0, [])
    (told,) = listener.told
    assert told["late"]
    assert told["heading"].endswith(done.values["heading"])
    assert not listener.mail.exists(), "that way has worked before"
    assert [event["ways"] for event in record(tmp_path) if event["event"] == "told"] == [["mail"], ["webhook"]]


def test_a_run_that_fails_before_it_decides_tells_it_once_and_when_it_is_over(
    stack: Stack, tmp_path: Path, listener: Listener
) -> None:
    away = tmp_path / "away.yml"
    host = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
    away.write_text(json.dumps({"all": {"hosts": {"away": host}}}))
    given = {**listener.parameters, "recover_notice_directory": str(tmp_path / "notices")}
    for _ in range(2):
        failed = recover(stack, tmp_path, "-i", str(away), "--limit", "away", **given)
        assert failed.code == 2
        assert "See whether the host can be reached" in failed.text
    (told,) = listener.told
    assert (told["decision"], told["host"], told["project"]) == ("failed", "away", stack.project)
    assert "See whether the host can be reached: timed out" in told["text"]
    assert "recovery itself failed" in listener.mail.read_text()
    host |= {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    away.write_text(json.dumps({"all": {"hosts": {"away": host}}}))
    # Another failure is another notice.
    (tmp_path / "state" / "record.jsonl").mkdir(parents=True)
    other = recover(stack, tmp_path, "-i", str(away), "--limit", "away", **given)
    assert other.code == 2
    assert "The record of recoveries in" in listener.told[1]["text"]
    (tmp_path / "state" / "record.jsonl").rmdir()
    for _ in range(2):
        assert recover(stack, tmp_path, "-i", str(away), "--limit", "away", **given).code == 0
    assert [entry["decision"] for entry in listener.told] == ["failed", "failed", "nothing"]
    assert "Recovery can look at it again" in listener.told[-1]["text"]
    assert list((tmp_path / "notices").iterdir()) == []


def test_the_timer_s_units_are_sound_and_run_the_watch(stack: Stack, tmp_path: Path) -> None:
    """As far as a machine without a running systemd can tell."""
    units = tmp_path / "units"
    units.mkdir()
    given = {"recover_timer": True, "recover_timer_start": False, "recover_timer_directory": str(units)}
    laid = Play(stack, tmp_path, playbook="watch", **given).end()
    assert (laid.code, laid.changed) == (0, 1)
    names = sorted(path.name for path in units.iterdir())
    assert [name.rpartition(".")[2] for name in names] == ["service", "timer"]
    service = (units / names[0]).read_text()
    assert f'Environment="ANSIBLE_COLLECTIONS_PATH={COLLECTIONS}"' in service, "systemd knows nothing of this shell"
    checked = subprocess.run(
        ["systemd-analyze", "verify", *(str(units / name) for name in names)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert Play(stack, tmp_path, playbook="watch", **given).end().changed == 0
    removed = Play(stack, tmp_path, playbook="watch", **{**given, "recover_timer": False}).end()
    assert (removed.changed, list(units.iterdir())) == (1, [])


def test_two_runs_at_once_take_one_step(stack: Stack, tmp_path: Path) -> None:
    """The second one looks while the first is in the middle of its step, then waits until work flows."""
    with broken(stack, "port-collision"), engine_events(stack) as watched:
        first = Play(stack, tmp_path)
        wait_for("its step", lambda: any(event["event"] == "begun" for event in record(tmp_path)), 120, 0.1)
        second = Play(stack, tmp_path).end()
        done = first.end()
    assert done.code == 0
    assert done.rungs == ["restart_container"]
    assert second.code == 0 or "in the middle of a step" in second.text
    assert [event["number"] for event in record(tmp_path) if event["event"] == "begun"] == [1]
    assert [act.action for act in watched.acts if act.action in ("start", "restart")] == ["start"]
    assert repair.works(stack)


CHECKPOINTED = {
    "error": {
        "message": "Error validating access token: The user has been checkpointed. You cannot access the app till you log in",
        "type": "OAuthException",
        "code": 190,
        "error_subcode": 459,
    }
}


def test_a_locked_person_at_a_network_is_a_person_s_matter(stack: Stack, temporal: Temporal, tmp_path: Path) -> None:
    social.behave("facebook", mode="status", status=400, body=CHECKPOINTED)
    refused = posts.schedule(stack, 0, "facebook")
    wait_for("its refusal", lambda: posts.read(stack, refused).state == "ERROR", 120)
    try:
        with engine_events(stack) as watched:
            asked = recover(stack, tmp_path)
            again = recover(stack, tmp_path)
        assert (asked.code, again.code) == (2, 2)
        assert (asked.values["decision"], asked.values["findings"][0]["code"]) == ("person", "identity-checkpoint")
        assert asked.values["seconds"] < 20
        assert "the stack works" in asked.values["heading"]
        assert again.values["asked_before"]
        assert watched.acts == []
        assert [event["event"] for event in record(tmp_path)] == ["person"]
        # A fault of the stack is healed all the same.
        temporal.terminate(SWEEP)
        both = recover(stack, tmp_path)
        assert both.rungs == ["restore_sweeper"]
        assert both.values["decision"] == "person"
        social.behave_well()
        stack.change('UPDATE "Integration" SET "refreshNeeded" = false')
        published = posts.schedule(stack, 0, "facebook")
        wait_for("a post", lambda: posts.read(stack, published).state == "PUBLISHED", 60)
        assert recover(stack, tmp_path).code == 0
        assert record(tmp_path)[-1]["event"] == "closed"
    finally:
        stack.change('UPDATE "Integration" SET "refreshNeeded" = false')
        stack.change('UPDATE "Post" SET "deletedAt" = now() WHERE id = %s', refused)


def test_another_run_s_step_is_not_taken_twice(stack: Stack, tmp_path: Path) -> None:
    step = {"rung": "restart_container", "service": "postiz", "code": "not-listening", "cause": "not-listening backend"}
    given = {"project": stack.project, "state_directory": str(tmp_path / "state"), "run": "one", "step": step}
    with engine_events(stack) as watched:
        stale = modules.run("stack_recovery", None, (), state="begun", number=7, booted_at=2e9, **given)
        early = modules.run("stack_recovery", None, (), state="begun", number=1, booted_at=1.0, **given)
    assert not stale.values["taken"]
    assert "another run" in stale.values["problem"]
    assert not early.values["taken"]
    assert "was started since the look" in early.values["problem"]
    assert watched.acts == []
    assert disagreements("stack_recovery", stale.values) == []
    assert repair.works(stack)
    assert json.loads(json.dumps(stale.values)) == stale.values
