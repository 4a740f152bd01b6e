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
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Sequence, Tuple, cast

from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import SETTLE_SECONDS, breaks
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Row, Selection

PAGE = 500
PAGE_OF_IDS = 1000
# So many posts beyond the horizon are counted.
MOST_LATER = 10000

_COLUMNS = """
SELECT p.id, p.state::text, p."publishDate", p."updatedAt", p."organizationId", p."integrationId", i.name,
       i."providerIdentifier", i.disabled, i."refreshNeeded", i."inBetweenSteps", i."deletedAt" IS NOT NULL,
       p."releaseId" IS NOT NULL OR p."releaseURL" IS NOT NULL, p.error IS NOT DISTINCT FROM 'Already posted',
       p."deletedAt" IS NOT NULL, p."parentPostId" IS NULL, p."intervalInDays" IS NOT NULL,
       p."releaseId" IS NOT DISTINCT FROM 'missing'
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
# Ids alone, since nearly all of them have their workflow. The backend writes a row first and starts its workflow then.
_IDS_AHEAD = """
SELECT p.id FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
WHERE p.state = 'QUEUE' AND p."publishDate" >= %(first)s AND p."publishDate" < %(until)s AND p."updatedAt" < %(settled)s
  AND p."intervalInDays" IS NULL
"""
AHEAD = _IDS_AHEAD + _SELECTED
AHEAD_AMONG = AHEAD + "AND p.id = ANY(%(ids)s)"
# Bounded, so that a million of them cost no more than these.
_COUNT_LATER = """
SELECT count(*) FROM (SELECT 1 FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
WHERE p.state = 'QUEUE' AND p."publishDate" >= %(until)s AND p."intervalInDays" IS NULL
"""
_COUNT_RECURRING = """
SELECT count(*) FROM (SELECT 1 FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
WHERE p."intervalInDays" IS NOT NULL AND p.state IN ('QUEUE', 'PUBLISHED')
"""
_MOST = "LIMIT %(most)s) AS later"
LATER = _COUNT_LATER + _SELECTED + _MOST
RECURRING = _COUNT_RECURRING + _SELECTED + _MOST
_LIVE_ERROR = """p.state = 'ERROR' AND coalesce(p."releaseId", '') <> 'missing'
AND (p."releaseId" IS NOT NULL OR p."releaseURL" IS NOT NULL)"""
LIVE = _COLUMNS + """WHERE """ + _LIVE_ERROR + _SELECTED
BY_ID = _COLUMNS + """WHERE p.id = ANY(%(ids)s)"""
_NOW = "SELECT date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'utc')"
_COUNT_BEFORE = """
SELECT count(*) FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
WHERE p."publishDate" < %(bound)s AND p."intervalInDays" IS NULL AND (p.state = 'QUEUE' OR """
_BEFORE = _COUNT_BEFORE + _LIVE_ERROR + ")" + _SELECTED
_KNOWN_POSTS = """SELECT id FROM "Post" WHERE id = ANY(%(ids)s)"""
_KNOWN_CHANNELS = """SELECT id FROM "Integration" WHERE id = ANY(%(ids)s)"""
_KNOWN_ORGANIZATIONS = """SELECT id FROM "Organization" WHERE id = ANY(%(ids)s)"""
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


def ahead(connection: Any, selection: Selection, now: datetime) -> Iterator[List[str]]:
    """Ids of queued roots of the future, up to the horizon, in pages. None with ids given: those are looked at as they are."""
    values = _ahead(selection, now)
    if selection.posts or values["until"] <= values["first"]:
        return
    with connection.cursor("selfhost_postiz_ahead") as cursor:
        cursor.itersize = PAGE_OF_IDS
        cursor.execute(AHEAD, values)
        while True:
            page = cursor.fetchmany(PAGE_OF_IDS)
            if not page:
                return
            yield [identifier for (identifier,) in page]


def ahead_among(connection: Any, selection: Selection, now: datetime, ids: Sequence[str]) -> FrozenSet[str]:
    """Those of these posts that `ahead` hands out as well."""
    if selection.posts or not ids:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(AHEAD_AMONG, {**_ahead(selection, now), "ids": list(ids)})
        return frozenset(identifier for (identifier,) in cursor.fetchall())


def _ahead(selection: Selection, now: datetime) -> Dict[str, Any]:
    first, until = _future(selection, now)
    settled = now - timedelta(seconds=SETTLE_SECONDS)
    return {**_bounds(selection), "first": first, "until": until, "settled": settled}


def recurring(connection: Any, selection: Selection) -> int:
    """How many recurring posts there are, up to MOST_LATER. Between two repeats their rows are published, whatever became of
    the workflow that waits for the next."""
    if selection.posts:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(RECURRING, {**_bounds(selection), "oldest": None, "most": MOST_LATER})
        (count,) = cursor.fetchone()
    return int(count)


def later(connection: Any, selection: Selection, now: datetime) -> int:
    """How many posts the horizon leaves out, up to MOST_LATER."""
    if selection.posts:
        return 0
    with connection.cursor() as cursor:
        first, until = _future(selection, now)
        cursor.execute(LATER, {**_bounds(selection), "until": max(first, until), "most": MOST_LATER})
        (count,) = cursor.fetchone()
    return int(count)


def _future(selection: Selection, now: datetime) -> Tuple[datetime, datetime]:
    """From where the overdue ones end, or from now on; up to the horizon."""
    first = now + timedelta(seconds=max(0.0, -selection.overdue_seconds))
    return first, now + timedelta(seconds=selection.horizon_seconds)


def unknown(connection: Any, selection: Selection) -> Tuple[str, ...]:
    """What is selected by id and does not exist, as `posts: id`."""
    found: List[str] = []
    for name, wanted, statement in (
        ("posts", selection.posts, _KNOWN_POSTS),
        ("channels", selection.channels, _KNOWN_CHANNELS),
        ("organizations", selection.organizations, _KNOWN_ORGANIZATIONS),
    ):
        if wanted:
            with connection.cursor() as cursor:
                cursor.execute(statement, {"ids": list(wanted)})
                known = {identifier for (identifier,) in cursor.fetchall()}
            found += [f"{name}: {identifier}" for identifier in dict.fromkeys(wanted) if identifier not in known]
    return tuple(found)


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
        handed_over,
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
        handed_over=handed_over,
    )


def _moment(value: Any) -> datetime:
    """What psycopg2 hands out for a timestamp without time zone."""
    return cast(datetime, value)
