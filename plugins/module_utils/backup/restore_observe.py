# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a stack over which a backup shall be restored; it may be whole, half made, or gone. Changes nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import databases, restore_judge
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import LiveDatabase
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.look import login
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import POSTIZ, Manifest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.observe import jwt_secret_of, observe
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import Project, SeenServer
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_judge import MEDIA, WIPED, Live
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_VOLUME,
    Container,
    Engine,
    Volume,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError

_SINCE = {
    "posts made": 'SELECT count(*) FROM "Post" WHERE "createdAt" > %(since)s',
    "posts changed": 'SELECT count(*) FROM "Post" WHERE "updatedAt" > %(since)s AND "createdAt" <= %(since)s',
    "posts published": """SELECT count(*) FROM "Post" WHERE "updatedAt" > %(since)s AND state = 'PUBLISHED'""",
    "channels": 'SELECT count(*) FROM "Integration" WHERE greatest("createdAt", "updatedAt") > %(since)s',
    MEDIA: 'SELECT count(*) FROM "Media" WHERE "createdAt" > %(since)s',
}


@dataclass(frozen=True)
class Scene:
    """What is there of the project: its containers, if it has any, and its volumes by their key."""

    project: Optional[Project]
    containers: Tuple[Container, ...]
    volumes: Dict[str, Volume]

    def server(self, service: str) -> Optional[SeenServer]:
        """A running PostgreSQL container."""
        servers = self.project.servers if self.project is not None else ()
        return next((item for item in servers if item.service == service and item.running), None)


def scene(engine: Engine, request: Request) -> Scene:
    """Raises EngineFailed."""
    containers = engine.project_containers(request.project)
    found: Optional[Project] = None
    if containers:
        try:
            found = observe(engine, request.project, request.service)
        except BadInput:
            found = observe(engine, request.project, containers[0].service)
    volumes = {
        volume_key(item, request.project): item for item in engine.volumes() if of_project(item, request.project)
    }
    return Scene(found, containers, volumes)


def of_project(volume: Volume, project: str) -> bool:
    """By its label; one that somebody else made is only known by its name."""
    return volume.project == project or (not volume.project and volume.name.startswith(f"{project}_"))


def volume_key(volume: Volume, project: str) -> str:
    """As in a manifest."""
    return volume.labels.get(LABEL_VOLUME) or volume.name[len(project) + 1 :]


def live(engine: Engine, request: Request, manifest: Manifest, there: Scene) -> Live:
    """Raises EngineFailed."""
    majors: Dict[str, int] = {}
    version = there.project.version if there.project is not None else ""
    secret = _secret(request, there)
    stores = [item.volume for item in manifest.servers] + [
        item.key for item in manifest.volumes if item.part in request.parts
    ]
    running = [item for item in manifest.servers if there.server(item.service) is not None]
    data = bool(running) or any(key in there.volumes for key in stores)
    since: Dict[str, int] = {}
    named: Dict[str, Sequence[LiveDatabase]] = {}
    why = "its PostgreSQL services do not run" if data else ""
    if there.project is not None:
        for server in there.project.servers:
            stated = engine.detail(server.container).environment.get("PG_MAJOR", "")
            if stated.isdigit():
                majors[server.service] = int(stated)
    home = next((item.service for item in manifest.databases if item.kind == POSTIZ), "")
    for server in there.project.servers if there.project is not None else ():
        if not server.running:
            continue
        try:
            facts = databases.look(login(server))
        except databases.DatabaseFailed as problem:
            why = problem.message.rstrip(".")
            continue
        majors[server.service] = facts.major
        named[server.place] = facts.databases
        if server.service == home:
            why = ""
            for database in facts.databases:
                if database.kind == POSTIZ:
                    since = _since(server, database.name, manifest)
    if not data:
        return Live(False, True, "", {}, majors, version, secret)
    gone = restore_judge.others(manifest, request.parts, there.volumes, named) if request.fresh else ()
    return Live(True, not why, why, since, majors, version, secret, gone)


def _since(server: SeenServer, database: str, manifest: Manifest) -> Dict[str, int]:
    moment = parse_time(manifest.taken_at)
    values = {"since": datetime.fromtimestamp(moment or 0.0, timezone.utc).replace(tzinfo=None)}
    found: Dict[str, int] = {}
    with databases.connected(login(server), database) as connection, connection.cursor() as cursor:
        for what, statement in _SINCE.items():
            cursor.execute(statement, values)
            (found[what],) = cursor.fetchone()
    return found


def _secret(request: Request, there: Scene) -> Optional[str]:
    """The stack's own JWT_SECRET; None where there is none yet."""
    if there.project is not None and there.project.jwt_secret:
        return there.project.jwt_secret
    return jwt_secret_of(os.path.join(request.project_directory, ".env")) or None if request.project_directory else None


def postiz_database(there: Scene) -> Tuple[SeenServer, str]:
    """Where the posts are. Raises StackError."""
    found: List[Tuple[SeenServer, str]] = []
    for server in there.project.servers if there.project is not None else ():
        if server.running:
            found += [(server, item.name) for item in databases.look(login(server)).databases if item.kind == POSTIZ]
    if not found:
        raise StackError("No running PostgreSQL service has the tables of Postiz.", "restore its database first.")
    return found[0]


def temporal_database(there: Scene, kind: Any) -> Optional[Tuple[SeenServer, str]]:
    """Where Temporal keeps what runs; None where that is outside of the project."""
    for server in there.project.servers if there.project is not None else ():
        if server.running:
            for item in databases.look(login(server)).databases:
                if item.kind == kind and databases.has_table(login(server), item.name, "current_executions"):
                    return server, item.name
    return None


__all__ = ["WIPED", "Scene", "live", "of_project", "postiz_database", "scene", "temporal_database", "volume_key"]
