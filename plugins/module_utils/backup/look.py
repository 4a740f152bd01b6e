# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack before a backup: what its servers say, what nobody has decided about, and whether there is room."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Dict, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import databases, volumes
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import Copy, Coverage, estimate, judge
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.databases import Login, ServerFacts, end_left
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import DATABASE, TEMPORAL_PART
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.observe import observe
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import Project, SeenServer
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup, Store
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import no_space
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import errors_of


@dataclass(frozen=True)
class Stack:
    """A project with what its servers say, and what becomes of each of its parts."""

    project: Project
    facts: Dict[str, ServerFacts]
    coverage: Coverage

    def server(self, service: str) -> SeenServer:
        """By its service."""
        return next(item for item in self.project.servers if item.service == service)


def look(engine: Engine, request: Request) -> Stack:
    """Raises BadInput, Refused for a server that cannot be asked, EngineFailed."""
    project = observe(engine, request.project, request.service)
    facts: Dict[str, ServerFacts] = {}
    if {DATABASE, TEMPORAL_PART} & set(request.chosen.parts):
        for server in project.servers:
            if server.running and not request.chosen.excluded(f"database:{server.service}"):
                facts[server.service] = ask(server)
    live = [database for item in facts.values() for database in item.databases]
    folders = {place.bind: os.path.isdir(place.bind) for place in project.places if place.bind}
    return Stack(project, facts, judge(project, live, folders, request.chosen))


def login(server: SeenServer) -> Login:
    """How to reach it."""
    return Login(server.service, server.address, server.user, server.passwords)


def ask(server: SeenServer) -> ServerFacts:
    """Raises Refused."""
    try:
        return databases.look(login(server))
    except databases.DatabaseFailed as problem:
        raise databases.refused(server.service, problem) from problem


def end_left_of(stack: Stack) -> None:
    """Sessions that a killed run left on its servers are ended. A server that does not answer is left alone."""
    for server in stack.project.servers:
        if server.service in stack.facts:
            with suppress(StackError):
                end_left(login(server))


def refuse(stack: Stack, store: Store, request: Request) -> Dict[str, int]:
    """Raises Refused for what nobody has decided about, and for a disk that is too small; sizes of the parts."""
    found = errors_of(stack.coverage.findings)
    if found and request.fail_on_uncovered:
        raise Refused(found)
    before = store.backups(request.project)
    sizes = {copy.place.key: _size(copy, before) for copy in stack.coverage.copies}
    parts = estimate(stack.coverage.databases, sizes)
    free = store.free_bytes()
    wanted = sum(parts.values()) + request.min_free_bytes
    if wanted > free:
        largest = max(parts, key=lambda name: parts[name]) if parts else "min_free_bytes"
        evidence = f"{free} bytes are free, and the backup may need {wanted} (the largest part is {largest})"
        raise Refused((no_space(store.directory, evidence),))
    return parts


def _size(copy: Copy, before: Sequence[Backup]) -> int:
    place = copy.place
    found = volumes.folder_size(place.bind) if place.bind else volumes.size(place.volume) if place.volume else 0
    if found:
        return found
    # An engine elsewhere does not show its folders: then as much as the last time.
    saved = (item for backup in before[:1] for item in backup.manifest.volumes if item.key == place.key)
    return next((item.saved.bytes for item in saved), 0)
