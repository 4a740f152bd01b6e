# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a bundle goes while it is taken: to a staging folder, or nowhere (check mode)."""

from __future__ import annotations

import ctypes
import errno
import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import Iterable, Iterator, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import refusals
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Entry, Kind, Member
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

Owner = Tuple[int, int]
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PAGE = 4096


class Sink(ABC):
    """Takes members with names that were judged; folders come before what they hold. Raises Refused, StackError."""

    @abstractmethod
    def owner(self, member: Member) -> Owner:
        """User and group that the member gets."""

    @abstractmethod
    def folder(self, name: str) -> None:
        """Make a folder, that only this process can use until `finish`."""

    @abstractmethod
    def file(self, name: str, member: Member, mode: int, content: Iterable[memoryview]) -> Owner:
        """Write a new file."""

    @abstractmethod
    def link(self, name: str, member: Member) -> Owner:
        """Write a symbolic link, which nothing follows."""

    @abstractmethod
    def hard_link(self, name: str, target: str) -> None:
        """Another name for a file that was written."""

    @abstractmethod
    def finish(self, entries: Tuple[Entry, ...]) -> None:
        """Give the folders their owners and modes, and bring everything to the disk."""


class Ownership:
    """Owners as in the image, or root's for what was built elsewhere. Only root can give files away."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._root = os.geteuid() == 0

    def of(self, member: Member) -> Owner:
        """User and group."""
        if not self._root:
            return os.geteuid(), os.getegid()
        return (member.owner, member.group) if self._keep else (0, 0)

    @property
    def giving(self) -> bool:
        """Whether files can be given away."""
        return self._root


class Nowhere(Sink):
    """Reads everything, writes nothing."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def owner(self, member: Member) -> Owner:
        return self._ownership.of(member)

    def folder(self, name: str) -> None:
        pass

    def file(self, name: str, member: Member, mode: int, content: Iterable[memoryview]) -> Owner:  # noqa: ARG002
        for _chunk in content:
            pass
        return self._ownership.of(member)

    def link(self, name: str, member: Member) -> Owner:  # noqa: ARG002
        return self._ownership.of(member)

    def hard_link(self, name: str, target: str) -> None:
        pass

    def finish(self, entries: Tuple[Entry, ...]) -> None:
        pass


class Folder(Sink):
    """A new folder `top`."""

    def __init__(self, top: str, ownership: Ownership, reserve_bytes: int) -> None:
        self._top = top
        self._ownership = ownership
        self._reserve = reserve_bytes
        self._room = 0

    def _path(self, name: str) -> str:
        return f"{self._top}/{name}"

    def owner(self, member: Member) -> Owner:
        return self._ownership.of(member)

    def folder(self, name: str) -> None:
        with file_errors(self._top):
            os.mkdir(self._path(name) if name != "." else self._top, 0o700)

    def file(self, name: str, member: Member, mode: int, content: Iterable[memoryview]) -> Owner:
        self._claim(member.size)
        owner = self._ownership.of(member)
        with file_errors(self._top):
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                for chunk in content:
                    while chunk:
                        chunk = chunk[os.write(descriptor, chunk) :]
                if self._ownership.giving and owner != (0, 0):
                    os.fchown(descriptor, *owner)
                os.fchmod(descriptor, mode)
                os.utime(descriptor, (member.modified, member.modified))
            finally:
                os.close(descriptor)
        return owner

    def link(self, name: str, member: Member) -> Owner:
        owner = self._ownership.of(member)
        with file_errors(self._top):
            os.symlink(member.target, self._path(name))
            if self._ownership.giving:
                os.lchown(self._path(name), *owner)
        return owner

    def hard_link(self, name: str, target: str) -> None:
        with file_errors(self._top):
            os.link(self._path(target), self._path(name), follow_symlinks=False)

    def finish(self, entries: Tuple[Entry, ...]) -> None:
        with file_errors(self._top):
            for entry in reversed(entries):
                if entry.kind is Kind.FOLDER:
                    path = self._path(entry.name)
                    if self._ownership.giving:
                        os.chown(path, entry.owner, entry.group)
                    os.chmod(path, entry.mode)
            sync_file_system(self._top)

    def _claim(self, size: int) -> None:
        """Refuse what does not fit before it is written: a full disk would stop everything else on this host."""
        needed = size + _PAGE
        if self._room < needed:
            self._room = free_bytes(self._top) - self._reserve
            if self._room < needed:
                evidence = f"{self._room + self._reserve} bytes are free, {self._reserve} stay free, {size} are next."
                raise refusals.no_space(os.path.dirname(self._top), evidence)
        self._room -= needed


def free_bytes(path: str) -> int:
    """What an unprivileged user could still write."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def sync_file_system(path: str) -> None:
    """Bring everything of the file system to the disk: one call, where fsync of each file would take seconds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)


@contextmanager
def file_errors(folder: str, verb: str = "written") -> Iterator[None]:
    """Tell errors of the file system for people. Raises Refused when it is full."""
    try:
        yield
    except OSError as problem:
        if problem.errno in _FULL:
            raise refusals.no_space(folder, f"{problem.strerror} after {problem.filename or 'a write'}.") from problem
        text = f"{problem.filename or folder} cannot be {verb}: {problem.strerror}."
        raise StackError(text, "look at the file system and at this user's rights there.") from problem
