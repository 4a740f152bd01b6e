# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup that a transaction takes by itself: of the databases, once their writers have ended."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import DATABASE, STOPPED, TEMPORAL
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.operations import backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import ARGUMENT_SPEC as BACKUP_SPEC
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import parse as parse_backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, Unfinished

LOCK_SECONDS = 30.0
OPTIONS: Dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "label": {"type": "str", "required": True},
    "exclude": BACKUP_SPEC["exclude"],
}


def request(project: str, service: str, given: Mapping[str, Any]) -> Request:
    """As stack_backup would be asked; the transaction prunes by itself, for a record may need an old one. Raises BadInput.

    Postiz stands still meanwhile, so a folder that somebody works in is not waited for as long as elsewhere.
    """
    defaults = {name: option.get("default") for name, option in BACKUP_SPEC.items()}
    wanted: Dict[str, Any] = {"project": project, "service": service, "parts": [DATABASE, TEMPORAL], "keep": 0}
    wanted["lock_timeout"] = LOCK_SECONDS
    return parse_backup({**defaults, **given, **wanted}, check_mode=False)


def save(wanted: Request, engine: Engine, clock: Clock) -> str:
    """Its folder. Raises Unfinished, StackError."""
    try:
        made = backup(Tools(engine, connect, clock, lambda _step: None), wanted)
    except Refused as problem:
        first = problem.findings[0]
        text = f"The databases could not be backed up: [{first.code}] {first.component}: {first.evidence}"
        raise Unfinished(text, f"{first.remedy} Then run the same playbook again.") from problem
    if made.payload["manifest"]["consistency"] != STOPPED:
        raise Unfinished(
            f"{wanted.service} was stopped and ran again before its databases had been backed up.",
            "look who starts it (a timer, a restart policy, another person); then run the same playbook again.",
        )
    return str(made.payload["backup"])
