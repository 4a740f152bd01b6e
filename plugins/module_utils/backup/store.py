# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder with the backups of a host: whole ones under their names, everything else is a leftover."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Iterator, List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import Manifest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import (
    file_errors,
    write_synced,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError

LOCK = ".lock"
PARTIAL = ".partial"
NEWEST = "newest"
# Made on the way of a restore or a rollback, of a state that somebody wanted to leave: never what `newest` means.
ASIDE = ("before-restore", "failed-release", "before-rollback")
_POLL_SECONDS = 0.1


class Busy(StackError):
    """Another run did not end in time."""


@dataclass(frozen=True)
class Backup:
    """A whole one."""

    path: str
    manifest: Manifest


class Store:
    """`directory` is the option of that name. Only who holds the lock may change anything."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    @contextmanager
    def locked(self, seconds: float, clock: Clock) -> Iterator[None]:
        """Make the folder and be the only run that works on it. Raises Busy. The kernel frees the lock of a dead run."""
        with file_errors(self.directory):
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            path = os.path.join(self.directory, LOCK)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            deadline = clock.monotonic() + seconds
            while not _taken(descriptor):
                if clock.monotonic() >= deadline:
                    holder = os.pread(descriptor, 32, 0).decode("ascii", "replace")
                    raise Busy(
                        f"Another run, process {holder or 'unknown'}, works on {self.directory}; nothing was changed.",
                        "wait until it ends, or raise lock_timeout.",
                    )
                clock.sleep(_POLL_SECONDS)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def wait_until_free(self, seconds: float, clock: Clock) -> None:
        """For a run that changes nothing: until no other one works on the folder. Raises Busy, as `locked` does."""
        if os.path.exists(os.path.join(self.directory, LOCK)):
            with self.locked(seconds, clock):
                return

    def backups(self, project: str = "") -> Tuple[Backup, ...]:
        """Whole ones, newest first; of one project if it is given."""
        found: List[Backup] = []
        for name in self._names():
            path = os.path.join(self.directory, name)
            if name.startswith(".") or name.endswith(PARTIAL):
                continue
            try:
                manifest = read_manifest(path)
            except (OSError, ValueError):
                continue
            if not project or manifest.project == project:
                found.append(Backup(path, manifest))
        return tuple(sorted(found, key=lambda item: (item.manifest.taken_at, item.path), reverse=True))

    def newest(self, project: str, parts: Sequence[str] = ()) -> Backup:
        """The newest that holds all of the parts; without these, the newest of those that hold the most. Raises BadInput."""
        there = self.candidates(project)
        if not there:
            raise BadInput(
                f"There is no backup of the project {project!r} in {self.directory}.",
                "make one, or correct project or directory.",
            )
        most = max(len(item.manifest.parts) for item in there)
        for item in there:
            if set(item.manifest.parts) >= set(parts) if parts else len(item.manifest.parts) == most:
                return item
        listed = ", ".join(f"{os.path.basename(item.path)} ({', '.join(item.manifest.parts)})" for item in there)
        raise BadInput(
            f"No backup of the project {project!r} in {self.directory} holds all of {', '.join(parts)}. There: {listed}.",
            "choose fewer parts, or make a backup of these.",
        )

    def candidates(self, project: str) -> Tuple[Backup, ...]:
        """What `newest` may mean, newest first."""
        return tuple(item for item in self.backups(project) if item.manifest.label not in ASIDE)

    def named(self, wanted: str, project: str, parts: Sequence[str] = ()) -> Backup:
        """A backup by its name, its path, or `newest` of a project, see there. Raises BadInput."""
        if wanted == NEWEST:
            return self.newest(project, parts)
        path = wanted if os.path.isabs(wanted) else os.path.join(self.directory, wanted)
        if path.endswith(PARTIAL):
            raise BadInput(f"{path} is what a killed run left, not a backup.", "choose a whole one.")
        try:
            return Backup(os.path.normpath(path), read_manifest(path))
        except (OSError, ValueError) as problem:
            there = ", ".join(os.path.basename(item.path) for item in self.backups()) or "none"
            reason = problem.strerror if isinstance(problem, OSError) else problem
            raise BadInput(
                f"{path} is no backup: {reason}. Backups in {self.directory}: {there}.", "choose one of these."
            ) from problem

    def leftovers(self) -> Tuple[str, ...]:
        """Folders of runs that were killed."""
        return tuple(os.path.join(self.directory, name) for name in self._names() if name.endswith(PARTIAL))

    def clean(self) -> Tuple[str, ...]:
        """Remove them; their names."""
        found = self.leftovers()
        with file_errors(self.directory):
            for path in found:
                shutil.rmtree(path)
        return tuple(os.path.basename(path) for path in found)

    def begin(self, now: float, label: str) -> str:
        """A new folder for a run that is under way."""
        stamp = datetime.fromtimestamp(now, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        base = f"{stamp}-{label}" if label else stamp
        name, number = base, 1
        with file_errors(self.directory):
            while os.path.exists(os.path.join(self.directory, name)):
                number += 1
                name = f"{base}-{number}"
            path = os.path.join(self.directory, name + PARTIAL)
            os.mkdir(path, 0o700)
        return path

    def commit(self, partial: str, manifest: Manifest) -> Backup:
        """The manifest is written, all is on the disk, then the folder gets its name: one rename."""
        final = partial[: -len(PARTIAL)]
        with file_errors(self.directory):
            write_synced(os.path.join(partial, manifests.FILE), manifests.text(manifest).encode())
            for folder, _folders, _files in os.walk(partial):
                sync_folder(folder)
            os.rename(partial, final)
            sync_folder(self.directory)
        return Backup(final, manifest)

    def discard(self, partial: str) -> None:
        """Remove a folder that was not committed."""
        shutil.rmtree(partial, ignore_errors=True)

    def remove(self, backup: Backup) -> None:
        """Remove a whole one; killed in the middle, it is a leftover and no backup."""
        trash = backup.path + PARTIAL
        with file_errors(self.directory):
            os.rename(backup.path, trash)
            shutil.rmtree(trash)

    def free_bytes(self) -> int:
        """Of the file system, for this user."""
        path = self.directory
        while not os.path.exists(path):
            path = os.path.dirname(path)
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize

    def _names(self) -> Tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(self.directory)))
        except (FileNotFoundError, NotADirectoryError):
            return ()


def expired(backups: Tuple[Backup, ...], project: str, label: str, keep: int) -> Tuple[Backup, ...]:
    """Those of one project and label beyond the newest `keep`; 0 keeps all. Pure."""
    same = [item for item in backups if item.manifest.project == project and item.manifest.label == label]
    same.sort(key=lambda item: (item.manifest.taken_at, item.path), reverse=True)
    return tuple(same[keep:]) if keep > 0 else ()


def read_manifest(path: str) -> Manifest:
    """Raises OSError, ValueError."""
    with open(os.path.join(path, manifests.FILE), encoding="utf-8") as stream:
        return manifests.parse(stream.read())


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
