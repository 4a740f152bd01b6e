# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether all that a stack keeps is in the backup, or left out by name and with a reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    CONFIG,
    DATABASE,
    POSTIZ,
    TEMPORAL,
    TEMPORAL_PART,
    UPLOADS,
    Exclusion,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import Place, Project
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.rules import (
    EMPTY_DATABASE,
    NOT_CHOSEN,
    Way,
    rule_for,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error

_ELSEWHERE = {"database": DATABASE, "temporal": TEMPORAL_PART, "file": CONFIG}


@dataclass(frozen=True)
class LiveDatabase:
    """A database of a running server. `kind` is postiz, temporal or other, by the tables that it has."""

    service: str
    name: str
    kind: str
    bytes: int
    tables: int

    @property
    def item(self) -> str:
        """How it is excluded."""
        return f"database:{self.service}/{self.name}"

    @property
    def part(self) -> str:
        """Which part of a backup it belongs to."""
        return TEMPORAL_PART if self.kind == TEMPORAL else DATABASE


@dataclass(frozen=True)
class Copy:
    """A place whose files are copied; `freeze` while its service is paused."""

    place: Place
    part: str
    freeze: bool


@dataclass(frozen=True)
class Coverage:
    """What is taken, what is left out, and what nobody has decided about."""

    databases: Tuple[LiveDatabase, ...]
    copies: Tuple[Copy, ...]
    folders: Tuple[str, ...]
    exclusions: Tuple[Exclusion, ...]
    findings: Tuple[Finding, ...]


@dataclass(frozen=True)
class Chosen:
    """The parts of this backup, and what is left out by name."""

    parts: Tuple[str, ...]
    exclusions: Tuple[Exclusion, ...]

    def excluded(self, name: str) -> str:
        """The reason, empty for what is wanted."""
        return next((item.reason for item in self.exclusions if item.name == name), "")


def judge(project: Project, databases: Sequence[LiveDatabase], folders: Mapping[str, bool], chosen: Chosen) -> Coverage:
    """`folders` says of each bind's source whether it is a folder of the host."""
    found = _Collected()
    for server in project.servers:
        if not server.running:
            found.server(server.service, chosen)
    for database in databases:
        found.database(database, chosen)
    for place in project.places:
        found.place(place, project, folders, chosen)
    for volume in project.unused:
        key = volume.labels.get("com.docker.compose.volume", volume.name)
        found.left_over(f"volume:{key}", "no container mounts it", chosen)
    for item in project.elsewhere:
        reason = chosen.excluded(item.name)
        if reason:
            found.exclusions.append(Exclusion(item.name, reason))
        elif _ELSEWHERE[item.name.partition(":")[0]] in chosen.parts:
            found.uncovered(item.name, item.evidence)
    kinds = {item.kind for item in databases}
    wanted = DATABASE in chosen.parts and not any(item.name.startswith("database:") for item in project.elsewhere)
    if wanted and POSTIZ not in kinds and all(server.running for server in project.servers):
        found.uncovered("database", "no running PostgreSQL container of the project has the tables of Postiz.")
    unknown = {item.name for item in chosen.exclusions} - {item.name for item in found.exclusions}
    for name in sorted(unknown):
        found.exclusions.append(Exclusion(name, chosen.excluded(name)))
    return Coverage(
        tuple(found.databases),
        tuple(found.copies),
        tuple(sorted(found.folders)),
        tuple(found.exclusions),
        tuple(found.findings),
    )


class _Collected:
    def __init__(self) -> None:
        self.databases: List[LiveDatabase] = []
        self.copies: List[Copy] = []
        self.folders: List[str] = []
        self.exclusions: List[Exclusion] = []
        self.findings: List[Finding] = []

    def uncovered(self, name: str, evidence: str) -> None:
        self.findings.append(
            error(
                "backup-uncovered",
                name,
                evidence,
                f"make it part of the backup, or leave it out by name: exclude: [{{name: '{name}', reason: …}}].",
            )
        )

    def server(self, service: str, chosen: Chosen) -> None:
        name = f"database:{service}"
        reason = chosen.excluded(name)
        if reason:
            self.exclusions.append(Exclusion(name, reason))
        elif {DATABASE, TEMPORAL_PART} & set(chosen.parts):
            self.uncovered(name, f"The PostgreSQL container of {service} does not run, so it cannot be dumped.")

    def database(self, database: LiveDatabase, chosen: Chosen) -> None:
        reason = chosen.excluded(database.item)
        if not reason and database.part not in chosen.parts:
            reason = NOT_CHOSEN
        if not reason and not database.tables:
            reason = EMPTY_DATABASE
        if reason:
            self.exclusions.append(Exclusion(database.item, reason))
        else:
            self.databases.append(database)

    def left_over(self, name: str, why: str, chosen: Chosen) -> None:
        reason = chosen.excluded(name)
        if reason:
            self.exclusions.append(Exclusion(name, reason))
        elif UPLOADS in chosen.parts:
            self.uncovered(name, f"It belongs to the project, and {why}.")

    def place(self, place: Place, project: Project, folders: Mapping[str, bool], chosen: Chosen) -> None:
        name = f"bind:{place.bind}" if place.bind else f"volume:{place.key}"
        reason = chosen.excluded(name)
        if reason:
            self.exclusions.append(Exclusion(name, reason))
            return
        if place.of_server:
            return
        rule = rule_for(place.image, place.of_postiz, place.destination)
        if place.bind and rule.way is Way.UNCOVERED:
            self._bind(place, name, project, folders, chosen)
        elif rule.way is Way.EXCLUDE:
            self.exclusions.append(Exclusion(name, rule.reason))
        elif rule.way in (Way.COPY, Way.FREEZE):
            if rule.part in chosen.parts:
                self.copies.append(Copy(place, rule.part, rule.way is Way.FREEZE and place.running))
            else:
                self.exclusions.append(Exclusion(name, NOT_CHOSEN))
        elif UPLOADS not in chosen.parts:
            self.exclusions.append(Exclusion(name, NOT_CHOSEN))
        elif place.of_postiz:
            self.copies.append(Copy(place, UPLOADS, False))
        else:
            kind = "anonymous volume" if place.anonymous else "volume"
            self.uncovered(
                name,
                f"{place.service} keeps this {kind} at {place.destination}, and nothing is known of what is in it.",
            )

    def _bind(self, place: Place, name: str, project: Project, folders: Mapping[str, bool], chosen: Chosen) -> None:
        inside = bool(project.directory) and place.bind.startswith(project.directory.rstrip("/") + "/")
        if not place.writable or not folders.get(place.bind, False):
            # A file or a folder that no service writes to: of the stack's own it is configuration.
            if inside:
                self.folders.append(place.bind)
        elif place.of_postiz:
            if UPLOADS in chosen.parts:
                self.copies.append(Copy(place, UPLOADS, False))
            else:
                self.exclusions.append(Exclusion(name, NOT_CHOSEN))
        elif UPLOADS in chosen.parts:
            self.uncovered(name, f"{place.service} writes to this folder of the host (as {place.destination}).")


def wanted_configuration(chosen: Chosen) -> bool:
    """Whether the files of the stack are part of it."""
    return CONFIG in chosen.parts


def estimate(databases: Sequence[LiveDatabase], sizes: Mapping[str, int]) -> Dict[str, int]:
    """Bytes that the parts may take at most, by name. A dump is smaller than its database."""
    found = {item.item: item.bytes for item in databases}
    found.update({f"volume:{key}": size for key, size in sizes.items()})
    return found


def names(exclusions: Sequence[Exclusion]) -> Iterator[str]:
    """For people."""
    for item in exclusions:
        yield f"{item.name}: {item.reason}"
