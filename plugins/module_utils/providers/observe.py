# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failed and queued posts out of Postiz' database. Constant statements, bound values, server-side cursors.

Never read: content, tokens, and "Errors".body, which holds the whole channel row. Times in the database are UTC.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import DatabaseFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.error_text import LONGEST
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import (
    Beyond,
    Bounds,
    Channel,
    FailedPost,
    QueuedPost,
)

ROWS_AT_ONCE = 500
LOOKUPS_AT_ONCE = 5000
MISSING = ("42P01", "42703")
FORBIDDEN = "42501"
TOO_SLOW = "57014"

_CHANNELS = """
SELECT id, "organizationId", name, "providerIdentifier", coalesce("rootInternalId", ''),
       disabled, "refreshNeeded", "inBetweenSteps", "deletedAt" IS NOT NULL
FROM "Integration"
"""

# No ORDER BY: with one, the planner walks the whole index of times.
_FAILED = """
SELECT p.id, p."publishDate", p."updatedAt", p."integrationId",
       coalesce(p."releaseId", '') <> '' OR coalesce(p."releaseURL", '') <> '', p."releaseId" IS NOT DISTINCT FROM 'missing',
       left(coalesce(p.error, ''), %(longest)s)
FROM "Post" p
WHERE p.state = 'ERROR' AND p."deletedAt" IS NULL AND p."updatedAt" >= %(since)s
  AND (%(channels)s::text[] IS NULL OR p."integrationId" = ANY(%(channels)s::text[]))
  AND (%(posts)s::text[] IS NULL OR p.id = ANY(%(posts)s::text[]))
"""

_EARLIER = """
SELECT DISTINCT ON (e."postId") e."postId", left(e.message, %(longest)s)
FROM "Errors" e
WHERE e."postId" = ANY(%(posts)s::text[]) AND e.message <> 'Already posted'
ORDER BY e."postId", e."createdAt" DESC
"""

_QUEUED = """
SELECT p.id, p."publishDate", p."integrationId",
       CASE WHEN length(p.settings) <= %(longest)s THEN p.settings WHEN p.settings IS NULL THEN '' END,
       CASE WHEN length(p.image) <= %(longest)s THEN p.image WHEN p.image IS NULL THEN '' END
FROM "Post" p
WHERE p.state = 'QUEUE' AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
  AND p."publishDate" >= %(since)s AND p."publishDate" < %(until)s
  AND (%(channels)s::text[] IS NULL OR p."integrationId" = ANY(%(channels)s::text[]))
  AND (%(posts)s::text[] IS NULL OR p.id = ANY(%(posts)s::text[]))
"""

_BEYOND = """
SELECT count(*) FILTER (WHERE p.state = 'ERROR' AND p."updatedAt" < %(since)s),
       count(*) FILTER (WHERE p.state = 'QUEUE' AND p."parentPostId" IS NULL AND p."publishDate" < %(since)s),
       count(*) FILTER (WHERE p.state = 'QUEUE' AND p."parentPostId" IS NULL AND p."publishDate" >= %(until)s)
FROM "Post" p
WHERE p.state IN ('ERROR', 'QUEUE') AND p."deletedAt" IS NULL
  AND (%(channels)s::text[] IS NULL OR p."integrationId" = ANY(%(channels)s::text[]))
  AND (%(posts)s::text[] IS NULL OR p.id = ANY(%(posts)s::text[]))
"""

_PUBLISHED = """
SELECT p."integrationId", max(p."publishDate")
FROM "Post" p
WHERE p.state = 'PUBLISHED' AND p."deletedAt" IS NULL AND p."publishDate" >= %(since)s AND p."publishDate" <= %(now)s
  AND p."integrationId" = ANY(%(channels)s::text[])
GROUP BY p."integrationId"
"""

_KNOWN = 'SELECT id FROM "Post" WHERE id = ANY(%(posts)s::text[])'


@dataclass(frozen=True)
class Selection:
    """Ids of channels and posts; None: all of them."""

    channels: Optional[Tuple[str, ...]]
    posts: Optional[Tuple[str, ...]]


@contextmanager
def told_plainly() -> Iterator[None]:
    """What another release, another role or a big table does to these statements. Raises DatabaseFailed."""
    try:
        yield
    except Exception as problem:
        state = getattr(problem, "pgcode", None)
        first = (str(problem).strip().splitlines() or [""])[0]
        if state in MISSING:
            raise DatabaseFailed(
                f"This release's database is not as expected: {first}.",
                "see which release runs; this module knows the tables of Postiz v2.12.0 and later.",
            ) from problem
        if state == FORBIDDEN:
            raise DatabaseFailed(
                f"The database user may not read: {first}.", "use the database user of Postiz itself."
            ) from problem
        if state == TOO_SLOW:
            raise DatabaseFailed(
                "The database did not answer within statement_timeout.",
                "raise statement_timeout, or look at a shorter time (since, horizon) or fewer channels.",
            ) from problem
        raise


def begin(cursor: Any) -> datetime:
    """All statements see one moment; which one, by the database's clock. Must be first in its transaction."""
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    cursor.execute("SELECT (now() AT TIME ZONE 'utc')")
    now: datetime = cursor.fetchone()[0]
    return now


def bounds(now: datetime, since_seconds: float, horizon_seconds: float) -> Bounds:
    """The times between which is looked."""
    return Bounds(now, now - timedelta(seconds=since_seconds), now + timedelta(seconds=horizon_seconds))


def channels(cursor: Any) -> Dict[str, Channel]:
    """All channels by id, deleted ones too."""
    cursor.execute(_CHANNELS)
    return {row[0]: Channel(*row) for row in cursor.fetchall()}


def failed(cursor: Any, within: Bounds, selected: Selection) -> Iterator[FailedPost]:
    """Posts in ERROR. For those whose row lost its own error text, the newest other one of "Errors" is looked up."""
    waiting: List[FailedPost] = []
    for identifier, due, changed, channel, live, handed, error in _streamed(
        cursor, "failed", _FAILED, within, selected
    ):
        post = FailedPost(identifier, due, changed, channel, live, error, handed_over=handed)
        if live or error.strip() not in ("", "Already posted"):
            yield post
            continue
        waiting.append(post)
        if len(waiting) >= LOOKUPS_AT_ONCE:
            yield from _with_earlier(cursor, waiting)
            waiting = []
    yield from _with_earlier(cursor, waiting)


def _with_earlier(cursor: Any, posts: Sequence[FailedPost]) -> Iterator[FailedPost]:
    if not posts:
        return
    cursor.execute(_EARLIER, {"posts": [post.identifier for post in posts], "longest": LONGEST})
    texts: Dict[str, str] = dict(cursor.fetchall())
    for post in posts:
        earlier = texts.get(post.identifier, "")
        yield FailedPost(post.identifier, post.due, post.failed, post.channel, post.live, post.error, earlier)


def queued(cursor: Any, within: Bounds, selected: Selection) -> Iterator[QueuedPost]:
    """Roots in QUEUE, overdue ones too: they go out when work flows again."""
    for row in _streamed(cursor, "queued", _QUEUED, within, selected):
        yield QueuedPost(*row)


def _streamed(cursor: Any, name: str, statement: str, within: Bounds, selected: Selection) -> Iterator[Any]:
    with cursor.connection.cursor(name=f"selfhost_postiz_{name}") as stream:
        stream.itersize = ROWS_AT_ONCE
        stream.execute(statement, _values(within, selected))
        yield from stream


def beyond(cursor: Any, within: Bounds, selected: Selection) -> Beyond:
    """What the bounds leave out."""
    cursor.execute(_BEYOND, _values(within, selected))
    return Beyond(*(int(number) for number in cursor.fetchone()))


def published(cursor: Any, within: Bounds, wanted: Sequence[str]) -> Dict[str, datetime]:
    """When each of these channels published last, by the posts' own times; channels that did not are not in it."""
    if not wanted:
        return {}
    cursor.execute(_PUBLISHED, {"since": within.since, "now": within.now, "channels": list(wanted)})
    return dict(cursor.fetchall())


def unknown(cursor: Any, posts: Sequence[str]) -> Tuple[str, ...]:
    """Those of the ids that no post has."""
    if not posts:
        return ()
    cursor.execute(_KNOWN, {"posts": list(posts)})
    known = {row[0] for row in cursor.fetchall()}
    return tuple(identifier for identifier in posts if identifier not in known)


def _values(within: Bounds, selected: Selection) -> Dict[str, Any]:
    return {
        "since": within.since,
        "until": within.until,
        "channels": None if selected.channels is None else list(selected.channels),
        "posts": None if selected.posts is None else list(selected.posts),
        "longest": LONGEST,
    }
