# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of a restore: what was asked, what is there, and whether it may begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils import under_way
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    databases,
    endings,
    files,
    restore_journal,
    restore_judge,
    stackfiles,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_observe as look
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.look import login
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    CONFIG,
    DATABASE,
    TEMPORAL,
    Manifest,
    SavedFile,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_journal import Journal
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_observe import Scene
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup, Store
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, errors_of
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.scene import reach
from ansible_collections.selfhost.postiz.plugins.module_utils.release import journal as upgrade_journal
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Cli, Connection
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import running_client
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflows

_DEADLINE_SECONDS = 10


@dataclass(frozen=True)
class Run:
    """One call: what was asked, the backup, what is there, and the journal if there is one.

    `lacking` are parts that the backup does not hold, when all that it holds is restored.
    """

    tools: Tools
    request: Request
    backup: Backup
    scene: Scene
    journal: Optional[Journal]
    lacking: Tuple[str, ...] = ()

    @property
    def manifest(self) -> Manifest:
        """Of the backup."""
        return self.backup.manifest

    @property
    def directory(self) -> str:
        """Of the project."""
        return self.request.project_directory or self.manifest.directory

    def begun(self) -> Journal:
        """The journal that is kept from now on. Raises StackError."""
        if self.journal is not None:
            self._point()
            return self.journal
        request = self.request
        now = datetime.fromtimestamp(self.tools.clock.now(), timezone.utc).isoformat(timespec="seconds")
        carry = (
            Store(request.directory).named(request.carry, request.project, (DATABASE,)).path if request.carry else ""
        )
        made = Journal(self.backup.path, request.parts, request.fresh, carry, now)
        restore_journal.write(request.directory, request.project, made)
        self._point()
        self.tools.step("journal")
        return made

    def _point(self) -> None:
        restore_journal.point(self.directory, self.request.directory, self.request.project)

    def ended(self, journal: Journal, step: str) -> Journal:
        """A step came to its end."""
        found = journal.with_step(step)
        restore_journal.write(self.request.directory, self.request.project, found)
        # The step may have made the directory, or brought back another `state`.
        self._point()
        self.tools.step(f"{step} done")
        return found


def judged(run: Run) -> Tuple[Finding, ...]:
    """Whether every file is whole, and what speaks against it. Raises BadInput."""
    request, manifest = run.request, run.manifest
    damaged = [files.verify_file(run.backup.path, item) for item in _wanted_files(run)]
    found = [item for item in damaged if item is not None]
    if request.carry:
        newer = Store(request.directory).named(request.carry, request.project, (DATABASE,))
        if newer.manifest.taken_at <= manifest.taken_at:
            raise BadInput(
                f"carry_published_from is {newer.path}, which is not newer than {run.backup.path}.",
                "give a newer backup.",
            )
    if CONFIG in request.parts and not found:
        try:
            stackfiles.missing_env(run.backup.path, manifest, run.directory, request.passphrase)
        except BadInput as problem:
            found.append(error("backup-env-missing", ".env", problem.message, problem.remedy))
    live = look.live(run.tools.engine, request, manifest, run.scene)
    accepted = restore_judge.Accepted(
        request.accept_loss, request.accept_new_jwt_secret, request.accept_newer_postgresql
    )
    found += restore_judge.judge(manifest, request.parts, live, accepted, run.journal is not None)
    opened = upgrade_journal.transaction(upgrade_journal.entries(run.directory)) if run.directory else None
    if opened is not None and not request.within_upgrade:
        found.append(under_way.upgrade(opened, request.project))
    return tuple(found)


def _wanted_files(run: Run) -> List[SavedFile]:
    manifest, parts = run.manifest, run.request.parts
    wanted = [item.saved for item in restore_judge.wanted_databases(manifest, parts)]
    wanted += [item.saved for item in manifest.volumes if item.part in parts]
    return [*wanted, *(manifest.files if CONFIG in parts else ())]


def gate(run: Run) -> Tuple[Finding, ...]:
    """The first step that changes something is judged as the plan was. Raises Refused."""
    if run.journal is not None:
        return ()
    findings = judged(run)
    if errors_of(findings):
        raise Refused(errors_of(findings))
    return findings


def reachable(run: Run) -> Tuple[Tuple[str, ...], Workflows]:
    """Identifiers of the workflows that run, and the client to them. Raises StackError."""
    engine, manifest, containers = run.tools.engine, run.manifest, run.scene.containers
    connection = Connection(manifest.temporal_address or "temporal:7233", manifest.temporal_namespace or "default")
    client = running_client(containers)
    if not client:
        raise StackError(
            f"Temporal of {run.request.project} does not run.",
            "start all but Postiz (the role restore does), then try again.",
        )
    workflows = reach(
        engine, containers, Cli(engine, client, connection, _DEADLINE_SECONDS), connection, _DEADLINE_SECONDS
    )
    found = look.temporal_database(run.scene, TEMPORAL)
    if found is None:
        names, _total = workflows.running_posts(1 << 20)
        return names, workflows
    server, database = found
    with databases.connected(login(server), database) as session:
        return endings.running(session), workflows
