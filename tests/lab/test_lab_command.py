"""The command `lab` itself, verb by verb, on a running stack."""

from __future__ import annotations

import json
import subprocess

import pytest
from labkit import faults
from labkit.paths import LAB
from labkit.stack import Stack
from labkit.waiting import wait_for
from shared import PROJECT, VARIABLES


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return VARIABLES


def lab(*words: str, code: int = 0) -> str:
    """What it prints."""
    done = subprocess.run([LAB / "lab", *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_status_tells_services_and_work(stack: Stack) -> None:
    text = lab("status", "--project", stack.project)
    assert "main workflow: 1" in text
    assert "sweep    running" in text
    assert "faults   none on record" in text
    assert "does not run" in lab("status", "--project", "no-such-project", code=1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postiz", "PM2"),
        ("temporal", "default"),
        ("orchestrator", "Orchestrator is running"),
        ("backend", "Backend is"),
    ],
)
def test_logs(stack: Stack, name: str, words: str) -> None:
    assert words in lab("logs", name, "--project", stack.project, "--tail", "500")


def test_logs_of_nothing(stack: Stack) -> None:
    assert "nothing here is called 'nobody'" in lab("logs", "nobody", "--project", stack.project, code=1)


def test_posts_and_their_ledger(stack: Stack) -> None:
    ids = lab("schedule", "--project", stack.project, "--in", "1", "--children", "1").split()
    assert len(ids) == 2
    wanted = [word for post in ids for word in ("--post", post)]

    def once() -> bool:
        done = subprocess.run([LAB / "lab", "ledger", *wanted], capture_output=True, text=True, check=False)
        return done.returncode == 0 and "once: 2, lost: 0, twice: 0" in done.stdout

    assert wait_for("both published once", once, 60, pause=1)
    judged = json.loads(lab("ledger", "--json", *wanted))
    assert sorted(judged["once"]) == sorted(ids)
    (overdue,) = lab("schedule", "--project", stack.project, "--overdue", "600").split()
    assert "lost: 1" in lab("ledger", "--post", overdue, code=1)
    stack.change('DELETE FROM "Post" WHERE id = %s', overdue)


def test_a_fault_by_name_and_its_healing(stack: Stack) -> None:
    listed = lab("fault", "--list")
    assert all(f"{kind.name}\n  breaks: " in listed for kind in faults.ALL)
    assert "no fault is called 'nonsense'" in lab("fault", "nonsense", "--project", stack.project, code=1)
    assert "temporal-ui" not in lab("fault", "hung-at-start", "--project", stack.project)
    assert "hung-at-start" in lab("status", "--project", stack.project)
    assert "hung-at-start: healed" in lab("heal", "--project", stack.project)
    assert "no fault is on record" in lab("heal", "--project", stack.project)
