# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step that puts databases in place, counts them, and settles the posts that may be live."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Dict, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    databases,
    files,
    outcomes,
    restore_journal,
    restore_judge,
    restore_report,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_observe as look
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.look import login
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import DATABASE, SavedDatabase
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import SeenServer
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import DATABASES
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_run import Run, gate
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import error, errors_of


def put(run: Run) -> Outcome:
    """Raises Refused, Unfinished, StackError."""
    findings = gate(run)
    wanted = restore_judge.wanted_databases(run.manifest, run.request.parts)
    servers = {item.service: _server(run, item.service) for item in wanted}
    _refuse_writers(run)
    _refuse_versions(run, servers)
    journal = run.begun()
    if DATABASES in journal.done:
        return restore_report.step(
            run.backup, DATABASES, journal, findings, False, "The databases are restored already."
        )
    for service, server in servers.items():
        databases.end_left(login(server))
        roles = next(item.roles for item in run.manifest.servers if item.service == service)
        databases.make_roles(login(server), roles)
    proved = {item.name: _database(run, item, servers[item.service]) for item in wanted}
    if DATABASE in run.request.parts:
        settled = _settle(run)
        left = tuple({"id": m.post, "state": m.state, "due": m.due, "created": m.created} for m in settled.left)
        journal = replace(journal, held=settled.held, carried=settled.carried, left=left)
        restore_journal.keep_beside(journal)
    journal = run.ended(journal, DATABASES)
    text = restore_report.databases(proved, journal)
    return restore_report.step(run.backup, DATABASES, journal, findings, True, text)


def _server(run: Run, service: str) -> SeenServer:
    found = run.scene.server(service)
    if found is None:
        raise StackError(
            f"The PostgreSQL service {service} of {run.request.project} does not run.",
            "start it alone (docker compose up -d --wait; the role restore does), then run this step again.",
        )
    return found


def _refuse_writers(run: Run) -> None:
    """Whoever writes while a database is put in place would write into half of it."""
    writers = set()
    for container in run.scene.containers:
        if container.state not in ("running", "paused", "restarting"):
            continue
        environment = run.tools.engine.detail(container.identifier).environment
        if container.service == run.request.service or "POSTGRES_SEEDS" in environment:
            writers.add(container.service)
    if writers:
        raise StackError(
            f"These services run, and would write to the databases: {', '.join(sorted(writers))}.",
            "stop them first (the role restore does), then run this step again.",
        )


def _refuse_versions(run: Run, servers: Dict[str, SeenServer]) -> None:
    majors = {service: databases.look(login(server)).major for service, server in servers.items()}
    live = restore_judge.Live(False, True, "", {}, majors)
    accepted = restore_judge.Accepted(True, True, run.request.accept_newer_postgresql)
    found = errors_of(restore_judge.judge(run.manifest, run.request.parts, live, accepted, True))
    if found:
        raise Refused(found)


def _database(run: Run, item: SavedDatabase, server: SeenServer) -> int:
    """Drop it, put the dump in its place, count. The number of its rows. Raises Refused, Unfinished."""
    databases.end_sessions(login(server), item.name)
    argv = files.limited(
        run.request.timeout_seconds,
        *("pg_restore", "--exit-on-error", "--clean", "--if-exists", "--create", "--no-password"),
        *(f"--username={server.user}", f"--dbname={databases.beside(item.name)}"),
    )
    files.feed(
        run.tools.engine, server.container, argv, _password(server), run.backup.path, item, run.request.timeout_seconds
    )
    run.tools.step(f"restored {item.name}")
    with databases.connected(login(server), item.name) as connection:
        counted = databases.count(connection, item.kind)
    differ = restore_judge.differences(item, counted.rows, counted.posts)
    if differ:
        finding = error(
            "backup-rows-differ",
            f"{item.service}/{item.name}",
            "; ".join(differ[:5]) + ".",
            "do not start the stack; restore again, or use another backup.",
        )
        raise Unfinished(f"[{finding.code}] {finding.component}: {finding.evidence}", finding.remedy)
    run.tools.step(f"proved {item.name}")
    return sum(counted.rows.values())


def _password(server: SeenServer) -> str:
    return databases.look(login(server)).password


def _settle(run: Run) -> outcomes.Settled:
    server, database = look.postiz_database(look.scene(run.tools.engine, run.request))
    known = outcomes.Newer()
    until: Optional[datetime] = None
    if run.request.carry:
        newer = Store(run.request.directory).named(run.request.carry, run.request.project, (DATABASE,))
        since, seconds = run.manifest.taken_at, run.request.timeout_seconds
        known = outcomes.read_newer(run.tools.engine, server.container, newer, since, seconds)
        until = outcomes.known_until(newer.manifest)
    if run.journal is not None and run.journal.worked:
        until = None
    with databases.connected(login(server), database) as connection:
        settled = outcomes.settle(connection, known, until, run.journal.unsent if run.journal is not None else ())
    run.tools.step("settled")
    return settled
