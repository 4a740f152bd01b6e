"""The container gate beside what people use instead, in one run, on nine services of this machine's engine.

All from the engine's own record that the last service is healthy: the module's answer, and the end of the task as
Ansible prints it. No-op: what the task takes on a project that is healthy already, beside a task that does nothing.
Once more beside 200 containers of another project. Wants a quiet machine: each busy core beside it is in the figures.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import modules
import pytest
import yaml
from labkit import compose, engine, images
from labkit.paths import MADE

BASE = "postiz-lab/base:bookworm"
PROJECT = "postiz-bench-gate"
OTHERS = "postiz-bench-others"
SERVICES = 9
LAST_HEALTHY_SECONDS = 5.0
ROUNDS = 5
MAX_DECISION_SECONDS = 0.1
MAX_NO_OP_SECONDS = 0.7
MAX_WAIT_CPU_SECONDS = 0.05
FOREIGN_CONTAINERS = 200

ANSWER = "compose_health, answer"
NOTHING = "ping, for comparison"
"""A task that does nothing: what Ansible itself takes for a task, on this machine, at this moment."""

Medians = dict[str, float]


UPSTREAM_INTERVAL = "10s"
"""Between health checks of the published compose file. Each check is a program that the engine starts: at the
decision's half second, nine of them keep a core of a small machine busy."""


def services(last: float, interval: str = "500ms") -> dict[str, Any]:
    """Nine services, of which the last becomes healthy after so many seconds."""
    found = {}
    for number in range(1, SERVICES + 1):
        seconds = last if number == SERVICES else number / 4
        found[f"service-{number}"] = {
            "image": BASE,
            "init": True,
            "command": ["sh", "-c", f"sleep {seconds:.2f}; touch /run/ok; exec sleep infinity"],
            "healthcheck": {"test": ["CMD", "test", "-e", "/run/ok"], "interval": interval, "start_period": "60s"},
            "labels": MADE,
            "stop_grace_period": "1s",
        }
    return found


class Bench:
    """The nine services and the plays that wait for them."""

    def __init__(self, folder: Path, client: docker.DockerClient) -> None:
        self.folder = folder
        self.client = client
        watching = {
            "compose_health": {"selfhost.postiz.compose_health": {"project": PROJECT, "timeout": 60}},
            "until loop": {
                "community.docker.docker_container_info": {"name": "{{ item }}"},
                "loop": [f"{PROJECT}-service-{number}-1" for number in range(1, SERVICES + 1)],
                "register": "found",
                "until": "found.container.State.Health.Status == 'healthy'",
                "delay": 5,
                "retries": 20,
            },
            "docker_compose_v2 wait": {
                "community.docker.docker_compose_v2": {
                    "project_name": PROJECT,
                    "project_src": str(folder),
                    "pull": "never",
                    "wait": True,
                },
            },
        }
        self.ways = tuple(watching)
        for way, task in {**watching, NOTHING: {"ansible.builtin.ping": {}}}.items():
            play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
            self._playbook(way).write_text(yaml.safe_dump(play))

    def _playbook(self, way: str) -> Path:
        return self.folder / f"{way.replace(' ', '-')}.yml"

    def compose(self, *words: str) -> None:
        command = ["docker", "compose", "--project-name", PROJECT, "--project-directory", str(self.folder), *words]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def write(self, last: float, **more: str) -> None:
        self.folder.joinpath("compose.yaml").write_text(json.dumps({"services": services(last, **more)}))

    def play(self, way: str) -> tuple[float, float]:
        """When the task began and ended, in seconds since the epoch."""
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            "localhost,",
            str(self._playbook(way)),
        ]
        command += ["-e", f"ansible_python_interpreter={sys.executable}"]
        began = ended = 0.0
        text = ""
        # Else Ansible prints a task's name together with its result.
        environment = {**os.environ, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                text += line
                if line.startswith("TASK ["):
                    began = time.time()
                if line.startswith(("ok:", "changed:")):
                    ended = time.time()
        assert process.returncode == 0, text
        return began, ended

    def answer(self) -> float:
        """When the module, run without Ansible around it, has printed its result, in seconds since the epoch."""
        running = modules.Running("compose_health", {"project": PROJECT, "timeout": 60})
        assert running.process.stdout is not None
        while not running.process.stdout.readline().strip():
            pass
        seconds = time.time()
        assert running.process.wait(10) == 0
        return seconds

    def decision(self, way: str, last: float) -> float:
        """Seconds from the record of the last service's health to the answer, or to the end of the task."""
        self.write(last)
        self.compose("create", "--force-recreate")
        healthy: list[float] = []
        stream = self.client.events(
            decode=True, filters={"label": f"com.docker.compose.project={PROJECT}", "event": "health_status"}
        )

        def watch() -> None:
            for event in stream:
                healthy.append(event["timeNano"] / 1e9)

        threading.Thread(target=watch, daemon=True).start()
        if way != "docker_compose_v2 wait":
            # The module starts them by itself; the others find them starting.
            self.compose("start")
        ended = self.answer() if way == ANSWER else self.play(way)[1]
        stream.close()
        assert len(healthy) == SERVICES
        return ended - max(healthy)

    def no_op(self, way: str) -> float:
        """Seconds of the task on healthy services."""
        began, ended = self.play(way)
        return ended - began


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The nine services; gone at the end."""
    client = engine.ensure()
    compose.ensure()
    images.ensure(client, (BASE,))
    found = Bench(tmp_path_factory.mktemp("bench"), client)
    found.write(1)
    yield found
    found.compose("down", "--timeout", "1")


def measured(title: str, times: dict[str, list[float]]) -> Medians:
    """Medians, printed with what they were made of."""
    medians = {way: statistics.median(values) for way, values in times.items()}
    print(f"\n{title}")
    for way, values in times.items():
        print(f"  {way:24} median {medians[way]:5.2f} s  of {', '.join(f'{value:.2f}' for value in values)}")
    return medians


def rounds(bench: Bench, title: str, ways: tuple[str, ...]) -> tuple[Medians, Medians]:
    """Decisions and no-ops, the ways in turn so that the machine's load hits all."""
    decisions: dict[str, list[float]] = {way: [] for way in ways}
    no_ops: dict[str, list[float]] = {way: [] for way in (*ways, NOTHING)}
    for number in range(ROUNDS):
        for way in ways:
            # Never in step with a loop that looks every few seconds.
            decisions[way].append(bench.decision(way, LAST_HEALTHY_SECONDS + 0.7 * number))
        decisions.setdefault(ANSWER, []).append(bench.decision(ANSWER, LAST_HEALTHY_SECONDS + 0.7 * number))
    bench.write(0, interval=UPSTREAM_INTERVAL)
    bench.compose("up", "--detach", "--force-recreate", "--wait")
    for _ in range(ROUNDS):
        for way in (*ways, NOTHING):
            no_ops[way].append(bench.no_op(way))
    return measured(f"decision{title}", decisions), measured(f"no-op{title}", no_ops)


def test_beside_the_other_ways(bench: Bench) -> None:
    decisions, no_ops = rounds(bench, "", bench.ways)
    assert decisions[ANSWER] <= MAX_DECISION_SECONDS
    assert no_ops["compose_health"] <= MAX_NO_OP_SECONDS
    for way in bench.ways[1:]:
        assert decisions["compose_health"] < decisions[way]
        assert no_ops["compose_health"] < no_ops[way]


@pytest.fixture
def others(bench: Bench) -> Iterator[None]:
    """Containers of another project on the same engine, of which ten run and have health checks."""
    labels = {"com.docker.compose.project": OTHERS, "com.docker.compose.service": "other", **MADE}
    probe = {"test": ["CMD", "true"], "interval": 10 * 10**9}
    made = []
    try:
        for number in range(FOREIGN_CONTAINERS):
            container = bench.client.containers.create(
                BASE, ["sleep", "infinity"], labels=labels, healthcheck=probe, init=True, network_mode="none"
            )
            made.append(container)
            if number < 10:
                container.start()
        yield
    finally:
        for container in made:
            container.remove(force=True)


@pytest.mark.usefixtures("others")
def test_beside_many_containers_of_others(bench: Bench) -> None:
    decisions, no_ops = rounds(bench, f" beside {FOREIGN_CONTAINERS} containers of another project", bench.ways[:1])
    assert decisions[ANSWER] <= MAX_DECISION_SECONDS
    assert no_ops["compose_health"] <= MAX_NO_OP_SECONDS


def cpu_of_a_wait(seconds: float) -> float:
    """Processor time of the module, user and system, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = modules.run("compose_health", project=PROJECT, timeout=seconds, evidence="none")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.values["waited_seconds"] >= seconds
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_long_wait_costs_no_processor_time(bench: Bench) -> None:
    bench.write(3600)
    bench.compose("up", "--detach", "--force-recreate")
    time.sleep(4)
    starts = [cpu_of_a_wait(1) for _ in range(ROUNDS)]
    long = cpu_of_a_wait(60)
    print(f"\nprocessor time of a wait of 1 s: median {statistics.median(starts):.2f} s, of 60 s: {long:.2f} s")
    assert long - statistics.median(starts) <= MAX_WAIT_CPU_SECONDS + max(starts) - min(starts)
