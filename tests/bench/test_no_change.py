"""How long a run takes that changes nothing, against a play whose only task is docker_compose_v2.

Both plays run in turn on the same running stack, so that the machine's load hits both; the medians are compared.
`BENCH_INVENTORY` names another inventory than the lab's, whose stack must be running.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
INVENTORY = os.environ.get("BENCH_INVENTORY", str(REPOSITORY / "tests/lab/inventory"))
PLAYS = {
    "provision": REPOSITORY / "playbooks/provision.yml",
    "compose only": REPOSITORY / "tests/bench/compose_only.yml",
}
ROUNDS = 5
MAX_RATIO = 1.5
MAX_TASKS = 15


def run(playbook: Path) -> tuple[float, str]:
    """Seconds of wall time, and the output."""
    ansible = Path(sys.executable).with_name("ansible-playbook")
    since = time.monotonic()
    answer = subprocess.run(
        [ansible, "-i", INVENTORY, playbook], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return time.monotonic() - since, answer.stdout


def recap(output: str) -> dict[str, int]:
    """The counters of the play's only host."""
    line = output[output.rindex("PLAY RECAP") :].splitlines()[1]
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


@pytest.fixture(scope="module")
def rounds() -> dict[str, list[float]]:
    """Wall times of both plays, taken in turn after one round that brings the stack to its wanted state."""
    run(PLAYS["provision"])
    times: dict[str, list[float]] = {name: [] for name in PLAYS}
    for _ in range(ROUNDS):
        for name, playbook in PLAYS.items():
            times[name].append(run(playbook)[0])
    return times


def test_a_second_run_changes_nothing_and_executes_few_tasks() -> None:
    run(PLAYS["provision"])
    counters = recap(run(PLAYS["provision"])[1])
    print(f"\nexecuted {counters['ok']} tasks (at most {MAX_TASKS}), changed {counters['changed']}")
    assert counters["changed"] == 0
    assert counters["ok"] <= MAX_TASKS


def test_a_second_run_is_about_as_quick_as_compose_alone(rounds: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(times) for name, times in rounds.items()}
    ratio = medians["provision"] / medians["compose only"]
    for name, times in rounds.items():
        print(
            f"\n{name:13} median {medians[name]:5.2f} s  of {', '.join(f'{seconds:.2f}' for seconds in times)}", end=""
        )
    print(f"\nratio {ratio:.2f} (at most {MAX_RATIO})")
    assert ratio <= MAX_RATIO
