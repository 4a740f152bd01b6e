# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a backup may be restored over what is there. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import LiveDatabase
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    CONFIG,
    DATABASE,
    LIVING,
    POSTIZ,
    UPLOADS,
    Manifest,
    SavedDatabase,
    Server,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.rules import EMPTY_DATABASE
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, warning


@dataclass(frozen=True)
class Live:
    """What the stack holds now. `told` is False where there is data and nobody who could tell of it.

    `since` counts what is newer than the backup, by what it is; `majors` are PostgreSQL's by service. `others` are the
    databases (`service/name`) that the restore would remove with their server's volume, and not put back.
    """

    exists: bool
    told: bool
    why_not: str
    since: Mapping[str, int]
    majors: Mapping[str, int]
    version: str = ""
    jwt_secret: Optional[str] = field(repr=False, default=None)
    others: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """What the operator has accepted by name."""

    loss: bool
    new_jwt_secret: bool
    newer_postgresql: bool


MEDIA = "media"
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
WIPED = Live(False, True, "", {}, {})


def wanted_databases(manifest: Manifest, parts: Tuple[str, ...]) -> Tuple[SavedDatabase, ...]:
    """Those of the chosen parts."""
    return tuple(item for item in manifest.databases if item.part in parts)


def wanted_servers(manifest: Manifest, parts: Tuple[str, ...]) -> Tuple[Server, ...]:
    """Those that hold one of them."""
    services = {item.service for item in wanted_databases(manifest, parts)}
    return tuple(item for item in manifest.servers if item.service in services)


def others(
    manifest: Manifest, parts: Tuple[str, ...], volumes: Collection[str], told: Mapping[str, Sequence[LiveDatabase]]
) -> Tuple[str, ...]:
    """Databases with tables on servers that are made anew, and that no dump of the chosen parts brings back.

    `volumes` are the keys of those that exist; `told` are the databases that a server named, by the key of its volume. Of a
    server that does not answer, the backup says what was there.
    """
    found: List[str] = []
    for server in wanted_servers(manifest, parts):
        if server.volume not in volumes:
            continue
        answered = told.get(server.volume)
        there = (
            _known(manifest, server.service) if answered is None else {item.name for item in answered if item.tables}
        )
        wanted = {item.name for item in wanted_databases(manifest, parts) if item.service == server.service}
        found += [f"{server.service}/{name}" for name in sorted(there - wanted)]
    return tuple(found)


def _known(manifest: Manifest, service: str) -> Set[str]:
    """The databases of a server at the time of the backup, also those that were left out of it."""
    prefix = f"database:{service}/"
    left_out = {
        item.name[len(prefix) :]
        for item in manifest.exclusions
        if item.name.startswith(prefix) and item.reason != EMPTY_DATABASE
    }
    return left_out | {item.name for item in manifest.databases if item.service == service}


def judge(
    manifest: Manifest, parts: Tuple[str, ...], live: Live, accepted: Accepted, under_way: bool
) -> Tuple[Finding, ...]:
    """What speaks against it; what was accepted is a warning. A restore that is under way has lost the old data already."""
    found = [*_versions(manifest, parts, live, accepted)]
    running, wanted = _number(live.version), _number(manifest.version)
    brings_files = CONFIG in parts and CONFIG in manifest.parts
    if DATABASE in parts and not brings_files and running and wanted and running < wanted:
        found.append(_newer_release(manifest, live, accepted))
    if not under_way:
        found += _newer(manifest, parts, live, accepted)
    if not under_way and live.others:
        found.append(_other_databases(live))
    known = manifest.jwt_secret
    if live.jwt_secret is not None and known is not None and not known.matches(live.jwt_secret):
        found.append(_jwt(accepted))
    return tuple(found)


def _versions(manifest: Manifest, parts: Tuple[str, ...], live: Live, accepted: Accepted) -> Iterator[Finding]:
    for server in wanted_servers(manifest, parts):
        major = live.majors.get(server.service, server.major)
        if major == server.major:
            continue
        evidence = f"The backup is of PostgreSQL {server.version}, and the stack has {major}."
        if major < server.major:
            yield error(
                "backup-wrong-version", server.service, evidence, f"use an image of PostgreSQL {server.major} for it."
            )
        elif accepted.newer_postgresql:
            yield warning("backup-wrong-version", server.service, evidence, "look at the gate afterwards.")
        else:
            yield error(
                "backup-wrong-version",
                server.service,
                evidence,
                f"use an image of PostgreSQL {server.major}, or set accept_newer_postgresql: true "
                f"{_playbook('restore_accept_newer_postgresql')}.",
            )


def _number(version: str) -> Tuple[int, ...]:
    """Such as (2, 23, 0); empty for what is no version."""
    match = _VERSION.fullmatch(version)
    return tuple(int(part) for part in match.groups()) if match is not None else ()


def _newer_release(manifest: Manifest, live: Live, accepted: Accepted) -> Finding:
    make = warning if accepted.loss else error
    return make(
        "backup-newer-release",
        manifest.service,
        f"The backup is of Postiz {manifest.version}, and the stack runs {live.version}, which drops at its start what it does "
        "not know.",
        "restore the part config, too, or put the compose file of that release in place first; or set accept_loss: true "
        f"{_playbook('restore_accept_loss')}.",
    )


def _newer(manifest: Manifest, parts: Tuple[str, ...], live: Live, accepted: Accepted) -> Iterator[Finding]:
    make = warning if accepted.loss else error
    since = _lost(parts, live.since)
    if not live.exists or since is None:
        return
    if not live.told:
        yield make(
            "backup-newer-data",
            manifest.project,
            f"Its data exists, and nobody can tell whether it is newer than the backup: {live.why_not}.",
            f"start its PostgreSQL services, or set accept_loss: true {_playbook('restore_accept_loss')}.",
        )
    elif any(since.values()):
        yield make(
            "backup-newer-data",
            manifest.project,
            f"Since the backup of {manifest.taken_at}, this would be lost: {told(since)}.",
            "the loss is accepted; afterwards it is only in the backup of what is there now."
            if accepted.loss
            else f"make a backup of what is there now, then set accept_loss: true {_playbook('restore_accept_loss')}.",
        )


def _lost(parts: Tuple[str, ...], since: Mapping[str, int]) -> Optional[Mapping[str, int]]:
    """What of it the chosen parts take away: with uploads alone, files of media. None for parts that hold no data."""
    if set(LIVING) & set(parts):
        return since
    return {what: count for what, count in since.items() if what == MEDIA} if UPLOADS in parts else None


def _other_databases(live: Live) -> Finding:
    names = ", ".join(live.others)
    return error(
        "backup-other-databases",
        sorted({name.partition("/")[0] for name in live.others})[0],
        f"The volume of its server would be made anew, and these databases are gone then, because the restore does not bring "
        f"them back: {names}.",
        "use volumes: kept (playbook: -e restore_volumes=kept), which leaves them alone, or a backup and parts that hold them.",
    )


def told(since: Mapping[str, int]) -> str:
    """For people."""
    return (
        ", ".join(f"{count} {_one(what) if count == 1 else what}" for what, count in since.items() if count)
        or "nothing"
    )


def _one(what: str) -> str:
    return what.replace("posts", "post").replace("channels", "channel")


def _playbook(variable: str) -> str:
    return f"(playbook: -e {variable}=true)"


def _jwt(accepted: Accepted) -> Finding:
    make = warning if accepted.new_jwt_secret else error
    return make(
        "jwt-secret-changed",
        "JWT_SECRET",
        "The stack's JWT_SECRET is another one than that of the backup, which encrypts the stored channels and API keys.",
        "put the backup's own .env in place; or set accept_new_jwt_secret: true "
        f"{_playbook('restore_accept_new_jwt_secret')}, then every user signs in anew and every channel must be connected again.",
    )


def differences(wanted: SavedDatabase, rows: Mapping[str, int], posts: Mapping[str, int]) -> Tuple[str, ...]:
    """Tables whose restored rows are not those of the backup."""
    found: Dict[str, Tuple[object, object]] = {}
    for table in sorted(set(wanted.rows) | set(rows)):
        if wanted.rows.get(table) != rows.get(table):
            found[table] = (wanted.rows.get(table, "none"), rows.get(table, "none"))
    if wanted.kind == POSTIZ and dict(wanted.posts) != dict(posts):
        found["posts by state"] = (dict(wanted.posts), dict(posts))
    return tuple(f"{name}: {before} in the backup, {after} restored" for name, (before, after) in found.items())
