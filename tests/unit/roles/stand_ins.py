"""A role that is the real one, on modules that only answer and note what they were asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROLES = Path(__file__).resolve().parents[3] / "roles"
MODULE = """#!/usr/bin/python
import json, sys
from pathlib import Path
given = json.loads(Path(sys.argv[1]).read_text())
folder = Path(@FOLDER@)
key = @KEY@
answers = json.loads((folder / "answers.json").read_text())
with (folder / "calls").open("a") as file:
    file.write(json.dumps({"module": "@NAME@", "key": key, **given}) + "\\n")
answer = {"changed": False, **answers.get("@NAME@", {}), **answers.get("@NAME@/" + key, {})}
print(json.dumps(answer))
sys.exit(bool(answer.get("failed")))
# WANT_JSON
"""
BY_STATE = 'str(given.get("state") or given.get("release") or "")'


class RolePlay:
    """One run, and what its modules were asked. `answers` are by module, or by module and key; `key` is Python for that."""

    def __init__(
        self,
        folder: Path,
        role: str,
        entry: str,
        modules: Mapping[str, Sequence[str]],
        answers: Mapping[str, Mapping[str, Any]],
        health: str,
        given: Mapping[str, Any],
        words: Sequence[str] = (),
        beside: Sequence[str] = (),
        key: str = BY_STATE,
    ) -> None:
        for collection, names in modules.items():
            place = folder / "ansible_collections" / collection / "plugins" / "modules"
            place.mkdir(parents=True)
            for name in names:
                text = MODULE.replace("@KEY@", key).replace("@NAME@", name).replace("@FOLDER@", repr(str(folder)))
                (place / f"{name}.py").write_text(text)
        roles = folder / "ansible_collections" / "selfhost" / "postiz" / "roles"
        (roles / "health" / "tasks").mkdir(parents=True)
        (roles / "health" / "tasks" / "main.yml").write_text(health)
        for name in (role, *beside):
            (roles / name).symlink_to(ROLES / name)
        (folder / "answers.json").write_text(json.dumps(answers))
        (folder / "calls").touch()
        tasks = [{"import_role": {"name": f"selfhost.postiz.{role}", "tasks_from": entry}}]
        (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        (folder / "ansible.cfg").write_text("[defaults]\n")
        extra = json.dumps({"ansible_python_interpreter": sys.executable, **given})
        run = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", extra, *words, "play.yml"],
            cwd=folder,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(folder),
                "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.good = run.returncode == 0
        self.output = " ".join((run.stdout + run.stderr).split())
        self.calls = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]

    def of(self, module: str) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["module"] == module]
