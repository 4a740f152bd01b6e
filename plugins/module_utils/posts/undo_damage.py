# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undo files that cannot be read to their end: what is known of them, and the way out."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import undo
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.undo_folder import Untrusted, opened, owner_of

DAMAGED = ".damaged"
_FEW = 5


@dataclass(frozen=True)
class Damage:
    """A file that cannot be read to its end; `posts` are those that could be read of it. `line` is 0 for the file itself."""

    path: str
    line: int
    reason: str
    posts: Tuple[str, ...]


def damaged(folder: str, project: str) -> Tuple[Damage, ...]:
    """Files of interrupted runs of this project, or of one that they no longer tell, which are damaged."""
    found = []
    for suffix in (undo.PENDING, undo.UNDOING):
        for path in undo.files(folder, suffix):
            damage = damage_of(path)
            if damage is not None and undo.project_of(path) in ("", project):
                found.append(damage)
    return tuple(found)


def damage_of(path: str) -> Optional[Damage]:
    """None for a file that can be read to its end."""
    posts: List[str] = []
    number = 0
    try:
        with opened(path) as stream:
            for number, text in enumerate(stream, 1):
                line = json.loads(text)
                if number == 1:
                    undo.header(path)
                elif "decision" in line:
                    posts.append(undo.decided(line, frozenset()).post)
                elif "row" in line:
                    json.loads(line["row"])["id"]
                elif not {"dropped", "kept_away"} & set(line):
                    raise ValueError("no line of an undo file")
        for _record in undo.records(path) if number else ():
            continue
    except OSError as problem:
        owner = owner_of(path)
        return Damage(path, 0, f"{problem.strerror}{f', it belongs to {owner}' if owner else ''}", tuple(posts))
    except Untrusted as problem:
        return Damage(path, 0, problem.reason, ())
    except (BadInput, ValueError, KeyError, TypeError) as problem:
        return Damage(path, max(number, 1), type(problem).__name__, tuple(posts))
    return None if number else Damage(path, 1, "it is empty", ())


def refuse_damaged(found: Sequence[Damage]) -> None:
    """Raises BadInput with what is known of each, and the way out."""
    if not found:
        return
    raise BadInput(
        f"Undo files of interrupted runs cannot be read; nothing was changed. {' '.join(map(_told_damage, found))}",
        "is it only its owner or mode, correct that. Else look at these posts (stuck_posts_info with posts, role: posts_ids), "
        "and keep the file: its lines 'row' are the rows as they were. Then run this again with set_aside_damaged: true "
        "(role: -e posts_set_aside_damaged=true): the file is renamed to ….damaged, and posts of that run that lack a workflow "
        "are found and repaired as such. What that run wrote stays written; the way back is then by hand, from that file.",
    )


def refuse_damage(path: str) -> None:
    """Raises BadInput for a file that is to be applied and cannot be read to its end."""
    damage = damage_of(path)
    if damage is not None:
        raise BadInput(
            f"The undo file cannot be applied; nothing was changed. {_told_damage(damage)}",
            "is it only its owner or mode, correct that. Else its posts stay as that run left them, and the way back is by "
            "hand: its lines 'row' that can be read are complete rows as they were. It keeps no other run from working; to be "
            f"rid of it, rename it (mv {path} {path}{DAMAGED}).",
        )


def _told_damage(one: Damage) -> str:
    where = f"is damaged at line {one.line}" if one.line else "is not to be used"
    few = ", ".join(one.posts[:_FEW])
    more = f" and {len(one.posts) - _FEW} more" if len(one.posts) > _FEW else ""
    posts = f"posts that can be read of it: {few}{more}" if few else "no post can be read of it"
    return f"{one.path} {where} ({one.reason}); {posts}."


def set_aside(found: Sequence[Damage]) -> Tuple[str, ...]:
    """Rename them, so that they keep nobody from repairing; their new paths. Raises UndoFailed."""
    paths = []
    for one in found:
        with undo.told(one.path):
            os.replace(one.path, one.path + DAMAGED)
            sync_folder(os.path.dirname(one.path))
        paths.append(one.path + DAMAGED)
    return tuple(paths)
