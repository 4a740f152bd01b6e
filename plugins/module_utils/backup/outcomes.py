# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Posts of a restored database that may have gone out since: their outcome is carried over, or they are held.

Constant statements, bound values. Run while no worker runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.files import limited
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import POSTIZ, STOPPED, Manifest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import UNCONFIRMED

_PAGE = 500
_GRACE_SECONDS = 15
_NOW = "SELECT date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'utc')"
# What has been decided about a post since counts, whatever the backup says of it: it went out, failed, was taken back or
# deleted. A post that the backup has as published stays so.
_CARRY = """
UPDATE "Post" p SET state = v.state::"State", "releaseId" = coalesce(v.release, p."releaseId"),
  "releaseURL" = coalesce(v.url, p."releaseURL"), error = CASE WHEN v.state = 'PUBLISHED' THEN NULL ELSE v.error END,
  "deletedAt" = coalesce(p."deletedAt", v.deleted), "updatedAt" = %(stamp)s
FROM unnest(%(ids)s::text[], %(states)s::text[], %(releases)s::text[], %(urls)s::text[], %(errors)s::text[],
  %(deleted)s::timestamp[]) AS v(id, state, release, url, error, deleted)
WHERE p.id = v.id AND p.state <> 'PUBLISHED' AND p."releaseId" IS NULL AND p."releaseURL" IS NULL
RETURNING p.id
"""
_HOLD = """
UPDATE "Post" p SET state = 'ERROR', error = %(text)s, "updatedAt" = %(stamp)s
WHERE p.state = 'QUEUE' AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL AND p."publishDate" <= %(until)s
  AND NOT p.id = ANY(%(unsent)s::text[])
RETURNING p.id
"""
_PRESENT = 'SELECT id FROM "Post" WHERE id = ANY(%(ids)s)'


@dataclass(frozen=True)
class Outcome:
    """What a newer database says of a post."""

    post: str
    state: str
    release: Optional[str]
    url: Optional[str]
    error: Optional[str]
    deleted: Optional[str]

    @property
    def decided(self) -> bool:
        """Whether it is no longer just waiting."""
        return self.state != "QUEUE" or self.release is not None or self.url is not None or self.deleted is not None


@dataclass(frozen=True)
class Made:
    """A post that a newer database has, made since; times as PostgreSQL writes them, in UTC."""

    post: str
    state: str
    due: str
    created: str


@dataclass(frozen=True)
class Newer:
    """What a newer database says: outcomes of decided posts, and roots of posts that were made since a moment."""

    outcomes: Tuple[Outcome, ...] = ()
    made: Tuple[Made, ...] = ()


@dataclass(frozen=True)
class Settled:
    """Ids of posts whose outcome was carried over, and of those that are held; `until` is the bound of their due times.

    `left` are posts that only the newer database has.
    """

    carried: Tuple[str, ...]
    held: Tuple[str, ...]
    until: datetime
    left: Tuple[Made, ...] = ()


def settle(connection: Any, newer: Newer, until: Optional[datetime], unsent: Sequence[str] = ()) -> Settled:
    """One transaction. `until` bounds the due times of posts that are held; None is now. `unsent` are not held: they certainly
    did not go out."""
    outcomes = newer.outcomes
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        (stamp,) = cursor.fetchone()
        carried: List[str] = []
        for first in range(0, len(outcomes), _PAGE):
            page = outcomes[first : first + _PAGE]
            values = {
                "ids": [item.post for item in page],
                # A post that went out is published, whatever came after it.
                "states": ["PUBLISHED" if item.release or item.url else item.state for item in page],
                "releases": [item.release for item in page],
                "urls": [item.url for item in page],
                "errors": [item.error for item in page],
                "deleted": [item.deleted for item in page],
                "stamp": stamp,
            }
            cursor.execute(_CARRY, values)
            carried += [identifier for (identifier,) in cursor.fetchall()]
        until = stamp if until is None else min(until, stamp)
        cursor.execute(_HOLD, {"text": UNCONFIRMED, "stamp": stamp, "until": until, "unsent": list(unsent)})
        held = [identifier for (identifier,) in cursor.fetchall()]
        cursor.execute(_PRESENT, {"ids": [item.post for item in newer.made]})
        present = {identifier for (identifier,) in cursor.fetchall()}
    connection.commit()
    left = tuple(item for item in newer.made if item.post not in present)
    return Settled(tuple(sorted(carried)), tuple(sorted(held)), until, left)


def known_until(newer: Manifest) -> Optional[datetime]:
    """Up to when a newer backup tells all that happened; None if workers went on after it. Naive UTC. Pure."""
    moment = parse_time(newer.taken_at)
    if moment is None or newer.consistency != STOPPED:
        return None
    return datetime.fromtimestamp(moment, timezone.utc).replace(tzinfo=None)


def read_newer(engine: Engine, container: str, newer: Backup, since: str, seconds: float) -> Newer:
    """Decided posts of a newer backup, and those made since (ISO 8601): its rows are read out of its dump, without a database.

    Raises StackError.
    """
    dump = next((item for item in newer.manifest.databases if item.kind == POSTIZ), None)
    if dump is None:
        raise BadInput(f"{newer.path} holds no database of Postiz.", "choose another for carry_published_from.")
    reader = CopyReader(since)
    argv = limited(seconds, "pg_restore", "--data-only", "--schema=public", "--table=Post", "--file=-")
    path = os.path.join(newer.path, dump.saved.file)
    with file_errors(path), open(path, "rb") as stream:
        result = engine.streams().run_from(container, argv, {}, stream, seconds + _GRACE_SECONDS, reader.feed)
    if result.exit_code != 0 or not reader.ended:
        raise StackError(f"The posts of {newer.path} could not be read.", "verify that backup, or choose another.")
    return Newer(tuple(reader.found), tuple(sorted(reader.made, key=lambda item: (item.due, item.post))))


class CopyReader:
    """Takes posts out of the text of COPY, piece by piece; of each row only what is needed is kept."""

    def __init__(self, since: str = "") -> None:
        self.found: List[Outcome] = []
        self.made: List[Made] = []
        # As PostgreSQL writes it, so that texts compare as times.
        self._since = since.replace("T", " ").rstrip("Z")
        self.ended = False
        self._pending = b""
        self._columns: Optional[Mapping[str, int]] = None

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        lines = (self._pending + data).split(b"\n")
        self._pending = lines.pop()
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        if self._columns is None:
            if line.startswith(b'COPY public."Post" ('):
                names = line.partition(b"(")[2].partition(b")")[0].decode().split(", ")
                self._columns = {name.strip('"'): number for number, name in enumerate(names)}
            return
        if line == b"\\.":
            self._columns, self.ended = None, True
            return
        fields = line.split(b"\t")
        values = {name: _value(fields[self._columns[name]]) for name in _WANTED if name in self._columns}
        outcome = Outcome(
            values["id"] or "",
            values["state"] or "",
            values.get("releaseId"),
            values.get("releaseURL"),
            values.get("error"),
            values.get("deletedAt"),
        )
        if outcome.decided:
            self.found.append(outcome)
        created = values.get("createdAt") or ""
        if self._since and created >= self._since and not values.get("parentPostId") and not outcome.deleted:
            self.made.append(Made(outcome.post, outcome.state, values.get("publishDate") or "", created))


_WANTED = ("id", "state", "releaseId", "releaseURL", "error", "deletedAt", "createdAt", "publishDate", "parentPostId")
_ESCAPES: Dict[bytes, bytes] = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def _value(field: bytes) -> Optional[str]:
    """COPY's text form: \\N is null, and a backslash escapes."""
    if field == b"\\N":
        return None
    if b"\\" not in field:
        return field.decode("utf-8", "surrogateescape")
    return b"".join(_unescaped(field)).decode("utf-8", "surrogateescape")


def _unescaped(field: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(field):
        one = field[position : position + 1]
        if one == b"\\":
            position += 1
            one = field[position : position + 1]
            one = _ESCAPES.get(one, one)
        yield one
        position += 1
