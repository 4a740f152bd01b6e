"""What the verifier looks at: the scenario's stack, through the lab's own helpers, and what Ansible printed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from labkit.stack import Stack, connect

PROJECT = "postiz-molecule"
LAST_LINES = 30


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack that the scenario provisioned."""
    return connect(PROJECT)


@pytest.fixture(scope="session")
def second_run() -> str:
    """Output, as loud as it gets, of one more run in check mode."""
    command = [
        "ansible-playbook",
        "-vvv",
        "--check",
        "--diff",
        "--inventory",
        str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent),
        str(Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"], "converge.yml")),
    ]
    plain = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    done = subprocess.run(command, env=plain, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout


@pytest.fixture(scope="session")
def printed(second_run: str) -> str:
    """All that Ansible printed in this scenario: every run's log and the loud one."""
    log = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "ansible.log")
    return log.read_text(encoding="utf-8", errors="replace") + second_run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure carries the last log lines of every container."""
    report = yield
    if call.when == "call" and report.failed:
        for service, container in sorted(connect(PROJECT).containers().items()):
            lines = container.logs(tail=LAST_LINES).decode(errors="replace")
            report.sections.append((f"last log lines of {service}", lines))
    return report
