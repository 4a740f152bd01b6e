# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was renamed, made or removed is still so after the power has failed."""

from __future__ import annotations

import os


def sync_tree(path: str) -> None:
    """Bring all files and folders below a folder to the disk, and itself. Links are entries of theirs. Raises OSError."""
    for folder, _folders, names in os.walk(path, topdown=False):
        for name in names:
            full = os.path.join(folder, name)
            if os.path.isfile(full) and not os.path.islink(full):
                _sync(full, os.O_RDONLY)
        sync_folder(folder)


def sync_folder(path: str) -> None:
    """Bring the entries of a folder to the disk. Raises OSError."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: str, how: int) -> None:
    descriptor = os.open(path, how)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
