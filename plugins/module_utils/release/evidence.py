# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed release leaves for a person: logs and verdict, redacted, before anything else is done to it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from typing import List, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, EngineFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, secret_values
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import RELEASES

_PREFIX = "failed-"
_LONGEST_LOG = 1 << 20
# A proxy that finds nobody behind it says so at each request, and would push out what the app said at its start.
_MORE = 20
_OFTEN = 10
_NUMBER = re.compile(r"\d+")


def save(directory: str, run: str, engine: Engine, containers: Tuple[Container, ...], verdict: str, lines: int) -> str:
    """Write the last lines of every container's log, and the verdict; returns the folder. Files are 0600."""
    folder = os.path.join(directory, RELEASES, f"{_PREFIX}{run}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    secrets: Set[str] = set()
    for container in containers:
        try:
            secrets |= secret_values(engine.detail(container.identifier).environment)
        except ContainerGone:
            continue
    redactor = Redactor(secrets)
    for container in containers:
        try:
            text = thinned(engine.log_tail(container.identifier, lines * _MORE), lines)
        except EngineFailed as problem:
            text = f"The log could not be read: {problem.message}\n"
        _write(os.path.join(folder, f"{container.name}.log"), redactor.text(text[-_LONGEST_LOG:]))
    _write(os.path.join(folder, "verdict.json"), redactor.text(_pretty(verdict)))
    return folder


def thinned(text: str, most: int) -> str:
    """The last lines, so many at most; of lines that differ in numbers only, the first and the last few. Pure."""
    lines = text.splitlines(keepends=True)
    shapes = [_NUMBER.sub("0", line) for line in lines]
    left = Counter(shapes)
    seen: Counter[str] = Counter()
    kept: List[str] = []
    for line, shape in zip(lines, shapes):
        seen[shape] += 1
        if seen[shape] <= _OFTEN or left[shape] <= _OFTEN:
            kept.append(line)
        elif seen[shape] == _OFTEN + 1:
            kept.append(f"[… {left[shape] - _OFTEN} more lines like the one before]\n")
        left[shape] -= 1
    return "".join(kept[-most:])


def prune(directory: str, keep: int) -> None:
    """Forget the evidence of all but the newest failures. What cannot be removed stays."""
    folder = os.path.join(directory, RELEASES)
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    found = [os.path.join(folder, name) for name in names if name.startswith(_PREFIX)]
    found.sort(key=lambda path: os.stat(path).st_mtime, reverse=True)
    for path in found[keep:]:
        shutil.rmtree(path, ignore_errors=True)


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2) + "\n"
    except ValueError:
        return "{}\n"


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
