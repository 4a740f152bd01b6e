# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container gate's parameters, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple
from urllib.parse import urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Expectation, Http, Request, Settings

HTTP_SPEC: Dict[str, Any] = {
    "url": {"type": "str"},
    "service": {"type": "str"},
    "port": {"type": "int", "default": 0},
    "path": {"type": "str", "default": "/"},
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "body": {"type": "str", "default": ""},
    "headers": {"type": "dict", "default": {}},
    "host": {"type": "str", "default": ""},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 5.0},
}

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "project_src": {"type": "path"},
    "services": {"type": "dict", "default": {}},
    "http": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": HTTP_SPEC,
        "required_one_of": [("url", "service")],
        "mutually_exclusive": [("url", "service")],
    },
    "timeout": {"type": "float", "default": 180.0},
    "stable_for": {"type": "float", "default": 10.0},
    "restarts_allowed": {"type": "int", "default": 3},
    "restart_window": {"type": "float", "default": 120.0},
    "fail_on_unhealthy": {"type": "bool", "default": True},
    "evidence": {"type": "str", "choices": ["culprit", "all", "none"], "default": "culprit"},
    "log_lines": {"type": "int", "default": 15},
}

_NOT_NEGATIVE = ("timeout", "stable_for", "restarts_allowed", "restart_window", "log_lines")


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name."""
    for name in _NOT_NEGATIVE:
        if params[name] < 0:
            raise BadInput(
                f"{name} is {params[name]:g}, which is less than 0.", f"give {name} in seconds or numbers from 0."
            )
    if not params["project"].strip():
        raise BadInput("project is empty.", "give the name of the Compose project.")
    return Request(
        project=params["project"],
        project_src=params["project_src"] or "",
        expectations={name: _expectation(name, value) for name, value in params["services"].items()},
        http=tuple(_http(entry) for entry in params["http"]),
        settings=Settings(params["stable_for"], params["restarts_allowed"], params["restart_window"]),
        timeout_seconds=params["timeout"],
        evidence=params["evidence"],
        log_lines=params["log_lines"],
    )


def _expectation(service: str, value: object) -> Expectation:
    try:
        return Expectation(value)
    except ValueError as problem:
        choices = ", ".join(item.value for item in Expectation)
        raise BadInput(
            f"services: {service} is expected to be {value!r}, which is none of: {choices}.", "correct services."
        ) from problem


def _http(entry: Mapping[str, Any]) -> Http:
    if entry["timeout"] <= 0:
        raise BadInput(f"http: a timeout of {entry['timeout']:g} s lets nothing answer.", "give a positive timeout.")
    if entry["url"]:
        _check_url(entry["url"])
    return Http(
        url=entry["url"] or "",
        status=tuple(entry["status"]) or (200,),
        body=entry["body"],
        headers=_texts(entry["headers"]),
        host=entry["host"],
        validate_certs=entry["validate_certs"],
        timeout_seconds=entry["timeout"],
        service=entry["service"] or "",
        port=entry["port"],
        path=entry["path"] if entry["path"].startswith("/") else f"/{entry['path']}",
        scheme=entry["scheme"],
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(f"http: {url!r} is no URL.", "write it as http://host:port/path.")


def _texts(values: Mapping[str, Any]) -> Dict[str, str]:
    pairs: Tuple[Tuple[str, str], ...] = tuple((str(name), str(value)) for name, value in values.items())
    return dict(pairs)
