# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Place several files as one: all of them, or none; an interrupted placement is finished by the next run.

Files are staged in `state/staged`, then `manifest.json` is written there: from then on the set is decided, and every
later run first carries out what is still staged.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, Mapping, Optional, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

_STAGED = os.path.join("state", "staged")
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class WantedFile:
    """A file below the stack's directory. `secret` files are never shown in a diff."""

    path: str
    content: str = field(repr=False)
    mode: int
    secret: bool = False


@dataclass(frozen=True)
class FileChange:
    """`before` is None for a new file; `old_mode` likewise."""

    wanted: WantedFile
    before: Optional[str] = field(repr=False)
    old_mode: Optional[int]


@contextmanager
def alone(directory: str) -> Iterator[None]:
    """No other run places files of this stack meanwhile; raises StackError if one does. A killed run holds no lock."""
    state = os.path.join(directory, "state")
    os.makedirs(state, mode=0o700, exist_ok=True)
    handle = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StackError(
            f"Another run is placing files in {directory} at this moment; nothing was changed.",
            "wait until it has ended, then run again.",
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def current_path(directory: str, path: str) -> str:
    """Where the valid content of a file is: staged and decided, or in its place."""
    staged = _decided(directory).get(path)
    return staged if staged is not None else os.path.join(directory, path)


def changes(directory: str, files: Tuple[WantedFile, ...]) -> Tuple[FileChange, ...]:
    """Those files whose content or mode differs from what is there (decided ones count as there)."""
    found = []
    for wanted in files:
        path = current_path(directory, wanted.path)
        before: Optional[str] = None
        old_mode: Optional[int] = None
        if os.path.exists(path):
            old_mode = os.stat(path).st_mode & 0o7777
            with open(path, encoding="utf-8", errors="replace", newline="") as stream:
                before = stream.read()
        if before != wanted.content or old_mode != wanted.mode:
            found.append(FileChange(wanted, before, old_mode))
    return tuple(found)


def interrupted(directory: str) -> bool:
    """Whether an earlier run decided for files and did not get to place them all."""
    return bool(_decided(directory))


def finish_interrupted(directory: str) -> None:
    """Carry out a decided placement, drop an undecided one."""
    _carry_out(directory, _decided(directory))
    discard(directory)


def stage(directory: str, files: Tuple[WantedFile, ...]) -> Dict[str, str]:
    """Write the files beside their places; returns the staged path of each."""
    folder = os.path.join(directory, _STAGED)
    os.makedirs(folder, mode=0o700)
    staged = {}
    for number, wanted in enumerate(files):
        staged[wanted.path] = os.path.join(folder, f"{number}-{os.path.basename(wanted.path).lstrip('.')}")
        _write(staged[wanted.path], wanted.content, wanted.mode)
    sync_folder(folder)
    return staged


def commit(directory: str, staged: Mapping[str, str]) -> None:
    """Decide for the staged files, then move each to its place."""
    folder = os.path.join(directory, _STAGED)
    draft = os.path.join(folder, _MANIFEST + ".draft")
    _write(draft, json.dumps(dict(staged)), 0o600)
    os.replace(draft, os.path.join(folder, _MANIFEST))
    for kept in (folder, os.path.dirname(folder)):
        sync_folder(kept)
    _carry_out(directory, staged)
    discard(directory)


def discard(directory: str) -> None:
    """Drop staged files."""
    shutil.rmtree(os.path.join(directory, _STAGED), ignore_errors=True)


def _decided(directory: str) -> Dict[str, str]:
    try:
        with open(os.path.join(directory, _STAGED, _MANIFEST), encoding="utf-8") as stream:
            manifest = json.load(stream)
    except OSError:
        return {}
    return {path: staged for path, staged in manifest.items() if os.path.exists(staged)}


def _carry_out(directory: str, staged: Mapping[str, str]) -> None:
    for path, source in staged.items():
        target = os.path.join(directory, path)
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        os.replace(source, target)
    for folder in sorted(_folders(directory, staged), reverse=True) if staged else ():
        sync_folder(folder)


def _folders(directory: str, paths: Iterable[str]) -> Set[str]:
    """Those that hold these files, up to the stack's own."""
    found = {directory}
    for path in paths:
        inside = os.path.dirname(path)
        while inside:
            found.add(os.path.join(directory, inside))
            inside = os.path.dirname(inside)
    return found


def _write(path: str, content: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(content)
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
