# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of undo files, and who may have written what lies in it."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from typing import IO

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError


class UndoFailed(StackError):
    """The undo file cannot be written or read."""


class Untrusted(BadInput):
    """Somebody else may have written the undo file."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"The undo file {path} is not used: {reason}.",
            f"if it is what a run wrote, put it there as a file of {_name(os.geteuid())} with the mode 0600, or run this as "
            "its owner.",
        )
        self.reason = reason


def check_folder(folder: str) -> None:
    """Whether an undo file could be written there, found out without a trace: what check mode may do. Raises UndoFailed."""
    there = os.path.abspath(folder)
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    reason = _hindrance(there)
    if reason:
        owner = owner_of(there)
        raise UndoFailed(
            f"The undo file could not be written to {folder}: {reason}"
            f"{f' ({there} belongs to {owner})' if owner else ''}; nothing was changed.",
            "make room there, run this as that user or as root (become), or give another undo_directory.",
        )


def _hindrance(there: str) -> str:
    if not os.path.isdir(there):
        return f"{there} is no directory"
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return f"user {_name(os.geteuid())} may not write there"
    if not os.statvfs(there).f_bavail:
        return "no room is left there"
    try:
        # A file without a name: gone when it is closed.
        descriptor = os.open(there, os.O_TMPFILE | os.O_WRONLY, 0o600)
        try:
            return why_untrusted(os.fstat(descriptor))
        finally:
            os.close(descriptor)
    except OSError as problem:
        # Not every file system has such files; those answer with one of these.
        if problem.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            return problem.strerror or str(problem)
    return ""


def owner_of(path: str) -> str:
    """Empty where that cannot be told."""
    try:
        return _name(os.stat(path).st_uid)
    except OSError:
        return ""


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def within(folder: str, path: str) -> None:
    """An undo that is killed is finished by the next run that looks at the folder. Raises BadInput for a file elsewhere."""
    there = os.path.dirname(os.path.abspath(path))
    if os.path.realpath(there) != os.path.realpath(folder):
        raise BadInput(
            f"undo_file {path} is not in undo_directory {folder}; nothing was changed.",
            f"give undo_directory: {there} (role: posts_undo_directory), if that is where its run wrote it.",
        )


def opened(path: str) -> IO[str]:
    """For reading. Raises OSError, or Untrusted: what is written in it is brought back into the database."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise Untrusted(path, "it is a symbolic link") from problem
        raise
    reason = why_untrusted(os.fstat(descriptor))
    if reason:
        os.close(descriptor)
        raise Untrusted(path, reason)
    return os.fdopen(descriptor, encoding="utf-8", errors="surrogatepass")


def why_untrusted(found: os.stat_result) -> str:
    """Empty for a file that only its owner, who is this user, can have written."""
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if found.st_uid != os.geteuid():
        return f"it belongs to {_name(found.st_uid)}, and this runs as {_name(os.geteuid())}"
    mode = stat.S_IMODE(found.st_mode)
    return f"its mode is {mode:04o}, which is more than 0600" if mode & ~0o600 else ""
