# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changes containers: the adapter's interface. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod


class EngineActs(ABC):
    """Acts on existing containers; one that is already as wanted is left alone. All methods raise `StackError`."""

    @abstractmethod
    def start(self, identifier: str) -> None:
        """Start a stopped container. Raises ContainerGone."""

    @abstractmethod
    def stop(self, identifier: str, grace_seconds: int) -> None:
        """Ask its main process to end, and end it after so many seconds. Raises ContainerGone."""

    @abstractmethod
    def pause(self, identifier: str) -> None:
        """Freeze its processes. Raises ContainerGone."""

    @abstractmethod
    def unpause(self, identifier: str) -> None:
        """Let them go on; a container that is not frozen, or gone, is no error."""
