# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patches of the frontend's sources: unified diffs and whole files, made for sources of known content. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.diffs import (
    Change,
    applied,
    below_sources,
    changes_of,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error

# In place of a checksum: there is no such file upstream.
ABSENT = "absent"
_SHA256 = re.compile(r"[0-9a-f]{64}")

Sources = Mapping[str, Optional[bytes]]


@dataclass(frozen=True)
class Patch:
    """`upstream` is the SHA-256 of each file as it was made for, or ABSENT."""

    name: str
    changes: Tuple[Change, ...]
    upstream: Mapping[str, str]


def parse(items: Sequence[Mapping[str, Any]]) -> Tuple[Patch, ...]:
    """Items have `name`, and `diff` or `path` with `content`, and `upstream`. Raises BadInput."""
    return tuple(_patch(item, f"patches[{number}]") for number, item in enumerate(items))


def _patch(item: Mapping[str, Any], place: str) -> Patch:
    name = item.get("name") or item.get("path") or place
    upstream = {
        below_sources(path, name): _checksum(digest, name) for path, digest in (item.get("upstream") or {}).items()
    }
    diff, path, content = item.get("diff"), item.get("path"), item.get("content")
    if (diff is None) == (path is None) or (path is None) != (content is None):
        raise BadInput(
            f"{name} is neither a diff nor a whole file.", "give diff, or path with content; or src for either."
        )
    if diff is not None:
        changes = changes_of(_bytes(diff), name)
    else:
        changes = (Change(below_sources(str(path), name), content=_bytes(str(content))),)
        if changes[0].path not in upstream:
            remedy = (
                f"give upstream with the SHA-256 of {path} as you took it from the image, or {ABSENT} for a new file."
            )
            raise BadInput(f"{name} would replace {path}, whatever is in it.", remedy)
    paths = {change.path for change in changes}
    loose = next((change for change in changes if change.loose and change.path not in upstream), None)
    if loose is not None:
        text = f"{name} adds lines to {loose.path} without a line around them, so they would fit anything."
        raise BadInput(text, "make it with context (git diff -U3), or give upstream with the file's SHA-256.")
    foreign = sorted(set(upstream) - paths)
    if foreign:
        raise BadInput(
            f"{name} has a checksum of {foreign[0]}, which it does not touch.", "take it out, or correct it."
        )
    return Patch(name, changes, upstream)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _checksum(digest: Any, name: str) -> str:
    text = str(digest).lower()
    text = text[len("sha256:") :] if text.startswith("sha256:") else text
    if text != ABSENT and _SHA256.fullmatch(text) is None:
        raise BadInput(
            f"{name}: {digest!r} is no SHA-256.", f"give 64 hexadecimal digits (sha256sum FILE), or {ABSENT}."
        )
    return text


def paths(patches: Sequence[Patch]) -> Tuple[str, ...]:
    """All files that they touch."""
    return tuple(sorted({change.path for patch in patches for change in patch.changes}))


def digest(patches: Sequence[Patch]) -> str:
    """Two equal ones make the same of the same sources. Names and checksums do not count."""
    rows = [
        [
            change.path,
            change.new,
            change.gone,
            None if change.content is None else change.content.hex(),
            [
                [hunk.start, [line.hex() for line in hunk.before], [line.hex() for line in hunk.after]]
                for hunk in change.hunks
            ],
        ]
        for patch in patches
        for change in patch.changes
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def checksum(content: Optional[bytes]) -> str:
    """As in `upstream`."""
    return ABSENT if content is None else hashlib.sha256(content).hexdigest()


def judge(patches: Sequence[Patch], checksums: Mapping[str, str]) -> None:
    """The patches' own checksums against those of the sources, where there is no need to read these. Raises Refused."""
    conflicts = [
        _conflict(
            patch,
            change,
            f"its SHA-256 is {checksums[change.path]}, and the patch was made for {patch.upstream[change.path]}.",
            "look at what changed in the file, and correct the patch or its checksum.",
        )
        for patch in patches
        for change in patch.changes
        if patch.upstream.get(change.path, checksums[change.path]) != checksums[change.path]
    ]
    if conflicts:
        raise Refused(tuple(conflicts))


def apply(patches: Sequence[Patch], sources: Sources) -> Dict[str, Optional[bytes]]:
    """The files as they become, None for those that go. Raises Refused with every conflict."""
    now: Dict[str, Optional[bytes]] = dict(sources)
    conflicts: List[Finding] = []
    for patch in patches:
        for change in patch.changes:
            expected, actual = patch.upstream.get(change.path, ""), checksum(sources.get(change.path))
            made, misfit = applied(change, now.get(change.path))
            if expected and expected != actual:
                conflicts.append(_moved_on(patch, change, expected, actual, misfit))
            elif misfit:
                conflicts.append(_conflict(patch, change, misfit + ".", "make the patch anew for these sources."))
            else:
                now[change.path] = made
    if conflicts:
        raise Refused(tuple(conflicts))
    return now


def _moved_on(patch: Patch, change: Change, expected: str, actual: str, misfit: str) -> Finding:
    evidence = f"its SHA-256 is {actual}, and the patch was made for {expected}"
    if misfit:
        return _conflict(patch, change, f"{evidence}; {misfit}.", "make the patch anew for these sources.")
    fits = "a whole file would undo what changed" if change.content is not None else "its hunks still fit"
    remedy = "look at what changed in the file, and correct the patch or its checksum."
    return _conflict(patch, change, f"{evidence}; {fits}.", remedy)


def _conflict(patch: Patch, change: Change, evidence: str, remedy: str) -> Finding:
    return error("frontend-patch-conflict", change.path, f"{patch.name}: {evidence}", remedy)
