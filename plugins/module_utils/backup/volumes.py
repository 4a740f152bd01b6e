# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes as archives and back, through a container that is made for it and never started."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Callable, Iterator

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import files
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import Copy
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import SavedVolume
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import Place
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.lifecycle import Mounted, NewContainer
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine, Volume
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineLost, StackError

LABEL = "selfhost.postiz.backup"
OWNER = "selfhost.postiz.backup.process"
TOP = "/selfhost-postiz"
_TRIES = 3


@contextmanager
def handle(engine: Engine, image: str, source: str, bind: bool, project: str) -> Iterator[str]:
    """A container that has the volume at TOP and is never started. Raises EngineFailed."""
    wanted = NewContainer(image=image, labels={LABEL: project}, mounts=(Mounted(source, TOP, bind),), command=("true",))
    identifier = engine.lifecycle().create(wanted)
    try:
        yield identifier
    finally:
        engine.lifecycle().remove(identifier)


def remove_left(engine: Engine, project: str) -> int:
    """Containers of a run that was killed. Raises EngineFailed."""
    there = [item for item in engine.containers() if item.labels.get(LABEL) == project]
    left = [item for item in there if not os.path.exists(f"/proc/{item.labels.get(OWNER, 'none')}")]
    for container in left:
        engine.lifecycle().remove(container.identifier)
    return len(left)


def save(engine: Engine, copy: Copy, project: str, folder: str, step: Callable[[str], None]) -> SavedVolume:
    """Raises Refused, StackError. A file that grows while it is read breaks the stream: read again."""
    place = copy.place
    name = f"volumes/{files.file_name(place.key)}.tar"
    problem = ""
    for _attempt in range(_TRIES):
        with handle(
            engine, _image(engine, place), place.bind or _volume(place).name, bool(place.bind), project
        ) as made:
            source = engine.archives().open(made, TOP)
            if source is None:
                raise StackError(f"{place.key} could not be read.", "look at the engine's own log.")
            try:
                saved = files.archive(source, folder, name, step)
                number = files.entries(os.path.join(folder, name))
            except (EngineLost, ValueError) as caught:
                problem = str(caught)
                with file_errors(folder):
                    os.unlink(os.path.join(folder, name))
                continue
        volume = place.volume or Volume("", {})
        return SavedVolume(
            key=place.key,
            name="" if place.anonymous or place.bind else volume.name,
            service=place.service,
            destination=place.destination,
            labels=volume.labels,
            driver=volume.driver,
            options=volume.options,
            bind=place.bind,
            part=copy.part,
            entries=number,
            saved=saved,
        )
    raise StackError(
        f"The files of {place.key} changed while they were read, {_TRIES} times: {problem}.",
        "try again at a quieter time.",
    )


def _image(engine: Engine, place: Place) -> str:
    container = next(item for item in engine.containers() if item.identifier == place.container)
    return container.image_identifier or container.image


def _volume(place: Place) -> Volume:
    return place.volume or Volume("", {})


def put(engine: Engine, image: str, source: str, bind: bool, project: str, path: str, seconds: float) -> None:
    """Fill a volume, or a folder of the host, from an archive that `save` made. Raises EngineFailed."""
    with handle(engine, image, source, bind, project) as made, file_errors(path), open(path, "rb") as stream:
        engine.streams().put(made, "/", stream, seconds)


def size(volume: Volume) -> int:
    """Bytes of its files where this host can see them, else 0."""
    return folder_size(volume.path) if volume.path else 0


def folder_size(path: str) -> int:
    """Bytes of the files below a folder; what cannot be read counts nothing."""
    total = 0
    for folder, _folders, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                continue
    return total
