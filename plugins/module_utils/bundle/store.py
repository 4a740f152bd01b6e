# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder on the host: releases side by side, and the link `current` to one of them.

Each change is one rename, so a run that is killed leaves the old state or the new one, and besides at most what `clean`
removes.
"""

from __future__ import annotations

import os
import secrets
import shutil
from typing import Iterator, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import FILE
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Entry, Manifest, Release
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

CURRENT = "current"
RELEASES = "releases"
_STAGING = ".staging-"
_TREE = "tree"
_HEAD = ".json"
_LIST = ".files"


class Store:
    """`folder` is the option dest. Only who holds the lock may change anything."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._releases = os.path.join(folder, RELEASES)
        self._current = os.path.join(folder, CURRENT)

    @property
    def current_path(self) -> str:
        """What containers mount."""
        return self._current

    def path(self, name: str) -> str:
        """Where a release lies."""
        return os.path.join(self._releases, name)

    def releases(self) -> Tuple[Release, ...]:
        """All of them, the newest first. One without a readable manifest is none."""
        found = []
        for name in _names(self._releases):
            if name.endswith(_HEAD) and os.path.isdir(self.path(name[: -len(_HEAD)])):
                try:
                    found.append(Release(name[: -len(_HEAD)], manifests.parse_head(_read(self.path(name)))))
                except ValueError:
                    continue
        return tuple(sorted(found, key=lambda release: (release.manifest.created, release.name), reverse=True))

    def current(self) -> str:
        """Name of the current release, empty if there is none. Raises BadInput if something else lies there."""
        if not os.path.lexists(self._current):
            return ""
        if not os.path.islink(self._current):
            raise BadInput(f"{self._current} is no link of this module.", "move it away, or give another dest.")
        folder, name = os.path.split(os.readlink(self._current))
        return name if folder == RELEASES and os.path.isdir(self.path(name)) else ""

    def entries(self, release: Release) -> Tuple[Entry, ...]:
        """What the release consisted of. Raises ValueError if the list is not the one that the manifest tells of."""
        text = _read(self.path(release.name) + _LIST)
        if manifests.list_digest(text) != release.manifest.tree_digest:
            raise ValueError("the list of entries is not the manifest's")
        return manifests.parse_list(text)

    def leftovers(self) -> Tuple[str, ...]:
        """Paths that a killed run left behind."""
        staging = [os.path.join(self.folder, name) for name in _names(self.folder) if name.startswith(_STAGING)]
        beside = [
            self.path(name)
            for name in _names(self._releases)
            for ending in (_HEAD, _LIST)
            if name.endswith(ending) and not os.path.isdir(self.path(name[: -len(ending)]))
        ]
        return (*staging, *beside)

    def clean(self) -> None:
        """Remove them."""
        with file_errors(self.folder):
            for path in self.leftovers():
                _remove(path)

    def stage(self) -> str:
        """A new staging folder, in which the tree shall become `staged_tree`."""
        path = os.path.join(self.folder, f"{_STAGING}{os.getpid()}-{secrets.token_hex(4)}")
        with file_errors(self.folder):
            os.makedirs(self._releases, mode=0o755, exist_ok=True)
            os.mkdir(path, 0o700)
        return path

    @staticmethod
    def staged_tree(stage: str) -> str:
        """Where the tree is written."""
        return os.path.join(stage, _TREE)

    def commit(self, stage: str, manifest: Manifest, list_text: str) -> Release:
        """The staged tree, which is on the disk already, becomes a release."""
        name = manifests.release_name(manifest, (item.split("/")[-1] for item in _names(self._releases)))
        target = self.path(name)
        with file_errors(self.folder):
            for ending, text in ((_LIST, list_text), (_HEAD, manifests.head_text(manifest))):
                staged = stage + "/" + ending
                with open(staged, "x", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(staged, target + ending)
            os.rename(self.staged_tree(stage), target)
            _sync_folder(self._releases)
        return Release(name, manifest)

    def switch(self, name: str) -> None:
        """Make a release the current one."""
        new = os.path.join(self.folder, f"{_STAGING}{os.getpid()}-{secrets.token_hex(4)}")
        with file_errors(self.folder):
            os.symlink(f"{RELEASES}/{name}", new)
            os.rename(new, self._current)
            _sync_folder(self.folder)

    def remove(self, name: str) -> None:
        """Remove a release."""
        trash = self.stage()
        with file_errors(self.folder):
            os.rename(self.path(name), self.staged_tree(trash))
            for ending in (_HEAD, _LIST):
                _remove(self.path(name) + ending)
            _remove(trash)

    def remove_all(self) -> None:
        """Everything of this module, and the folder itself if nothing else lies in it."""
        with file_errors(self.folder):
            _remove(self._current)
            _remove(self._releases)
            self.clean()
            _remove(os.path.join(self.folder, FILE))
            if not _names(self.folder):
                os.rmdir(self.folder)

    def exists(self) -> bool:
        """Whether there is anything of this module."""
        paths = (self._current, self._releases, os.path.join(self.folder, FILE))
        return any(os.path.lexists(path) for path in paths) or bool(self.leftovers())


def _names(folder: str) -> Tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as problem:
        raise ValueError(problem.strerror) from problem


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def below(folder: str, path: str) -> Iterator[str]:
    """The path as it may be written, if it is the folder or lies in it: relative to the folder, `.` for itself."""
    written = os.path.normpath(path)
    resolved = os.path.join(os.path.realpath(os.path.dirname(written)), os.path.basename(written))
    for candidate in (written, resolved):
        for top in (os.path.normpath(folder), os.path.realpath(folder)):
            if candidate == top or candidate.startswith(top + "/"):
                yield os.path.relpath(candidate, top)
