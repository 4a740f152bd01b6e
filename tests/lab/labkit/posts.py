"""Posts of a stack: made through Postiz' public API or as rows, and read back from its database."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from labkit import social
from labkit.errors import LabError
from labkit.stack import Stack

CHANNEL = "x"
REFUSED_SECONDS = 11
ROW = """SELECT id, state::text, "publishDate", "parentPostId", "releaseId", error, "deletedAt" IS NOT NULL
FROM "Post" WHERE id = %s"""
INSERT = """INSERT INTO "Post" (id, state, "publishDate", "organizationId", "integrationId", content, "group",
"parentPostId", settings, image, "creationMethod", "createdAt", "updatedAt")
VALUES (%s, %s::"State", %s, %s, %s, %s, %s, %s, %s, '[]', 'API', %s, %s)"""


class BadGateway(LabError):
    """Postiz' nginx found nobody behind it."""


@dataclass(frozen=True)
class Post:
    """A row of Postiz' table."""

    id: str
    state: str
    due: datetime
    parent: str | None
    release: str | None
    error: str | None
    deleted: bool


@dataclass(frozen=True)
class Channel:
    """A connected channel."""

    id: str
    organization: str
    provider: str


def now() -> datetime:
    """UTC without a zone, as Postiz stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


def channels(stack: Stack) -> dict[str, Channel]:
    """Connected channels by provider."""
    found = stack.rows('SELECT id, "organizationId", "providerIdentifier" FROM "Integration" WHERE "deletedAt" IS NULL')
    return {row[2]: Channel(*row) for row in found}


def channel(stack: Stack, provider: str = CHANNEL) -> Channel:
    """The channel of a provider."""
    found = channels(stack)
    if provider not in found:
        raise LabError(f"the stack has no channel of {provider}. Its channels: {', '.join(sorted(found)) or 'none'}")
    return found[provider]


def schedule(stack: Stack, seconds: float, provider: str = CHANNEL, children: int = 0, kind: str = "schedule") -> str:
    """Schedule one post through the public API; the id of its root."""
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    name = secrets.token_hex(4)
    body = {
        "type": kind,
        "date": due.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "shortLink": False,
        "tags": [],
        "posts": [
            {
                "integration": {"id": channel(stack, provider).id},
                "settings": {},
                "value": [{"content": f"lab post {name} part {part}", "image": []} for part in range(children + 1)],
            }
        ],
    }
    return str(api(stack, "POST", "posts", body)[0]["postId"])


def api(stack: Stack, method: str, path: str, body: object = None) -> list[dict[str, object]]:
    """A call of Postiz' public API with the organization's own key.

    Each worker process of Postiz' nginx remembers for ten seconds that the backend refused, also when another one has
    been answered since: so long, a 502 says nothing.
    """
    deadline = time.monotonic() + REFUSED_SECONDS
    while True:
        try:
            return _call(stack, method, path, body)
        except BadGateway:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _call(stack: Stack, method: str, path: str, body: object) -> list[dict[str, object]]:
    key = stack.rows('SELECT "apiKey" FROM "Organization" WHERE "apiKey" IS NOT NULL ORDER BY "createdAt" LIMIT 1')[0][
        0
    ]
    request = urllib.request.Request(
        f"{stack.url()}/api/public/v1/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": key, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return list(json.load(answer))
    except urllib.error.HTTPError as error:
        failure = BadGateway if error.code == 502 else LabError
        raise failure(
            f"{method} /api/public/v1/{path}: {error.code} {error.read()[:300].decode(errors='replace')}"
        ) from error
    except OSError as error:
        raise LabError(f"{method} /api/public/v1/{path}: {error}. See: tests/lab/lab status") from error


def insert(
    stack: Stack, overdue: float, provider: str = CHANNEL, children: int = 0, state: str = "QUEUE"
) -> tuple[str, ...]:
    """Rows of one post that fell due ``overdue`` seconds ago and has no workflow: root first, then its thread."""
    target = channel(stack, provider)
    moment = now()
    due = moment - timedelta(seconds=overdue)
    # What is overdue was written before.
    written = min(moment, due)
    group = secrets.token_hex(8)
    ids = tuple(f"lab{secrets.token_hex(11)}" for _ in range(children + 1))
    with stack.database() as cursor:
        for part, (post, parent) in enumerate(zip(ids, (None, *ids), strict=False)):
            settings = json.dumps({"__type": provider})
            text = f"lab row {group} part {part}"
            values = (post, state, due, target.organization, target.id, text, group, parent, settings, written, written)
            cursor.execute(INSERT, values)
    return ids


def read(stack: Stack, post: str) -> Post:
    """The row of a post."""
    found = stack.rows(ROW, post)
    if not found:
        raise LabError(f"there is no post {post}")
    return Post(*found[0])


def thread(stack: Stack, root: str) -> tuple[str, ...]:
    """Ids of a root and the posts below it, in order."""
    statement = """WITH RECURSIVE thread AS (
        SELECT id, 0 AS depth FROM "Post" WHERE id = %s
        UNION ALL SELECT p.id, t.depth + 1 FROM "Post" p JOIN thread t ON p."parentPostId" = t.id)
    SELECT id FROM thread ORDER BY depth"""
    return tuple(row[0] for row in stack.rows(statement, root))


def states(stack: Stack, posts: tuple[str, ...]) -> dict[str, str]:
    """State of each post."""
    return dict(stack.rows('SELECT id, state::text FROM "Post" WHERE id = ANY(%s)', list(posts)))


def errors(stack: Stack, post: str) -> tuple[str, ...]:
    """Messages of the Errors rows of a post, oldest first."""
    return tuple(
        row[0] for row in stack.rows('SELECT message FROM "Errors" WHERE "postId" = %s ORDER BY "createdAt"', post)
    )


def published_at(post: str) -> datetime:
    """When the social network made a post visible first."""
    calls = [call for call in social.ledger(post) if call.outcome == social.VISIBLE]
    if not calls:
        raise LabError(f"post {post} is not on the social network")
    return datetime.fromisoformat(calls[0].time)
