# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an upgrade, a rollback or a restore of a stack has begun and is not at its end, by its journal."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_journal
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error
from ansible_collections.selfhost.postiz.plugins.module_utils.release import journal
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import FORWARD, Owner, Transaction

UPGRADE = "upgrade-under-way"
RESTORE = "restore-under-way"


def look(directories: Sequence[str], project: str, restored: Sequence[str] = ()) -> Optional[Finding]:
    """The first in these directories of a stack; `restored` are others into which it may be restored.

    A restore on the way back of an upgrade is a part of that. A journal that cannot be read counts as one.
    """
    for directory in directories:
        try:
            found = journal.transaction(journal.entries(directory))
        except StackError as problem:
            return _unknown(UPGRADE, project, "an upgrade or a rollback", problem)
        except (KeyError, TypeError, ValueError) as problem:
            damaged = journal.JournalDamaged(
                f"{journal.path(directory)} is damaged ({type(problem).__name__}).",
                "look what runs, and move the file away when the stack is as it shall be.",
            )
            return _unknown(UPGRADE, project, "an upgrade or a rollback", damaged)
        if found is not None:
            return upgrade(found, project)
    return restore((*directories, *restored), project)


def upgrade(found: Transaction, project: str) -> Finding:
    """The finding of an open journal of an upgrade or a rollback."""
    what, playbook = ("A rollback", "rollback") if found.requested else ("An upgrade", "upgrade")
    turned = "" if found.requested or found.direction == FORWARD else ", which goes back,"
    began = datetime.fromtimestamp(found.began, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return error(
        UPGRADE,
        project,
        f"{what}{turned} of {Owner.parse(found.owner)} is not finished: it is under way since {began}, and {found.reached}.",
        _remedy(playbook),
    )


def restore(directories: Sequence[str], project: str) -> Optional[Finding]:
    """The finding of an open journal of a restore into one of these directories."""
    for directory in dict.fromkeys(directories):
        try:
            for place in restore_journal.places(directory, project):
                found = restore_journal.read(place, project)
                if found is not None:
                    return _of_restore(found, restore_journal.path(place, project), project)
        except StackError as problem:
            return _unknown(RESTORE, project, "a restore", problem)
    return None


def _of_restore(found: restore_journal.Journal, path: str, project: str) -> Finding:
    reached = f"its last step at an end is {found.done[-1]}" if found.done else "no step is at its end"
    return error(
        RESTORE,
        project,
        f"A restore of {found.backup} is not finished: it is under way since {found.started_at}, and {reached}; "
        f"its journal is {path}.",
        _remedy("restore"),
    )


def _remedy(playbook: str) -> str:
    return f"wait for that run if it still works; otherwise run the playbook {playbook} again: it goes on from there."


def _unknown(code: str, project: str, what: str, problem: StackError) -> Finding:
    return error(code, project, f"Whether {what} is under way cannot be told: {problem.message}", problem.remedy)


def report(directory: str, project: str, fail: bool) -> Outcome:
    """What the module stack_transaction_info does. Raises Refused, if asked to."""
    found = look((directory,), project)
    if found is not None and fail:
        raise Refused((found,))
    return Outcome(False, {"open": found is not None, "findings": [] if found is None else [found.as_dict()]})
