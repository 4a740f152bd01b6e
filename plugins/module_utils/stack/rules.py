# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge what the user wrote, before any look at the host. Pure functions."""

from __future__ import annotations

import re
import traceback
from typing import Any, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import LibraryMissing
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.envfile import NAME

try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR: Optional[str] = traceback.format_exc()
else:
    YAML_IMPORT_ERROR = None

# Compose's own rule for project names.
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^[0-9a-fA-F:]+$")

# They have variables of their own, or the stack's layout depends on them.
RESERVED = {
    "DATABASE_URL": "set stack_postgres_password",
    "JWT_SECRET": "set stack_jwt_secret",
    "FRONTEND_URL": "set stack_url",
    "MAIN_URL": "set stack_url",
    "NEXT_PUBLIC_BACKEND_URL": "set stack_url",
    "RUN_CRON": "set stack_run_cron",
    "PORT": "leave it out (nginx inside the image expects the backend on 3000)",
}


def project_name(name: str) -> Iterator[Finding]:
    """Compose refuses or silently changes other names."""
    if not _PROJECT.fullmatch(name):
        yield error(
            "project-name-invalid",
            "stack_project",
            f"'{name}' is no Compose project name.",
            "use lower-case letters, digits, '-' and '_', starting with a letter or digit.",
        )


def url(text: str) -> Iterator[Finding]:
    """Postiz builds links, cookies and media addresses by appending to this URL."""
    reason = _url_problem(text)
    if reason:
        yield error("url-malformed", "stack_url", f"'{text}' {reason}.", "write it like https://postiz.example.org")


def _url_problem(text: str) -> Optional[str]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as problem:
        return f"cannot be read ({problem})"
    if parts.scheme not in ("http", "https"):
        return "does not start with http:// or https://"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        return "has no valid host name"
    if port == 0:
        return "has an impossible port"
    if parts.username is not None:
        return "contains a user name"
    if parts.query or parts.fragment or any(character.isspace() for character in text):
        return "contains more than scheme, host, port and path"
    if text.endswith("/"):
        return "ends with a slash, and Postiz would write double slashes into media links"
    return None


def environment(values: Mapping[str, str]) -> Iterator[Finding]:
    """Additional variables for Postiz: never shows a value."""
    for name, value in values.items():
        if not NAME.fullmatch(name):
            yield error(
                "environment-invalid",
                "stack_environment",
                f"'{name}' is no name of an environment variable.",
                "use letters, digits and '_'.",
            )
        elif name in RESERVED:
            yield error(
                "environment-invalid",
                "stack_environment",
                f"{name} is managed by the role.",
                f"remove it there and {RESERVED[name]}.",
            )
        else:
            yield from single_line(f"stack_environment: {name}", value)


def single_line(component: str, value: str) -> Iterator[Finding]:
    """No line of `.env` can hold a line break or a NUL."""
    if any(character in value for character in "\n\r\0"):
        yield error(
            "environment-invalid",
            component,
            "The value contains a line break.",
            "give it on one line (in YAML: `>-` or quotes instead of `|`).",
        )


def dynamic_config(text: Optional[str], source: str) -> Iterator[Finding]:
    """Temporal refuses to start without this file, or with an invalid one (common/dynamicconfig)."""
    if text is None:
        yield error(
            "dynamic-config-missing",
            source,
            "There is no such file on the controller, and Temporal does not start without its dynamic configuration.",
            "correct stack_dynamic_config_file, or remove it and use stack_dynamic_config.",
        )
        return
    reason = _dynamic_config_problem(text)
    if reason:
        yield error(
            "dynamic-config-invalid",
            source,
            reason,
            "write each setting as `name: [{value: …, constraints: {}}]`, as Temporal's documentation shows.",
        )


def parsed(text: str) -> Any:
    """Any YAML. Raises LibraryMissing, or yaml.YAMLError."""
    if YAML_IMPORT_ERROR is not None:
        raise LibraryMissing("yaml", YAML_IMPORT_ERROR)
    return yaml.safe_load(text)


def parsed_all(texts: Sequence[str]) -> Optional[List[Any]]:
    """None if one of them is no YAML. Raises LibraryMissing."""
    try:
        return [parsed(text) for text in texts]
    except yaml.YAMLError:
        return None


def _dynamic_config_problem(text: str) -> Optional[str]:
    try:
        content = parsed(text)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        return f"It is not YAML{place}: {getattr(problem, 'problem', None) or problem}."
    if content is None:
        return None
    if not isinstance(content, dict):
        return "It is not a dictionary of settings."
    for name, entries in content.items():
        if not isinstance(entries, list) or any(
            not isinstance(entry, dict) or "value" not in entry for entry in entries
        ):
            return f"The setting '{name}' is not a list of entries with a value."
    return None
