# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are on the disk before they count, and the system's errors as ones for people."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import Iterator

from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error


def no_space(path: str, evidence: str) -> Finding:
    """The finding of a file system that is too small."""
    return error(
        "backup-no-space",
        path,
        f"The file system of {path} has too little room: {evidence}.",
        "free space there, give another directory, or keep fewer backups (keep).",
    )


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Turn the system's errors into ones for people. Raises Refused for a full disk, StackError for the rest."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused((no_space(path, "it became full while it was written to"),)) from problem
        remedy = "correct its permissions."
        if problem.errno == errno.EROFS:
            remedy = "mount that file system for writing, or choose another folder."
        raise StackError(
            f"{problem.filename or path} cannot be used: {problem.strerror or problem}.", remedy
        ) from problem


def write_synced(path: str, content: bytes) -> None:
    """A new file that only its owner can read. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def replace_synced(path: str, content: bytes) -> None:
    """The same for a file that may be there already. Raises OSError."""
    draft = f"{path}.draft"
    if os.path.lexists(draft):
        os.unlink(draft)
    write_synced(draft, content)
    os.replace(draft, path)
    sync_folder(os.path.dirname(path))
