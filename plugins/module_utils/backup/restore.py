# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore a backup, one step a call. Each step may be run again: a journal tells which came to their end."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    project_files,
    restore_databases,
    restore_files,
    restore_journal,
    restore_judge,
    restore_report,
    restore_volumes,
    restore_workflows,
    volumes,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_observe as look
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import PARTS
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_journal import Journal
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import (
    DATABASES,
    DONE,
    FILES,
    PLAN,
    VOLUMES,
    WORKFLOWS,
    Request,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_run import Run, judged
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import NEWEST, Backup, Store
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import errors_of


def restore(tools: Tools, request: Request) -> Outcome:
    """Raises StackError."""
    store = Store(request.directory)
    if request.step == PLAN or request.check_mode:
        return _plan(_run(tools, request, store))
    steps = {
        FILES: restore_files.place,
        VOLUMES: restore_volumes.fill,
        DATABASES: restore_databases.put,
        WORKFLOWS: restore_workflows.end,
        DONE: _done,
    }
    with store.locked(request.lock_seconds, tools.clock):
        volumes.remove_left(tools.engine, request.project)
        return steps[request.step](_run(tools, request, store))


def _run(tools: Tools, request: Request, store: Store) -> Run:
    scene = look.scene(tools.engine, request)
    journal = _journal(request, store, scene)
    wanted = journal.backup if journal is not None and request.backup == NEWEST else request.backup
    backup = store.named(wanted, request.project, request.parts)
    if journal is not None:
        if backup.path != journal.backup:
            raise BadInput(
                f"A restore of {journal.backup} is under way since {journal.started_at}, and has changed the stack already.",
                f"finish that one first (restore_backup={journal.backup}). If no run works on it any more, and it shall not be "
                f"finished, remove {restore_journal.path(request.directory, request.project)} to begin anew.",
            )
        request = replace(request, parts=journal.parts, fresh=journal.fresh, carry=journal.carry or request.carry)
    if backup.manifest.project != request.project:
        raise BadInput(
            f"{backup.path} is a backup of the project {backup.manifest.project!r}, not of {request.project!r}.",
            "choose a backup of this project; restore_drill tries one without touching any stack.",
        )
    lacking: Tuple[str, ...] = ()
    if journal is None:
        lacking = _lacking(request, backup)
        request = replace(request, parts=request.parts or backup.manifest.parts)
    return Run(tools, request, backup, scene, journal, lacking)


def _journal(request: Request, store: Store, scene: look.Scene) -> Optional[Journal]:
    """None also for a restore that only was not closed, if another one is asked for or its volumes are gone again."""
    found = restore_journal.read(request.directory, request.project)
    if found is None or WORKFLOWS not in found.done:
        return found
    if request.backup != NEWEST and store.named(request.backup, request.project).path != found.backup:
        return None
    try:
        manifest = store.named(found.backup, request.project).manifest
    except BadInput:
        return None
    keys = {item.volume for item in restore_judge.wanted_servers(manifest, found.parts) if item.volume}
    keys |= {item.key for item in manifest.volumes if item.part in found.parts and item.name}
    return None if keys and not keys & set(scene.volumes) else found


def _lacking(request: Request, backup: Backup) -> Tuple[str, ...]:
    """The parts that the backup does not hold, when all that it holds is asked for. Raises BadInput for one asked by name."""
    held = backup.manifest.parts
    missing = tuple(part for part in request.parts or PARTS if part not in held)
    if request.parts and missing:
        raise BadInput(
            f"{backup.path} does not hold {', '.join(missing)}, only {', '.join(held) or 'nothing'}.",
            "choose a backup that does, or parts that it holds (parts; playbook: restore_parts).",
        )
    return missing


def _plan(run: Run) -> Outcome:
    findings = judged(run)
    payload, diff = restore_report.planned(run.backup, run.request.parts, run.request.fresh, run.journal, findings)
    notes = restore_report.notes(run.backup, run.lacking, _passed(run))
    payload["report"] = "\n".join((*notes, payload["report"]))
    payload["project_files"] = list(project_files.afterwards(run))
    payload["project_files_now"] = list(project_files.now(run))
    refusals = errors_of(findings)
    if refusals and not run.request.check_mode:
        raise Refused(refusals)
    changed = run.request.step != PLAN
    return Outcome(changed, payload, diff, (*notes, *restore_report.warnings(findings)))


def _passed(run: Run) -> Tuple[Backup, ...]:
    """Newer ones that `newest` did not mean, because they hold less."""
    if run.request.backup != NEWEST or run.journal is not None:
        return ()
    there = Store(run.request.directory).candidates(run.request.project)
    return tuple(takewhile(lambda item: item.path != run.backup.path, there))


def _done(run: Run) -> Outcome:
    there = restore_journal.remove(run.request.directory, run.request.project, run.directory)
    text = "The restore is complete." if there else "No restore is under way."
    return restore_report.step(run.backup, DONE, run.journal, (), there, text)
