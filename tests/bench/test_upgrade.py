"""The down time of an upgrade beside that of `docker compose pull && docker compose up -d`, in one run, in turn.

Down time: seconds without the backend's own answer at `/api/`, by the same watcher for both. Wants a quiet machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from labkit import provision, registry
from labkit.faults import repair
from labkit.stack import Stack
from labkit.verbs.registry import fill

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import modules
from upgrades import Play

PROJECT = "postiz-bench-upgrade"
VARIABLES: dict[str, object] = {"stack_port": 4191, "stack_temporal_ui_port": 8191, "upgrade_soak": 0}
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MAX_RATIO = 1.1


@pytest.fixture(scope="module")
def stack() -> Stack:
    client = provision.prepare()
    fill(client)
    client.images.pull(registry.image("v1.0.0"))
    return provision.provision(client, PROJECT, {**VARIABLES, "stack_postiz_image": registry.image("v1.0.0")})


def bare(stack: Stack, tag: str, folder: Path) -> float:
    """What people type, with the compose file edited by hand."""
    file = stack.folder / "compose.yaml"
    current = stack.container("postiz").attrs["Config"]["Image"]
    file.write_text(file.read_text().replace(current, registry.image(tag)))
    report, end = folder / f"{time.monotonic_ns()}.json", folder / "go-on"
    end.touch()
    watch = modules.Running(
        "http_watch",
        {"url": f"{stack.url()}/api/", "path": str(report), "duration": 300, "until_gone": str(end), "interval": 0.2},
    )
    time.sleep(1)
    command = ["docker", "compose", "--project-directory", str(stack.folder), "--file", str(file)]
    subprocess.run([*command, "pull", "postiz"], check=True, capture_output=True, timeout=300)
    subprocess.run([*command, "up", "--detach"], check=True, capture_output=True, timeout=300)
    repair.wait_works(stack)
    end.unlink()
    watch.result()
    return float(json.loads(report.read_text())["down_seconds"])


def upgraded(stack: Stack, tag: str) -> float:
    """The same by the playbook."""
    played = Play(stack, "upgrade", {**VARIABLES, "stack_postiz_image": registry.image(tag)}).played()
    assert played.code == 0, played.text[-3000:]
    reports = sorted((stack.folder / "state" / "upgrade").glob("watch-*.json"), key=lambda path: path.stat().st_mtime)
    return float(json.loads(reports[-1].read_text())["down_seconds"])


def test_the_down_time_of_an_upgrade(stack: Stack, tmp_path: Path) -> None:
    times: dict[str, list[float]] = {"pull && up -d": [], "upgrade": []}
    for number in range(ROUNDS):
        if number:
            bare(stack, "v1.0.0", tmp_path)
        times["upgrade"].append(upgraded(stack, "v2.0.0"))
        bare(stack, "v1.0.0", tmp_path)
        times["pull && up -d"].append(bare(stack, "v2.0.0", tmp_path))
    medians = {way: statistics.median(values) for way, values in times.items()}
    print("\nseconds without the API's answer")
    for way, values in times.items():
        print(f"  {way:16} median {medians[way]:5.1f} s  of {', '.join(f'{value:.1f}' for value in values)}")
    assert medians["upgrade"] <= MAX_RATIO * medians["pull && up -d"]
