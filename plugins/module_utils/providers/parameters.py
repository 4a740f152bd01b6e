# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parameters of post_failures_info, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Overrides
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.options import (
    DATABASE_SPEC,
    overrides,
    seconds,
    statement_seconds,
)

WEEK_SECONDS = 7 * 24 * 3600.0
# Dates of PostgreSQL and Python end somewhere.
LONGEST_SECONDS = 100 * 366 * 24 * 3600.0
MOST_LISTED = 100000

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
_PREFIX = re.compile(r"https://[^\s/]+/\S*", re.IGNORECASE)

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "since": {"type": "float", "default": WEEK_SECONDS},
    "horizon": {"type": "float", "default": WEEK_SECONDS},
    "organizations": {"type": "list", "elements": "str", "default": []},
    "channels": {"type": "list", "elements": "str", "default": []},
    "providers": {"type": "list", "elements": "str", "default": []},
    "posts": {"type": "list", "elements": "str", "default": []},
    "unaudited_channels": {"type": "list", "elements": "str", "default": []},
    "verified_domains": {"type": "list", "elements": "str"},
    "limit": {"type": "int", "default": 100},
    **DATABASE_SPEC,
}


@dataclass(frozen=True)
class Request:
    """What is asked; an empty selection is no restriction, `verified_domains` None is not declared."""

    project: str
    service: str
    since_seconds: float
    horizon_seconds: float
    database: Overrides
    organizations: Tuple[str, ...]
    channels: Tuple[str, ...]
    providers: Tuple[str, ...]
    posts: Tuple[str, ...]
    unaudited: Tuple[str, ...]
    verified_domains: Optional[Tuple[str, ...]]
    statement_seconds: float
    listed: int


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name. With post ids, the bounds of time are lifted."""
    since, horizon = (seconds(params, name, 0.0, LONGEST_SECONDS) for name in ("since", "horizon"))
    if not 0 <= params["limit"] <= MOST_LISTED:
        raise BadInput(f"limit is {params['limit']}.", f"give limit from 0 to {MOST_LISTED}.")
    wanted = _names(params, "posts")
    return Request(
        project=params["project"],
        service=params["service"],
        since_seconds=LONGEST_SECONDS if wanted else since,
        horizon_seconds=LONGEST_SECONDS if wanted else horizon,
        database=overrides(params),
        organizations=_names(params, "organizations"),
        channels=_names(params, "channels"),
        providers=_names(params, "providers"),
        posts=wanted,
        unaudited=tuple(params["unaudited_channels"]),
        verified_domains=_domains(params["verified_domains"]),
        statement_seconds=statement_seconds(params),
        listed=params["limit"],
    )


def _names(params: Mapping[str, Any], name: str) -> Tuple[str, ...]:
    found = tuple(item.strip() for item in params[name])
    if not all(found):
        raise BadInput(f"{name} has an empty entry, which matches nothing.", "leave it out.")
    return found


def _domains(given: Optional[Any]) -> Optional[Tuple[str, ...]]:
    if given is None:
        return None
    found = tuple(item.strip() for item in given)
    for item in found:
        if not (_PREFIX.fullmatch(item) if "://" in item else _DOMAIN.fullmatch(item)):
            raise BadInput(
                f"verified_domains: {item!r} is neither a domain nor a prefix.",
                "give a domain such as media.example.org, or a prefix such as https://media.example.org/uploads/.",
            )
    return found
