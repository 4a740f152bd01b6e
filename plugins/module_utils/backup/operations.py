# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a backup: look, judge, take the snapshots while nobody writes, dump, prove, and give it its name."""

from __future__ import annotations

import os
from typing import List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import files, pausing, report, stackfiles, volumes
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import LiveDatabase, wanted_configuration
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.databases import Snapshot, prepared
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.look import Stack, end_left_of, login, look, refuse
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    CONFIG,
    EXCLUDED,
    PARTS,
    Manifest,
    SavedDatabase,
    SavedFile,
    Server,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import SeenServer
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import PARTIAL, Backup, Store, expired
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.taking import take
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import Fingerprint


def backup(tools: Tools, request: Request) -> Outcome:
    """Raises StackError; then nothing has a final name that was not there before."""
    store = Store(request.directory)
    if request.check_mode:
        store.wait_until_free(request.lock_seconds, tools.clock)
        stack = look(tools.engine, request)
        sizes = refuse(stack, store, request)
        env = request.env if CONFIG in request.chosen.parts else ""
        return report.planned(
            stack.project.name,
            stack.coverage,
            sizes,
            store.leftovers(),
            store.directory,
            store.free_bytes(),
            env,
        )
    with store.locked(request.lock_seconds, tools.clock):
        recovered = pausing.recover(tools.engine, request.directory)
        recovered = bool(store.clean()) or recovered
        recovered = bool(volumes.remove_left(tools.engine, request.project)) or recovered
        stack = look(tools.engine, request)
        end_left_of(stack)
        refuse(stack, store, request)
        since = tools.clock.monotonic()
        partial = store.begin(tools.clock.now(), request.label)
        tools.step("begun")
        try:
            made = _write(tools, request, stack, store, partial)
        except BaseException:
            store.discard(partial)
            end_left_of(stack)
            raise
        tools.step("committed")
        gone = expired(store.backups(), request.project, request.label, request.keep)
        for item in gone:
            store.remove(item)
    seconds = tools.clock.monotonic() - since
    return report.made(made, seconds, recovered, [os.path.basename(item.path) for item in gone], stack.coverage)


def _write(tools: Tools, request: Request, stack: Stack, store: Store, partial: str) -> Backup:
    project, coverage = stack.project, stack.coverage
    wanted = [(login(stack.server(item.service)), item) for item in coverage.databases]
    saved: List[SavedDatabase] = []
    with prepared(wanted) as snapshots:
        taken = take(tools, request, stack, snapshots, partial)
        for snapshot in snapshots:
            saved.append(_dump(tools, request, stack, snapshot, partial))
    copies = [*taken.volumes]
    for copy in coverage.copies:
        if not copy.freeze:
            copies.append(volumes.save(tools.engine, copy, project.name, partial, tools.step))
    own: Tuple[SavedFile, ...] = ()
    if wanted_configuration(request.chosen) and project.directory:
        own = (stackfiles.save(project, coverage.folders, partial),)
        own += stackfiles.save_env(project, request.env, request.passphrase, partial)
    tools.step("written")
    for database in saved:
        container = stack.server(database.service).container
        files.verify_dump(tools.engine, container, partial, database.saved, request.timeout_seconds)
    for item in (*(copy.saved for copy in copies), *own):
        damaged = files.verify_file(partial, item)
        if damaged is not None:
            raise Refused((damaged,))
    tools.step("verified")
    manifest = Manifest(
        project=project.name,
        label=request.label,
        name=os.path.basename(partial)[: -len(PARTIAL)],
        taken_at=taken.at,
        finished_at=tools.now_text(),
        consistency=taken.consistency,
        paused_seconds=round(taken.paused_seconds, 3),
        directory=project.directory,
        compose_files=project.compose_files,
        version=project.version,
        service=project.service,
        temporal_address=project.temporal_address,
        temporal_namespace=project.temporal_namespace,
        services=project.images,
        jwt_secret=Fingerprint.of(project.jwt_secret) if project.jwt_secret else None,
        servers=tuple(_server(item, stack) for item in project.servers if item.service in stack.facts),
        databases=tuple(saved),
        volumes=tuple(copies),
        files=own,
        env=request.env if any(item.file != stackfiles.ARCHIVE for item in own) else EXCLUDED,
        exclusions=coverage.exclusions,
        parts=tuple(part for part in PARTS if part in request.chosen.parts and (part != CONFIG or own)),
    )
    return store.commit(partial, manifest)


def _dump(tools: Tools, request: Request, stack: Stack, snapshot: Snapshot, partial: str) -> SavedDatabase:
    database: LiveDatabase = snapshot.database
    server = stack.server(database.service)
    password = stack.facts[database.service].password
    saved = files.dump(tools.engine, server.container, snapshot, password, partial, request.timeout_seconds)
    counted = snapshot.count()
    tools.step(f"dumped {database.name}")
    return SavedDatabase(
        database.service, database.name, database.kind, saved, counted.rows, counted.posts, counted.newest_post
    )


def _server(server: SeenServer, stack: Stack) -> Server:
    facts = stack.facts[server.service]
    return Server(
        service=server.service,
        version=facts.version,
        major=facts.major,
        image=server.image,
        image_id=server.image_id,
        user=server.user,
        volume=server.place,
        roles=facts.roles,
    )
