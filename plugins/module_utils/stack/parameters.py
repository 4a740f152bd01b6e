# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stack shall be: frozen parameters, and the argument spec that they come from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError


def stack_argument_spec() -> Dict[str, Any]:
    """Options shared by the modules that lay out a stack; documented in the fragment selfhost.postiz.stack."""
    return {
        "project": {"type": "str", "required": True},
        "directory": {"type": "path", "required": True},
        "postiz_image": {"type": "str", "required": True},
        "postgres_password": {"type": "str", "no_log": True},
        "temporal_postgres_password": {"type": "str", "no_log": True},
        "jwt_secret": {"type": "str", "no_log": True},
        "accept_new_jwt_secret": {"type": "bool", "default": False, "no_log": False},
        # One string: as a dictionary, Ansible would censor each of its values ("true", "1") everywhere.
        "environment": {"type": "json", "default": "{}", "no_log": True},
    }


@dataclass(frozen=True)
class StackParameters:
    """The inputs of `stack_argument_spec`. Secrets do not appear in its representation."""

    project: str
    directory: str
    postiz_image: str
    accept_new_jwt_secret: bool
    given: Mapping[str, str] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_module(cls, params: Mapping[str, Any]) -> StackParameters:
        """Raises StackError if `environment` is no JSON object of scalars."""
        names = ("postgres_password", "temporal_postgres_password", "jwt_secret")
        return cls(
            project=params["project"],
            directory=os.path.normpath(params["directory"]),
            postiz_image=params["postiz_image"],
            accept_new_jwt_secret=params["accept_new_jwt_secret"],
            given={name: params[name] for name in names if params[name]},
            environment=_environment(params["environment"]),
        )


def secret_inputs(params: Mapping[str, Any]) -> Tuple[str, ...]:
    """Everything among a module's inputs that must not be shown, also when the inputs turn out to be unusable."""
    given = (params["postgres_password"], params["temporal_postgres_password"], params["jwt_secret"])
    try:
        values = tuple(_environment(params["environment"]).values())
    except StackError:
        values = (params["environment"],)
    return (*(secret for secret in given if secret), *values)


def _environment(text: str) -> Dict[str, str]:
    problem = StackError(
        "The additional environment is not a dictionary of plain values.",
        "write stack_environment as NAME: value, with strings, numbers or booleans as values.",
    )
    try:
        entries = json.loads(text)
    except ValueError:
        raise problem from None
    if not isinstance(entries, dict) or any(isinstance(value, (dict, list)) for value in entries.values()):
        raise problem
    return {name: _text(value) for name, value in entries.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True)
class WantedPort:
    """A port that the stack shall publish."""

    service: str
    address: str
    port: int


@dataclass(frozen=True)
class PreflightParameters:
    """What the preflight judges besides the stack itself; sizes in bytes. `upgrading`: an upgrade asks."""

    stack: StackParameters
    url: str
    ports: Tuple[WantedPort, ...]
    images: Tuple[str, ...]
    pull: str
    dynamic_config: Optional[str]
    dynamic_config_source: str
    min_free_bytes: int
    min_memory_bytes: int
    compose: Optional[str] = None
    boot_guard_files: Mapping[str, str] = field(default_factory=dict, repr=False)
    upgrading: bool = False
    judge_frontend: bool = True
