# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore a backup into a throw-away project that has no way to publish, count, and remove all of it.

There is no container of Postiz and none of Temporal in it: only PostgreSQL, on a network that leads nowhere.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    databases,
    drill_report,
    files,
    restore_judge,
    volumes,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.databases import Login
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.drill_parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import Manifest, SavedDatabase, Server
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup, Store
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.lifecycle import Mounted, NewContainer
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_ONE_OFF,
    LABEL_PROJECT,
    LABEL_SERVICE,
    Engine,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import NotHealthy, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding

LABEL = "selfhost.postiz.drill"
_READY_SECONDS = 120
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Tried:
    """Rows that came back, by database; what speaks against the backup; the whole time in seconds."""

    rows: Mapping[str, int]
    entries: Mapping[str, int]
    findings: Tuple[Finding, ...]
    seconds: float


def drill(tools: Tools, request: Request) -> Outcome:
    """Raises NotHealthy for a backup that did not come back as it was, StackError."""
    store = Store(request.directory)
    backup = store.named(request.backup, request.project)
    age = tools.clock.now() - (parse_time(backup.manifest.taken_at) or 0.0)
    if request.check_mode:
        return drill_report.planned(backup, request.drill_project, age)
    with store.locked(request.lock_seconds, tools.clock):
        remove(tools.engine, request.drill_project)
        try:
            tried = _try(tools, request, backup)
        finally:
            remove(tools.engine, request.drill_project)
    tools.step("removed")
    found = tried.findings
    if request.max_age_seconds and age > request.max_age_seconds:
        found += (drill_report.too_old(backup, age, request.max_age_seconds),)
    payload = drill_report.payload(backup, request.drill_project, age, tried.seconds, tried.rows, tried.entries, found)
    if found:
        raise NotHealthy(str(payload["report"]), payload)
    return Outcome(True, payload)


def remove(engine: Engine, project: str) -> None:
    """All that a drill made, also one that was killed: by its own label, so that no stack of this name is touched."""
    for container in engine.containers():
        if container.labels.get(LABEL) == project:
            engine.lifecycle().remove(container.identifier)
    for volume in engine.volumes():
        if volume.labels.get(LABEL) == project:
            engine.lifecycle().remove_volume(volume.name)
    for network in engine.lifecycle().networks(f"{LABEL}={project}"):
        engine.lifecycle().remove_network(network)


def _try(tools: Tools, request: Request, backup: Backup) -> Tried:
    since = tools.clock.monotonic()
    manifest = backup.manifest
    found: List[Finding] = []
    rows: Dict[str, int] = {}
    entries: Dict[str, int] = {}
    for item in manifest.files:
        damaged = files.verify_file(backup.path, item)
        found += [damaged] if damaged is not None else []
    labels = {LABEL: request.drill_project, LABEL_PROJECT: request.drill_project}
    network = f"{request.drill_project}_default"
    tools.engine.lifecycle().create_network(network, labels)
    tools.step("network")
    servers = {item.service for item in manifest.databases}
    for server in manifest.servers:
        if server.service in servers:
            container, login = _server(tools, server, network, labels)
            for database in manifest.databases:
                if database.service == server.service:
                    number, finding = _database(tools, request, backup, database, container, login)
                    rows[f"{server.service}/{database.name}"] = number
                    found += [finding] if finding is not None else []
    if request.volumes:
        for volume in manifest.volumes:
            number = _volume(tools, request, backup, volume.key, volume.saved.file, labels)
            entries[volume.key] = number
            damaged = files.verify_file(backup.path, volume.saved)
            found += [damaged] if damaged is not None else []
            if number != volume.entries:
                found.append(
                    drill_report.differ(volume.key, f"{volume.entries} entries in the backup, {number} came back")
                )
    return Tried(rows, entries, tuple(found), tools.clock.monotonic() - since)


def _server(tools: Tools, server: Server, network: str, labels: Mapping[str, str]) -> Tuple[str, Login]:
    password = secrets.token_urlsafe(24)
    wanted = NewContainer(
        image=image(tools.engine, server),
        labels={**labels, LABEL_SERVICE: server.service, LABEL_ONE_OFF: "True"},
        network=network,
        environment={"POSTGRES_USER": server.user, "POSTGRES_PASSWORD": password},
    )
    container = tools.engine.lifecycle().create(wanted)
    tools.engine.acts().start(container)
    tools.step(f"started {server.service}")
    deadline = tools.clock.monotonic() + _READY_SECONDS
    while True:
        detail = tools.engine.detail(container)
        login = Login(server.service, detail.address, server.user, (password,))
        with suppress(databases.DatabaseFailed):
            facts = databases.look(login)
            if facts.major != server.major:
                raise StackError(
                    f"The image of {server.service} is PostgreSQL {facts.major}, and the backup is of {server.major}.",
                    f"pull {server.image} as it was.",
                )
            databases.make_roles(login, server.roles)
            return container, login
        if detail.state not in ("running", "created") or tools.clock.monotonic() > deadline:
            raise StackError(
                f"PostgreSQL of {server.service} did not start for the drill (its container is {detail.state}).",
                f"look at its image {server.image}.",
            )
        tools.clock.sleep(_POLL_SECONDS)


def image(engine: Engine, server: Server) -> str:
    """The very image of the backup, or what has its name now. Raises StackError."""
    for name in (server.image_id, server.image):
        if engine.image(name) is not None:
            return name
    raise StackError(f"The image {server.image} is not on this host.", "pull it, then run the drill again.")


def _database(
    tools: Tools, request: Request, backup: Backup, item: SavedDatabase, container: str, login: Login
) -> Tuple[int, Optional[Finding]]:
    argv = files.limited(
        request.timeout_seconds,
        *("pg_restore", "--exit-on-error", "--clean", "--if-exists", "--create", "--no-password"),
        *(f"--username={login.user}", f"--dbname={databases.beside(item.name)}"),
    )
    files.feed(tools.engine, container, argv, login.passwords[0], backup.path, item, request.timeout_seconds)
    with databases.connected(login, item.name) as connection:
        counted = databases.count(connection, item.kind)
    tools.step(f"restored {item.name}")
    differ = restore_judge.differences(item, counted.rows, counted.posts)
    finding = drill_report.differ(f"{item.service}/{item.name}", "; ".join(differ[:5])) if differ else None
    return sum(counted.rows.values()), finding


def _volume(tools: Tools, request: Request, backup: Backup, key: str, file: str, labels: Mapping[str, str]) -> int:
    engine = tools.engine
    name = f"{request.drill_project}_{key}"
    path = os.path.join(backup.path, file)
    engine.lifecycle().create_volume(name, "local", {}, labels)
    wanted = NewContainer(
        image=_any_image(engine, backup.manifest),
        labels=labels,
        mounts=(Mounted(name, volumes.TOP),),
        command=("true",),
    )
    container = engine.lifecycle().create(wanted)
    with file_errors(path), open(path, "rb") as stream:
        engine.streams().put(container, "/", stream, request.timeout_seconds)
    source = engine.archives().open(container, volumes.TOP)
    if source is None:
        raise StackError(f"{key} could not be read back.", "look at the engine's own log.")
    number = files.count_entries(source)
    tools.step(f"volume {key}")
    return number


def _any_image(engine: Engine, manifest: Manifest) -> str:
    names = [name for item in manifest.servers for name in (item.image_id, item.image)]
    names += [name for item in manifest.services for name in (item.image_id, item.image)]
    for name in names:
        if engine.image(name) is not None:
            return name
    raise StackError("No image of the stack is on this host.", "pull them first, then run the drill again.")
