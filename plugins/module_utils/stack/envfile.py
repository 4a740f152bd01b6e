# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write the `.env` from which Compose takes a stack's secrets. Pure: text in, text out."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

HEADING = "# Managed by selfhost.postiz. Holds every secret of the stack: keep it, back it up, show it to nobody.\n"

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class MalformedEnvFile(ValueError):
    """Carries the number of the line, never its content."""


def quoted(value: str) -> str:
    """The value as Compose reads it back unchanged; double quotes are its only form that can hold every character."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def render(values: Mapping[str, str]) -> str:
    """The file's text, in the order of the mapping. Line breaks are refused before (`rules.single_line`)."""
    return HEADING + "".join(f"{name}={quoted(value)}\n" for name, value in values.items())


def parse(text: str) -> Dict[str, str]:
    """Values by name. Understands what `render` writes, and plain files written by hand.

    Raises MalformedEnvFile.
    """
    values: Dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("export "):
            stripped = stripped[len("export ") :].lstrip()
        name, separator, raw = stripped.partition("=")
        if not separator or not NAME.fullmatch(name.strip()):
            raise MalformedEnvFile(f"line {number} is not NAME=VALUE")
        values[name.strip()] = _value(raw.strip(), number)
    return values


def _value(raw: str, number: int) -> str:
    if raw[:1] not in ("'", '"'):
        return re.split(r"\s+#", raw, maxsplit=1)[0]
    quote = raw[0]
    characters: List[str] = []
    position = 1
    while position < len(raw):
        character = raw[position]
        if character == quote:
            return "".join(characters)
        if character == "\\" and quote == '"' and position + 1 < len(raw):
            position += 1
            character = _ESCAPES.get(raw[position], raw[position])
        characters.append(character)
        position += 1
    raise MalformedEnvFile(f"line {number} has no closing quote")
