# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole folders out of containers as tar streams: the adapter's interface. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Mapping, Optional, Sequence


class ByteSource(ABC):
    """A stream of bytes that can be read once; close it when done."""

    @abstractmethod
    def readinto(self, view: memoryview) -> int:
        """Number of bytes that were put into `view`, 0 at the end. Raises StackError when the stream breaks."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is left of it."""


class EngineArchives(ABC):
    """Archives of containers, and containers that are made only to be read. All methods raise `StackError`."""

    @abstractmethod
    def create(self, image: str, labels: Mapping[str, str], hidden: Sequence[str]) -> str:
        """Identifier of a container that is never started, with an empty folder in place of each `hidden` one."""

    @abstractmethod
    def remove(self, identifier: str) -> None:
        """Remove such a container and its anonymous volumes; one that is gone already is no error."""

    @abstractmethod
    def is_folder(self, identifier: str, path: str) -> Optional[bool]:
        """Whether `path` is a folder, without reading it; None if there is no such path."""

    @abstractmethod
    def open(self, identifier: str, path: str) -> Optional[ByteSource]:
        """The tar stream of a file or folder, or None if there is no such path. Raises ContainerGone."""
