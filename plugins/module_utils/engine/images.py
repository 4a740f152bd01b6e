# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of an engine: what they are, what a registry says of them, names given and taken. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Mapping, Optional, Tuple


@dataclass(frozen=True)
class ImageDetail:
    """An image on the host. `digests` are whole references, `repository@sha256:…`, under which registries know it."""

    identifier: str
    digests: Tuple[str, ...]
    environment: Mapping[str, str]


class EngineImages(ABC):
    """Images by name. All methods raise `StackError`."""

    @abstractmethod
    def detail(self, name: str) -> Optional[ImageDetail]:
        """The image of a name, an identifier or a reference by digest; None if it is not on the host."""

    @abstractmethod
    def registry_digest(self, name: str) -> str:
        """The digest (`sha256:…`) that the registry gives for a name at this moment. Raises EngineFailed."""

    @abstractmethod
    def tag(self, identifier: str, name: str) -> None:
        """Let a name stand for the image, whatever it stood for before."""

    @abstractmethod
    def untag(self, name: str) -> None:
        """Take a name away; the image goes with its last name, unless a container uses it. Nothing if there is none."""
