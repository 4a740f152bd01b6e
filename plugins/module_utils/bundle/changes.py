# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between two bundles, by folder, in numbers and bytes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Entry, Kind, Manifest

_TOP = "(top)"


@dataclass(frozen=True)
class Change:
    """Files of one folder at the bundle's top; bytes are those of the files as they are afterwards, or were if removed."""

    folder: str
    added: int = 0
    added_bytes: int = 0
    changed: int = 0
    changed_bytes: int = 0
    removed: int = 0
    removed_bytes: int = 0


def between(before: Iterable[Entry], after: Iterable[Entry]) -> Tuple[Change, ...]:
    """One for each folder in which something differs."""
    old = _files(before)
    new = _files(after)
    folders: Dict[str, List[int]] = {}
    for name in sorted({*old, *new}):
        counts = folders.setdefault(name.partition("/")[0] if "/" in name else _TOP, [0] * 6)
        if name not in old:
            place, size = 0, new[name].size
        elif name not in new:
            place, size = 4, old[name].size
        elif old[name] != new[name]:
            place, size = 2, new[name].size
        else:
            continue
        counts[place] += 1
        counts[place + 1] += size
    return tuple(Change(folder, *counts) for folder, counts in folders.items() if any(counts))


def _files(entries: Iterable[Entry]) -> Dict[str, Entry]:
    return {entry.name: entry for entry in entries if entry.kind is not Kind.FOLDER}


def describe(manifest: Manifest, entries: Iterable[Entry]) -> str:
    """One side of a diff: the manifest, then files and bytes by folder."""
    counts: Dict[str, List[int]] = {}
    for entry in _files(entries).values():
        pair = counts.setdefault(entry.name.partition("/")[0] if "/" in entry.name else _TOP, [0, 0])
        pair[0] += 1
        pair[1] += entry.size
    lines = [
        f"build id: {manifest.build_id}",
        f"image: {manifest.image.name or '-'} {manifest.image.identifier or '-'}",
        f"Next.js: {manifest.image.next_version or '-'}",
        f"files: {manifest.files}, {manifest.bytes} bytes",
        *(f"{folder}: {number} files, {size} bytes" for folder, (number, size) in sorted(counts.items())),
    ]
    return "\n".join(lines) + "\n"


def lines(changes: Iterable[Change]) -> str:
    """The changes for people."""
    return "".join(
        f"{change.folder}: {change.added} added ({change.added_bytes} bytes), {change.changed} changed"
        f" ({change.changed_bytes} bytes), {change.removed} removed ({change.removed_bytes} bytes)\n"
        for change in changes
    )
