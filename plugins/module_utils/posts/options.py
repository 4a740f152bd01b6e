# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that all modules of posts share: how the database is reached, and numbers of seconds. Raises BadInput."""

from __future__ import annotations

import math
from typing import Any, Dict, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Overrides

_DAY = 86400.0
# Documented in the fragment selfhost.postiz.database.
DATABASE_SPEC: Dict[str, Any] = {
    "database_host": {"type": "str"},
    "database_port": {"type": "int"},
    "database_tls_mode": {
        "type": "str",
        "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    },
    "database_tls_ca_path": {"type": "path"},
    "statement_timeout": {"type": "float", "default": 60.0},
}


def overrides(params: Mapping[str, Any]) -> Overrides:
    """How the database is reached."""
    return Overrides(
        params["database_host"] or "",
        params["database_port"] or 0,
        params["database_tls_mode"] or "",
        params["database_tls_ca_path"] or "",
    )


def statement_seconds(params: Mapping[str, Any]) -> float:
    """How long a statement may take; less than a millisecond would be no limit at all."""
    return seconds(params, "statement_timeout", 0.001, _DAY)


def seconds(params: Mapping[str, Any], name: str, least: float, most: float) -> float:
    """A number of seconds from `least` to `most`."""
    value = float(params[name])
    if not math.isfinite(value):
        raise BadInput(
            f"{name} is {value:g}, which is no number of seconds.", f"give a number from {least:.15g} to {most:.15g}."
        )
    if not least <= value <= most:
        raise BadInput(
            f"{name} is {value:.15g} seconds, and must be from {least:.15g} to {most:.15g}.",
            f"give {name} within that range.",
        )
    return value
