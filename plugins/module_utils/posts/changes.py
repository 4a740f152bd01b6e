# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements that change rows of posts. Constant, with bound values; the caller owns the transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Item

PAGE = 200
# "selfhost" as a number: one repair at a time on one database, whoever runs it from wherever.
_LOCK = 0x73656C66686F7374
_TRY_LOCK = "SELECT pg_try_advisory_lock(%(key)s)"
_UNLOCK = "SELECT pg_advisory_unlock(%(key)s)"
_MAY_WRITE = """SELECT current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery()
  AND has_table_privilege(current_user, '"Post"'::regclass, 'SELECT')
  AND has_table_privilege(current_user, '"Post"'::regclass, 'UPDATE')"""
_TAKE = """
SELECT p.id, p."updatedAt", p.state::text, to_jsonb(p)::text FROM "Post" p
WHERE p.id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED
"""
# A post and what hangs below it: one group may hold the posts of several channels.
_TAKE_THREAD = """
WITH RECURSIVE thread AS (
  SELECT c.id, c."parentPostId" AS root FROM "Post" c WHERE c."parentPostId" = ANY(%(ids)s)
  UNION ALL SELECT c.id, t.root FROM "Post" c JOIN thread t ON c."parentPostId" = t.id)
SELECT t.root, p.id, to_jsonb(p)::text FROM "Post" p JOIN thread t ON t.id = p.id WHERE p."deletedAt" IS NULL FOR UPDATE OF p
"""
_WRITE = """
UPDATE "Post" p SET state = coalesce(v.state::"State", p.state), "publishDate" = coalesce(v.due, p."publishDate"),
  error = CASE WHEN v.state = 'ERROR' THEN v.error WHEN v.state = 'PUBLISHED' THEN NULL ELSE p.error END,
  "deletedAt" = coalesce(v.deleted, p."deletedAt"), "updatedAt" = %(stamp)s
FROM unnest(%(ids)s::text[], %(states)s::text[], %(dues)s::timestamp[], %(errors)s::text[], %(deleted)s::timestamp[])
  AS v(id, state, due, error, deleted)
WHERE p.id = v.id
"""
_RESTORE = """
UPDATE "Post" p SET state = r.state, "publishDate" = r."publishDate", error = r.error, "deletedAt" = r."deletedAt",
  "updatedAt" = r."updatedAt"
FROM unnest(%(rows)s::text[]) AS given(text)
CROSS JOIN LATERAL jsonb_populate_record(NULL::"Post", given.text::jsonb) AS r
WHERE p.id = r.id AND p."updatedAt" = %(stamp)s RETURNING p.id
"""
_HOLD_WRITTEN = """
SELECT p.id FROM "Post" p WHERE p.id = ANY(%(ids)s) AND p."updatedAt" = %(stamp)s FOR UPDATE SKIP LOCKED
"""
_STARTABLE = """
SELECT p.id FROM "Post" p WHERE p.id = ANY(%(ids)s) AND p.state = 'QUEUE' AND p."deletedAt" IS NULL
  AND p."releaseId" IS NULL AND p."releaseURL" IS NULL FOR UPDATE SKIP LOCKED
"""


class Busy(StackError):
    """Another repair is under way."""


class ReadOnly(StackError):
    """The database cannot be changed by this user."""


def claim(connection: Any) -> None:
    """Be the only repair on this database until `release`. Raises Busy or ReadOnly."""
    with connection.cursor() as cursor:
        cursor.execute(_MAY_WRITE)
        if not cursor.fetchone()[0]:
            raise ReadOnly(
                "The database of Postiz cannot be changed by this user, or is a read-only replica; nothing was changed.",
                "give a user with UPDATE on the tables of Postiz, on the primary server.",
            )
        cursor.execute(_TRY_LOCK, {"key": _LOCK})
        if not cursor.fetchone()[0]:
            raise Busy(
                "Another run of stuck_posts works on this database; nothing was changed.",
                "wait for its end, try again.",
            )
    connection.commit()


def release(connection: Any) -> None:
    """Let others repair."""
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(_UNLOCK, {"key": _LOCK})
    connection.commit()


def take(connection: Any, items: Sequence[Item]) -> Iterator[Tuple[Item, List[str]]]:
    """Lock the rows of these posts, and hand out those that are as they were planned, with their complete rows.

    A post that is deleted takes its thread along.
    """
    for first in range(0, len(items), PAGE):
        page = {item.id: item for item in items[first : first + PAGE]}
        threads = _threads(connection, [item for item in page.values() if item.action is Action.DELETE])
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"ids": list(page)})
            for identifier, updated, state, text in cursor:
                item = page[identifier]
                if (updated, state) == (item.judged.row.updated, item.judged.row.state):
                    yield item, [text, *threads.get(item.id, ())]


def _threads(connection: Any, items: Sequence[Item]) -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {}
    if items:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_THREAD, {"ids": [item.id for item in items]})
            for root, _identifier, text in cursor:
                found.setdefault(root, []).append(text)
    return found


_DELETE_THREAD = """
UPDATE "Post" p SET "deletedAt" = %(stamp)s, "updatedAt" = %(stamp)s
WHERE p."deletedAt" IS NULL AND p.id IN (
  WITH RECURSIVE thread AS (
    SELECT c.id FROM "Post" c WHERE c."parentPostId" = ANY(%(ids)s)
    UNION ALL SELECT c.id FROM "Post" c JOIN thread t ON c."parentPostId" = t.id)
  SELECT id FROM thread)
"""


def write(connection: Any, items: Sequence[Item], reasons: Sequence[Optional[str]], stamp: datetime) -> None:
    """Change the rows of these posts; `reasons` are the texts of those that become ERROR."""
    deleted = [item for item in items if item.action is Action.DELETE]
    with connection.cursor() as cursor:
        for first in range(0, len(items), PAGE):
            page = items[first : first + PAGE]
            values = {
                "ids": [item.id for item in page],
                "states": [item.state or None for item in page],
                "dues": [item.due for item in page],
                "errors": list(reasons[first : first + PAGE]),
                "deleted": [stamp if item.action is Action.DELETE else None for item in page],
                "stamp": stamp,
            }
            cursor.execute(_WRITE, values)
        if deleted:
            cursor.execute(_DELETE_THREAD, {"ids": [item.id for item in deleted], "stamp": stamp})


def hold_written(connection: Any, ids: Sequence[str], stamp: datetime) -> Set[str]:
    """Lock the rows that are as the run of `stamp` left them; their ids."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_WRITTEN, {"ids": list(ids), "stamp": stamp})
        return {identifier for (identifier,) in cursor.fetchall()}


def restore(connection: Any, rows: Sequence[str], stamp: datetime) -> Set[str]:
    """Bring rows back as they were, if they are as the run of `stamp` left them; the ids of those that came back."""
    with connection.cursor() as cursor:
        cursor.execute(_RESTORE, {"rows": list(rows), "stamp": stamp})
        return {identifier for (identifier,) in cursor.fetchall()}


def startable(connection: Any, ids: Sequence[str]) -> Set[str]:
    """Lock rows that a workflow may be started for: any other state would be destroyed by the start."""
    with connection.cursor() as cursor:
        cursor.execute(_STARTABLE, {"ids": list(ids)})
        return {identifier for (identifier,) in cursor.fetchall()}
