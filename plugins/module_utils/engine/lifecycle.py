# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers, volumes and networks that are made and removed: the adapter's interface. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Mapping, Sequence, Tuple


@dataclass(frozen=True)
class Mounted:
    """A named volume, or a folder of the host, and where a container shall see it."""

    source: str
    target: str
    bind: bool = False


@dataclass(frozen=True)
class NewContainer:
    """What a container is made of. It publishes no port. `environment` may hold secrets, so it is in no repr."""

    image: str
    labels: Mapping[str, str]
    mounts: Tuple[Mounted, ...] = ()
    network: str = "none"
    command: Tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class EngineLifecycle(ABC):
    """What changes things on an engine. All methods raise `StackError`; what is gone already is no error to remove."""

    @abstractmethod
    def create(self, wanted: NewContainer) -> str:
        """Identifier of a container that is not started. A new volume stays empty."""

    @abstractmethod
    def remove(self, identifier: str) -> None:
        """Kill and remove a container and its anonymous volumes."""

    @abstractmethod
    def create_volume(self, name: str, driver: str, options: Mapping[str, str], labels: Mapping[str, str]) -> str:
        """Make a volume; returns where the host has its files."""

    @abstractmethod
    def remove_volume(self, name: str) -> None:
        """Remove a volume with all that is in it. Raises EngineFailed while a container uses it."""

    @abstractmethod
    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a network that leads nowhere but to its own containers."""

    @abstractmethod
    def networks(self, label: str) -> Sequence[str]:
        """Names of networks with a label, written `name=value`."""

    @abstractmethod
    def remove_network(self, name: str) -> None:
        """Remove a network."""
