# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of a tar stream, read once and with bounded memory.

The headers are parsed by `tarfile.TarInfo.frombuf`; around them `tarfile` itself copies every byte several times, which
makes it slower than the engine sends.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass, replace
from typing import Dict, Iterator

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import refusals
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Kind, Member, MemberSource
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

_BLOCK = tarfile.BLOCKSIZE
_BUFFER = 1 << 20
# Room for the longest path in every record that a writer may know.
_LONGEST_EXTENSION = 1 << 16
_KINDS: Dict[bytes, Kind] = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
}


class BrokenArchive(StackError):
    """An archive that ends too early, or is none."""


@dataclass(frozen=True)
class _Extension:
    """What headers before a member's own say about it; None and -1: nothing."""

    name: str = ""
    target: str = ""
    size: int = -1
    owner: int = -1
    group: int = -1


class TarStream(MemberSource):
    """See `MemberSource`."""

    def __init__(self, source: ByteSource, component: str) -> None:
        self._source = source
        self._component = component
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = 0
        self._end = 0
        self._left = 0
        self._padding = 0

    def members(self) -> Iterator[Member]:
        extension = _Extension()
        while True:
            self._skip()
            header = self._exactly(_BLOCK)
            if not any(header):
                self._finish()
                return
            info = self._parsed(header)
            if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE):
                records = _records(self._extension(info))
                if info.type == tarfile.XGLTYPE:
                    if records != _Extension():
                        raise refusals.hostile(info.name, "is a global header that renames what follows")
                    continue
                extension = records
            elif info.type == tarfile.GNUTYPE_LONGNAME:
                extension = replace(extension, name=_text(self._extension(info)))
            elif info.type == tarfile.GNUTYPE_LONGLINK:
                extension = replace(extension, target=_text(self._extension(info)))
            else:
                yield self._member(info, extension)
                extension = _Extension()

    def _parsed(self, header: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.TarError as problem:
            raise self._broken(f"a header is broken ({problem})") from problem

    def _member(self, info: tarfile.TarInfo, extension: _Extension) -> Member:
        kind = _KINDS.get(info.type, Kind.OTHER)
        size = info.size if extension.size < 0 else extension.size
        if size < 0:
            raise self._broken("a size is negative")
        # Writers may give links the size of what they lead to, without its content.
        self._expect(size if kind in (Kind.FILE, Kind.OTHER) else 0)
        return Member(
            name=extension.name or info.name,
            kind=kind,
            mode=info.mode,
            owner=info.uid if extension.owner < 0 else extension.owner,
            group=info.gid if extension.group < 0 else extension.group,
            size=size if kind is Kind.FILE else 0,
            modified=float(info.mtime),
            target=extension.target or info.linkname,
        )

    def content(self) -> Iterator[memoryview]:
        while self._left:
            self._fill()
            count = min(self._left, self._end - self._start)
            view = self._buffer[self._start : self._start + count]
            self._start += count
            self._left -= count
            yield view

    def close(self) -> None:
        self._source.close()

    def _expect(self, size: int) -> None:
        self._left = size
        self._padding = -size % _BLOCK

    def _skip(self) -> None:
        self._left += self._padding
        self._padding = 0
        for _chunk in self.content():
            pass

    def _extension(self, info: tarfile.TarInfo) -> bytes:
        if not 0 <= info.size <= _LONGEST_EXTENSION:
            raise refusals.hostile(info.name, f"has a header of more than {_LONGEST_EXTENSION} bytes")
        self._expect(info.size)
        return b"".join(bytes(part) for part in self.content())

    def _exactly(self, count: int) -> bytes:
        self._left = count
        parts = [bytes(part) for part in self.content()]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _finish(self) -> None:
        """A stream that was cut between two members looks whole but for its second block of zeros."""
        if any(self._exactly(_BLOCK)):
            raise self._broken("its end is broken")
        rest = self._end - self._start
        self._start = self._end = 0
        # Writers fill up their last record; who sends without end, sends no archive.
        while rest <= _BUFFER:
            count = self._source.readinto(self._buffer)
            rest += count
            if not count:
                return
        raise self._broken("more follows behind its end")

    def _fill(self) -> None:
        if self._start == self._end:
            self._start, self._end = 0, self._source.readinto(self._buffer)
            if not self._end:
                raise self._broken("it ends too early")

    def _broken(self, why: str) -> BrokenArchive:
        return BrokenArchive(
            f"The archive of {self._component} cannot be used: {why}. Nothing was changed.", "try again."
        )


def _text(content: bytes) -> str:
    return os.fsdecode(content.partition(b"\0")[0])


def _records(content: bytes) -> _Extension:
    """Records of a pax header: `<length> <keyword>=<value>\\n`."""
    found = _Extension()
    while content.strip(b"\0"):
        digits, _space, _rest = content.partition(b" ")
        if not digits.isdigit() or len(digits) > 6:
            raise refusals.hostile("a pax header", "is broken")
        length = int(digits)
        record = content[len(digits) + 1 : length]
        if length <= len(digits) + 1 or length > len(content) or not record.endswith(b"\n"):
            raise refusals.hostile("a pax header", "is broken")
        content = content[length:]
        keyword, _equals, value = record[:-1].partition(b"=")
        if keyword.startswith(b"GNU.sparse."):
            raise refusals.hostile("a pax header", "describes a sparse file")
        if keyword == b"path":
            found = replace(found, name=os.fsdecode(value))
        elif keyword == b"linkpath":
            found = replace(found, target=os.fsdecode(value))
        elif keyword in (b"size", b"uid", b"gid"):
            if not value.isdigit() or len(value) > 18:
                raise refusals.hostile("a pax header", "holds a number that is none")
            number = int(value)
            if keyword == b"size":
                found = replace(found, size=number)
            elif keyword == b"uid":
                found = replace(found, owner=number)
            else:
                found = replace(found, group=number)
    return found
