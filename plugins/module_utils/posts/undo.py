# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The undo file of a run: every row as it was, and what was decided for it; written before anything is done.

JSON lines: a header, then for each post a line with its decision, and one line for each of its complete rows. While the
run is under way it is called `….pending.jsonl`, so that the next run can finish what a kill left unfinished; afterwards
`….undo.jsonl`, and `….undone.jsonl` once it was applied. It holds the posts' content: 0600, in a folder with 0700.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, AbstractSet, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.undo_folder import (
    UndoFailed,
    opened,
    why_untrusted,
)

FORMAT = 1
DRAFT, PENDING, UNDO, UNDOING, UNDONE = ".draft", ".pending.jsonl", ".undo.jsonl", ".undoing.jsonl", ".undone.jsonl"


@dataclass(frozen=True)
class Header:
    """`stamp` is the `updatedAt` of every row that the run writes."""

    project: str
    stamp: datetime


@dataclass(frozen=True)
class Decision:
    """`before` is the row's `updatedAt` at the plan. `run` is the workflow's run that was ended, empty without one.

    `kept_away` is True for a post that may be live: nothing starts it again, not even undoing.
    """

    post: str
    organization: str
    queue: str
    action: str
    before: datetime
    run: str
    start: bool
    kept_away: bool


@dataclass(frozen=True)
class Record:
    """A decision and the complete rows of its post, as JSON texts."""

    decision: Decision
    rows: Tuple[str, ...]

    @property
    def thread(self) -> Tuple[str, ...]:
        """Ids of the rows that follow the post's own."""
        return tuple(str(json.loads(text)["id"]) for text in self.rows[1:])


class Draft:
    """The file while its rows are being read."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def decide(self, decision: Decision) -> None:
        """One post."""
        self._line({"decision": {**decision.__dict__, "before": decision.before.isoformat()}})

    def row(self, post: str, text: str) -> None:
        """A complete row of a post, its own or one of its thread."""
        self._line({"post": post, "row": text})

    def drop(self, posts: Iterable[str]) -> None:
        """Posts that are left alone after all."""
        self._line({"dropped": list(posts)})

    def _line(self, value: Dict[str, Any]) -> None:
        self._stream.write(json.dumps(value, ensure_ascii=False) + "\n")


@contextmanager
def drafting(folder: str, header: Header) -> Iterator[Draft]:
    """A file that is called pending once it is complete and on the disk; gone if that fails. Raises UndoFailed."""
    name = f"{header.stamp.strftime('%Y%m%dT%H%M%S.%f')[:-3]}Z"
    draft, final = (os.path.join(folder, f"{name}{suffix}") for suffix in (DRAFT, PENDING))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as stream:
                _check_kept(folder, os.fstat(descriptor))
                whole = {"format": FORMAT, "project": header.project, "stamp": header.stamp.isoformat()}
                stream.write(json.dumps(whole) + "\n")
                yield Draft(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, final)
            sync_folder(folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
    except OSError as problem:
        raise UndoFailed(
            f"The undo file could not be written to {folder}: {problem.strerror or problem}; nothing was changed.",
            "make room there, or give another undo_directory.",
        ) from problem


def _check_kept(folder: str, found: os.stat_result) -> None:
    """A file system without owners and modes would give a file that no later run may use. Raises UndoFailed."""
    reason = why_untrusted(found)
    if reason:
        raise UndoFailed(
            f"The undo file could not be written to {folder}: {reason}; nothing was changed.",
            "give an undo_directory on a file system that keeps owners and modes.",
        )


def files(folder: str, suffix: str) -> Tuple[str, ...]:
    """Those that are called so, oldest first."""
    try:
        return tuple(os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(suffix))
    except OSError:
        return ()


def project_of(path: str) -> str:
    """Empty for a file that no longer tells."""
    try:
        return header(path).project
    except BadInput:
        return ""


def pending(
    folder: str, project: str, suffix: str = PENDING, without: AbstractSet[str] = frozenset()
) -> Tuple[str, ...]:
    """Files of this project's runs that did not come to their end, oldest first. Raises BadInput for a damaged one that is
    not among `without`."""
    return tuple(path for path in files(folder, suffix) if path not in without and header(path).project == project)


def sweep(folder: str, project: str) -> None:
    """Remove drafts of this project's runs that were killed before they had decided anything."""
    with suppress(OSError):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            # Several stacks may share a folder, and a run of another one may be writing its draft.
            with suppress(BadInput):
                if name.endswith(DRAFT) and header(path).project == project:
                    os.unlink(path)


def keep_away(path: str, posts: Iterable[str]) -> None:
    """Note posts that turned out to have begun publishing: undoing must not start them either. Raises UndoFailed."""
    _append(path, {"kept_away": list(posts)})


def drop(path: str, posts: Iterable[str]) -> None:
    """Note posts that are left alone after all. Raises UndoFailed."""
    _append(path, {"dropped": list(posts)})


def _append(path: str, line: Dict[str, Any]) -> None:
    with told(path):
        length = os.path.getsize(path)
        try:
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            # Half a line would make the whole file a damaged one, for the next run as well.
            os.truncate(path, length)
            raise


def newest(folder: str, header: Header) -> str:
    """Path of the pending file of this run."""
    return os.path.join(folder, f"{header.stamp.strftime('%Y%m%dT%H%M%S.%f')[:-3]}Z{PENDING}")


def current(path: str) -> str:
    """The name that the file of a run has now: a run that was finished or undone has moved it on."""
    ends = (UNDO, PENDING, UNDOING, UNDONE)
    base = next((path[: -len(end)] for end in ends if path.endswith(end)), "")
    if os.path.exists(path) or not base:
        return path
    return next((base + end for end in ends if os.path.exists(base + end)), path)


def later(path: str, suffix: str) -> str:
    """The name that a file will have."""
    return _base(path) + suffix


def _base(path: str) -> str:
    return next(path[: -len(end)] for end in (PENDING, UNDOING, UNDO) if path.endswith(end))


def finish(path: str, suffix: str) -> str:
    """Give the file its next name. Raises UndoFailed."""
    name = later(path, suffix)
    with told(path):
        os.replace(path, name)
        sync_folder(os.path.dirname(path))
    return name


def discard(path: str) -> None:
    """Of a run that changed no row. Raises UndoFailed."""
    with told(path):
        os.unlink(path)
        sync_folder(os.path.dirname(path))


@contextmanager
def told(path: str) -> Iterator[None]:
    """Raises UndoFailed for what the disk refuses."""
    try:
        yield
    except OSError as problem:
        raise UndoFailed(
            f"The undo file {path} could not be brought up to date: {problem.strerror or problem}.",
            "make its folder writable, and run this again: it finishes what is left.",
        ) from problem


def header(path: str) -> Header:
    """Raises BadInput for a file that is none of ours."""
    try:
        with opened(path) as stream:
            first = json.loads(stream.readline())
        if first["format"] != FORMAT:
            raise ValueError("another format")
        return Header(str(first["project"]), datetime.fromisoformat(first["stamp"]))
    except OSError as problem:
        raise BadInput(f"The undo file {path} cannot be read: {problem.strerror}.", "give its full path.") from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise BadInput(f"{path} is no undo file of stuck_posts.", "give the path that a run returned.") from problem


def records(path: str) -> Iterator[Record]:
    """One after the other; dropped posts are left out. Raises BadInput for a damaged file."""
    header(path)
    try:
        dropped = {post for line in _lines(path) for post in line.get("dropped", ())}
        kept = {post for line in _lines(path) for post in line.get("kept_away", ())}
        decision: Optional[Decision] = None
        rows: List[str] = []
        for line in _lines(path):
            if "decision" in line:
                if decision is not None and decision.post not in dropped:
                    yield Record(decision, tuple(rows))
                decision = decided(line, kept)
                rows = []
            elif "row" in line:
                rows.append(line["row"])
        if decision is not None and decision.post not in dropped:
            yield Record(decision, tuple(rows))
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise BadInput(
            f"The undo file {path} is damaged ({type(problem).__name__}).",
            "its lines 'row' that can be read are complete rows as they were: bring these back by hand.",
        ) from problem


def decided(line: Mapping[str, Any], kept: AbstractSet[str]) -> Decision:
    """Out of a line of the file. Raises ValueError, KeyError or TypeError."""
    values = line["decision"]
    known = {"before": datetime.fromisoformat(values["before"])}
    return Decision(**{**values, **known, "kept_away": values["kept_away"] or values["post"] in kept})


def _lines(path: str) -> Iterator[Dict[str, Any]]:
    with opened(path) as stream:
        next(stream, "")
        for text in stream:
            line = json.loads(text)
            if not isinstance(line, dict):
                raise ValueError("no object")
            yield line
