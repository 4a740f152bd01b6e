# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drill tells. Pure."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.report import entries as count
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.report import pause, size
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, sentence


def differ(component: str, evidence: str) -> Finding:
    """Something came back otherwise than it was."""
    return error("backup-rows-differ", component, f"{evidence}.", "do not rely on this backup; make another one.")


def too_old(backup: Backup, age: float, most: float) -> Finding:
    """The newest backup is older than it may be."""
    return error(
        "backup-too-old",
        backup.path,
        f"The newest backup is {age / 3600:.1f} h old, and {most / 3600:.1f} h is the most.",
        "look why no newer one was made.",
    )


def planned(backup: Backup, project: str, age: float) -> Outcome:
    """Of check mode."""
    found = payload(backup, project, age, 0.0, {}, {}, ())
    found["report"] = f"{backup.path} would be restored into the throw-away project {project}, counted, and removed."
    return Outcome(True, found)


def payload(
    backup: Backup,
    project: str,
    age: float,
    seconds: float,
    rows: Mapping[str, int],
    entries: Mapping[str, int],
    findings: Sequence[Finding],
) -> Dict[str, Any]:
    """The result. RPO is what would be lost now, RTO how long the data took to come back here."""
    manifest = backup.manifest
    verdict = "did not come back as it was" if findings else "came back whole"
    lines = [
        f"{backup.path} {verdict}: RPO {age:.0f} s, RTO {seconds:.1f} s for {size(manifest.bytes)} ({pause(manifest)})."
    ]
    lines += [
        f"{name}: {number} rows, as many as in the backup in every table."
        for name, number in rows.items()
        if not findings
    ]
    lines += [f"volume {name}: {count(number)}." for name, number in entries.items()]
    lines += [sentence(item) for item in findings]
    return {
        "project": manifest.project,
        "backup": backup.path,
        "drill_project": project,
        "rpo_seconds": round(age, 1),
        "rto_seconds": round(seconds, 1),
        "bytes": manifest.bytes,
        "rows": dict(rows),
        "entries": dict(entries),
        "findings": [item.as_dict() for item in findings],
        "report": "\n".join(lines),
    }
