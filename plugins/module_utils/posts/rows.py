# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of posts, without their content and without anything of a channel's tokens. Constant statements, bound values.

No LIMIT beside an ORDER BY: on five million rows PostgreSQL would then walk the index of dates from the oldest published
post. Rows are read through a server-side cursor, so that memory does not grow with their number.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from sys import intern
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple, cast

from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import breaks
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Row, Selection

PAGE = 500

_COLUMNS = """
SELECT p.id, p.state::text, p."publishDate", p."updatedAt", p."organizationId", p."integrationId", i.name,
       i."providerIdentifier", i.disabled, i."refreshNeeded", i."inBetweenSteps", i."deletedAt" IS NOT NULL,
       p."releaseId" IS NOT NULL OR p."releaseURL" IS NOT NULL, p.error IS NOT DISTINCT FROM 'Already posted',
       p."deletedAt" IS NOT NULL, p."parentPostId" IS NULL, p."intervalInDays" IS NOT NULL, p."group"
FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
"""
# "deletedAt" of an organization came after v2.23.0: through jsonb the statement fits both.
_SELECTED = """
  AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
  AND (%(oldest)s::timestamp IS NULL OR p."publishDate" >= %(oldest)s::timestamp)
  AND (%(organizations)s::text[] IS NULL OR p."organizationId" = ANY(%(organizations)s::text[]))
  AND (%(channels)s::text[] IS NULL OR p."integrationId" = ANY(%(channels)s::text[]))
  AND (%(providers)s::text[] IS NULL OR i."providerIdentifier" = ANY(%(providers)s::text[]))
  AND p."organizationId" NOT IN (SELECT o.id FROM "Organization" o WHERE to_jsonb(o) ->> 'deletedAt' IS NOT NULL)
"""
OVERDUE = (
    _COLUMNS
    + """WHERE p.state = 'QUEUE' AND p."publishDate" < %(due)s AND p."intervalInDays" IS NULL"""
    + _SELECTED
    + """ORDER BY p."publishDate", p.id"""
)
LIVE = _COLUMNS + """WHERE p.state = 'ERROR' AND p."releaseId" IS NOT NULL AND p."releaseId" <> 'missing'""" + _SELECTED
BY_ID = _COLUMNS + """WHERE p.id = ANY(%(ids)s)"""
_NOW = "SELECT date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'utc')"
_QUEUED_BEFORE = """
SELECT count(*) FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
WHERE p.state = 'QUEUE' AND p."publishDate" < %(bound)s AND p."intervalInDays" IS NULL
"""
_BEFORE = _QUEUED_BEFORE + _SELECTED
_TAKEN = """
SELECT p."integrationId", p."publishDate" FROM "Post" p
WHERE p.state = 'QUEUE' AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
  AND p."integrationId" = ANY(%(channels)s) AND p."publishDate" >= %(first)s AND p."publishDate" < %(last)s
  AND NOT p.id = ANY(%(moved)s)
"""


def database_now(connection: Any) -> datetime:
    """The database's clock, naive UTC, in whole milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        (now,) = cursor.fetchone()
    return _moment(now)


def overdue(connection: Any, selection: Selection, now: datetime) -> Iterator[List[Row]]:
    """Queued roots that should be out, oldest first, in pages. With ids given, those rows whatever they are."""
    if selection.posts:
        yield from _pages(connection, BY_ID, {"ids": list(selection.posts)})
        return
    due = now - timedelta(seconds=selection.overdue_seconds)
    yield from _pages(connection, OVERDUE, {**_bounds(selection), "due": due})


def older(connection: Any, selection: Selection) -> int:
    """How many posts a lower bound of the selection leaves out."""
    if selection.oldest is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, {**_bounds(selection), "oldest": None, "bound": selection.oldest})
        (count,) = cursor.fetchone()
    return int(count)


def live_errors(connection: Any, selection: Selection) -> Iterator[List[Row]]:
    """Roots that are marked as failed and have a release."""
    yield from _pages(connection, LIVE, _bounds(selection))


def by_ids(connection: Any, ids: Sequence[str]) -> Dict[str, Row]:
    """Rows of these ids, whatever they are."""
    with connection.cursor() as cursor:
        cursor.execute(BY_ID, {"ids": list(ids)})
        return {row.id: row for row in map(_row, cursor.fetchall())}


def taken(
    connection: Any, channels: Sequence[str], first: datetime, last: datetime, moved: Sequence[str]
) -> Mapping[str, List[datetime]]:
    """When other posts of these channels are due, sorted."""
    found: Dict[str, List[datetime]] = {channel: [] for channel in channels}
    with connection.cursor() as cursor:
        values = {"channels": list(channels), "first": first, "last": last, "moved": list(moved)}
        cursor.execute(_TAKEN, values)
        for channel, due in cursor:
            found[channel].append(_moment(due))
    return {channel: sorted(times) for channel, times in found.items()}


def _bounds(selection: Selection) -> Dict[str, Any]:
    return {
        "oldest": selection.oldest,
        "organizations": list(selection.organizations) or None,
        "channels": list(selection.channels) or None,
        "providers": list(selection.providers) or None,
    }


def _pages(connection: Any, statement: str, values: Mapping[str, Any]) -> Iterator[List[Row]]:
    with connection.cursor("selfhost_postiz_rows") as cursor:
        cursor.itersize = PAGE
        cursor.execute(statement, values)
        while True:
            page = cursor.fetchmany(PAGE)
            if not page:
                return
            yield [_row(record) for record in page]


def _row(record: Tuple[Any, ...]) -> Row:
    (
        identifier,
        state,
        due,
        updated,
        organization,
        channel,
        channel_name,
        provider,
        disabled,
        refresh,
        between,
        channel_deleted,
        release,
        already,
        deleted,
        root,
        recurring,
        group,
    ) = record
    return Row(
        id=identifier,
        # Thousands of rows share these few texts.
        state=intern(state),
        due=_moment(due),
        updated=_moment(updated),
        organization=intern(organization),
        channel=intern(channel),
        channel_name=intern(channel_name),
        provider=intern(provider),
        broken=breaks(disabled, refresh, between, channel_deleted),
        release=release,
        already_posted=already,
        deleted=deleted,
        root=root,
        recurring=recurring,
        group=group,
    )


def _moment(value: Any) -> datetime:
    """What psycopg2 hands out for a timestamp without time zone."""
    return cast(datetime, value)
