# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unified diffs: read, and applied to one file. Pure.

Strict: each line of a hunk must be at its place. There is no fuzz and no offset, since a patch that was made for other
sources is one that a person looks at.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_NEWLINE = b"\\"
_NOWHERE = "/dev/null"
# What a unified diff can tell besides lines, and this does not do.
_OTHER = (b"rename from ", b"copy from ", b"GIT binary patch", b"Binary files ", b"old mode ")
_SECTION = b"diff --git "
_MODE = re.compile(rb"(?:new file mode|deleted file mode|index [0-9a-f]+\.\.[0-9a-f]+) ([0-7]{6})\s*")
# An ordinary file: neither one that can be run, nor a link.
_PLAIN = b"100644"
_SHOWN = 80


@dataclass(frozen=True)
class Hunk:
    """`before` and `after` are whole lines with their ends; `start` counts from 0."""

    title: str
    start: int
    before: Tuple[bytes, ...]
    after: Tuple[bytes, ...]


@dataclass(frozen=True)
class Change:
    """Of one file. `content` of a whole one, else `hunks`; `new` and `gone` are what a diff says about the file itself."""

    path: str
    hunks: Tuple[Hunk, ...] = ()
    content: Optional[bytes] = None
    new: bool = False
    gone: bool = False

    @property
    def loose(self) -> bool:
        """Whether a hunk says nothing about what is there."""
        return not self.new and any(not hunk.before for hunk in self.hunks)


def changes_of(diff: bytes, name: str) -> Tuple[Change, ...]:
    """Of each file that a diff touches; `name` is for messages. Raises BadInput."""
    lines = diff.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    found: List[Change] = []
    # The line above a part of git's that has no hunk yet.
    section = b""
    at = 0
    while at < len(lines):
        line = lines[at]
        mode = _MODE.fullmatch(line) if section else None
        if line.startswith(_OTHER) or (mode is not None and mode[1] != _PLAIN):
            raise _impossible(name, line)
        if line.startswith(_SECTION):
            if section:
                raise _impossible(name, section)
            section = line
        if not line.startswith(b"--- "):
            # A hunk that says less lines than it has would be done in part.
            if line.startswith(b"@@") or (found and line[:1] in (b"+", b"-", b" ") and not line.startswith(b"-- ")):
                raise _broken(name, at, "a line belongs to no hunk")
            at += 1
            continue
        if at + 1 == len(lines) or not lines[at + 1].startswith(b"+++ "):
            raise _broken(name, at, "a line with +++ is missing")
        old, new = _header(line, name), _header(lines[at + 1], name)
        hunks, at = _hunks(lines, at + 2, name)
        path = _stripped(new if new != _NOWHERE else old, old, new)
        if not hunks or (old == new == _NOWHERE):
            raise _broken(name, at, f"it changes nothing of {path}")
        if section and not section.rstrip(b"\r").endswith(path.encode("utf-8", "surrogateescape")):
            raise _impossible(name, section)
        section = b""
        found.append(Change(below_sources(path, name), hunks, new=old == _NOWHERE, gone=new == _NOWHERE))
    if section:
        raise _impossible(name, section)
    if not found:
        raise BadInput(f"{name} has no unified diff in it.", "make one with: git diff, or diff -u.")
    paths = [change.path for change in found]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise BadInput(f"{name} has {twice} twice.", "make it anew, or split it into two patches.")
    return tuple(found)


def below_sources(path: str, name: str) -> str:
    """A path below the sources' root, as it is written in `apps/frontend/…`."""
    clean = posixpath.normpath(path)
    if not path or path.startswith("/") or clean in (".", "..") or clean.startswith("../") or "\0" in path:
        raise BadInput(
            f"{name}: {path!r} is no path below the sources.", "give one such as apps/frontend/src/app/page.tsx."
        )
    return clean


def _impossible(name: str, line: bytes) -> BadInput:
    """What git tells and a unified diff does not: empty files, links, programs, renames, no text."""
    text = f"{name}: {line[:_SHOWN].decode('utf-8', 'replace')!r} cannot be done."
    return BadInput(text, "make it with: git diff --no-renames, of ordinary text files; or give whole files.")


def _header(line: bytes, name: str) -> str:
    text = line[4:].split(b"\t")[0].rstrip(b"\r").decode("utf-8", "surrogateescape")
    if text.startswith('"'):
        raise BadInput(f"{name}: the path {text} is quoted.", "make it with: git -c core.quotePath=false diff.")
    return text


def _stripped(path: str, old: str, new: str) -> str:
    """Without the a/ and b/ that git puts before paths."""
    marked = old.startswith("a/") or old == _NOWHERE
    return path[2:] if marked and (new.startswith("b/") or new == _NOWHERE) else path


def _hunks(lines: List[bytes], at: int, name: str) -> Tuple[Tuple[Hunk, ...], int]:
    found: List[Hunk] = []
    while at < len(lines):
        match = _HUNK.match(lines[at])
        if match is None:
            break
        title = match.group(0).decode()
        start, count, to_count = int(match[1]), int(match[2] or 1), int(match[4] or 1)
        before: List[bytes] = []
        after: List[bytes] = []
        at += 1
        while len(before) < count or len(after) < to_count:
            if at == len(lines):
                raise _broken(name, at, f"{title} ends too early")
            mark, text = lines[at][:1], lines[at][1:] + b"\n"
            # Mailers and editors take the blank of an empty context line away.
            if mark in (b" ", b"") or lines[at] == b"\r":
                before.append(text if mark == b" " else lines[at] + b"\n")
                after.append(before[-1])
            elif mark == b"-":
                before.append(text)
            elif mark == b"+":
                after.append(text)
            elif mark == _NO_NEWLINE:
                _open_end(lines[at - 1][:1], before, after)
            else:
                raise _broken(name, at, f"{title} ends too early")
            at += 1
        if len(before) != count or len(after) != to_count:
            raise _broken(name, at, f"{title} has more lines than it says")
        if at < len(lines) and lines[at][:1] == _NO_NEWLINE:
            _open_end(lines[at - 1][:1], before, after)
            at += 1
        # `-0,0` and `-7,0` are places behind a line, all others the line itself.
        found.append(Hunk(title, start if count == 0 else start - 1, tuple(before), tuple(after)))
    return tuple(found), at


def _open_end(mark: bytes, before: List[bytes], after: List[bytes]) -> None:
    """The line above has no newline at its end."""
    for side, marks in ((before, b"- "), (after, b"+ ")):
        if mark in (marks[:1], marks[1:]) and side:
            side[-1] = side[-1][:-1] if side[-1].endswith(b"\n") else side[-1]


def _broken(name: str, at: int, why: str) -> BadInput:
    return BadInput(f"{name} is no proper unified diff: near line {at + 1}, {why}.", "make it anew with: git diff.")


def applied(change: Change, content: Optional[bytes]) -> Tuple[Optional[bytes], str]:
    """What becomes of a file, and why it does not."""
    if change.content is not None:
        return change.content, ""
    if change.new and content is not None:
        return None, "it is there, and the patch would make it"
    if not change.new and content is None:
        return None, "it is not there"
    lines = _lines(content or b"")
    made: List[bytes] = []
    done = 0
    for number, hunk in enumerate(change.hunks, 1):
        if hunk.start < done:
            return None, f"hunk {number} ({hunk.title}) lies before the end of the one above"
        for offset, wanted in enumerate(hunk.before):
            at = hunk.start + offset
            found = lines[at] if at < len(lines) else None
            if found != wanted:
                return None, (
                    f"hunk {number} ({hunk.title}) does not fit: line {at + 1} is {_shown(found)},"
                    f" and the patch expects {_shown(wanted)}"
                )
        if hunk.start > len(lines):
            return None, f"hunk {number} ({hunk.title}) does not fit: the file has {len(lines)} lines"
        made += [*lines[done : hunk.start], *hunk.after]
        done = hunk.start + len(hunk.before)
    made += lines[done:]
    # Only the last line of a file can be without its end.
    if any(not line.endswith(b"\n") for line in made[:-1]):
        return None, "it ends without a newline, and the patch would write behind it"
    if change.gone:
        return None, "it would not be empty, and the patch takes it away" if made else ""
    return b"".join(made), ""


def _lines(content: bytes) -> List[bytes]:
    lines = content.split(b"\n")
    last = lines.pop()
    return [*(line + b"\n" for line in lines), *([last] if last else [])]


def _shown(line: Optional[bytes]) -> str:
    if line is None:
        return "behind the end"
    text = line.rstrip(b"\n").decode("utf-8", "replace")
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
