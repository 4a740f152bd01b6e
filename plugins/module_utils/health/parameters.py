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

_SECONDS = ("timeout", "stable_for", "restart_window")
_NUMBERS = ("restarts_allowed", "log_lines")
# More than any wait needs, and less than what a clock or a socket of the system can count.
MAX_SECONDS = 7 * 24 * 3600
MAX_NUMBER = 10_000


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name."""
    for name in _SECONDS:
        _between(name, params[name], MAX_SECONDS)
    for name in _NUMBERS:
        _between(name, params[name], MAX_NUMBER)
    if not params["project"].strip():
        raise BadInput("project is empty.", "give the name of the Compose project.")
    expectations = {name: _expectation(name, value) for name, value in params["services"].items()}
    for entry in params["http"]:
        if expectations.get(entry["service"]) is Expectation.ABSENT:
            raise BadInput(
                f"{entry['service']} is expected to be absent by services, and to answer by http.",
                "drop one of the two.",
            )
    return Request(
        project=params["project"],
        project_src=params["project_src"] or "",
        expectations=expectations,
        http=tuple(_http(entry) for entry in params["http"]),
        settings=Settings(params["stable_for"], params["restarts_allowed"], params["restart_window"]),
        timeout_seconds=params["timeout"],
        evidence=params["evidence"],
        log_lines=params["log_lines"],
    )


def _between(name: str, value: float, most: int) -> None:
    if not 0 <= value <= most:  # also not a number
        raise BadInput(f"{name} is {value:g}.", f"give {name} from 0 to {most}.")


def _expectation(service: str, value: object) -> Expectation:
    try:
        return Expectation(value)
    except ValueError as problem:
        choices = ", ".join(item.value for item in Expectation)
        raise BadInput(
            f"services: {service} is expected to be {value!r}, which is none of: {choices}.", "correct services."
        ) from problem


def _http(entry: Mapping[str, Any]) -> Http:
    if not 0 < entry["timeout"] <= MAX_SECONDS:
        raise BadInput(f"http: a timeout of {entry['timeout']:g} s lets nothing answer.", "give a positive timeout.")
    for status in entry["status"]:
        if not 100 <= status <= 599:
            raise BadInput(f"http: {status} is no status of HTTP.", "give statuses from 100 to 599.")
    if not 0 <= entry["port"] <= 65535:
        raise BadInput(f"http: {entry['port']} is no port.", "give the port inside the container, or 0 for the first.")
    if entry["url"]:
        _check_url(entry)
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


def _check_url(entry: Mapping[str, Any]) -> None:
    url = entry["url"]
    for name in ("port", "path", "scheme"):
        if entry[name] != HTTP_SPEC[name]["default"]:
            raise BadInput(f"http: {name} goes with service, and url is given.", f"put {name} into the url.")
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
