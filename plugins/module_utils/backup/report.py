# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stack_backup tells. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import manifest as manifests
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import Coverage
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import Manifest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import sentence

_MEGABYTE = 1e6


def planned(
    project: str,
    coverage: Coverage,
    sizes: Mapping[str, int],
    leftovers: Sequence[str],
    directory: str,
    free: int,
    env: str,
) -> Outcome:
    """Of check mode. `env` is what becomes of .env, empty when the configuration is no part of the backup."""
    taken = [f"{item.item} ({item.kind})" for item in coverage.databases]
    taken += [
        f"volume:{item.place.key}" if not item.place.bind else f"bind:{item.place.bind}" for item in coverage.copies
    ]
    if env:
        taken += ["compose files and what they mount", f".env: {env}"]
    room = f"at most {size(sum(sizes.values()))}; {size(free)} are free"
    lines = [f"{project} would be backed up to {directory} ({room})."]
    lines += [f"taken: {item}." for item in taken]
    lines += [f"left out: {item.name}: {item.reason}." for item in coverage.exclusions]
    lines += [sentence(item) for item in coverage.findings]
    if leftovers:
        lines.append(f"What killed runs left would be removed: {', '.join(leftovers)}.")
    payload = {
        "project": project,
        "backup": "",
        "name": "",
        "manifest": {},
        "bytes": sum(sizes.values()),
        "seconds": 0.0,
        "paused_seconds": 0.0,
        "removed": [],
        "recovered": False,
        "findings": [item.as_dict() for item in coverage.findings],
        "report": "\n".join(lines),
    }
    return Outcome(True, payload, {"before": "", "after": "".join(f"{name}\n" for name in taken)})


def made(backup: Backup, seconds: float, recovered: bool, removed: Sequence[str], coverage: Coverage) -> Outcome:
    """Of a backup that has its name."""
    manifest = backup.manifest
    payload: Dict[str, Any] = {
        "project": manifest.project,
        "backup": backup.path,
        "name": manifest.name,
        "manifest": manifests.as_dict(manifest),
        "bytes": manifest.bytes,
        "seconds": round(seconds, 3),
        "paused_seconds": manifest.paused_seconds,
        "removed": list(removed),
        "recovered": recovered,
        "findings": [item.as_dict() for item in coverage.findings],
        "report": "\n".join(_lines(backup, seconds, recovered, removed)),
    }
    after = "".join(f"{item.file} {item.bytes}\n" for item in manifest.saved)
    warnings = tuple(sentence(item) for item in coverage.findings)
    return Outcome(True, payload, {"before": "", "after": after, "after_header": backup.path}, warnings)


def _lines(backup: Backup, seconds: float, recovered: bool, removed: Sequence[str]) -> List[str]:
    manifest = backup.manifest
    amount = size(manifest.bytes)
    lines = [f"{manifest.project} is backed up: {backup.path} ({amount} in {seconds:.1f} s, {pause(manifest)})."]
    for database in manifest.databases:
        rows = sum(database.rows.values())
        states = ", ".join(f"{count} {state}" for state, count in sorted(database.posts.items()))
        posts = f"; posts: {states}" if states else ""
        lines.append(
            f"database {database.name} of {database.service}: {rows} rows in {len(database.rows)} tables, "
            f"{size(database.saved.bytes)}{posts}."
        )
    lines += [f"volume {item.key}: {entries(item.entries)}, {size(item.saved.bytes)}." for item in manifest.volumes]
    if manifest.files:
        lines.append(f"configuration: {', '.join(item.file for item in manifest.files)}.")
    lines.append(f".env: {manifest.env}.")
    lines += [f"left out: {item.name}: {item.reason}." for item in manifest.exclusions]
    if recovered:
        lines.append("What a killed run had left was put right first.")
    if removed:
        lines.append(f"Removed by keep: {', '.join(removed)}.")
    return lines


def size(number: int) -> str:
    """Bytes, for people."""
    return f"{number / _MEGABYTE:.1f} MB" if number >= _MEGABYTE else f"{-(-number // 1000)} kB"


def entries(number: int) -> str:
    """Files, folders and links of an archive, for people."""
    return f"{number} {'entry' if number == 1 else 'entries'}"


def pause(manifest: Manifest) -> str:
    """How the databases were kept together, for people."""
    if manifest.consistency == "paused":
        return f"workers paused for {manifest.paused_seconds:.2f} s"
    return "workers were stopped" if manifest.consistency == "stopped" else "workers were not paused"
