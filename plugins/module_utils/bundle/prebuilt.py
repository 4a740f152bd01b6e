# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles that were built elsewhere: a folder of this host, or a tar file, plain or compressed."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import stat
import zlib
from typing import IO, Any, Callable, Iterator, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Kind, Member, MemberSource
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.tarstream import BrokenArchive, TarStream
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

_BUFFER = 1 << 20
_MAGIC: Tuple[Tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
)
_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError)


class FileSource(ByteSource):
    """Bytes of a file, decompressed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._raw = open(path, "rb")  # noqa: SIM115
        magic = self._raw.read(6)
        self._raw.seek(0)
        opener = next((opener for start, opener in _MAGIC if magic.startswith(start)), None)
        self._file: Any = self._raw if opener is None else opener(self._raw)

    def readinto(self, view: memoryview) -> int:
        try:
            return int(self._file.readinto(view))
        except _BROKEN as problem:
            raise BrokenArchive(f"{self._path} cannot be read: {problem}.", "build or copy it again.") from problem

    def close(self) -> None:
        self._file.close()
        self._raw.close()


class FolderSource(MemberSource):
    """A folder of this host. Links are told, never followed."""

    def __init__(self, path: str) -> None:
        self._top = path
        self._member = Member("", Kind.OTHER, 0, 0, 0, 0, 0.0)

    def members(self) -> Iterator[Member]:
        for name, found in walk(self._top):
            self._member = _member(self._top, name, found)
            yield self._member

    def content(self) -> Iterator[memoryview]:
        path = os.path.join(self._top, self._member.name)
        left = self._member.size
        buffer = memoryview(bytearray(_BUFFER))
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
            while left:
                count = file.readinto(buffer[: min(left, _BUFFER)])
                if not count:
                    raise BrokenArchive(f"{path} became shorter while it was read.", "let nobody change it meanwhile.")
                left -= count
                yield buffer[:count]

    def close(self) -> None:
        """Nothing stays open."""


def walk(top: str) -> Iterator[Tuple[str, os.stat_result]]:
    """Relative name and own status of a folder and of everything below it, folders before what they hold."""
    yield ".", os.stat(top)
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(top, folder)) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                name = os.path.join(folder, entry.name)
                yield name, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(name)


def kind_of(mode: int) -> Kind:
    """What lies on a disk."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER


def _member(top: str, name: str, found: os.stat_result) -> Member:
    kind = kind_of(found.st_mode)
    return Member(
        name=name,
        kind=kind,
        mode=stat.S_IMODE(found.st_mode),
        owner=found.st_uid,
        group=found.st_gid,
        size=found.st_size if kind is Kind.FILE else 0,
        modified=found.st_mtime,
        target=os.readlink(os.path.join(top, name)) if kind is Kind.LINK else "",
    )


def fingerprint(path: str) -> str:
    """Changes when the file, or anything in the folder, is written: sizes and times, no content. Raises BadInput."""
    try:
        if not os.path.isdir(path):
            found = os.stat(path)
            return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"
        digest = hashlib.sha256()
        for name, found in walk(path):
            own = f"{found.st_mode}:{found.st_size}:{found.st_mtime_ns}" if name != "." else ""
            digest.update(os.fsencode(name) + b"\0" + own.encode() + b"\0")
        return digest.hexdigest()
    except OSError as problem:
        text = f"The prebuilt bundle {path} cannot be read: {problem.strerror}."
        raise BadInput(text, "give the path of a tar file or of a folder on the host.") from problem


def expected_bytes(path: str) -> int:
    """How large the bundle is at least."""
    if not os.path.isdir(path):
        return os.stat(path).st_size
    return sum(found.st_size for _name, found in walk(path) if stat.S_ISREG(found.st_mode))


def top_name(path: str, default: str) -> str:
    """What a tar file calls the top of the bundle: `default`, if its members lie below such a folder, or nothing."""
    stream = TarStream(FileSource(path), path)
    try:
        for member in stream.members():
            parts = [part for part in member.name.split("/") if part not in ("", ".")]
            if parts:
                return default if parts[0] == default else ""
        return ""
    finally:
        stream.close()


def open_prebuilt(path: str) -> MemberSource:
    """Raises BadInput, BrokenArchive."""
    return FolderSource(path) if os.path.isdir(path) else TarStream(FileSource(path), path)
