# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a container's processes: from the host where that is possible, else by a program inside. The only I/O here."""

from __future__ import annotations

import inspect
import json
import os
from typing import Any, Dict, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import ContainerDetail, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2 import probe
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import Snapshot, parse

EXEC_SECONDS = 20.0
LOG_BYTES = 256 << 10
ROOT_UID = 0


class ProbeFailed(StackError):
    """Neither way of looking gave an answer."""


def look(engine: Engine, identifier: str, name: str, detail: ContainerDetail, apps: Sequence[str]) -> Snapshot:
    """Raises ProbeFailed."""
    home = detail.environment.get("PM2_HOME") or f"{detail.environment.get('HOME') or '/root'}/.pm2"
    options: Dict[str, Any] = {"home": home, "names": list(apps), "log_bytes": LOG_BYTES}
    started_at = parse_time(detail.started_at) or 0.0
    way = "host" if _on_this_host(detail) else "exec"
    try:
        if way == "host":
            there = {"init": str(detail.pid), "root": f"/proc/{detail.pid}/root", "follow": False}
            answer = probe.collect({**options, **there})
        else:
            answer = _inside(engine, identifier, {**options, "init": "self", "root": "/", "follow": True})
        return parse(answer, name, detail.hostname, started_at, way)
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise ProbeFailed(
            f"The processes of the container {name} could not be looked at ({type(problem).__name__}: {problem}).",
            "look whether the container still runs, and try again.",
        ) from problem


def _on_this_host(detail: ContainerDetail) -> bool:
    """Whether this process is root on the engine's own host, and the pid is that very container's first process."""
    if os.geteuid() != ROOT_UID or detail.pid <= 0:
        return False
    address = os.environ.get("DOCKER_HOST", "")
    if address and not address.startswith("unix://"):
        return False
    try:
        with open(f"/proc/{detail.pid}/status", encoding="utf-8", errors="replace") as stream:
            inside = next((line.split()[-1] for line in stream if line.startswith("NSpid:")), "")
        with open(f"/proc/{detail.pid}/root/etc/hostname", encoding="utf-8", errors="replace") as stream:
            return inside == "1" and stream.read().strip() == detail.hostname
    except OSError:
        return False


def _inside(engine: Engine, identifier: str, options: Dict[str, Any]) -> Dict[str, Any]:
    source = inspect.getsource(probe)
    answer = engine.execute(identifier, ["python3", "-c", source, json.dumps(options)], EXEC_SECONDS)
    if answer.timed_out:
        raise ProbeFailed(
            f"Nothing came back from the container within {EXEC_SECONDS:.0f} s.", "look at the load of its host."
        )
    try:
        found = json.loads(answer.stdout)
    except ValueError as problem:
        last = answer.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise ProbeFailed(
            f"A program inside the container ended with {answer.exit_code}: {last[0][:200]}.",
            "run the module as root on the engine's own host, or use an image with python3.",
        ) from problem
    if not isinstance(found, dict):
        raise ProbeFailed("The program inside the container printed something else than asked.", "try again.")
    return found
