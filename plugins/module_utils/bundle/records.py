# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on record of a release, beside it: whether it was proven, served, or failed, and what it has of others."""

from __future__ import annotations

import os
from contextlib import suppress

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Bridge
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.places import (
    BRIDGE,
    FAILED,
    FAILED_BESIDE,
    PROVEN,
    RELEASES,
    SERVED,
    new_stage,
    read_text,
    write_text,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder

_UNTOLD = Bridge((), False)


class Records:
    """`folder` is the store's. Only who holds its lock may change anything."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._releases = os.path.join(folder, RELEASES)

    def _path(self, name: str) -> str:
        return os.path.join(self._releases, name)

    def proven(self, name: str) -> bool:
        """Whether a stack worked with this release."""
        return os.path.lexists(self._path(name) + PROVEN)

    def failure_path(self, name: str) -> str:
        """Where it lies why a release failed in its stack, or with no name, the last build."""
        return self._path(name) + FAILED_BESIDE if name else os.path.join(self._folder, FAILED)

    def failure(self, name: str) -> str:
        """Why a release failed in its stack, or with no name, the last build. Raises ValueError if it is not on record."""
        return read_text(self.failure_path(name))

    def write_failure(self, name: str, text: str) -> None:
        """Put it on record. It may quote logs, so it is for the owner only."""
        stage = new_stage(self._folder)
        with file_errors(self._folder):
            write_text(os.path.join(stage, FAILED_BESIDE), text)
            os.chmod(os.path.join(stage, FAILED_BESIDE), 0o600)
            os.rename(os.path.join(stage, FAILED_BESIDE), self.failure_path(name))
            os.rmdir(stage)
            sync_folder(os.path.dirname(self.failure_path(name)))

    def forget_failure(self, name: str = "") -> None:
        """It works by now."""
        with suppress(FileNotFoundError):
            os.unlink(self.failure_path(name))

    def mark_proven(self, name: str) -> None:
        """A stack works with it."""
        self.forget_failure(name)
        with file_errors(self._folder):
            os.close(os.open(self._path(name) + PROVEN, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))
            sync_folder(self._releases)

    def mark_served(self, name: str, moment: float) -> None:
        """A container had it mounted then."""
        path = self._path(name) + SERVED
        with file_errors(self._folder):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))
            os.utime(path, (moment, moment))
            sync_folder(self._releases)

    def last_served(self, name: str) -> float:
        """When it was last seen to be served, in seconds since 1970; 0 if it never was."""
        found = [0.0]
        for ending in (SERVED, PROVEN):
            with suppress(OSError):
                found.append(os.lstat(self._path(name) + ending).st_mtime)
        return max(found)

    def bridge(self, name: str) -> Bridge:
        """What the release has of others; an incomplete one if that is not on record."""
        try:
            return manifests.parse_bridge(read_text(self._path(name) + BRIDGE))
        except ValueError:
            return _UNTOLD

    def write_bridge(self, name: str, bridge: Bridge) -> None:
        """Put it on record."""
        stage = new_stage(self._folder)
        with file_errors(self._folder):
            write_text(os.path.join(stage, BRIDGE), manifests.bridge_text(bridge))
            os.rename(os.path.join(stage, BRIDGE), self._path(name) + BRIDGE)
            os.rmdir(stage)
            sync_folder(self._releases)
