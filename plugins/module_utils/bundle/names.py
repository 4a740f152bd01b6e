# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names and links a bundle may have. Pure; raises Refused."""

from __future__ import annotations

import os
import posixpath
import re

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import refusals

DEEPEST = 64
LONGEST_NAME = 255
# With <dest>/.staging-…/ before it a path stays far below the kernel's 4,096 bytes.
LONGEST_PATH = 2048
TOP = "."
_BUILD_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def clean(name: str, prefix: str) -> str:
    """The name relative to the bundle's top, `.` for the top itself; `prefix` is what the archive calls the top."""
    parts = _parts(name)
    if prefix:
        if parts[:1] != [prefix]:
            raise refusals.hostile(name, f"lies outside of {prefix}")
        parts = parts[1:]
    if len(parts) > DEEPEST:
        raise refusals.hostile(name, f"lies deeper than {DEEPEST} folders")
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in parts):
        raise refusals.hostile(name, f"has a name of more than {LONGEST_NAME} bytes")
    relative = "/".join(parts) or TOP
    if len(os.fsencode(relative)) > LONGEST_PATH:
        raise refusals.hostile(name, f"has a path of more than {LONGEST_PATH} bytes")
    return relative


def _parts(name: str) -> list[str]:
    if "\0" in name:
        raise refusals.hostile(name, "has a NUL in its name")
    if name.startswith("/"):
        raise refusals.hostile(name, "is an absolute name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refusals.hostile(name, "climbs out with '..'")
    return parts


def check_link(name: str, target: str, foreign_links: bool) -> None:
    """A symbolic link may lead anywhere inside the bundle.

    The folders above it are real ones, so climbing first and descending then is what the kernel does, too. A '..' after a
    name could climb out of a folder that is itself a link, to a place that no look at the text tells.
    """
    if not target or "\0" in target or len(os.fsencode(target)) > LONGEST_PATH:
        raise refusals.hostile(name, "is a link with a target that no link can have")
    if foreign_links:
        return
    parts = [part for part in target.split("/") if part not in ("", ".")]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    if target.startswith("/") or climbs > name.count("/") or ".." in parts[climbs:]:
        raise refusals.foreign_link(name, target)


def excluded(name: str, exclude: tuple[str, ...]) -> str:
    """The excluded path that the name is or lies below; empty for what is wanted."""
    return next((path for path in exclude if name == path or name.startswith(path + "/")), "")


def build_id(content: bytes, component: str) -> str:
    """The build id that a file BUILD_ID holds. Raises Refused."""
    text = content.decode("utf-8", "replace").strip()
    if _BUILD_ID.fullmatch(text) is None:
        raise refusals.not_built(component, f"its BUILD_ID is no build id: {text[:60]!a}.")
    return text


def parent(name: str) -> str:
    """The folder above."""
    return posixpath.dirname(name) or TOP
