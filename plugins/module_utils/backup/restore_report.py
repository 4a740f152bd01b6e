# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stack_restore tells. Pure."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.endings import Ended
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import CONFIG, Manifest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.report import pause
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_journal import Journal
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_judge import (
    wanted_databases,
    wanted_servers,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import PLAN, WORKFLOWS
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.stackfiles import ARCHIVE
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Severity, errors_of, sentence

_SHOWN = 10


def _payload(
    backup: Backup,
    step: str,
    journal: Optional[Journal],
    findings: Sequence[Finding],
    text: str,
    parts: Tuple[str, ...],
) -> Dict[str, Any]:
    manifest = backup.manifest
    return {
        "project": manifest.project,
        "step": step,
        "backup": backup.path,
        "parts": list(parts),
        "manifest": manifests.as_dict(manifest),
        "under_way": journal is not None,
        "done": list(journal.done) if journal is not None else [],
        "database_services": [item.service for item in wanted_servers(manifest, parts)],
        "other_services": [item.service for item in manifest.services if item.service != manifest.service],
        "compose_files": list(manifest.compose_files),
        "held": list(journal.held) if journal is not None else [],
        "carried": list(journal.carried) if journal is not None else [],
        "unsent": list(journal.unsent) if journal is not None else [],
        "left_behind": [dict(item) for item in journal.left] if journal is not None else [],
        "ended": [],
        "findings": [item.as_dict() for item in findings],
        "report": text,
    }


def planned(
    backup: Backup, parts: Tuple[str, ...], fresh: bool, journal: Optional[Journal], findings: Sequence[Finding]
) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """The plan, and its diff."""
    manifest = backup.manifest
    lines = [f"{manifest.project} would be restored from {backup.path}, taken {manifest.taken_at} ({pause(manifest)})."]
    if journal is not None:
        lines.append(
            f"A restore is under way since {journal.started_at}: done are {', '.join(journal.done) or 'no steps'}."
        )
        if WORKFLOWS in journal.done:
            lines.append(
                "All of it is in place: what is left is to start Postiz, and to close the restore (step done)."
            )
    changes = [f"database {item.name} of {item.service}" for item in wanted_databases(manifest, parts)]
    changes += [f"volume {item.key}" for item in manifest.volumes if item.part in parts]
    changes += [
        f"volume {item.volume} (made anew)" for item in wanted_servers(manifest, parts) if fresh and item.volume
    ]
    changes += [_file(item.file) for item in manifest.files if CONFIG in parts]
    lines += [f"restored: {item}." for item in changes]
    if errors_of(findings):
        lines.append("It is refused as it is asked for, because of:")
    lines += [sentence(item) for item in findings]
    payload = _payload(backup, PLAN, journal, findings, "\n".join(lines), parts)
    return payload, {"before": "", "after": "".join(f"{item} as of {manifest.taken_at}\n" for item in changes)}


def notes(backup: Backup, lacking: Sequence[str], passed: Sequence[Backup]) -> Tuple[str, ...]:
    """What is not restored, and newer backups that hold less."""
    found: List[str] = []
    if lacking:
        found.append(f"{backup.path} does not hold {', '.join(lacking)}: these stay as they are.")
    if passed:
        names = ", ".join(
            f"{os.path.basename(item.path)} (only {', '.join(item.manifest.parts) or 'nothing'})"
            for item in passed[:_SHOWN]
        )
        more = f", and {len(passed) - _SHOWN} more" if len(passed) > _SHOWN else ""
        found.append(f"Newer backups are passed over, because they hold less than {backup.path}: {names}{more}.")
    return tuple(found)


def _file(name: str) -> str:
    if name == ARCHIVE:
        return f"compose files and what they mount ({name}); what differs from them stays beside as *.before-restore"
    return f"{name}, if there is none yet"


def step(
    backup: Backup, name: str, journal: Optional[Journal], findings: Sequence[Finding], changed: bool, text: str
) -> Outcome:
    """Of one step."""
    parts = journal.parts if journal is not None else ()
    return Outcome(changed, _payload(backup, name, journal, findings, text, parts), None, warnings(findings))


def warnings(findings: Sequence[Finding]) -> Tuple[str, ...]:
    """What was accepted."""
    return tuple(sentence(item) for item in findings if item.severity is Severity.WARNING)


def databases(proved: Mapping[str, int], journal: Journal) -> str:
    """Rows, and what became of posts that may have gone out."""
    lines = [
        f"{name} is restored: {rows} rows, as many as in the backup in every table." for name, rows in proved.items()
    ]
    if journal.carried:
        lines.append(f"Posts whose outcome was carried over from the newer backup: {_names(journal.carried)}.")
    if journal.held:
        lines.append(
            f"Posts that were due and may have gone out since, held with 'Could not confirm the post status': "
            f"{_names(journal.held)}. Look at their channels; reschedule those that are not there."
        )
    if journal.unsent:
        lines.append(
            f"Posts that were due and certainly did not go out, because their workflow had not begun with them; they go out "
            f"when Postiz runs: {_names(journal.unsent)}."
        )
    lines += left_behind(journal.left, journal.carry)
    return "\n".join(lines)


def left_behind(left: Sequence[Mapping[str, str]], carry: str) -> List[str]:
    """Posts that were made since, and are nowhere but in the newer backup."""
    if not left:
        return []
    lines = [f"Posts made since the backup, which are only in {carry} now; make anew those that did not go out:"]
    lines += [
        f"  {item['id']}, {_became(item['state'])}, due {item['due']}, made {item['created']}" for item in left[:_SHOWN]
    ]
    return lines + ([f"  and {len(left) - _SHOWN} more."] if len(left) > _SHOWN else [])


def _became(state: str) -> str:
    """Made anew, a post that went out would go out twice."""
    if state == "PUBLISHED":
        return f"{state} (it went out: do not make it anew)"
    return f"{state} (look at its channel first)" if state == "ERROR" else state


def _names(ids: Sequence[str]) -> str:
    more = len(ids) - _SHOWN
    return f"{len(ids)} ({', '.join(ids[:_SHOWN])}{f', and {more} more' if more > 0 else ''})"


def endings(ended: Sequence[Ended], looked: int) -> str:
    """Workflows that were ended."""
    lines: List[str] = [f"Of {looked} workflows that publish, {len(ended)} were ended."]
    lines += [f"{item.identifier}: {item.reason}." for item in ended[:_SHOWN]]
    if len(ended) > _SHOWN:
        lines.append(f"and {len(ended) - _SHOWN} more.")
    return "\n".join(lines)


def summary(manifest: Manifest) -> str:
    """One line."""
    return f"{manifest.project}, taken {manifest.taken_at}"
