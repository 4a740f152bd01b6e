# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather what is known about a stack's secrets: `.env`, the record of earlier runs, running containers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine, Volume
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import database
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.envfile import MalformedEnvFile, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import StackParameters
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import (
    KINDS,
    Fingerprint,
    SecretEvidence,
    SecretKind,
    fingerprints_from,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.transaction import current_path

RECORD = os.path.join("state", "secrets.json")


@dataclass(frozen=True)
class Kept:
    """What earlier runs left on the host. `problem` says why .env cannot be used."""

    env: Mapping[str, str] = field(repr=False)
    project: str
    fingerprints: Mapping[str, Fingerprint]
    problem: Optional[str] = None


def read_kept(directory: str) -> Kept:
    """Read `.env` and `state/secrets.json`; missing files are empty ones."""
    record = _read_record(current_path(directory, RECORD))
    project = str(record.get("project", ""))
    fingerprints = fingerprints_from(record.get("fingerprints", {}))
    try:
        with open(current_path(directory, ".env"), encoding="utf-8", newline="") as stream:
            return Kept(parse(stream.read()), project, fingerprints)
    except FileNotFoundError:
        return Kept({}, project, fingerprints)
    except UnicodeDecodeError:
        return Kept({}, project, fingerprints, "it is not UTF-8 text")
    except OSError as problem:
        return Kept({}, project, fingerprints, str(problem.strerror))
    except MalformedEnvFile as problem:
        return Kept({}, project, fingerprints, str(problem))


def _read_record(path: str) -> Dict[str, Any]:
    """A damaged record is no record: it only adds safety to what .env and the containers say."""
    try:
        with open(path, encoding="utf-8") as stream:
            record = json.load(stream)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def from_files(parameters: StackParameters, kept: Kept) -> Tuple[SecretEvidence, ...]:
    """The evidence that needs no engine."""
    return tuple(
        SecretEvidence(
            kind=kind,
            data_exists=False,
            given=parameters.given.get(kind.option),
            kept=kept.env.get(kind.env_file_name) or None,
            fingerprint=kept.fingerprints.get(kind.option),
        )
        for kind in KINDS
    )


@dataclass(frozen=True)
class EngineSources:
    """The engine and what it listed."""

    engine: Engine
    containers: Tuple[Container, ...]
    volumes: Tuple[Volume, ...]


def with_engine(
    evidence: Tuple[SecretEvidence, ...], project: str, sources: EngineSources
) -> Tuple[SecretEvidence, ...]:
    """The same, completed by what the engine knows; settled secrets cost no question."""
    return tuple(item if item.settled else _complete(item, project, sources) for item in evidence)


def _complete(item: SecretEvidence, project: str, sources: EngineSources) -> SecretEvidence:
    volume_names = {volume.name for volume in sources.volumes}
    completed = replace(item, data_exists=f"{project}_{item.kind.volume}" in volume_names)
    found = _container(item.kind, project, sources.containers)
    if found is None:
        return completed
    detail = sources.engine.detail(found.identifier)
    completed = replace(completed, running=detail.environment.get(item.kind.container_name) or None)
    candidate = completed.candidate
    if not item.kind.user or candidate is None or found.state != "running":
        return completed
    accepted = database.accepts(detail.address, item.kind.user, item.kind.database, candidate)
    return replace(completed, accepted=accepted)


def _container(kind: SecretKind, project: str, containers: Tuple[Container, ...]) -> Optional[Container]:
    matching = (
        container
        for container in containers
        if container.project == project and container.service == kind.service and not container.one_off
    )
    return next(matching, None)
