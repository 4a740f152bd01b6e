# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a restore: written before anything is changed, so that a run that was killed is gone on with."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import file_errors, replace_synced
from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

STATE = "state"
POINTER = "restore-under-way"


@dataclass(frozen=True)
class Journal:
    """`done` are the steps that came to their end. `held`, `carried` and `unsent` are ids of posts.

    `left` are the posts that only the newer backup has, each with id, state, due and created. `worked`: Postiz ran after the
    restore had begun, so what was known of posts by then is not all.
    """

    backup: str
    parts: Tuple[str, ...]
    fresh: bool
    carry: str
    started_at: str
    done: Tuple[str, ...] = ()
    held: Tuple[str, ...] = ()
    carried: Tuple[str, ...] = ()
    unsent: Tuple[str, ...] = ()
    left: Tuple[Mapping[str, str], ...] = ()
    worked: bool = False

    def with_step(self, step: str) -> Journal:
        """After a step has come to its end."""
        return self if step in self.done else replace(self, done=(*self.done, step))


def path(directory: str, project: str) -> str:
    """Where it lies."""
    return os.path.join(directory, f".restore-{project}.json")


def read(directory: str, project: str) -> Optional[Journal]:
    """None without a restore that is under way. Raises StackError for a damaged one."""
    try:
        with open(path(directory, project), encoding="utf-8") as stream:
            found = json.load(stream)
        return Journal(
            backup=str(found["backup"]),
            parts=tuple(found["parts"]),
            fresh=bool(found["fresh"]),
            carry=str(found["carry"]),
            started_at=str(found["started_at"]),
            done=tuple(found["done"]),
            held=tuple(found["held"]),
            carried=tuple(found["carried"]),
            unsent=tuple(found.get("unsent", ())),
            left=tuple(dict(item) for item in found.get("left", ())),
            worked=bool(found.get("worked", False)),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise StackError(
            f"The journal {path(directory, project)} cannot be read ({type(problem).__name__}).",
            "look at it; without it, the restore starts anew.",
        ) from problem


def write(directory: str, project: str, journal: Journal) -> None:
    """Raises StackError."""
    with file_errors(directory):
        replace_synced(path(directory, project), json.dumps(asdict(journal)).encode())


SETTLED = "settled.json"


def keep_beside(journal: Journal) -> None:
    """What became of posts, beside the newer backup that told it: it outlives the restore. Raises StackError."""
    if not journal.carry:
        return
    told = {name: asdict(journal)[name] for name in ("backup", "held", "carried", "unsent", "left")}
    with file_errors(journal.carry):
        replace_synced(os.path.join(journal.carry, SETTLED), json.dumps(told, indent=2).encode())


def places(project_directory: str, project: str) -> Tuple[str, ...]:
    """Folders in which the journal of a restore into that directory may lie. Raises StackError."""
    usual = os.path.join(project_directory, "backups")
    pointer = _pointer(project_directory)
    try:
        with open(pointer, encoding="utf-8") as stream:
            named = stream.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return (usual,)
    except (OSError, ValueError) as problem:
        raise StackError(
            f"{pointer} cannot be read ({type(problem).__name__}).",
            "run with become: true, or as the user who owns it.",
        ) from problem
    folder, name = os.path.split(named)
    # Another project may share the directory.
    mine = os.path.isabs(named) and name == os.path.basename(path("", project))
    return (folder, usual) if mine and folder != usual else (usual,)


def point(project_directory: str, directory: str, project: str) -> None:
    """Leave word in the project's directory of where the journal is. A restore does not fail for it."""
    pointer = _pointer(project_directory)
    with suppress(OSError):
        if os.path.isdir(project_directory):
            os.makedirs(os.path.dirname(pointer), mode=0o700, exist_ok=True)
            replace_synced(pointer, os.path.abspath(path(directory, project)).encode())


def _pointer(project_directory: str) -> str:
    return os.path.join(project_directory, STATE, POINTER)


def remove(directory: str, project: str, project_directory: str) -> bool:
    """Whether there was one; what was left in the project's directory goes, too. Raises StackError."""
    there = os.path.exists(path(directory, project))
    with file_errors(directory), suppress(FileNotFoundError):
        os.unlink(path(directory, project))
        sync_folder(directory)
    with suppress(OSError):
        os.unlink(_pointer(project_directory))
        # Made for it, if nothing else is in it.
        os.rmdir(os.path.join(project_directory, STATE))
    return there
