"""How the role backup copies a backup elsewhere: the programs only note what they are asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
MODULE = """#!/usr/bin/python
import json
print(json.dumps({"changed": True, "backup": "/b/1", "name": "1", "report": "told"}))
# WANT_JSON
"""
PROGRAM = """#!/bin/sh
echo "$@" >> "$CALLS"
"""


@pytest.mark.parametrize(("program", "place"), [("rsync", "other:/srv"), ("rclone", "s3:bucket")])
def test_the_manifest_is_copied_last_and_then_compared(tmp_path: Path, program: str, place: str) -> None:
    collection = tmp_path / "ansible_collections" / "selfhost" / "postiz"
    (collection / "plugins" / "modules").mkdir(parents=True)
    (collection / "plugins" / "modules" / "stack_backup.py").write_text(MODULE)
    (collection / "roles").mkdir()
    (collection / "roles" / "backup").symlink_to(REPOSITORY / "roles" / "backup")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / program).write_text(PROGRAM)
    (tmp_path / "bin" / program).chmod(0o755)
    tasks = [{"import_role": {"name": "selfhost.postiz.backup"}}]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    given = {f"backup_copy_{program}": place, "ansible_python_interpreter": sys.executable}
    run = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", json.dumps(given), "play.yml"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(tmp_path / "calls"),
            "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    first, second, compared = (tmp_path / "calls").read_text().splitlines()
    assert "--exclude=/manifest.json" in first
    assert "/b/1/manifest.json" in second
    assert ("--dry-run" if program == "rsync" else "check --download") in compared
    assert all(f"{place}/1" in line for line in (first, second, compared))
