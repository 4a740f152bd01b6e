# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run whose controller was killed still does on the host: Compose goes on until it has finished."""

from __future__ import annotations

import os
from typing import Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

_PROC = "/proc"
_PAUSE_SECONDS = 0.5


def works_on(arguments: Sequence[str], project: str, directory: str) -> bool:
    """Whether this is a Compose that changes the project. Pure."""
    if "compose" not in arguments:
        return False
    named = {value for name, value in zip(arguments, arguments[1:]) if name in ("--project-name", "-p")}
    placed = {value.rstrip("/") for name, value in zip(arguments, arguments[1:]) if name == "--project-directory"}
    acts = {"up", "start", "stop", "down", "create", "restart"} & set(arguments)
    return bool(acts) and (project in named or (not named and directory in placed))


def at_work(project: str, directory: str) -> Tuple[int, ...]:
    """Pids of such processes, as far as they can be seen."""
    found = []
    for name in os.listdir(_PROC) if os.path.isdir(_PROC) else ():
        if not name.isdigit():
            continue
        try:
            with open(os.path.join(_PROC, name, "cmdline"), "rb") as stream:
                arguments = stream.read().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if works_on(arguments, project, directory):
            found.append(int(name))
    return tuple(sorted(found))


def wait_until_gone(project: str, directory: str, clock: Clock, seconds: float) -> None:
    """Two Composes at once stumble over each other's containers. Raises StackError when the time is up."""
    until = clock.monotonic() + seconds
    while True:
        pids = at_work(project, directory)
        if not pids:
            return
        if clock.monotonic() >= until:
            raise StackError(
                f"Compose still works on {project} for a run that was killed (pid {', '.join(map(str, pids))}).",
                "look what it waits for, or end it; then run again.",
            )
        clock.sleep(_PAUSE_SECONDS)
