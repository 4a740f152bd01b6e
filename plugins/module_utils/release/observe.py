# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a stack's images, their registry, its records and its journal."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import Any, Dict, FrozenSet, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.images import EngineImages, ImageDetail
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.release import journal, records
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    Ended,
    Release,
    ServiceImage,
    Transaction,
    repository,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters
from ansible_collections.selfhost.postiz.plugins.module_utils.release.versions import tag, version_of
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import rules
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.layout import COMPOSE_FILE, MANAGED, comparable

MAJOR_VARIABLE = "PG_MAJOR"
_MAJOR = re.compile(r"(\d+)(?:[.-]|$)")
_BEFORE_PULL = ("entrypoint", "command")


@dataclass(frozen=True)
class Target:
    """An image that is wanted: `local` is false while it must be pulled, `problem` is what the registry said.

    `postgresql` is the major version of an image of PostgreSQL, as far as it is known.
    """

    image: ServiceImage
    local: bool
    version: str = ""
    problem: str = ""
    postgresql: str = ""


@dataclass(frozen=True)
class Seen:
    """`running` are the images of the stack's containers as they run now; `managed`: the compose file is ours.

    `present` are the identifiers of recorded images that are on the host; `postgresql` are major versions, by service;
    `others` are containers of other projects that run by one of the wanted names; `recorded_changes` are what changes in
    the compose file on the way back to a recorded release, by its number.
    """

    containers: Tuple[Container, ...]
    running: Tuple[ServiceImage, ...]
    version: str
    targets: Tuple[Target, ...]
    transaction: Optional[Transaction]
    records: Tuple[Release, ...]
    present: FrozenSet[str]
    compose_changes: Tuple[str, ...]
    managed: bool
    now: float
    postgresql: Mapping[str, str] = field(default_factory=dict)
    others: Tuple[Container, ...] = ()
    ended: Ended = field(default_factory=Ended)
    recorded_changes: Mapping[int, Tuple[str, ...]] = field(default_factory=dict)


def observe(wanted: Parameters, engine: Engine, now: float) -> Seen:
    """Raises EngineAway and JournalDamaged."""
    containers = engine.project_containers(wanted.project)
    images = engine.images()
    running = tuple(_running(container, images) for container in containers)
    details = {container.service: images.detail(container.image_identifier) for container in containers}
    written = journal.entries(wanted.directory)
    kept = records.read(wanted.directory)
    text = _read(os.path.join(wanted.directory, COMPOSE_FILE))
    opened = journal.transaction(written)
    return Seen(
        containers=containers,
        running=running,
        version=version_of(details.get(wanted.service)),
        targets=tuple(_target(image, wanted, images, running) for image in wanted.images),
        transaction=opened,
        ended=journal.ended(written),
        records=kept,
        present=_present(kept, images),
        compose_changes=() if wanted.compose is None else compose_changes(text, wanted.compose),
        recorded_changes=_recorded_changes(text, wanted, kept) if wanted.to_release or opened else {},
        managed=MANAGED in text,
        now=now,
        others=_others(wanted, engine),
        postgresql={service: _major(detail) for service, detail in details.items() if _major(detail)},
    )


def _recorded_changes(text: str, wanted: Parameters, kept: Tuple[Release, ...]) -> Mapping[int, Tuple[str, ...]]:
    texts = {release.number: records.compose_text(wanted.directory, release.number) for release in kept}
    return {number: compose_changes(text, then) for number, then in texts.items() if then}


def _others(wanted: Parameters, engine: Engine) -> Tuple[Container, ...]:
    names = {image.reference for image in wanted.images}
    return tuple(item for item in engine.containers() if item.image in names and item.project != wanted.project)


def _major(detail: Optional[ImageDetail]) -> str:
    return detail.environment.get(MAJOR_VARIABLE, "") if detail is not None else ""


def _present(kept: Tuple[Release, ...], images: EngineImages) -> FrozenSet[str]:
    known = {image.identifier for release in kept for image in release.images}
    return frozenset(identifier for identifier in known if images.detail(identifier) is not None)


def _running(container: Container, images: EngineImages) -> ServiceImage:
    detail = images.detail(container.image_identifier)
    return ServiceImage(
        container.service, container.image, container.image_identifier, _digest(container.image, detail)
    )


def _digest(reference: str, detail: Optional[ImageDetail]) -> str:
    """Under the reference's own repository, else under any: the name may be an identifier, when its tag has moved on."""
    known = [name.partition("@") for name in (detail.digests if detail is not None else ())]
    own = [digest for name, _at, digest in known if name == repository(reference)]
    return (own or [digest for _name, _at, digest in known] or [""])[0]


def _target(image: ServiceImage, wanted: Parameters, images: EngineImages, running: Tuple[ServiceImage, ...]) -> Target:
    """Of a service whose name did not change and is not among the moving ones, only what is on the host counts.

    A digest that is given was resolved by the plan: a tag that has moved since changes nothing any more.
    """
    same_name = any(item.service == image.service and item.reference == image.reference for item in running)
    settled = same_name and image.service not in wanted.moving
    pinned = image.reference.partition("@")[2]
    if not wanted.ask_registry or settled:
        return _local(image, images)
    try:
        digest = image.digest or pinned or images.registry_digest(image.reference)
    except EngineFailed as problem:
        return replace(_local(image, images), problem=problem.message)
    resolved = replace(image, digest=digest)
    detail = images.detail(resolved.pinned)
    if detail is None:
        return Target(resolved, False, tag(image.reference), postgresql=_major_of_name(image.reference))
    version = version_of(detail, image.reference)
    return Target(replace(resolved, identifier=detail.identifier), True, version, postgresql=_major(detail))


def _local(image: ServiceImage, images: EngineImages) -> Target:
    detail = images.detail(image.reference)
    if detail is None:
        return Target(image, False, tag(image.reference), postgresql=_major_of_name(image.reference))
    found = replace(image, identifier=detail.identifier, digest=_digest(image.reference, detail))
    return Target(found, True, version_of(detail, image.reference), postgresql=_major(detail))


def _major_of_name(reference: str) -> str:
    """Before it is pulled: `postgres:17.5-alpine` is of 17."""
    match = _MAJOR.match(tag(reference))
    return match.group(1) if match is not None and "postgres" in repository(reference).rpartition("/")[2] else ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        return ""


def compose_changes(old: str, new: str) -> Tuple[str, ...]:
    """What changes between two compose files, as `path: old -> new`. It has no secrets: these are in .env.

    What the image starts by itself stands in the new one only when the image is there.
    """
    files = rules.parsed_all(comparable(old, new))
    if files is None:
        return (f"{COMPOSE_FILE}: one of the two is no YAML, so what changes cannot be told",)
    before, after = (_flat(content) for content in files)
    paths = sorted(path for path in set(before) | set(after) if not path.endswith(_BEFORE_PULL))
    return tuple(
        f"{path}: {before.get(path, 'nothing')} -> {after.get(path, 'nothing')}"
        for path in paths
        if before.get(path) != after.get(path)
    )


def _flat(value: Any, path: str = "") -> Mapping[str, str]:
    if isinstance(value, dict):
        found: Dict[str, str] = {}
        for name, item in value.items():
            found.update(_flat(item, f"{path}.{name}" if path else str(name)))
        return found
    return {path: str(value)}
