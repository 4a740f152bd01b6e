# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The PM2 gate's parameters, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.gate import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import Settings

APPS = ("backend", "frontend", "orchestrator")
PORTS = {"backend": 3000, "frontend": 4200, "orchestrator": 3002}
SETTLE_SECONDS = 150.0

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "apps": {"type": "list", "elements": "str", "default": list(APPS)},
    "ports": {"type": "dict", "default": dict(PORTS)},
    "proxy_port": {"type": "int", "default": 5000},
    "settle_seconds": {"type": "float", "default": SETTLE_SECONDS},
    "pollers_seen": {"type": "bool", "default": False},
    "restarts_allowed": {"type": "int", "default": 3},
    "restart_window": {"type": "float", "default": 300.0},
    "timeout": {"type": "float", "default": 180.0},
    "fail_on_unhealthy": {"type": "bool", "default": True},
}

_NOT_NEGATIVE = ("proxy_port", "settle_seconds", "restarts_allowed", "restart_window", "timeout")
_HIGHEST_PORT = 65535


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name."""
    for name in _NOT_NEGATIVE:
        if params[name] < 0:
            raise BadInput(f"{name} is {params[name]:g}, which is less than 0.", f"give {name} from 0.")
    if not params["apps"]:
        raise BadInput("apps is empty, so nothing would be judged.", "name at least one app.")
    return Request(
        params["project"],
        params["service"],
        Settings(
            apps=tuple(params["apps"]),
            ports={str(name): _port(name, value) for name, value in params["ports"].items()},
            proxy_port=params["proxy_port"],
            settle_seconds=params["settle_seconds"],
            restarts_allowed=params["restarts_allowed"],
            restart_window=params["restart_window"],
            pollers_seen=params["pollers_seen"],
        ),
        params["timeout"],
    )


def _port(app: object, value: object) -> int:
    if str(value).isdigit() and int(str(value)) <= _HIGHEST_PORT:
        return int(str(value))
    raise BadInput(f"ports: {app} has the port {value!r}.", "give a number from 0 to 65535.")
