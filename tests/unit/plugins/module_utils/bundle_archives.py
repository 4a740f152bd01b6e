"""Tar streams for the tests of the bundle: whole ones, hostile ones, cut ones."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Limits, Rules, Tree
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import Folder, Ownership
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.take import take
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.tarstream import TarStream
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource

BUILD = b"a-build-id\n"


@dataclass
class Bytes(ByteSource):
    """Hands out at most `most` bytes at a time, as a socket does."""

    content: bytes
    most: int = 1 << 16
    at: int = 0
    closed: bool = field(default=False)

    def readinto(self, view: memoryview) -> int:
        part = self.content[self.at : self.at + min(self.most, len(view))]
        view[: len(part)] = part
        self.at += len(part)
        return len(part)

    def close(self) -> None:
        self.closed = True


Fill = Callable[[tarfile.TarFile], None]


def archive(fill: Fill, style: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar stream with what `fill` adds."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=style, encoding="utf-8", errors="surrogateescape") as tar:
        fill(tar)
    return target.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: object) -> None:
    """One member; `fields` are those of TarInfo."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(content)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(content) if content else None)


def start(tar: tarfile.TarFile) -> None:
    """What every build has."""
    add(tar, ".next", kind=tarfile.DIRTYPE)
    add(tar, ".next/BUILD_ID", BUILD)


def rules(most_bytes: int = 1 << 20, most_files: int = 1000, foreign_links: bool = False) -> Rules:
    """As of an image, the cache left out."""
    return Rules(".next", ("cache",), Limits(most_bytes, most_files, 0), foreign_links)


def extract(content: bytes, top: Path, wanted: Rules | None = None, most: int = 1 << 16) -> Tree:
    """Take it to a new folder."""
    sink = Folder(str(top), Ownership(keep=False), 0)
    return take(TarStream(Bytes(content, most), "a test"), wanted or rules(), sink, "a test", lambda _step: None)
