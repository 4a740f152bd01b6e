# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a backup: look, judge, take the snapshots while nobody writes, dump, prove, and give it its name."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable, Dict, List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    databases,
    files,
    pausing,
    report,
    stackfiles,
    volumes,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import (
    Copy,
    Coverage,
    LiveDatabase,
    estimate,
    judge,
    wanted_configuration,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.databases import (
    Login,
    ServerFacts,
    Snapshot,
    end_left,
    prepared,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    CONFIG,
    DATABASE,
    EXCLUDED,
    ONLINE,
    PAUSED,
    STOPPED,
    TEMPORAL_PART,
    Manifest,
    SavedDatabase,
    SavedFile,
    SavedVolume,
    Server,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.observe import Project, SeenServer, observe
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import (
    PARTIAL,
    Backup,
    Store,
    expired,
    no_space,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, errors_of, sentence
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import Fingerprint


@dataclass(frozen=True)
class Tools:
    """`connect` makes another connection to the engine; `step` is told each step when it is done."""

    engine: Engine
    connect: Callable[[], Engine]
    clock: Clock
    step: Callable[[str], None]


@dataclass(frozen=True)
class Stack:
    """A project with what its servers say, and what becomes of each of its parts."""

    project: Project
    facts: Dict[str, ServerFacts]
    coverage: Coverage

    def server(self, service: str) -> SeenServer:
        """By its service."""
        return next(item for item in self.project.servers if item.service == service)


@dataclass(frozen=True)
class Taken:
    """What the pause gave: when the snapshots were taken, how long it was, and what was copied meanwhile."""

    at: str
    consistency: str
    paused_seconds: float
    volumes: Tuple[SavedVolume, ...]


def backup(tools: Tools, request: Request) -> Outcome:
    """Raises StackError; then nothing has a final name that was not there before."""
    store = Store(request.directory)
    if request.check_mode:
        stack = look(tools.engine, request)
        sizes = _refuse(stack, store, request)
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
        _end_left(stack)
        _refuse(stack, store, request)
        since = tools.clock.monotonic()
        partial = store.begin(tools.clock.now(), request.label)
        tools.step("begun")
        try:
            made = _write(tools, request, stack, store, partial)
        except BaseException:
            store.discard(partial)
            _end_left(stack)
            raise
        tools.step("committed")
        gone = expired(store.backups(), request.project, request.label, request.keep)
        for item in gone:
            store.remove(item)
    seconds = tools.clock.monotonic() - since
    return report.made(made, seconds, recovered, [os.path.basename(item.path) for item in gone], stack.coverage)


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


def _end_left(stack: Stack) -> None:
    for server in stack.project.servers:
        if server.service in stack.facts:
            with suppress(StackError):
                end_left(login(server))


def _refuse(stack: Stack, store: Store, request: Request) -> Dict[str, int]:
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


def _write(tools: Tools, request: Request, stack: Stack, store: Store, partial: str) -> Backup:
    project, coverage = stack.project, stack.coverage
    wanted = [(login(stack.server(item.service)), item) for item in coverage.databases]
    saved: List[SavedDatabase] = []
    with prepared(wanted) as snapshots:
        taken = _take(tools, request, stack, snapshots, partial)
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
        finished_at=_iso(tools.clock.now()),
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
    )
    return store.commit(partial, manifest)


def _take(tools: Tools, request: Request, stack: Stack, snapshots: Sequence[Snapshot], partial: str) -> Taken:
    freezer = pausing.Freezer(tools.engine, tools.connect, request.directory, tools.clock, tools.step)
    workers = [item.identifier for item in stack.project.running]
    if request.consistency == ONLINE or not snapshots:
        workers = []
    aside = [copy for copy in stack.coverage.copies if copy.freeze]
    copied: List[SavedVolume] = []
    # Elasticsearch stops taking in what Temporal tells it, which Temporal keeps until it can; so its copy may take longer.
    with freezer.frozen([copy.place.container for copy in aside], request.timeout_seconds):
        with freezer.frozen(workers, request.max_pause_seconds) as state:
            for snapshot in snapshots:
                snapshot.take()
            at = databases.now(snapshots[0]) if snapshots else _iso(tools.clock.now())
            if state.lost() or _came_back(tools, stack, workers, request):
                raise Refused((_pause_lost(stack.project.service),))
            tools.step("snapshots")
        tools.step("unpaused")
        for copy in aside:
            copied.append(volumes.save(tools.engine, copy, stack.project.name, partial, tools.step))
    running = bool(stack.project.running)
    consistency = STOPPED if not running else PAUSED if workers else ONLINE
    return Taken(at, consistency, state.seconds, tuple(copied))


def _came_back(tools: Tools, stack: Stack, workers: Sequence[str], request: Request) -> bool:
    """Whether a worker that did not run, or that somebody else had paused, runs now."""
    if request.consistency == ONLINE:
        return False
    there = tools.engine.project_containers(stack.project.name)
    service = stack.project.service
    return any(item.service == service and item.state == "running" and item.identifier not in workers for item in there)


def _pause_lost(service: str) -> Finding:
    return error(
        "backup-pause-failed",
        service,
        "It ran again before all snapshots were taken, so they may not fit together.",
        "look who started or unpaused it, and what keeps the database busy; raise max_pause if it needs longer.",
    )


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


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sentences(findings: Sequence[Finding]) -> Tuple[str, ...]:
    """For warnings."""
    return tuple(sentence(item) for item in findings)
