# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of stack_restore, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import PARTS
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import own_directory, secret
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import NEWEST
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

PLAN, FILES, VOLUMES, DATABASES, WORKFLOWS, DONE = "plan", "files", "volumes", "databases", "workflows", "done"
STEPS = (PLAN, FILES, VOLUMES, DATABASES, WORKFLOWS, DONE)
FRESH, KEPT = "fresh", "kept"

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "directory": {"type": "path", "required": True},
    "backup": {"type": "str", "default": NEWEST},
    "step": {"type": "str", "choices": list(STEPS), "default": PLAN},
    "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": []},
    "project_directory": {"type": "path"},
    "service": {"type": "str", "default": "postiz"},
    "volumes": {"type": "str", "choices": [FRESH, KEPT], "default": FRESH},
    "accept_loss": {"type": "bool", "default": False},
    "accept_new_jwt_secret": {"type": "bool", "default": False, "no_log": False},
    "accept_newer_postgresql": {"type": "bool", "default": False},
    "within_upgrade": {"type": "bool", "default": False},
    "carry_published_from": {"type": "str"},
    "passphrase": {"type": "str", "no_log": True},
    "passphrase_file": {"type": "path", "no_log": False},
    "timeout": {"type": "float", "default": 3600.0},
    "lock_timeout": {"type": "float", "default": 600.0},
}


@dataclass(frozen=True)
class Request:
    """What the module was asked; empty texts are options that were not given. The passphrase is in no repr.

    Empty `parts` are all that the backup holds.
    """

    project: str
    directory: str
    backup: str
    step: str
    parts: Tuple[str, ...]
    project_directory: str
    service: str
    fresh: bool
    accept_loss: bool
    accept_new_jwt_secret: bool
    accept_newer_postgresql: bool
    within_upgrade: bool
    carry: str
    timeout_seconds: float
    lock_seconds: float
    check_mode: bool
    passphrase: str = field(repr=False, default="")


def parse(params: Mapping[str, Any], check_mode: bool) -> Request:
    """Raises BadInput with the parameter's name."""
    for name, least in (("timeout", 1), ("lock_timeout", 0)):
        if params[name] < least:
            raise BadInput(f"{name} is {params[name]:g}, which is less than {least}.", f"give {name} from {least}.")
    folder = params["project_directory"] or ""
    if folder and not os.path.isabs(folder):
        raise BadInput(f"project_directory is {folder!r}, which is no absolute path.", "give its full path.")
    return Request(
        project=params["project"],
        directory=own_directory(params["directory"]),
        backup=params["backup"],
        step=params["step"],
        parts=tuple(params["parts"]),
        project_directory=folder,
        service=params["service"],
        fresh=params["volumes"] == FRESH,
        accept_loss=params["accept_loss"],
        accept_new_jwt_secret=params["accept_new_jwt_secret"],
        accept_newer_postgresql=params["accept_newer_postgresql"],
        within_upgrade=params["within_upgrade"],
        carry=params["carry_published_from"] or "",
        timeout_seconds=params["timeout"],
        lock_seconds=params["lock_timeout"],
        check_mode=check_mode,
        passphrase=secret(params),
    )
