# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of stuck_posts_info and stuck_posts, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Overrides
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, PostClass, Selection
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.options import (
    DATABASE_SPEC,
    overrides,
    seconds,
    statement_seconds,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import (
    BY_DEFAULT,
    DEFAULTS,
    Settings,
    check,
    for_all,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal import parameters as temporal
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.gate import Request as TemporalRequest

# Between due and published a healthy stack takes seconds; what is later than this is looked at.
OVERDUE_SECONDS = 900.0
# More than this in one run is more than a person can have looked at.
MOST_POSTS = 15000
# What is due within a week is still to be mended in time by the run of any day.
HORIZON_SECONDS = 7 * 86400.0
# Longer than a repair of some thousand posts.
LOCK_SECONDS = 120.0
_DAY = 86400.0
# Within the calendars of Python and PostgreSQL, also times as many as MOST_POSTS.
_SECONDS: Mapping[str, Tuple[float, float]] = {
    "overdue_for": (-3650 * _DAY, 3650 * _DAY),
    "horizon": (0.0, 3650 * _DAY),
    "spacing": (0.001, 30 * _DAY),
    "not_before_in": (0.0, 3650 * _DAY),
    "lock_timeout": (0.0, _DAY),
}
_YEAR_3000 = 32503680000.0

_CONNECTION = (
    "cli_service",
    "address",
    "namespace",
    "tls",
    "tls_ca_path",
    "tls_cert_path",
    "tls_key_path",
    "api_key_path",
)

COMMON_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "overdue_for": {"type": "float", "default": OVERDUE_SECONDS},
    "horizon": {"type": "float", "default": HORIZON_SECONDS},
    "newer_than": {"type": "str"},
    "organizations": {"type": "list", "elements": "str", "default": []},
    "channels": {"type": "list", "elements": "str", "default": []},
    "providers": {"type": "list", "elements": "str", "default": []},
    "posts": {"type": "list", "elements": "str", "default": []},
    "limit": {"type": "int", "default": 100},
    "scan_limit": {"type": "int", "default": 1000},
    "failing_attempts": temporal.ARGUMENT_SPEC["failing_attempts"],
    **{name: temporal.ARGUMENT_SPEC[name] for name in _CONNECTION},
    "deadline": temporal.ARGUMENT_SPEC["deadline"],
    **DATABASE_SPEC,
}
ACT_SPEC: Dict[str, Any] = {
    **COMMON_SPEC,
    "state": {"type": "str", "choices": ["repaired", "undone"], "default": "repaired"},
    "actions": {"type": "dict", "default": {}},
    "action_default": {"type": "str", "choices": [item.value for item in BY_DEFAULT]},
    "spacing": {"type": "float", "default": 60.0},
    "not_before": {"type": "str"},
    "not_before_in": {"type": "float", "default": 0.0},
    "poke_at_once": {"type": "int", "default": 5},
    "burst_threshold": {"type": "int", "default": 0},
    "fail_reason": {"type": "str", "default": "Stuck, and given up by the operator"},
    "max_posts": {"type": "int", "default": 100},
    "accept_duplicate_risk": {"type": "list", "elements": "str", "default": []},
    "undo_directory": {"type": "path", "required": True},
    "undo_file": {"type": "path"},
    "set_aside_damaged": {"type": "bool", "default": False},
    "lock_timeout": {"type": "float", "default": LOCK_SECONDS},
}


@dataclass(frozen=True)
class Request:
    """What is looked at, and how. `limit` bounds what is listed, never what is counted."""

    temporal: TemporalRequest
    database: Overrides
    selection: Selection
    statement_seconds: float
    limit: int
    scan_limit: int
    failing_attempts: int


@dataclass(frozen=True)
class ActRequest:
    """And what is done about it."""

    look: Request
    settings: Settings
    undo_directory: str
    undo_file: str
    undo: bool
    check_mode: bool
    set_aside_damaged: bool
    lock_seconds: float


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name."""
    for name in ("limit", "scan_limit"):
        if params[name] < 0:
            raise BadInput(f"{name} is {params[name]}, which is less than 0.", f"give {name} from 0.")
    given = {name: entry.get("default") for name, entry in temporal.ARGUMENT_SPEC.items()}
    given.update({name: params[name] for name in ("project", "service", "failing_attempts", "deadline", *_CONNECTION)})
    return Request(
        temporal=temporal.parse({**given, "sample": 0, "timeout": 0.0, "queues": {"main": ["workflow", "activity"]}}),
        database=overrides(params),
        selection=Selection(
            overdue_seconds=_seconds(params, "overdue_for"),
            horizon_seconds=_seconds(params, "horizon"),
            oldest=moment(params["newer_than"], "newer_than"),
            organizations=tuple(params["organizations"]),
            channels=tuple(params["channels"]),
            providers=tuple(params["providers"]),
            posts=tuple(params["posts"]),
        ),
        statement_seconds=statement_seconds(params),
        limit=params["limit"],
        scan_limit=params["scan_limit"],
        failing_attempts=params["failing_attempts"],
    )


def parse_act(params: Mapping[str, Any], check_mode: bool) -> ActRequest:
    """Raises BadInput with the parameter's name."""
    for name in ("poke_at_once", "burst_threshold"):
        if params[name] < 0:
            raise BadInput(f"{name} is {params[name]}, which is less than 0.", f"give {name} from 0.")
    if not 1 <= params["max_posts"] <= MOST_POSTS:
        raise BadInput(
            f"max_posts is {params['max_posts']}, and must be from 1 to {MOST_POSTS}.",
            "do more in several runs: the second finds what the first left.",
        )
    if params["state"] == "undone" and not params["undo_file"]:
        raise BadInput("state is undone, and undo_file is missing.", "give the undo_file that the run returned.")
    if not params["fail_reason"].strip():
        raise BadInput("fail_reason is empty.", "say why these posts are given up.")
    if params["not_before"] and params["not_before_in"]:
        raise BadInput("not_before and not_before_in are both given.", "give one of them.")
    settings = Settings(
        actions=_actions(params["actions"], params["action_default"]),
        spacing_seconds=_seconds(params, "spacing"),
        not_before=moment(params["not_before"], "not_before"),
        poke_at_once=params["poke_at_once"],
        burst_threshold=params["burst_threshold"],
        fail_reason=params["fail_reason"],
        max_posts=params["max_posts"],
        accepted=frozenset(params["accept_duplicate_risk"]),
        not_before_seconds=_seconds(params, "not_before_in"),
        asked=frozenset(PostClass(key) for key in params["actions"]),
    )
    return ActRequest(
        parse(params),
        settings,
        params["undo_directory"],
        params["undo_file"] or "",
        params["state"] == "undone",
        check_mode,
        params["set_aside_damaged"],
        _seconds(params, "lock_timeout"),
    )


def _seconds(params: Mapping[str, Any], name: str) -> float:
    return seconds(params, name, *_SECONDS[name])


def _actions(given: Mapping[str, Any], otherwise: Optional[str]) -> Dict[PostClass, Action]:
    found = for_all(Action(otherwise)) if otherwise else dict(DEFAULTS)
    classes = {item.value for item in PostClass}
    names = {item.value for item in Action}
    for key, value in given.items():
        if key not in classes:
            raise BadInput(f"actions: there is no class {key!r}.", f"choose one of: {', '.join(sorted(classes))}.")
        if not isinstance(value, str) or value not in names:
            raise BadInput(f"actions: {key}: no such action: {value!r}.", f"choose one of: {', '.join(sorted(names))}.")
        found[PostClass(key)] = Action(value)
    check(found)
    return found


def moment(text: Optional[str], name: str) -> Optional[datetime]:
    """Naive UTC of an ISO 8601 time with a zone. Raises BadInput."""
    if not text:
        return None
    epoch = parse_time(text.strip().replace(" ", "T", 1).replace(" ", ""))
    if epoch is None or not 0 <= epoch < _YEAR_3000:
        raise BadInput(
            f"{name} is {text!r}, which is no time with a zone.",
            "write it like 2026-01-31T18:00:00Z, or with +01:00, within the years 1970 to 2999.",
        )
    return datetime.fromtimestamp(epoch, timezone.utc).replace(tzinfo=None)
