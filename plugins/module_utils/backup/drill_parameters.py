# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of stack_restore_drill. Raises BadInput."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import own_directory
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import NEWEST
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

SUFFIX = "-drill"

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "directory": {"type": "path", "required": True},
    "backup": {"type": "str", "default": NEWEST},
    "drill_project": {"type": "str"},
    "volumes": {"type": "bool", "default": True},
    "max_age": {"type": "float", "default": 0.0},
    "timeout": {"type": "float", "default": 3600.0},
    "lock_timeout": {"type": "float", "default": 600.0},
}


@dataclass(frozen=True)
class Request:
    """`drill_project` is the throw-away project; `max_age_seconds` 0 takes a backup of any age."""

    project: str
    directory: str
    backup: str
    drill_project: str
    volumes: bool
    max_age_seconds: float
    timeout_seconds: float
    lock_seconds: float
    check_mode: bool


def parse(params: Mapping[str, Any], check_mode: bool) -> Request:
    """Raises BadInput with the parameter's name."""
    for name, least in (("timeout", 1), ("lock_timeout", 0), ("max_age", 0)):
        if params[name] < least:
            raise BadInput(f"{name} is {params[name]:g}, which is less than {least}.", f"give {name} from {least}.")
    drill = params["drill_project"] or params["project"] + SUFFIX
    if drill == params["project"]:
        raise BadInput("drill_project is the project itself.", "give another name: all that has it is removed.")
    return Request(
        project=params["project"],
        directory=own_directory(params["directory"]),
        backup=params["backup"],
        drill_project=drill,
        volumes=params["volumes"],
        max_age_seconds=params["max_age"],
        timeout_seconds=params["timeout"],
        lock_seconds=params["lock_timeout"],
        check_mode=check_mode,
    )
