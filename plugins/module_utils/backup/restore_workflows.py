# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step that ends workflows that must not go on."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import databases, endings, restore_report
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_observe as look
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.look import login
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import LIVING
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import WORKFLOWS
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_run import Run, reachable
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError


def end(run: Run) -> Outcome:
    """Raises BadInput, StackError."""
    if run.journal is None:
        raise BadInput("No restore is under way.", "begin with the steps before: files, volumes, databases.")
    if WORKFLOWS in run.journal.done:
        text = "The workflows are ended already."
        return restore_report.step(run.backup, WORKFLOWS, run.journal, (), False, text)
    if not set(LIVING) & set(run.request.parts):
        journal = run.ended(run.journal, WORKFLOWS)
        text = "No database goes back, so every workflow goes on."
        return restore_report.step(run.backup, WORKFLOWS, journal, (), False, text)
    running = [item for item in run.scene.containers if item.service == run.request.service and item.state == "running"]
    if running:
        raise StackError(
            f"{run.request.service} runs, and its workers would carry on what shall be ended first.",
            "stop it, then run this step again.",
        )
    ids, workflows = reachable(run)
    server, database = look.postiz_database(run.scene)
    with databases.connected(login(server), database) as connection:
        rows = endings.rows(connection, sorted({endings.post_of(name) for name in ids}))
        now = run.tools.clock.now()
        ended = endings.end(workflows, ids, rows, now, act=False)
        # Their rows first: a queued post without a workflow is taken up by Postiz' own sweep.
        began = [endings.post_of(item.identifier) for item in ended if item.reason == endings.BEGUN]
        held = endings.hold(connection, began)
        run.tools.step("rows held")
        endings.end(workflows, [item.identifier for item in ended], rows, now, act=True)
    journal = replace(run.journal, held=tuple(sorted({*run.journal.held, *held})))
    journal = run.ended(journal, WORKFLOWS)
    text = restore_report.endings(ended, len(ids))
    outcome = restore_report.step(run.backup, WORKFLOWS, journal, (), bool(ended), text)
    outcome.payload["ended"] = [{"id": item.identifier, "reason": item.reason} for item in ended]
    return outcome
