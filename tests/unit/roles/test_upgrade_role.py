"""What the role upgrade tells its module, and how a run that went back ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROLE = Path(__file__).resolve().parents[3] / "roles" / "upgrade"
PLAY = """
- hosts: localhost
  gather_facts: false
  vars_files: [vars.yml]
  tasks:
    - name: Tell this run from any other
      ansible.builtin.include_tasks: token.yml
    - name: Write down who it is, twice
      ansible.builtin.copy:
        dest: "@FOLDER@/@NAME@-{{ item }}"
        content: "{{ __upgrade_owner }}"
      loop: [1, 2]
"""


def played(folder: Path, text: str, variables: dict[str, object]) -> subprocess.CompletedProcess[str]:
    play = folder / "play.yml"
    play.write_text(text)
    ansible = Path(sys.executable).with_name("ansible-playbook")
    return subprocess.run(
        [ansible, "--inventory", "localhost,", "--connection", "local", "--extra-vars", json.dumps(variables), play],
        env={**os.environ, "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


def owners(folder: Path, name: str) -> list[str]:
    """What two tasks of one play call their owner."""
    done = played(folder, PLAY.replace("@FOLDER@", str(folder)).replace("@NAME@", name), {})
    assert done.returncode == 0, done.stdout + done.stderr
    return [(folder / f"{name}-{number}").read_text() for number in (1, 2)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the vars of the role, and the task of it that makes the token."""
    (tmp_path / "vars.yml").write_text((ROLE / "vars" / "main.yml").read_text())
    tasks = (ROLE / "tasks" / "main.yml").read_text().split("\n\n")
    token = next(task for task in tasks if "__upgrade_token:" in task)
    (tmp_path / "token.yml").write_text(token + "\n")
    return tmp_path


def test_a_controller_with_proc_tells_the_process(folder: Path) -> None:
    first, again = owners(folder, "first")
    _who, boot, process, started = first.split(":")
    assert boot
    assert int(process) > 0
    assert int(started) > 0
    assert again == first


def test_a_controller_without_proc_tells_runs_apart_by_a_token(folder: Path) -> None:
    place = folder / "vars.yml"
    place.write_text(place.read_text().replace("/proc/", "/nowhere/"))
    first, again = owners(folder, "first")
    second, _again = owners(folder, "second")
    assert first.count(":") == 4
    assert first.rpartition(":")[2].isdecimal()
    assert again == first != second
    assert first.rpartition(":")[0] == second.rpartition(":")[0]


@pytest.mark.parametrize(
    ("requested", "to_release", "unmet", "said"),
    [
        (True, "1", "", ""),
        (True, "2", "release 2", "The interrupted rollback to release 1 was finished"),
        (True, None, "postiz:v4", "Asked for was postiz:v4: run it again for that."),
        (False, None, "", "The upgrade failed, and release 1 runs again"),
        (False, "previous", "", ""),
        (False, "2", "release 2", "Asked for was release 2: run it again for that."),
    ],
)
def test_a_run_that_went_back_succeeds_only_where_that_was_asked_for(
    tmp_path: Path, requested: bool, to_release: str | None, unmet: str, said: str
) -> None:
    tasks = (ROLE / "tasks" / "back.yml").read_text().split("\n\n")
    (tmp_path / "end.yml").write_text("\n\n".join(task for task in tasks if "ansible.builtin.fail:" in task))
    play = "- {hosts: localhost, gather_facts: false, tasks: [{ansible.builtin.include_tasks: end.yml}]}"
    result = {"requested": requested, "release": 1, "cause": "why", "info": {}}
    variables: dict[str, object] = {"upgrade_result": result, "__upgrade_plan": {"unmet": unmet}}
    done = played(tmp_path, play, variables | ({"upgrade_to_release": to_release} if to_release else {}))
    assert (done.returncode == 0) is (not said), done.stdout
    assert said in " ".join(done.stdout.split())
