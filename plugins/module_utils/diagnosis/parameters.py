# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of the look through all layers; those of each gate are the gate's own. Raises BadInput."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import PATH
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import LAYERS, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.health import parameters as containers
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Http
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2 import parameters as pm2
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal import parameters as temporal

# The sweep runs hourly; what is younger may still be taken up by it.
OVERDUE_SECONDS = 75 * 60.0
SKIPPABLE = LAYERS[2:]
_OF_TEMPORAL = ("service", "queues", "cli_service", "api_key_path", "sample", "sweeper")

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "services": {"type": "dict", "default": {}},
    "skip": {"type": "list", "elements": "str", "choices": list(SKIPPABLE), "default": []},
    "api_port": {"type": "int", "default": 5000},
    "api_path": {"type": "str", "default": "/api/"},
    "api_body": {"type": "str", "default": "App is running!"},
    "ports": {"type": "dict", "default": dict(pm2.PORTS)},
    "settle_seconds": {"type": "float", "default": pm2.SETTLE_SECONDS},
    "frontend_path": {"type": "str", "default": PATH},
    "queues": temporal.ARGUMENT_SPEC["queues"],
    "cli_service": {"type": "str"},
    "sample": temporal.ARGUMENT_SPEC["sample"],
    "sweeper": temporal.ARGUMENT_SPEC["sweeper"],
    "api_key_path": temporal.ARGUMENT_SPEC["api_key_path"],
    "overdue_after": {"type": "float", "default": OVERDUE_SECONDS},
    "log_lines": {"type": "int", "default": 15},
    "timeout": {"type": "float", "default": 300.0},
    "fail_on_unhealthy": {"type": "bool", "default": True},
}

STEADY_SPEC: Dict[str, Any] = {"steady_for": {"type": "float", "default": 0.0}}
"""Of those who may demand that work goes on flowing."""


def _defaults(spec: Mapping[str, Mapping[str, Any]]) -> Dict[str, Any]:
    return {name: entry.get("default") for name, entry in spec.items()}


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name."""
    if params["overdue_after"] < 0:
        raise BadInput(f"overdue_after is {params['overdue_after']:g}, which is less than 0.", "give seconds from 0.")
    steady = params.get("steady_for", 0.0)
    if steady < 0:
        raise BadInput(f"steady_for is {steady:g}, which is less than 0.", "give seconds from 0.")
    shared = {name: params[name] for name in ("project", "timeout")}
    asked = {**_defaults(containers.ARGUMENT_SPEC), **shared}
    apps = {**_defaults(pm2.ARGUMENT_SPEC), **shared}
    cluster = {**_defaults(temporal.ARGUMENT_SPEC), **shared}
    return Request(
        project=params["project"],
        service=params["service"],
        skip=tuple(params["skip"]),
        timeout_seconds=params["timeout"],
        overdue_seconds=params["overdue_after"],
        containers=containers.parse({**asked, "services": params["services"], "log_lines": params["log_lines"]}),
        endpoint=Http(
            "",
            (200,),
            params["api_body"],
            {},
            "",
            False,
            5.0,
            params["service"],
            params["api_port"],
            params["api_path"],
        ),
        frontend_path=params["frontend_path"],
        steady_seconds=steady,
        pm2=pm2.parse({**apps, **{name: params[name] for name in ("service", "ports", "settle_seconds")}}),
        temporal=temporal.parse(
            {
                **cluster,
                **{name: params[name] for name in _OF_TEMPORAL},
            }
        ),
    )
