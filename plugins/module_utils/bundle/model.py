# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a frontend bundle is: its members, its entries on the disk, its manifest. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Iterator, Tuple

BUILD_ID = "BUILD_ID"
# Of these origins a release is what the image itself serves.
OWN = ("image", "container")


class Kind(str, Enum):
    """What may lie in a bundle; OTHER (devices, fifos, sockets, sparse files) may not."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    HARD_LINK = "hard-link"
    OTHER = "other"


@dataclass(frozen=True)
class Member:
    """One thing as its source tells it, unjudged. `name` and `target` are as they stand there."""

    name: str
    kind: Kind
    mode: int
    owner: int
    group: int
    size: int
    modified: float
    target: str = ""


class MemberSource(ABC):
    """Members one after the other, each with its content."""

    @abstractmethod
    def members(self) -> Iterator[Member]:
        """All of them, once. Raises StackError when the source is broken."""

    @abstractmethod
    def content(self) -> Iterator[memoryview]:
        """Content of the file that `members` gave last; what is not taken is skipped."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is left."""


@dataclass(frozen=True)
class Entry:
    """One thing of a bundle on the disk. `digest` is the SHA-256 of a file's content; names are relative, `.` the top."""

    name: str
    kind: Kind
    mode: int
    owner: int
    group: int
    size: int
    digest: str = ""
    target: str = ""


@dataclass(frozen=True)
class Tree:
    """Everything of a bundle, sorted by name."""

    entries: Tuple[Entry, ...]
    build_id: str

    @property
    def files(self) -> int:
        """Number of regular files."""
        return sum(entry.kind is Kind.FILE for entry in self.entries)

    @property
    def size(self) -> int:
        """Bytes of all regular files."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True)
class Origin:
    """Where a bundle comes from; two equal ones give the same bundle. `fingerprint` changes when the source does."""

    kind: str
    fingerprint: str
    path: str
    exclude: Tuple[str, ...]


@dataclass(frozen=True)
class ImageFacts:
    """The image that a bundle is of. All empty for a bundle that was built elsewhere, of an image that is not told."""

    name: str = ""
    identifier: str = ""
    digest: str = ""
    next_version: str = ""


@dataclass(frozen=True)
class Manifest:
    """What stands beside a release. `tree_digest` is the SHA-256 of its list of entries; `created` is ISO 8601, UTC.

    `sources` are the files that were patched, each with its SHA-256 as it is in the image.
    """

    build_id: str
    image: ImageFacts
    origin: Origin
    files: int
    bytes: int
    tree_digest: str
    created: str
    sources: Tuple[Tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Release:
    """A release below `<dest>/releases`."""

    name: str
    manifest: Manifest


@dataclass(frozen=True)
class Bridged:
    """A static file of the release `source`, or a folder for such, that lies in another release."""

    source: str
    entry: Entry


@dataclass(frozen=True)
class Bridge:
    """What a release has of others, folders first. Not `complete`: a run that was killed may have left some of it out."""

    sources: Tuple[str, ...] = ()
    complete: bool = True
    items: Tuple[Bridged, ...] = ()

    @property
    def files(self) -> int:
        """Number of files."""
        return sum(item.entry.kind is Kind.FILE for item in self.items)


@dataclass(frozen=True)
class Limits:
    """`reserve_bytes` stay free on the file system."""

    bytes: int
    files: int
    reserve_bytes: int


@dataclass(frozen=True)
class Rules:
    """What is taken of a source. `foreign_links`: links that lead out of the bundle are kept as they are."""

    prefix: str
    exclude: Tuple[str, ...]
    limits: Limits
    foreign_links: bool
