# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which compose files Compose must be told, because it does not find them by their names."""

from __future__ import annotations

import os
from typing import Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import CONFIG
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_run import Run

_FOUND = {
    f"{stem}{middle}.{suffix}"
    for stem in ("compose", "docker-compose")
    for middle in ("", ".override")
    for suffix in ("yaml", "yml")
}


def told(paths: Sequence[str], directory: str) -> Tuple[str, ...]:
    """Relative to the project's directory if they lie in it; none if Compose finds all of them by itself. Pure."""
    top = directory.rstrip("/") + "/"
    found = tuple(path[len(top) :] if directory and path.startswith(top) else path for path in paths)
    return () if set(found) <= _FOUND else found


def now(run: Run) -> Tuple[str, ...]:
    """Those of the containers that are there."""
    project = run.scene.project
    return told(project.compose_files, project.directory) if project is not None else ()


def afterwards(run: Run) -> Tuple[str, ...]:
    """Those that the stack is started from: of the backup if its files are restored, else of the containers."""
    manifest = run.manifest
    of_backup = told(manifest.compose_files, manifest.directory)
    if CONFIG in run.request.parts and CONFIG in manifest.parts:
        return of_backup
    if run.scene.project is not None:
        return now(run)
    there = all(os.path.isfile(os.path.join(run.directory, name)) for name in of_backup)
    return of_backup if there else ()
