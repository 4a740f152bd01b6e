# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies where in a store's folder, and how small files there are read, written and removed."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import Iterator, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors

CURRENT = "current"
PREVIOUS = "previous"
# What the last build printed.
LOG = "build.log"
# Why the last build failed.
FAILED = "build.failed"
RELEASES = "releases"
IMAGES = "images"
STAGING = ".staging-"
TREE = "tree"
# Endings of what lies beside a release, after its name.
HEAD = ".json"
LIST = ".files"
BRIDGE = ".bridged"
PROVEN = ".proven"
SERVED = ".served"
FAILED_BESIDE = ".failed"
BESIDE = (HEAD, LIST, BRIDGE, PROVEN, SERVED, FAILED_BESIDE)
_SHORT = 12


def short_identifier(identifier: str) -> str:
    """Of an image, as its link is called; the same as in `docker images`."""
    return identifier.rpartition(":")[2][:_SHORT]


def below(folder: str, path: str) -> Iterator[str]:
    """The path as it may be written, if it is the folder or lies in it: relative to the folder, `.` for itself."""
    written = os.path.normpath(path)
    resolved = os.path.join(os.path.realpath(os.path.dirname(written)), os.path.basename(written))
    for candidate in (written, resolved):
        for top in (os.path.normpath(folder), os.path.realpath(folder)):
            if candidate == top or candidate.startswith(top + "/"):
                yield os.path.relpath(candidate, top)


def names_in(folder: str) -> Tuple[str, ...]:
    """What lies in a folder, sorted; nothing if there is no such folder."""
    try:
        return tuple(sorted(os.listdir(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def read_text(path: str) -> str:
    """Raises ValueError if it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as problem:
        raise ValueError(problem.strerror) from problem


def write_text(path: str, text: str) -> None:
    """A new file, and to the disk with it. Raises OSError."""
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def remove_path(path: str) -> None:
    """A file, a link, or a folder with all that lies in it, if it is there. Raises OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def new_stage(folder: str) -> str:
    """A new staging folder in a store's `folder`. Raises StackError."""
    path = staging_path(folder)
    with file_errors(folder):
        os.makedirs(os.path.join(folder, RELEASES), mode=0o755, exist_ok=True)
        os.mkdir(path, 0o700)
    return path


def staging_path(folder: str) -> str:
    """Of something in a store's `folder` that is not there yet, and that `Store.clean` removes."""
    return os.path.join(folder, f"{STAGING}{os.getpid()}-{secrets.token_hex(4)}")
