# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of frontend_build. Raises BadInput."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Mapping, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import parameters, patches
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.patches import Patch
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import MIN_SECRET_LENGTH, PLACEHOLDER

_SHARED = (
    "dest",
    "image",
    "project",
    "service",
    "path",
    "exclude",
    "foreign_links",
    "keep",
    "bridge",
    "force",
    "max_bytes",
    "max_files",
    "min_free_bytes",
    "lock_timeout",
    "page",
)
_PATCH = {
    "name": {"type": "str"},
    "diff": {"type": "str"},
    "path": {"type": "str"},
    "content": {"type": "str"},
    "src": {"type": "path"},
    "upstream": {"type": "dict", "default": {}},
}
# Enough for pages to be rendered; nothing of it leaves the container, which has no network.
START_ENVIRONMENT = {
    "FRONTEND_URL": "http://localhost:4200",
    "NEXT_PUBLIC_BACKEND_URL": "http://localhost:4200/api",
    "BACKEND_INTERNAL_URL": "http://localhost:3000",
    "IS_GENERAL": "true",
    "STORAGE_PROVIDER": "local",
}

ARGUMENT_SPEC: Dict[str, Any] = {
    **{name: parameters.ARGUMENT_SPEC[name] for name in _SHARED},
    "patches": {"type": "list", "elements": "dict", "required": True, "options": _PATCH},
    "root": {"type": "str", "default": "/app"},
    "command": {"type": "str", "default": "pnpm run build:frontend"},
    # One string: as a dictionary, Ansible would censor each of its values ("true", "1") everywhere.
    "environment": {"type": "json", "no_log": True},
    "network": {"type": "str", "default": "bridge"},
    "memory": {"type": "int", "default": 6 << 30},
    "cpus": {"type": "float", "default": 0.0},
    "timeout": {"type": "float", "default": 3600.0},
    "start_command": {"type": "str", "default": "pnpm --dir apps/frontend run start"},
    "start_environment": {"type": "json", "no_log": True},
    "start_timeout": {"type": "float", "default": 120.0},
    "retry": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class BuildRequest:
    """`bundle` is what becomes of the result. Times in seconds, memory in bytes, 0 for no limit of memory and cpus."""

    bundle: Request
    patches: Tuple[Patch, ...]
    root: str
    command: str
    environment: Mapping[str, str] = field(repr=False)
    network: str
    memory: int
    cpus: float
    seconds: float
    start_command: str
    start_environment: Mapping[str, str] = field(repr=False)
    start_seconds: float
    retry: bool = False

    def censored(self, tell: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """A listener to whom no value of the environment is told, also not one that comes in two parts."""
        return Censor(_secrets(self.environment, self.start_environment), tell).tell


class Censor:
    """What could be the beginning of a secret is held back until more is known."""

    def __init__(self, secrets: Iterable[str], tell: Callable[[bytes], None]) -> None:
        self._known = [secret.encode() for secret in secrets if len(secret) >= MIN_SECRET_LENGTH]
        self._tell = tell
        self._held = b""

    def tell(self, part: bytes) -> None:
        """Something was printed."""
        text = self._held + part
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, PLACEHOLDER.encode())
        keep = max((self._begun(text, secret) for secret in self._known), default=0)
        self._held = text[len(text) - keep :]
        self._tell(text[: len(text) - keep])

    @staticmethod
    def _begun(text: bytes, secret: bytes) -> int:
        return next((size for size in range(len(secret) - 1, 0, -1) if text.endswith(secret[:size])), 0)


def secret_inputs(params: Mapping[str, Any]) -> Tuple[str, ...]:
    """Everything among the inputs that must not be shown, also when they turn out to be unusable."""
    try:
        return _secrets(_texts("environment", params["environment"]), _started(params["start_environment"]))
    except BadInput:
        return tuple(str(params[name]) for name in ("environment", "start_environment") if params[name])


def _secrets(environment: Mapping[str, str], start_environment: Mapping[str, str]) -> Tuple[str, ...]:
    """The values of the default are in the documentation."""
    known = START_ENVIRONMENT.values()
    return tuple(sorted({value for item in (environment, start_environment) for value in item.values()} - set(known)))


def parse(params: Mapping[str, Any], check_mode: bool) -> BuildRequest:
    """Raises BadInput with the parameter's name."""
    for name in ("memory", "cpus"):
        if params[name] < 0:
            raise BadInput(f"{name} is {params[name]:g}, which is less than 0.", f"give {name} from 0 (no limit).")
    for name in ("timeout", "start_timeout"):
        if params[name] <= 0:
            raise BadInput(f"{name} is {params[name]:g}, which leaves no time.", f"give {name} in seconds.")
    if not params["patches"]:
        raise BadInput("There are no patches to build with.", "use frontend_bundle for the image's own frontend.")
    if not params["image"] and not params["project"]:
        raise BadInput("Nothing says what to build.", "give image, or the project whose image it is.")
    root = params["root"]
    if not root.startswith("/") or posixpath.normpath(root) != root:
        raise BadInput(f"root is {root!r}, which is no clean absolute path.", "give one such as /app.")
    if params["network"].startswith("container:") or params["network"] == "host":
        remedy = "give none, bridge, or a network that is only for builds."
        raise BadInput(f"A build on the network {params['network']!r} could reach what runs on this host.", remedy)
    if params["project"] and params["network"].startswith(f"{params['project']}_"):
        remedy = "give none, bridge, or a network that is only for builds."
        raise BadInput(f"A build on the stack's own network {params['network']!r} could reach its database.", remedy)
    shared = {name: params[name] for name in _SHARED}
    rest = {
        "state": "present",
        "prebuilt": None,
        "release": None,
        "fail_on_mismatch": True,
        "page_timeout": 0.0,
        "failed": None,
    }
    bundle = parameters.parse({**shared, **rest}, check_mode)
    return BuildRequest(
        bundle=bundle,
        patches=patches.parse(params["patches"]),
        root=root,
        command=params["command"],
        environment=_texts("environment", params["environment"]),
        network=params["network"],
        memory=params["memory"],
        cpus=params["cpus"],
        seconds=params["timeout"],
        start_command=params["start_command"],
        start_environment=_started(params["start_environment"]),
        start_seconds=params["start_timeout"],
        retry=params["retry"] or params["force"],
    )


def _started(given: Any) -> Dict[str, str]:
    return dict(START_ENVIRONMENT) if given is None else _texts("start_environment", given)


def _texts(option: str, given: Any) -> Dict[str, str]:
    try:
        entries = {} if given is None else json.loads(given) if isinstance(given, str) else given
    except ValueError:
        entries = None
    if not isinstance(entries, Mapping) or any(isinstance(value, (dict, list)) for value in entries.values()):
        raise BadInput(f"{option} is not a dictionary of plain values.", "write it as NAME: value.")
    return {
        name: "true" if value is True else "false" if value is False else "" if value is None else str(value)
        for name, value in entries.items()
    }
