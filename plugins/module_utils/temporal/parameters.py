# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Temporal gate's parameters, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Connection
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.gate import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import Settings
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import Wanted

KINDS = ("workflow", "activity")
# A long poll of the server ends after 60 to 70 s: a poller that was not seen for longer is gone, though it stays listed.
FRESH_SECONDS = 90.0

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "cli_service": {"type": "str"},
    "address": {"type": "str"},
    "namespace": {"type": "str"},
    "tls": {"type": "bool", "default": False},
    "tls_ca_path": {"type": "str"},
    "tls_cert_path": {"type": "str"},
    "tls_key_path": {"type": "str", "no_log": False},
    "api_key_path": {"type": "str", "no_log": False},
    "queues": {"type": "dict", "default": {"main": list(KINDS)}},
    "fresh_for": {"type": "float", "default": FRESH_SECONDS},
    "backlog_age": {"type": "float", "default": 300.0},
    "failing_attempts": {"type": "int", "default": 3},
    "sweeper": {"type": "bool", "default": True},
    "sample": {"type": "int", "default": 5},
    "deadline": {"type": "int", "default": 5},
    "timeout": {"type": "float", "default": 180.0},
    "fail_on_unhealthy": {"type": "bool", "default": True},
}

_NOT_NEGATIVE = ("fresh_for", "backlog_age", "sample", "timeout")
_POSITIVE = ("deadline", "failing_attempts")


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name."""
    for name in _NOT_NEGATIVE:
        if params[name] < 0:
            raise BadInput(f"{name} is {params[name]:g}, which is less than 0.", f"give {name} from 0.")
    for name in _POSITIVE:
        if params[name] < 1:
            raise BadInput(f"{name} is {params[name]:g}, which is less than 1.", f"give {name} from 1.")
    queues = {str(name): _kinds(str(name), value) for name, value in params["queues"].items()}
    if not queues:
        raise BadInput("queues is empty, so no poller would be looked for.", "name at least the task queue main.")
    connection = Connection(
        "",
        "",
        params["tls"],
        *(params[name] or "" for name in ("tls_ca_path", "tls_cert_path", "tls_key_path", "api_key_path")),
    )
    wanted = Wanted(
        params["project"],
        params["service"],
        params["cli_service"] or "",
        params["address"] or "",
        params["namespace"] or "",
        connection,
        tuple(queues),
        params["deadline"],
        params["sample"],
    )
    settings = Settings(
        queues, params["fresh_for"], params["backlog_age"], params["failing_attempts"], params["sweeper"]
    )
    return Request(wanted, settings, params["timeout"])


def _kinds(queue: str, value: object) -> Tuple[str, ...]:
    found = tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else (str(value),)
    wrong = [item for item in found if item not in KINDS]
    if wrong or not found:
        raise BadInput(
            f"queues: {queue} asks for pollers of the kind {', '.join(wrong) or 'none'}.",
            "give workflow, activity, or both.",
        )
    return found
