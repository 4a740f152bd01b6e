"""One command after a fault: work flows, one step was taken, and the units of the timer are what systemd understands."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from labkit import faults, posts, social
from labkit.faults import repair
from labkit.stack import Stack, connect
from labkit.waiting import wait_for

PROJECT = "postiz-recover-mol"
REPOSITORY = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])


@pytest.fixture(scope="module")
def stack() -> Stack:
    """The stack that the scenario provisioned."""
    return connect(PROJECT)


def play(name: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """A playbook of the collection on the scenario's host."""
    command = ["ansible-playbook", "--inventory", str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)]
    command += ["--extra-vars", json.dumps(variables), f"selfhost.postiz.{name}"]
    plain = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(command, env=plain, text=True, capture_output=True, check=False)


def test_one_command_makes_work_flow_again(stack: Stack, tmp_path: Path) -> None:
    faults.apply(faults.named("silent-worker", stack))
    report = tmp_path / "report.json"
    done = play("recover", recover_report_file=str(report))
    assert done.returncode == 0, done.stdout
    assert "work flows again, after 1 step" in done.stdout
    told = json.loads(report.read_text())
    assert [step["rung"] for step in told["steps"]] == ["end_process_group"]
    assert repair.works(stack)
    faults.heal(faults.named("silent-worker", stack))
    post = posts.schedule(stack, 2)
    wait_for("the post", lambda: posts.read(stack, post).state == "PUBLISHED", 60)
    assert social.published(post) == 1
    state = stack.folder / "state" / "recover"
    assert (state / "record.jsonl").stat().st_mode & 0o777 == 0o600
    assert list((state / "evidence").iterdir())
    assert list((state / "reports").iterdir())


def test_the_watch_is_a_recovery_and_its_timer_is_laid_out(stack: Stack, tmp_path: Path) -> None:
    assert play("watch").returncode == 0
    units = {"recover_timer_directory": str(tmp_path), "recover_timer_start": False}
    done = play("watch", recover_timer=True, **units)
    assert done.returncode == 0, done.stdout
    names = sorted(path.name for path in tmp_path.iterdir())
    base = f"selfhost-postiz-watch-{PROJECT}-{PROJECT}"
    assert names == [f"{base}.service", f"{base}.timer"]
    command = (tmp_path / f"{base}.service").read_text()
    assert f"--limit {PROJECT}" in command
    assert "selfhost.postiz.watch" in command
    assert "changed=0" in play("watch", recover_timer=True, **units).stdout
    assert play("watch", recover_timer=False, **units).returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert stack.is_up()
