"""What a look costs: each probe, and the whole role, beside the same questions asked by hand. The lab's stack must run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.look import look
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import observe
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.parameters import ARGUMENT_SPEC, parse
from labkit.stack import DEFAULT_PROJECT, Stack
from labkit.stack import connect as lab_stack

REPOSITORY = Path(__file__).parents[2]
PROJECT = os.environ.get("BENCH_PROJECT", DEFAULT_PROJECT)
INVENTORY = os.environ.get("BENCH_INVENTORY", str(REPOSITORY / "tests/lab/inventory"))
ROUNDS = 5
PROBES = 15
MAX_LOOK_SECONDS = 4.0
MAX_TASKS = 6
MOST_OF_A_LOOK = 1.2
"""What a recovery that finds nothing to do may take, of a look through all layers."""
PLAYS = {
    "role health": REPOSITORY / "playbooks/health.yml",
    "recover": REPOSITORY / "playbooks/recover.yml",
    "by hand": REPOSITORY / "tests/bench/by_hand.yml",
}


def play(playbook: Path) -> tuple[float, str]:
    """Seconds of wall time, and the output."""
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", INVENTORY, playbook]
    command += ["-e", f"postiz_project={PROJECT}"]
    since = time.monotonic()
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return time.monotonic() - since, answer.stdout


def test_a_look_through_all_layers_beside_the_same_by_hand() -> None:
    times: dict[str, list[float]] = {name: [] for name in PLAYS}
    output = ""
    for _ in range(ROUNDS):
        for name, playbook in PLAYS.items():
            seconds, text = play(playbook)
            times[name].append(seconds)
            output = text if name == "role health" else output
    medians = {name: statistics.median(values) for name, values in times.items()}
    print()
    for name, values in times.items():
        print(f"{name:12} median {medians[name]:5.2f} s  of {', '.join(f'{value:.2f}' for value in values)}")
    executed = int(output.rpartition("ok=")[2].split()[0])
    print(f"a recovery with nothing to do / a look: {medians['recover'] / medians['role health']:.2f}")
    print(f"tasks executed: {executed} (at most {MAX_TASKS})")
    assert medians["role health"] <= MAX_LOOK_SECONDS
    assert medians["role health"] < medians["by hand"]
    assert medians["recover"] <= MOST_OF_A_LOOK * medians["role health"]
    assert executed <= MAX_TASKS


def cpu_seconds(stack: Stack, service: str) -> float:
    """Processor time that a container used up to now."""
    stats = stack.container(service).stats(stream=False)
    return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


def measure(stack: Stack, service: str, probe: Callable[[], object]) -> tuple[float, float]:
    """Median wall time of a probe, and the container's processor time for each, both in milliseconds; idle is taken off."""
    began, used = time.monotonic(), cpu_seconds(stack, service)
    time.sleep(3)
    idle = (cpu_seconds(stack, service) - used) / (time.monotonic() - began)
    began, used = time.monotonic(), cpu_seconds(stack, service)
    walls = []
    for _ in range(PROBES):
        since = time.monotonic()
        probe()
        walls.append(time.monotonic() - since)
    cpu = cpu_seconds(stack, service) - used - idle * (time.monotonic() - began)
    return statistics.median(walls) * 1000, max(cpu, 0.0) / PROBES * 1000


def test_the_cost_of_the_pm2_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = lab_stack(PROJECT)
    engine = connect()
    container = next(item for item in engine.project_containers(PROJECT) if item.service == "postiz")
    detail = engine.detail(container.identifier)
    names = ("backend", "frontend", "orchestrator")

    def by_hand() -> None:
        command = ["docker", "exec", container.name, "pm2", "jlist"]
        subprocess.run(command, check=True, capture_output=True)

    def probe() -> None:
        look(engine, container.identifier, container.name, detail, names)

    found = {
        "from the host": measure(stack, "postiz", probe),
        "docker exec pm2 jlist": measure(stack, "postiz", by_hand),
    }
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    found["from inside"] = measure(stack, "postiz", probe)
    print()
    for name, (wall, cpu) in found.items():
        print(f"{name:22} {wall:6.1f} ms, processor of the container {cpu:6.1f} ms")
    assert found["from the host"][0] < found["docker exec pm2 jlist"][0] / 3
    assert found["from inside"][0] < found["docker exec pm2 jlist"][0]


def test_the_cost_of_asking_temporal() -> None:
    """Five questions in one exec, beside one `docker exec` for each."""
    stack = lab_stack(PROJECT)
    engine = connect()
    request = parse({**{name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}, "project": PROJECT})
    wanted = replace(request.wanted, sample=0)
    tools = stack.container("temporal-admin-tools").name
    questions = (
        ("operator", "cluster", "health"),
        ("operator", "namespace", "describe", "-n", "default"),
        ("workflow", "describe", "-w", "missing-post-workflow"),
        ("operator", "search-attribute", "list"),
        ("task-queue", "describe", "--task-queue", "main"),
    )

    def by_hand() -> None:
        for words in questions:
            command = ["docker", "exec", str(tools), "temporal", *words, "--address", "temporal:7233"]
            subprocess.run(command, check=True, capture_output=True)

    found = {
        "one exec": measure(stack, "temporal-admin-tools", lambda: observe(engine, wanted, Clock())),
        "an exec for each": measure(stack, "temporal-admin-tools", by_hand),
    }
    print()
    for name, (wall, cpu) in found.items():
        print(f"{name:22} {wall:6.1f} ms, processor of the container {cpu:6.1f} ms")
    assert found["one exec"][1] < found["an exec for each"][1]
