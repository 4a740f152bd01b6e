# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of stack_backup, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import Chosen
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    CONFIG,
    ENCRYPTED,
    EXCLUDED,
    ONLINE,
    PARTS,
    PAUSED,
    PLAIN,
    Exclusion,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "directory": {"type": "path", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "label": {"type": "str", "default": ""},
    "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
    "env": {"type": "str", "choices": [ENCRYPTED, EXCLUDED, PLAIN], "default": ENCRYPTED},
    "passphrase": {"type": "str", "no_log": True},
    "passphrase_file": {"type": "path", "no_log": False},
    "consistency": {"type": "str", "choices": [PAUSED, ONLINE], "default": PAUSED},
    "exclude": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "reason": {"type": "str", "required": True}},
    },
    "fail_on_uncovered": {"type": "bool", "default": True},
    "keep": {"type": "int", "default": 7},
    "min_free_bytes": {"type": "int", "default": 256 << 20},
    "timeout": {"type": "float", "default": 3600.0},
    "max_pause": {"type": "float", "default": 30.0},
    "lock_timeout": {"type": "float", "default": 600.0},
}


@dataclass(frozen=True)
class Request:
    """What the module was asked; the passphrase is in no repr."""

    project: str
    directory: str
    service: str
    label: str
    chosen: Chosen
    env: str
    consistency: str
    fail_on_uncovered: bool
    keep: int
    min_free_bytes: int
    timeout_seconds: float
    max_pause_seconds: float
    lock_seconds: float
    check_mode: bool
    passphrase: str = field(repr=False, default="")


def parse(params: Mapping[str, Any], check_mode: bool) -> Request:
    """Raises BadInput with the parameter's name."""
    for name, least in (("keep", 0), ("min_free_bytes", 0), ("timeout", 1), ("max_pause", 1), ("lock_timeout", 0)):
        if params[name] < least:
            raise BadInput(f"{name} is {params[name]:g}, which is less than {least}.", f"give {name} from {least}.")
    if params["label"] and _LABEL.fullmatch(params["label"]) is None:
        raise BadInput(
            f"label is {params['label']!r}.", "give at most 40 lower case letters, digits and hyphens between them."
        )
    parts = tuple(params["parts"])
    if not parts:
        raise BadInput("parts is empty, so nothing would be backed up.", f"choose of {', '.join(PARTS)}.")
    passphrase = secret(params)
    if CONFIG in parts and params["env"] == ENCRYPTED and not passphrase:
        raise BadInput(
            "env is encrypted, and no passphrase is given.",
            "give passphrase or passphrase_file (playbook: backup_passphrase, from your vault), or choose env: excluded "
            "(playbook: backup_env; keep .env elsewhere then: without its JWT_SECRET a restore loses every channel) or plain.",
        )
    return Request(
        project=params["project"],
        directory=own_directory(params["directory"]),
        service=params["service"],
        label=params["label"],
        chosen=Chosen(parts, tuple(Exclusion(item["name"], item["reason"]) for item in params["exclude"])),
        env=params["env"] if CONFIG in parts else EXCLUDED,
        consistency=params["consistency"],
        fail_on_uncovered=params["fail_on_uncovered"],
        keep=params["keep"],
        min_free_bytes=params["min_free_bytes"],
        timeout_seconds=params["timeout"],
        max_pause_seconds=params["max_pause"],
        lock_seconds=params["lock_timeout"],
        check_mode=check_mode,
        passphrase=passphrase,
    )


def own_directory(path: str) -> str:
    """Raises BadInput."""
    if not os.path.isabs(path) or os.path.normpath(path) == "/":
        raise BadInput(
            f"directory is {path!r}, which is no folder of its own.", "give an absolute path, just for backups."
        )
    return os.path.normpath(path)


def secret(params: Mapping[str, Any]) -> str:
    """The passphrase, given or in a file of the host; empty without one. Raises BadInput."""
    found = str(params["passphrase"] or "")
    if not found and params["passphrase_file"]:
        try:
            with open(params["passphrase_file"], encoding="utf-8") as stream:
                found = stream.readline().rstrip("\n")
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "it is no UTF-8 text"
            raise BadInput(
                f"passphrase_file cannot be read: {reason}.", "correct its path or permissions."
            ) from problem
        if not found:
            raise BadInput("passphrase_file has an empty first line.", "put the passphrase there.")
    if "\n" in found or "\0" in found:
        raise BadInput("The passphrase has a line break.", "give one of a single line.")
    return found
