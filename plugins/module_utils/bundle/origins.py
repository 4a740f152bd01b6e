# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a bundle comes from: what identifies it, without reading it, and its members."""

from __future__ import annotations

import json
import os
import posixpath
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Iterator, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import mounts, names, prebuilt, refusals
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    BUILD_ID,
    ImageFacts,
    MemberSource,
    Origin,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.tarstream import TarStream
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.jobs import Job
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.read_ahead import ReadAhead
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, EngineFailed

LABEL = "selfhost.postiz.frontend_bundle"
LABEL_PROCESS = "selfhost.postiz.frontend_bundle.process"
_SMALL_FILE = 1 << 20


@dataclass(frozen=True)
class Located:
    """A source that was found. `container` is empty where a container must be made of the image first."""

    origin: Origin
    image: ImageFacts
    component: str
    container: str = ""
    prebuilt: str = ""


@dataclass(frozen=True)
class Opened:
    """`prefix` is what the source calls the top of the bundle."""

    members: MemberSource
    prefix: str
    image: ImageFacts


def locate(engine: Engine, wanted: Request) -> Located:
    """Raises BadInput, Refused, StackError."""
    if wanted.prebuilt:
        image = image_facts(engine, wanted.image) if wanted.image else ImageFacts()
        real = os.path.realpath(wanted.prebuilt)
        mark = f"{real}:{prebuilt.fingerprint(wanted.prebuilt)}:{image.identifier}"
        return Located(
            Origin("prebuilt", mark, wanted.path, wanted.exclude), image, wanted.prebuilt, prebuilt=wanted.prebuilt
        )
    if wanted.image:
        return _of_image(image_facts(engine, wanted.image), wanted)
    container = container_of(engine, wanted.project, wanted.service)
    facts = replace(image_facts(engine, container.image_identifier), name=container.image)
    if mounts.covers(container.mounts, wanted.path):
        # What lies there is a bundle that was extracted before; the image has the original.
        return _of_image(facts, wanted)
    build = build_id_of(engine, container.identifier, wanted.path, container.name)
    mark = f"{facts.identifier}:{build}"
    return Located(
        Origin("container", mark, wanted.path, wanted.exclude), facts, container.name, container=container.identifier
    )


def _of_image(facts: ImageFacts, wanted: Request) -> Located:
    return Located(Origin("image", facts.identifier, wanted.path, wanted.exclude), facts, facts.name)


def image_facts(engine: Engine, name: str) -> ImageFacts:
    """An image on the host. Raises BadInput."""
    found = engine.image(name)
    if found is None:
        raise BadInput(f"The image {name} is not on the host.", "pull it first; the role selfhost.postiz.stack does.")
    return ImageFacts(name, found.identifier, next(iter(found.digests), ""))


def container_of(engine: Engine, project: str, service: str) -> Container:
    """The service's container, a running one if there are several. Raises BadInput."""
    found = [item for item in engine.project_containers(project) if item.service == service]
    if not found:
        remedy = "look at the names with: docker compose ls, docker compose ps."
        raise BadInput(f"The project {project} has no container of the service {service}.", remedy)
    return sorted(found, key=lambda item: item.state != "running")[0]


def build_id_of(engine: Engine, container: str, path: str, component: str) -> str:
    """The build id that a container has at a path. Raises Refused."""
    found = engine.files(container, f"{path}/{BUILD_ID}", _SMALL_FILE)
    if BUILD_ID not in found:
        raise refusals.not_built(component, f"there is no {path}/{BUILD_ID}.")
    return names.build_id(found[BUILD_ID], component)


def _next_version(engine: Engine, container: str, path: str) -> str:
    """Of the package next that the frontend would load, as Node looks for it; empty if there is none."""
    folder = posixpath.dirname(path)
    while True:
        found = engine.files(container, posixpath.join(folder, "node_modules/next/package.json"), _SMALL_FILE)
        if found:
            try:
                return str(json.loads(found["package.json"])["version"])[:64]
            except (ValueError, KeyError, TypeError):
                return ""
        if folder == "/":
            return ""
        folder = posixpath.dirname(folder)


@contextmanager
def opened(engine: Engine, located: Located, dest: str) -> Iterator[Opened]:
    """The members of a source; a container that was made for it is removed afterwards."""
    if located.prebuilt:
        top = posixpath.basename(located.origin.path)
        folder = os.path.isdir(located.prebuilt)
        prefix = "" if folder else prebuilt.top_name(located.prebuilt, top)
        members = prebuilt.open_prebuilt(located.prebuilt)
        try:
            yield Opened(members, prefix, located.image)
        finally:
            members.close()
    elif located.container:
        with archive(engine, located, located.container) as found:
            yield found
    else:
        with ExitStack() as stack:
            reader = _reader(engine, located, dest, stack)
            yield stack.enter_context(archive(engine, located, reader))


def _reader(engine: Engine, located: Located, dest: str, stack: ExitStack) -> str:
    """A container of the image, from which the engine sends empty folders in place of what is left out."""
    image, path = located.image.identifier, located.origin.path
    paths = tuple(f"{path}/{entry}" for entry in located.origin.exclude)
    archives = engine.archives()
    reader = stack.enter_context(unstarted(engine, image, dest, paths))
    try:
        archives.is_folder(reader, path)
        return reader
    except EngineFailed:
        # Nothing can be put in place of what is no folder.
        probe = stack.enter_context(unstarted(engine, image, dest, ()))
        if not archives.is_folder(probe, path):
            raise refusals.not_built(located.component, f"{path} is no folder.") from None
        hidden = tuple(item for item in paths if archives.is_folder(probe, item))
        return stack.enter_context(unstarted(engine, image, dest, hidden)) if hidden else probe


@contextmanager
def archive(engine: Engine, located: Located, container: str) -> Iterator[Opened]:
    """The members of what lies in a container."""
    path = located.origin.path
    image = replace(located.image, next_version=_next_version(engine, container, path))
    source = engine.archives().open(container, path)
    if source is None:
        raise refusals.not_built(located.component, f"there is no {path}.")
    members = TarStream(ReadAhead(source), f"{path} in {located.component}")
    try:
        yield Opened(members, posixpath.basename(path), image)
    finally:
        members.close()


@contextmanager
def unstarted(engine: Engine, image: str, dest: str, hidden: Tuple[str, ...]) -> Iterator[str]:
    """A container that is never started, removed afterwards; `remove_orphans` does it if this process is killed."""
    labels = {LABEL: os.path.realpath(dest), LABEL_PROCESS: _this_process()}
    identifier = engine.archives().create(image, labels, hidden)
    try:
        yield identifier
    finally:
        engine.archives().remove(identifier)


@contextmanager
def working(engine: Engine, job: Job, dest: str) -> Iterator[str]:
    """A container for a job, removed afterwards, whatever it does; `remove_orphans` does it if this process is killed."""
    labels = {LABEL: os.path.realpath(dest), LABEL_PROCESS: _this_process(), **job.labels}
    identifier = engine.jobs().create(replace(job, labels=labels))
    try:
        yield identifier
    finally:
        engine.archives().remove(identifier)


def orphans(engine: Engine, dest: str) -> Tuple[str, ...]:
    """Containers that a killed run on this folder left behind."""
    found = (item for item in engine.containers() if item.labels.get(LABEL) == os.path.realpath(dest))
    return tuple(item.identifier for item in found if not _lives(item.labels.get(LABEL_PROCESS, "")))


def remove_orphans(engine: Engine, dest: str) -> None:
    """Remove them."""
    for identifier in orphans(engine, dest):
        engine.archives().remove(identifier)


def _this_process() -> str:
    return f"{os.getpid()} {_started(os.getpid())}"


def _lives(process: str) -> bool:
    number, _space, started = process.partition(" ")
    return number.isdigit() and bool(started) and _started(int(number)) == started


def _started(process: int) -> str:
    """When a process was started, in the kernel's ticks: numbers of processes are used again."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
