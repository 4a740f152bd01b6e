# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder on the host: releases side by side, for each image a link to one of them, and the link `current`.

Each change is one rename, so a run that is killed leaves the old state or the new one, and besides at most what `clean`
removes.

What a stack mounts is the link of its image, `images/<image>`, and `current` leads to that of the image that shall run. The
engine follows links anew at each start of a container: with `current` itself mounted, a container of the older image that starts
again by itself, between the switch to another image's release and its recreation, would get that other release.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from typing import Iterator, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import FILE
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Bridge, Entry, Manifest, Release
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

CURRENT = "current"
PREVIOUS = "previous"
# What the last build printed.
LOG = "build.log"
# Why the last build failed.
FAILED = "build.failed"
RELEASES = "releases"
IMAGES = "images"
_STAGING = ".staging-"
_TREE = "tree"
_HEAD = ".json"
_LIST = ".files"
_BRIDGE = ".bridged"
_PROVEN = ".proven"
_SERVED = ".served"
_FAILED = ".failed"
_BESIDE = (_HEAD, _LIST, _BRIDGE, _PROVEN, _SERVED, _FAILED)
_UNTOLD = Bridge((), False)
_SHORT = 12


class Store:
    """`folder` is the option dest. Only who holds the lock may change anything."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._releases = os.path.join(folder, RELEASES)
        self._images = os.path.join(folder, IMAGES)
        self._current = os.path.join(folder, CURRENT)
        self._previous = os.path.join(folder, PREVIOUS)

    @property
    def current_path(self) -> str:
        """The link to the current release, by way of its image's."""
        return self._current

    def image_path(self, identifier: str) -> str:
        """What containers of an image mount; `current` for releases of an image that nobody told."""
        return os.path.join(self._images, _short(identifier)) if identifier else self._current

    def of_image(self, identifier: str) -> str:
        """Name of the release that containers of an image get when they start; empty if there is none."""
        link = self.image_path(identifier)
        return self._led_to(link) if identifier and os.path.islink(link) else ""

    def led_to(self, inside: str) -> str:
        """Name of the release that a link of this folder leads to, by its path in it; empty if it leads to none."""
        link = os.path.join(self.folder, inside)
        return self._led_to(link) if os.path.islink(link) else ""

    @property
    def log_path(self) -> str:
        """The last build's log."""
        return os.path.join(self.folder, LOG)

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
        return self._led_to(self._current)

    def previous(self) -> str:
        """Name of the release to go back to, empty if there is none; the current one, if that was done already."""
        return self._led_to(self._previous) if os.path.islink(self._previous) else ""

    def _led_to(self, link: str) -> str:
        target = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
        folder, name = os.path.split(target)
        if folder == self._images and os.path.islink(target):
            folder, name = os.path.split(os.path.normpath(os.path.join(folder, os.readlink(target))))
        return name if folder == self._releases and os.path.isdir(self.path(name)) else ""

    def proven(self, name: str) -> bool:
        """Whether a stack worked with this release."""
        return os.path.lexists(self.path(name) + _PROVEN)

    def _failure_path(self, name: str) -> str:
        return self.path(name) + _FAILED if name else os.path.join(self.folder, FAILED)

    def failure(self, name: str) -> str:
        """Why a release failed in its stack, or with no name, the last build. Raises ValueError if it is not on record."""
        return _read(self._failure_path(name))

    def write_failure(self, name: str, text: str) -> None:
        """Put it on record. It may quote logs, so it is for the owner only."""
        stage = self.stage()
        with file_errors(self.folder):
            _write(os.path.join(stage, _FAILED), text)
            os.chmod(os.path.join(stage, _FAILED), 0o600)
            os.rename(os.path.join(stage, _FAILED), self._failure_path(name))
            os.rmdir(stage)
            sync_folder(os.path.dirname(self._failure_path(name)))

    def forget_failure(self, name: str = "") -> None:
        """It works by now."""
        with suppress(FileNotFoundError):
            os.unlink(self._failure_path(name))

    def mark_proven(self, name: str) -> None:
        """A stack works with it."""
        self.forget_failure(name)
        with file_errors(self.folder):
            os.close(os.open(self.path(name) + _PROVEN, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))
            sync_folder(self._releases)

    def mark_served(self, name: str, moment: float) -> None:
        """A container had it mounted then."""
        path = self.path(name) + _SERVED
        with file_errors(self.folder):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))
            os.utime(path, (moment, moment))
            sync_folder(self._releases)

    def last_served(self, name: str) -> float:
        """When it was last seen to be served, in seconds since 1970; 0 if it never was."""
        found = [0.0]
        for ending in (_SERVED, _PROVEN):
            with suppress(OSError):
                found.append(os.lstat(self.path(name) + ending).st_mtime)
        return max(found)

    def bridge(self, name: str) -> Bridge:
        """What the release has of others; an incomplete one if that is not on record."""
        try:
            return manifests.parse_bridge(_read(self.path(name) + _BRIDGE))
        except ValueError:
            return _UNTOLD

    def write_bridge(self, name: str, bridge: Bridge) -> None:
        """Put it on record."""
        stage = self.stage()
        with file_errors(self.folder):
            _write(os.path.join(stage, _BRIDGE), manifests.bridge_text(bridge))
            os.rename(os.path.join(stage, _BRIDGE), self.path(name) + _BRIDGE)
            os.rmdir(stage)
            sync_folder(self._releases)

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
            for ending in _BESIDE
            if name.endswith(ending) and not os.path.isdir(self.path(name[: -len(ending)]))
        ]
        links = (os.path.join(self._images, name) for name in _names(self._images))
        return (*staging, *beside, *(link for link in links if not os.path.exists(link)))

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
                _write(staged, text)
                os.rename(staged, target + ending)
            os.rename(self.staged_tree(stage), target)
            sync_folder(self._releases)
        return Release(name, manifest)

    def switch(self, name: str) -> None:
        """Make a release the current one, and that of its image.

        Of two links only the first is mounted anywhere, and of another image than the current release's nothing runs yet: killed
        between the two, the next run still finds the former release, and switches.
        """
        release = next((item for item in self.releases() if item.name == name), None)
        identifier = release.manifest.image.identifier if release is not None else ""
        if not identifier:
            self._lead(self._current, f"{RELEASES}/{name}")
            return
        with file_errors(self.folder):
            os.makedirs(self._images, mode=0o755, exist_ok=True)
        if self.of_image(identifier) != name:
            self._lead(self.image_path(identifier), f"../{RELEASES}/{name}")
        target = f"{IMAGES}/{_short(identifier)}"
        if not os.path.islink(self._current) or os.readlink(self._current) != target:
            self._lead(self._current, target)

    def remember_previous(self, name: str) -> None:
        """Make a release the one to go back to."""
        self._lead(self._previous, f"{RELEASES}/{name}")

    def _lead(self, link: str, target: str) -> None:
        new = os.path.join(self.folder, f"{_STAGING}{os.getpid()}-{secrets.token_hex(4)}")
        with file_errors(self.folder):
            os.symlink(target, new)
            os.rename(new, link)
            sync_folder(os.path.dirname(link))

    def remove(self, name: str) -> None:
        """Remove a release."""
        trash = self.stage()
        with file_errors(self.folder):
            for link in _names(self._images):
                # Of an image that nothing runs any more: what a container has mounted is not removed.
                if self.led_to(f"{IMAGES}/{link}") == name:
                    os.unlink(os.path.join(self._images, link))
            os.rename(self.path(name), self.staged_tree(trash))
            for ending in _BESIDE:
                _remove(self.path(name) + ending)
            _remove(trash)

    def remove_all(self) -> None:
        """Everything of this module, and the folder itself if nothing else lies in it."""
        with file_errors(self.folder):
            for path in (self._current, self._previous, self.log_path, self._failure_path("")):
                _remove(path)
            _remove(self._releases)
            _remove(self._images)
            self.clean()
            _remove(os.path.join(self.folder, FILE))
            if not _names(self.folder):
                os.rmdir(self.folder)

    def exists(self) -> bool:
        """Whether there is anything of this module."""
        paths = (self._current, self._releases, os.path.join(self.folder, FILE))
        return any(os.path.lexists(path) for path in paths) or bool(self.leftovers())


def mount_source(current: str, identifier: str) -> str:
    """What a container of an image mounts of the store whose link `current` is at this path; the path itself of anything else."""
    folder, name = os.path.split(current)
    if not identifier or name != CURRENT or not os.path.islink(current):
        return current
    if os.path.dirname(os.readlink(current)) != IMAGES:
        return current
    return Store(folder).image_path(identifier)


def is_mount_of(source: str, current: str) -> bool:
    """Whether a mount's source is that link, or one of its store's for an image."""
    folder = os.path.dirname(current)
    return source == current or os.path.dirname(source) == os.path.join(folder, IMAGES)


def _short(identifier: str) -> str:
    return identifier.rpartition(":")[2][:_SHORT]


def release_at(path: str) -> Optional[Release]:
    """The release that a path leads to, if it is one of a store."""
    folder, name = os.path.split(os.path.realpath(path))
    if os.path.basename(folder) != RELEASES:
        return None
    try:
        return Release(name, manifests.parse_head(_read(os.path.join(folder, name + _HEAD))))
    except ValueError:
        return None


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


def _write(path: str, text: str) -> None:
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def below(folder: str, path: str) -> Iterator[str]:
    """The path as it may be written, if it is the folder or lies in it: relative to the folder, `.` for itself."""
    written = os.path.normpath(path)
    resolved = os.path.join(os.path.realpath(os.path.dirname(written)), os.path.basename(written))
    for candidate in (written, resolved):
        for top in (os.path.normpath(folder), os.path.realpath(folder)):
            if candidate == top or candidate.startswith(top + "/"):
                yield os.path.relpath(candidate, top)
