# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup that a transaction takes by itself: of the databases, once their writers have ended."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import DATABASE, TEMPORAL
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.operations import backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import ARGUMENT_SPEC as BACKUP_SPEC
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import parse as parse_backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine

OPTIONS: Dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "label": {"type": "str", "required": True},
    "exclude": BACKUP_SPEC["exclude"],
}


def request(project: str, service: str, given: Mapping[str, Any]) -> Request:
    """As stack_backup would be asked; the transaction prunes by itself, for a record may need an old one. Raises BadInput."""
    defaults = {name: option.get("default") for name, option in BACKUP_SPEC.items()}
    wanted = {"project": project, "service": service, "parts": [DATABASE, TEMPORAL], "keep": 0}
    return parse_backup({**defaults, **given, **wanted}, check_mode=False)


def save(wanted: Request, engine: Engine, clock: Clock) -> str:
    """Its folder. Raises StackError."""
    made = backup(Tools(engine, connect, clock, lambda _step: None), wanted)
    return str(made.payload["backup"])
