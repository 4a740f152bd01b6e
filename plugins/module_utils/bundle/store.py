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
from typing import Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import FILE
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Entry, Manifest, Release
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.places import (
    BESIDE,
    CURRENT,
    HEAD,
    IMAGES,
    LIST,
    LOG,
    PREVIOUS,
    RELEASES,
    STAGING,
    TREE,
    names_in,
    new_stage,
    read_text,
    remove_path,
    short_identifier,
    staging_path,
    write_text,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.records import Records
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput


class Store:
    """`folder` is the option dest. Only who holds the lock may change anything."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.records = Records(folder)
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
        return os.path.join(self._images, short_identifier(identifier)) if identifier else self._current

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
        for name in names_in(self._releases):
            if name.endswith(HEAD) and os.path.isdir(self.path(name[: -len(HEAD)])):
                try:
                    found.append(Release(name[: -len(HEAD)], manifests.parse_head(read_text(self.path(name)))))
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

    def entries(self, release: Release) -> Tuple[Entry, ...]:
        """What the release consisted of. Raises ValueError if the list is not the one that the manifest tells of."""
        text = read_text(self.path(release.name) + LIST)
        if manifests.list_digest(text) != release.manifest.tree_digest:
            raise ValueError("the list of entries is not the manifest's")
        return manifests.parse_list(text)

    def leftovers(self) -> Tuple[str, ...]:
        """Paths that a killed run left behind."""
        staging = [os.path.join(self.folder, name) for name in names_in(self.folder) if name.startswith(STAGING)]
        beside = [
            self.path(name)
            for name in names_in(self._releases)
            for ending in BESIDE
            if name.endswith(ending) and not os.path.isdir(self.path(name[: -len(ending)]))
        ]
        links = (os.path.join(self._images, name) for name in names_in(self._images))
        return (*staging, *beside, *(link for link in links if not os.path.exists(link)))

    def clean(self) -> None:
        """Remove them."""
        with file_errors(self.folder):
            for path in self.leftovers():
                remove_path(path)

    def stage(self) -> str:
        """A new staging folder, in which the tree shall become `staged_tree`."""
        return new_stage(self.folder)

    @staticmethod
    def staged_tree(stage: str) -> str:
        """Where the tree is written."""
        return os.path.join(stage, TREE)

    def commit(self, stage: str, manifest: Manifest, list_text: str) -> Release:
        """The staged tree, which is on the disk already, becomes a release."""
        name = manifests.release_name(manifest, (item.split("/")[-1] for item in names_in(self._releases)))
        target = self.path(name)
        with file_errors(self.folder):
            for ending, text in ((LIST, list_text), (HEAD, manifests.head_text(manifest))):
                staged = stage + "/" + ending
                write_text(staged, text)
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
        target = f"{IMAGES}/{short_identifier(identifier)}"
        if not os.path.islink(self._current) or os.readlink(self._current) != target:
            self._lead(self._current, target)

    def remember_previous(self, name: str) -> None:
        """Make a release the one to go back to."""
        self._lead(self._previous, f"{RELEASES}/{name}")

    def _lead(self, link: str, target: str) -> None:
        new = staging_path(self.folder)
        with file_errors(self.folder):
            os.symlink(target, new)
            os.rename(new, link)
            sync_folder(os.path.dirname(link))

    def remove(self, name: str) -> None:
        """Remove a release."""
        trash = self.stage()
        with file_errors(self.folder):
            for link in names_in(self._images):
                # Of an image that nothing runs any more: what a container has mounted is not removed.
                if self.led_to(f"{IMAGES}/{link}") == name:
                    os.unlink(os.path.join(self._images, link))
            os.rename(self.path(name), self.staged_tree(trash))
            for ending in BESIDE:
                remove_path(self.path(name) + ending)
            remove_path(trash)

    def remove_all(self) -> None:
        """Everything of this module, and the folder itself if nothing else lies in it."""
        with file_errors(self.folder):
            for path in (self._current, self._previous, self.log_path, self.records.failure_path("")):
                remove_path(path)
            remove_path(self._releases)
            remove_path(self._images)
            self.clean()
            remove_path(os.path.join(self.folder, FILE))
            if not names_in(self.folder):
                os.rmdir(self.folder)

    def exists(self) -> bool:
        """Whether there is anything of this module."""
        paths = (self._current, self._releases, os.path.join(self.folder, FILE))
        return any(os.path.lexists(path) for path in paths) or bool(self.leftovers())
