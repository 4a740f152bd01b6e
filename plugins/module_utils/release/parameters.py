# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upgrade shall do: frozen parameters, and the argument spec that they come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request as BackupRequest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.release import saving
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    BACK_STEPS,
    FORWARD_STEPS,
    Owner,
    ServiceImage,
)

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "directory": {"type": "path", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "state": {
        "type": "str",
        "default": "planned",
        "choices": ["planned", "begun", "stepped", "turned", "committed", "returned"],
    },
    "images": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "service": {"type": "str", "required": True},
            "image": {"type": "str", "required": True},
            "digest": {"type": "str", "default": ""},
        },
    },
    "moving": {"type": "list", "elements": "str", "default": ["postiz"]},
    "pull": {"type": "str", "default": "always", "choices": ["always", "never"]},
    "compose": {"type": "str"},
    "to_release": {"type": "str"},
    "acknowledge": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str", "default": ""},
    "owner_alive": {"type": "str", "default": "unknown", "choices": ["yes", "no", "unknown"]},
    "break_lock": {"type": "bool", "default": False},
    "stale_after": {"type": "float", "default": 3600},
    "steps": {"type": "list", "elements": "str", "default": [], "choices": [*FORWARD_STEPS, *BACK_STEPS]},
    "backup": {"type": "dict", "options": saving.OPTIONS},
    "cause": {"type": "str", "default": ""},
    "verdict": {"type": "json", "default": "{}"},
    "log_lines": {"type": "int", "default": 500},
    "keep": {"type": "int", "default": 3},
}


@dataclass(frozen=True)
class Parameters:
    """The inputs of `ARGUMENT_SPEC`. `moving` are the services whose tags are looked up at their registry each time.

    `backup` is what the steps `backup` and `back-backup` take; without it they are only announced.
    """

    project: str
    directory: str
    service: str
    state: str
    images: Tuple[ServiceImage, ...]
    moving: Tuple[str, ...]
    ask_registry: bool
    compose: Optional[str]
    to_release: Optional[str]
    acknowledge: Tuple[str, ...]
    owner: str
    owner_alive: str
    break_lock: bool
    stale_after: float
    steps: Tuple[str, ...]
    backup: Optional[BackupRequest] = None
    cause: str = ""
    verdict: str = "{}"
    log_lines: int = 500
    keep: int = 3

    @property
    def me(self) -> Owner:
        """Who runs this."""
        return Owner.parse(self.owner)


def parse(params: Mapping[str, Any]) -> Parameters:
    """Raises BadInput for what contradicts itself."""
    if params["keep"] < 1:
        raise BadInput(
            "keep is less than 1.",
            "keep one release at least (role: upgrade_keep); the one to go back to stays beside it.",
        )
    if params["to_release"] is not None and not params["to_release"].strip():
        raise BadInput("to_release is empty.", "give a number, or previous (playbook rollback: rollback_to).")
    if params["stale_after"] < 0 or params["log_lines"] < 0:
        raise BadInput("stale_after and log_lines are no less than 0.", "give another number.")
    if params["state"] in ("planned", "begun") and not params["images"] and params["to_release"] is None:
        raise BadInput("There is nothing to go to.", "give images, or to_release.")
    if params["state"] == "stepped" and not params["steps"]:
        raise BadInput("The state stepped needs steps.", "say which step begins.")
    return Parameters(
        project=params["project"],
        directory=os.path.normpath(params["directory"]),
        service=params["service"],
        state=params["state"],
        images=tuple(ServiceImage(item["service"], item["image"], digest=item["digest"]) for item in params["images"]),
        moving=tuple(params["moving"]),
        ask_registry=params["pull"] == "always",
        compose=params["compose"],
        to_release=params["to_release"],
        acknowledge=tuple(params["acknowledge"]),
        owner=params["owner"],
        owner_alive=params["owner_alive"],
        break_lock=params["break_lock"],
        stale_after=params["stale_after"],
        steps=tuple(params["steps"]),
        backup=saving.request(params["project"], params["service"], params["backup"]) if params["backup"] else None,
        cause=params["cause"],
        verdict=params["verdict"] if isinstance(params["verdict"], str) else "{}",
        log_lines=params["log_lines"],
        keep=params["keep"],
    )
