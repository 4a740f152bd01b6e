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
from typing import IO, Any, Dict, Iterable, Iterator, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError

FORMAT = 1
DRAFT, PENDING, UNDO, UNDONE = ".draft", ".pending.jsonl", ".undo.jsonl", ".undone.jsonl"


class UndoFailed(StackError):
    """The undo file cannot be written or read."""


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


class Draft:
    """The file while its rows are being read."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def decide(self, decision: Decision) -> None:
        """One post."""
        self._line({"decision": {**decision.__dict__, "before": decision.before.isoformat()}})

    def row(self, post: str, text: str) -> None:
        """A complete row of a post, its own or one of its group."""
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
                whole = {"format": FORMAT, "project": header.project, "stamp": header.stamp.isoformat()}
                stream.write(json.dumps(whole) + "\n")
                yield Draft(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, final)
            _sync(folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
    except OSError as problem:
        raise UndoFailed(
            f"The undo file could not be written to {folder}: {problem.strerror or problem}; nothing was changed.",
            "make room there, or give another undo_directory.",
        ) from problem


def pending(folder: str) -> Tuple[str, ...]:
    """Files of runs that did not come to their end, oldest first."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(PENDING))
    except OSError:
        return ()
    return tuple(os.path.join(folder, name) for name in names)


def sweep(folder: str) -> None:
    """Remove drafts of runs that were killed before they had decided anything; only one run at a time works here."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.endswith(DRAFT):
                os.unlink(os.path.join(folder, name))


def keep_away(path: str, posts: Iterable[str]) -> None:
    """Note posts that turned out to have begun publishing: undoing must not start them either. Raises UndoFailed."""
    with _told(path):
        length = os.path.getsize(path)
        try:
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps({"kept_away": list(posts)}) + "\n")
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
    """The name that the file of a run has now: a run that was undone has moved it on."""
    done = path[: -len(UNDO)] + UNDONE if path.endswith(UNDO) else path
    return done if not os.path.exists(path) and os.path.exists(done) else path


def finish(path: str, suffix: str) -> str:
    """Give the file its next name. Raises UndoFailed."""
    base = next(path[: -len(end)] for end in (PENDING, UNDO) if path.endswith(end))
    with _told(path):
        os.replace(path, base + suffix)
        _sync(os.path.dirname(path))
    return base + suffix


def discard(path: str) -> None:
    """Of a run that changed no row. Raises UndoFailed."""
    with _told(path):
        os.unlink(path)
        _sync(os.path.dirname(path))


@contextmanager
def _told(path: str) -> Iterator[None]:
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
        with open(path, encoding="utf-8", errors="surrogatepass") as stream:
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
                values = line["decision"]
                known = {"before": datetime.fromisoformat(values["before"])}
                decision = Decision(**{**values, **known, "kept_away": values["kept_away"] or values["post"] in kept})
                rows = []
            elif "row" in line:
                rows.append(line["row"])
        if decision is not None and decision.post not in dropped:
            yield Record(decision, tuple(rows))
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise BadInput(
            f"The undo file {path} is damaged ({type(problem).__name__}).", "look at it by hand."
        ) from problem


def _lines(path: str) -> Iterator[Dict[str, Any]]:
    with open(path, encoding="utf-8", errors="surrogatepass") as stream:
        next(stream, "")
        for text in stream:
            line = json.loads(text)
            if not isinstance(line, dict):
                raise ValueError("no object")
            yield line


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
