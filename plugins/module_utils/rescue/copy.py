# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy a volume's folder as it is, and prove that the copy is the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from typing import Dict, Iterator, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

_CHUNK = 1 << 20

Entry = Tuple[int, int, int, int, str]


class CopyFailed(StackError):
    """The data could not be copied, or the copy is not the same. The original is untouched."""


def size(folder: str) -> int:
    """Bytes on the disk of everything below a folder."""
    return sum(os.lstat(path).st_blocks * 512 for path in _paths(folder))


def empty(folder: str) -> bool:
    """Whether a folder has nothing in it."""
    with os.scandir(folder) as found:
        return next(found, None) is None


def clear(folder: str) -> None:
    """Remove what a run that was killed has left."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)


def copy(source: str, target: str) -> int:
    """The number of entries that are the same in both afterwards, on the disk. Raises CopyFailed."""
    # No module on the host's side of Ansible keeps owners, links and extended attributes at once.
    command = ["cp", "--archive", "--reflink=auto", "--", os.path.join(source, "."), target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CopyFailed(f"{source} could not be copied: {last}.", "make room on the host; the original is untouched.")
    os.sync()
    before, after = entries(source), entries(target)
    if before != after:
        wrong = sorted(set(before.items()) ^ set(after.items()))[0][0]
        raise CopyFailed(
            f"The copy of {source} differs from it at {wrong}.", "look whether something still writes to it."
        )
    return len(before)


def entries(folder: str) -> Dict[str, Entry]:
    """Of each path below: mode, owner, group, size, and a digest of its content or the target of its link."""
    return {os.path.relpath(path, folder): _entry(path) for path in _paths(folder)}


def _entry(path: str) -> Entry:
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return (found.st_mode, found.st_uid, found.st_gid, 0, os.readlink(path))
    if not stat.S_ISREG(found.st_mode):
        return (found.st_mode, found.st_uid, found.st_gid, 0, "")
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(chunk)
    return (found.st_mode, found.st_uid, found.st_gid, found.st_size, digest.hexdigest())


def _paths(folder: str) -> Iterator[str]:
    yield folder
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield os.path.join(root, name)
