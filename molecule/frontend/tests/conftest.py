"""The scenario's stack, plays on it, and a browser that looks at its pages."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from labkit.catalog import BROWSER
from labkit.paths import MADE
from labkit.stack import Stack, connect

PROJECT = "postiz-frontend-mol"
LAST_LINES = 30


@dataclass(frozen=True)
class Page:
    """What the browser saw; `errors` are of its console, `failed` are requests, both since the look before."""

    result: Any
    errors: list[str]
    failed: list[str]


class Browser:
    """One page of a real browser, which stays open while the stack changes."""

    def __init__(self) -> None:
        labels = [f"--label={name}={value}" for name, value in MADE.items()]
        self._process = subprocess.Popen(
            ["docker", "run", "--rm", "-i", "--network", "host", *labels, BROWSER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, **verb: str) -> Page:
        """See the image's watch.mjs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(verb) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "problem" not in told, told
        return Page(told["result"], told["errors"], told["failed"])

    def close(self) -> None:
        """It ends with its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack that the scenario provisioned."""
    return connect(PROJECT)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """For all tests."""
    found = Browser()
    yield found
    found.close()


class Play:
    """The scenario's playbook, once more, with other variables."""

    def __init__(self, playbook: str = "converge.yml", **variables: object) -> None:
        self.process = subprocess.Popen(
            [
                "ansible-playbook",
                "--inventory",
                str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent),
                str(Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"], playbook)),
                "--extra-vars",
                json.dumps(variables),
            ],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """All of it, at once."""
        os.killpg(self.process.pid, 9)
        self.process.wait()

    def end(self, expected: int = 0) -> str:
        """What it printed, with its lines joined as a terminal would."""
        text, _ = self.process.communicate(timeout=300)
        assert self.process.returncode == expected, text[-6000:]
        return " ".join(text.split())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure carries the last log lines of Postiz."""
    report = yield
    if call.when == "call" and report.failed:
        lines = connect(PROJECT).containers()["postiz"].logs(tail=LAST_LINES).decode(errors="replace")
        report.sections.append(("last log lines of postiz", lines))
    return report
