# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step that places the files, and first asks Temporal what it will soon be too late to ask."""

from __future__ import annotations

import os
from dataclasses import replace

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    databases,
    restore_journal,
    restore_report,
    stackfiles,
    unsent,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_observe as look
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.look import login
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import CONFIG, DATABASE
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.observe import jwt_secret_of
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import FILES, WORKFLOWS
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_run import Run, gate, reachable
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError, Unfinished


def place(run: Run) -> Outcome:
    """Place what differs; `.env` only if there is none. Raises Refused, Unfinished, StackError."""
    findings = gate(run)
    run = _looked_whether_it_ran(run)
    asked = ""
    if run.journal is None and run.request.carry and DATABASE in run.request.parts:
        asked = _ask_unsent(run)
        run = replace(run, journal=restore_journal.read(run.request.directory, run.request.project))
    # Under way from here on: what comes next removes containers, and who looked then could not tell what there was.
    journal = run.begun()
    if CONFIG not in run.request.parts:
        journal = run.ended(journal, FILES)
        text = f"Configuration is not restored. {asked}".rstrip()
        return restore_report.step(run.backup, FILES, journal, findings, False, text)
    placed = stackfiles.place(run.backup.path, run.directory)
    env = stackfiles.place_env(run.backup.path, run.manifest, run.directory, run.request.passphrase)
    secret = jwt_secret_of(os.path.join(run.directory, ".env"))
    known = run.manifest.jwt_secret
    if secret and known is not None and not known.matches(secret) and not run.request.accept_new_jwt_secret:
        raise Unfinished(
            f"The JWT_SECRET in {run.directory}/.env is not that of the backup.",
            "put the right .env there, or set accept_new_jwt_secret: true; then run this step again.",
        )
    journal = run.ended(journal, FILES)
    text = f"Files placed in {run.directory}: {', '.join((*placed, *env)) or 'none, they are as in the backup'}."
    return restore_report.step(run.backup, FILES, journal, findings, bool(placed or env), text)


def _looked_whether_it_ran(run: Run) -> Run:
    """Postiz that was started while a restore was interrupted may have sent anything: then nothing is known to be unsent."""
    journal = run.journal
    if journal is None or journal.worked or WORKFLOWS in journal.done:
        return run
    began = parse_time(journal.started_at) or 0.0
    own = [item for item in run.scene.containers if item.service == run.request.service]
    started = [parse_time(run.tools.engine.detail(item.identifier).started_at) or 0.0 for item in own]
    if not any(moment > began for moment in started):
        return run
    journal = replace(journal, unsent=(), worked=True)
    restore_journal.write(run.request.directory, run.request.project, journal)
    return replace(run, journal=journal)


def _ask_unsent(run: Run) -> str:
    """Keep in the journal which posts Temporal has certainly not begun to publish; its databases go back after this.

    Nothing fails by what cannot be told: these posts are held.
    """
    running = [item for item in run.scene.containers if item.service == run.request.service and item.state == "running"]
    if running:
        return ""
    try:
        _ids, workflows = reachable(run)
        server, database = look.postiz_database(run.scene)
        with databases.connected(login(server), database) as connection:
            posts = unsent.due(connection)
        found = unsent.unsent(workflows, posts)
    except StackError as problem:
        return f"Which posts did not go out cannot be asked: {problem.message}"
    journal = replace(run.begun(), unsent=found)
    restore_journal.write(run.request.directory, run.request.project, journal)
    run.tools.step("unsent")
    return f"Of {len(posts)} posts that are due, {len(found)} certainly did not go out."
