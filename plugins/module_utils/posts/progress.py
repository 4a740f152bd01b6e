# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a run has come: a failure in the middle tells what was done by then, and what to do."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, Tuple, Type

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError, Unfinished

try:
    import psycopg2
except ImportError:
    FAILURES: Tuple[Type[Exception], ...] = (StackError,)
else:
    FAILURES = (StackError, psycopg2.Error)


@dataclass
class Progress:
    """Counts of one run. `asked` are workflows that were to be ended or started, done or not; `writing` posts are being
    committed; `undoing` is set while the undo file is called so, which the next run would act upon.
    """

    path: str = ""
    asked: int = 0
    ended: int = 0
    started: int = 0
    writing: int = 0
    written: int = 0
    undoing: bool = False

    @property
    def acted(self) -> bool:
        """Whether anything may have changed."""
        return bool(self.asked or self.writing or self.written or self.undoing)

    def commits(self, posts: int) -> None:
        """So many posts' rows are about to be committed."""
        self.writing = posts

    def committed(self) -> None:
        """They are."""
        self.written += self.writing
        self.writing = 0

    def told(self) -> str:
        """In one sentence's beginning."""
        parts = []
        if self.writing:
            parts.append(f"whether the rows of {_count(self.writing, 'post')} were changed is not known")
        if self.written or not self.writing:
            rows = f"the rows of {_count(self.written, 'post')} were changed" if self.written else "no row was changed"
            parts.append(rows)
        if self.ended:
            parts.append(f"{_count(self.ended, 'workflow')} ended")
        if self.started:
            parts.append(f"{_count(self.started, 'workflow')} started")
        unknown = self.asked - self.ended - self.started
        if unknown:
            parts.append(f"of {unknown} more it is not known")
        text = ", ".join(parts)
        return text[0].upper() + text[1:]


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


@contextmanager
def told(progress: Progress, remedy: str = "") -> Iterator[None]:
    """Raises Unfinished for a failure after something was done; `remedy` is the failure's own where none is given."""
    try:
        yield
    except Unfinished:
        raise
    except FAILURES as problem:
        if not progress.acted:
            raise
        which = f" {progress.path} says which posts." if progress.path else ""
        raise Unfinished(
            f"{progress.told()}, and then it could not go on: {_reason(problem)}{which}",
            remedy or (problem.remedy if isinstance(problem, StackError) else "run the same again."),
        ) from problem


def _reason(problem: Exception) -> str:
    """Of the database's errors the first line: the others may quote a row."""
    if isinstance(problem, StackError):
        return problem.message
    first = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    return f"The database of Postiz did not answer: {first.rstrip('.')}."
