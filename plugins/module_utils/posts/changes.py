# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements that change rows of posts. Constant, with bound values; the caller owns the transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Item

PAGE = 200
# "selfhost" as a number: one repair at a time on one database, whoever runs it from wherever.
_LOCK = 0x73656C66686F7374
_TRY_LOCK = "SELECT pg_try_advisory_lock(%(key)s)"
_UNLOCK = "SELECT pg_advisory_unlock(%(key)s)"
_MAY_WRITE = """SELECT current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery()
  AND has_table_privilege(current_user, '"Post"'::regclass, 'SELECT')
  AND has_table_privilege(current_user, '"Post"'::regclass, 'UPDATE')"""
# What a plan relies on of a row: somebody's SQL does not always move "updatedAt".
_TAKE = """
SELECT p.id, to_jsonb(p)::text, p."updatedAt", p.state::text, p."publishDate", p."organizationId", p."integrationId",
       p."releaseId" IS NOT NULL OR p."releaseURL" IS NOT NULL, p.error IS NOT DISTINCT FROM 'Already posted',
       p."deletedAt" IS NOT NULL, p."parentPostId" IS NULL, p."intervalInDays" IS NOT NULL
FROM "Post" p WHERE p.id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED
"""
# A post and what hangs below it. Another root of its group is a post for itself, which no plan has shown.
_THREAD = """
WITH RECURSIVE thread AS (
  SELECT c.id, c."parentPostId" AS root FROM "Post" c WHERE c."parentPostId" = ANY(%(ids)s)
  UNION ALL SELECT c.id, t.root FROM "Post" c JOIN thread t ON c."parentPostId" = t.id)
"""
_TAKE_THREAD = (
    _THREAD
    + """
SELECT t.root, p.id, to_jsonb(p)::text FROM "Post" p JOIN thread t ON t.id = p.id WHERE p."deletedAt" IS NULL
ORDER BY p.id FOR UPDATE OF p SKIP LOCKED
"""
)
_NAME_THREAD = (
    _THREAD
    + """
SELECT t.root, p.id FROM "Post" p JOIN thread t ON t.id = p.id WHERE p."deletedAt" IS NULL
"""
)
_WRITE = """
UPDATE "Post" p SET state = coalesce(v.state::"State", p.state), "publishDate" = coalesce(v.due, p."publishDate"),
  error = CASE WHEN v.state = 'ERROR' THEN v.error WHEN v.state = 'PUBLISHED' THEN NULL ELSE p.error END,
  "deletedAt" = coalesce(v.deleted, p."deletedAt"), "updatedAt" = %(stamp)s
FROM unnest(%(ids)s::text[], %(states)s::text[], %(dues)s::timestamp[], %(errors)s::text[], %(deleted)s::timestamp[])
  AS v(id, state, due, error, deleted)
WHERE p.id = v.id
"""
_DELETE_THREAD = """
UPDATE "Post" p SET "deletedAt" = %(stamp)s, "updatedAt" = %(stamp)s
WHERE p."deletedAt" IS NULL AND p.id IN (
  WITH RECURSIVE thread AS (
    SELECT c.id FROM "Post" c WHERE c."parentPostId" = ANY(%(ids)s)
    UNION ALL SELECT c.id FROM "Post" c JOIN thread t ON c."parentPostId" = t.id)
  SELECT id FROM thread)
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


# Who holds it: the lock's number is in two halves.
_HOLDER = """
SELECT coalesce(host(a.client_addr), 'a local socket'), date_trunc('second', a.backend_start AT TIME ZONE 'utc')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid::bigint = %(key)s >> 32 AND l.objid::bigint = %(key)s & 4294967295
"""
_TRY_AGAIN_SECONDS = 0.5


class Busy(StackError):
    """Another repair is under way."""


class ReadOnly(StackError):
    """The database cannot be changed by this user."""


def check_rights(connection: Any) -> None:
    """Whether rows could be changed, found out without a lock: what check mode may do. Raises ReadOnly."""
    with connection.cursor() as cursor:
        cursor.execute(_MAY_WRITE)
        if not cursor.fetchone()[0]:
            raise ReadOnly(
                "The database of Postiz cannot be changed by this user, or is a read-only replica; nothing was changed.",
                "give a user with UPDATE on the tables of Postiz, on the primary server.",
            )


def claim(connection: Any, wait_seconds: float, clock: Clock) -> None:
    """Be the only repair on this database until `release`; wait so long for another one. Raises Busy or ReadOnly."""
    ends = clock.monotonic() + wait_seconds
    check_rights(connection)
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_TRY_LOCK, {"key": _LOCK})
            if cursor.fetchone()[0]:
                break
            if clock.monotonic() >= ends:
                raise Busy(
                    f"Another run of stuck_posts works on this database{_holder(cursor)}, and did not end within "
                    f"{wait_seconds:g} seconds (lock_timeout); nothing was changed.",
                    "run this again when it has ended. If several hosts of the inventory stand for one stack, one of them "
                    "is enough: --limit.",
                )
            connection.commit()
            clock.sleep(_TRY_AGAIN_SECONDS)
    connection.commit()


def _holder(cursor: Any) -> str:
    cursor.execute(_HOLDER, {"key": _LOCK})
    found = cursor.fetchone()
    return f" (from {found[0]}, since {found[1]} UTC)" if found else ""


def release(connection: Any) -> None:
    """Let others repair."""
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(_UNLOCK, {"key": _LOCK})
    connection.commit()


def take(connection: Any, items: Sequence[Item]) -> Iterator[Tuple[Item, List[str]]]:
    """Lock the rows of these posts, and hand out those that are as they were planned, with their complete rows.

    A post that is deleted takes its thread along, whole or not at all. Nothing waits for a lock, so no two can wait for each
    other.
    """
    for first in range(0, len(items), PAGE):
        page = {item.id: item for item in items[first : first + PAGE]}
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"ids": list(page)})
            taken = [
                (page[identifier], text)
                for identifier, text, *values in cursor
                if tuple(values) == _relied_on(page[identifier].judged.row)
            ]
        threads = _threads(connection, [item.id for item, _text in taken if item.action is Action.DELETE])
        for item, text in taken:
            if item.action is not Action.DELETE:
                yield item, [text]
            elif item.id in threads:
                yield item, [text, *threads[item.id]]


def _relied_on(row: Row) -> Tuple[object, ...]:
    """As _TAKE reads it."""
    return (
        row.updated,
        row.state,
        row.due,
        row.organization,
        row.channel,
        row.release,
        row.already_posted,
        row.deleted,
        row.root,
        row.recurring,
    )


def _threads(connection: Any, roots: Sequence[str]) -> Dict[str, List[str]]:
    """Lock the threads of these posts, whose own rows are locked already: nobody can add to them. Those that somebody holds a
    part of are left out."""
    if not roots:
        return {}
    taken: Dict[str, Dict[str, str]] = {root: {} for root in roots}
    whole: Dict[str, Set[str]] = {root: set() for root in roots}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_THREAD, {"ids": list(roots)})
        for root, identifier, text in cursor:
            taken[root][identifier] = text
        # Asked for once more: a part may have been added before its parent was locked.
        cursor.execute(_NAME_THREAD, {"ids": list(roots)})
        for root, identifier in cursor:
            whole[root].add(identifier)
    return {root: list(texts.values()) for root, texts in taken.items() if whole[root] == set(texts)}


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
