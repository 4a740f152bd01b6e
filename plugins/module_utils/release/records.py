# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of releases below `state/releases`: what ran, and the files that it ran by."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from dataclasses import asdict, replace
from typing import Dict, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder, sync_tree
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import RELEASES, Release, ServiceImage
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.layout import COMPOSE_FILE
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.transaction import WantedFile

_RECORD = "release.json"
_FILES = "files"
_FORMER = ".former-"
_DROPPED = ".dropped-"
_NEEDED = (COMPOSE_FILE, ".env")
_KEPT = (*_NEEDED, "dynamicconfig", "boot-guard")


def read(directory: str) -> Tuple[Release, ...]:
    """All records, oldest first; one that was not finished is none."""
    folder = os.path.join(directory, RELEASES)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    numbers = {
        int(name)
        for name in (item[len(_FORMER) :] if item.startswith(_FORMER) else item for item in names)
        if name.isdigit()
    }
    return tuple(_load(os.path.join(_place(directory, number), _RECORD)) for number in sorted(numbers))


def _load(place: str) -> Release:
    try:
        with open(place, encoding="utf-8") as stream:
            content = json.load(stream)
        images = tuple(ServiceImage(**image) for image in content.pop("images"))
        return Release(images=images, **content)
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise StackError(
            f"{place} is no record of a release ({type(problem).__name__}).",
            "move its folder away; a rollback to that release is not possible then.",
        ) from problem


def named(directory: str, number: int) -> Optional[Release]:
    """A record by its number."""
    return next((release for release in read(directory) if release.number == number), None)


def write(directory: str, release: Release) -> None:
    """Record a release with the files that are in place now; of one that was recorded, either record is there, whole."""
    folder = os.path.join(directory, RELEASES)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    draft = os.path.join(folder, f".draft-{release.number}")
    shutil.rmtree(draft, ignore_errors=True)
    os.makedirs(os.path.join(draft, _FILES), mode=0o700)
    for name in _KEPT:
        source, target = os.path.join(directory, name), os.path.join(draft, _FILES, name)
        if os.path.isdir(source):
            shutil.copytree(source, target)
        elif os.path.isfile(source):
            shutil.copy2(source, target)
    _store(draft, release)
    sync_tree(draft)
    place, former = os.path.join(folder, _name(release.number)), os.path.join(folder, _FORMER + _name(release.number))
    if os.path.isdir(place):
        shutil.rmtree(former, ignore_errors=True)
        os.rename(place, former)
        sync_folder(folder)
    os.rename(draft, place)
    sync_folder(folder)
    shutil.rmtree(former, ignore_errors=True)


def set_backup(directory: str, number: int, backup: str) -> None:
    """Remember the backup that was taken when the release was left."""
    release = named(directory, number)
    if release is not None and release.backup != backup:
        _store(_place(directory, number), replace(release, backup=backup))


def _store(folder: str, release: Release) -> None:
    draft = os.path.join(folder, _RECORD + ".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(release), stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, os.path.join(folder, _RECORD))
    sync_folder(folder)


def drop(directory: str, number: int) -> None:
    """Forget a release, and what a run that was killed at that left: half a record is none."""
    folder = os.path.join(directory, RELEASES)
    for name in (_FORMER + _name(number), _name(number)):
        if os.path.isdir(os.path.join(folder, name)):
            os.rename(os.path.join(folder, name), os.path.join(folder, f"{_DROPPED}{uuid.uuid4().hex}"))
    sync_folder(folder)
    for name in os.listdir(folder):
        if name.startswith(_DROPPED):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def assert_whole(directory: str, number: int) -> None:
    """Raises StackError for a record without the files that no stack starts without. Nothing was changed then."""
    top = os.path.join(_place(directory, number), _FILES)
    torn = [name for name in _NEEDED if not _size(os.path.join(top, name))]
    if torn:
        raise StackError(
            f"The record of release {number} is not whole: {', '.join(torn)} in {top} is missing or empty. "
            "None of its files was put in place.",
            "bring that file back from a backup of yours that has the part config, or go back to another release.",
        )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def place_files(directory: str, number: int) -> Tuple[str, ...]:
    """Put a release's files back in their places, all or none; returns those that differed. Raises StackError."""
    assert_whole(directory, number)
    wanted = tuple(
        WantedFile(path, content, mode, secret=True)
        for path, (content, mode) in sorted(_files(directory, number).items())
    )
    changes = transaction.changes(directory, wanted)
    with transaction.alone(directory):
        transaction.finish_interrupted(directory)
        if changes:
            transaction.commit(directory, transaction.stage(directory, tuple(change.wanted for change in changes)))
    return tuple(change.wanted.path for change in changes)


def _files(directory: str, number: int) -> Dict[str, Tuple[str, int]]:
    top = os.path.join(_place(directory, number), _FILES)
    found = {}
    for folder, _folders, names in os.walk(top):
        for name in names:
            full = os.path.join(folder, name)
            with open(full, encoding="utf-8", newline="") as stream:
                found[os.path.relpath(full, top)] = (stream.read(), os.stat(full).st_mode & 0o7777)
    return found


def compose_text(directory: str, number: int) -> str:
    """The compose file of a release; empty if its record has none."""
    try:
        with open(os.path.join(_place(directory, number), _FILES, COMPOSE_FILE), encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _place(directory: str, number: int) -> str:
    """Its folder; the former one, if a run ended while it was replaced."""
    place = os.path.join(directory, RELEASES, _name(number))
    former = os.path.join(directory, RELEASES, _FORMER + _name(number))
    return former if os.path.isdir(former) and not os.path.isdir(place) else place


def _name(number: int) -> str:
    return f"{number:04d}"
