# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module stack_release does, one function for each state."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import errors_of
from ansible_collections.selfhost.postiz.plugins.module_utils.release import (
    journal,
    leftovers,
    plan,
    records,
    report,
    running,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.closing import committed, returned
from ansible_collections.selfhost.postiz.plugins.module_utils.release.keeping import opened, record_running
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import BACK, FORWARD
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import observe
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters
from ansible_collections.selfhost.postiz.plugins.module_utils.release.steps import stepped, turned

UNDER_WAY = "upgrade-under-way"
# What a run whose controller was killed has begun: a backup takes longest, Compose may be at work as well.
_STEP_SECONDS = 600
_COMPOSE_SECONDS = 120


def run(wanted: Parameters, check_mode: bool, clock: Clock, engine: Optional[Engine] = None) -> Outcome:
    """Do what the state asks for. Raises Refused, StackError."""
    used = engine if engine is not None else connect()
    if wanted.state == "planned":
        return _planned(wanted, used, clock)
    if check_mode:
        return Outcome(False, report.empty())
    with journal.alone(wanted.directory, clock, _STEP_SECONDS):
        if wanted.state == "begun":
            return _begun(wanted, used, clock)
        found = journal.transaction(journal.entries(wanted.directory))
        if found is None:
            raise StackError(
                f"No upgrade of {wanted.directory} is under way.",
                "run the playbook upgrade or rollback from its start.",
            )
        if found.owner != wanted.owner:
            raise StackError(
                f"Another run, of {report.owner(found.owner)}, has taken this upgrade over; this one ends here.",
                "wait for that run.",
            )
        acts = {"stepped": stepped, "turned": turned, "committed": committed, "returned": returned}
        return acts[wanted.state](wanted, used, clock, found)


def _planned(wanted: Parameters, engine: Engine, clock: Clock) -> Outcome:
    seen = observe(wanted, engine, clock.now())
    found = plan.judge(wanted, seen)
    # Whether the owner of a journal lives is looked at on its controller, between this and the beginning.
    stopping = tuple(
        item for item in errors_of(found.findings) if item.code != UNDER_WAY or wanted.owner_alive == "yes"
    )
    if stopping:
        raise Refused(stopping)
    _assert_way_open(wanted, found)
    workflows = running.Running()
    if found.decision == plan.UPGRADE:
        workflows = running.observe(engine, seen.containers, wanted.service)
    return Outcome(False, report.planned(wanted, seen, found, workflows), warnings=report.warnings(found))


def _assert_way_open(wanted: Parameters, found: plan.Plan) -> None:
    """Raises StackError before anything is stopped for a rollback whose record could not be put in place."""
    if found.decision == plan.ROLLBACK:
        records.assert_whole(wanted.directory, found.back_to)


def _begun(wanted: Parameters, engine: Engine, clock: Clock) -> Outcome:
    """Take or take over the journal. From here on, a run that is killed is carried on by the next."""
    seen = observe(wanted, engine, clock.now())
    found = plan.judge(wanted, seen)
    stopping = errors_of(found.findings)
    if stopping:
        raise Refused(stopping)
    if found.decision == plan.NOTHING:
        return Outcome(False, report.planned(wanted, seen, found))
    _assert_way_open(wanted, found)
    missing = [image.pinned or image.reference for image in found.target if not image.identifier]
    if missing:
        raise StackError(f"Not on the host: {', '.join(missing)}.", "let the role upgrade pull it; then begin again.")
    if seen.transaction is not None:
        leftovers.wait_until_gone(wanted.project, wanted.directory, clock, _COMPOSE_SECONDS)
        journal.note(wanted.directory, clock.now(), "taken", owner=wanted.owner)
        if found.decision == plan.RETURN and seen.transaction.direction == FORWARD:
            text = "An interrupted upgrade was undone, because another target is wanted now."
            journal.note(wanted.directory, clock.now(), "turned", direction=BACK, cause=text)
    else:
        number = record_running(wanted, seen, engine, clock)
        back_to = found.back_to if found.decision == plan.ROLLBACK else number
        direction = BACK if found.decision == plan.ROLLBACK else FORWARD
        name = uuid.uuid4().hex[:12]
        journal.begin(wanted.directory, clock.now(), name, wanted.owner, direction, found.target, back_to)
        info = {"version": found.version, "left": number, "version_left": seen.version}
        journal.note(wanted.directory, clock.now(), "started", step="prepare", info=info)
        journal.note(wanted.directory, clock.now(), "done", step="prepare")
    now = opened(wanted)
    return Outcome(True, {**report.planned(wanted, replace(seen, transaction=now), found), **report.progress(now)})
