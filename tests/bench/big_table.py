"""A real PostgreSQL 17 with Postiz' own tables, its "Post" filled with millions of rows; all of it is gone at the end.

Most rows are published. Of the queued ones some are overdue roots of good channels, some of broken channels, some are
thread children, and the rest is due in the future; they lie scattered over the table.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
import psycopg2
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Target
from docker.errors import NotFound
from docker.models.containers import Container
from labkit import engine, images
from labkit.catalog import POSTIZ
from labkit.paths import LABEL
from labkit.waiting import wait_for

IMAGE = "postiz-lab/postgres:17"
NAME = "postiz-lab-bench-postgres"
DATABASE = "postiz-db-local"
USER = "postiz-user"
PORT = 5432
OVERDUE = 5_000
BROKEN = 500
CHILDREN = 2_000
FUTURE = 45_000
QUEUED = OVERDUE + BROKEN + CHILDREN + FUTURE
CHANNELS = 90
BROKEN_CHANNELS = 10
ORGANIZATIONS = 10
# Of the published rows, how many become future ones later on: 965,000 of those of five million rows.
LATER_SHARE = 0.195
GIB = 1024**3
# A row takes about 1.2 kB with its indexes; the log of the load and of the later changes, and what they leave behind.
DISK_BYTES_PER_ROW = 2_900
DISK_BYTES_AT_LEAST = 5 * GIB
# A prime above any number of rows, so that multiplying by it scatters the rows and hits each once.
_SCATTER = 2_654_435_761
# `fsync` is off for the load only. Without autovacuum nothing of it runs beside what is measured.
_SERVER = ("postgres", "-c", "max_wal_size=4GB", "-c", "autovacuum=off")

_ORGANIZATIONS = """
INSERT INTO "Organization" (id, name, "updatedAt")
SELECT 'organization-' || number, 'Organization ' || number, now() FROM generate_series(0, %(organizations)s - 1) AS number
"""
_INTEGRATIONS = """
INSERT INTO "Integration" (id, "internalId", "organizationId", name, "providerIdentifier", type, token, disabled,
  "refreshNeeded", "updatedAt")
SELECT 'channel-' || number, 'internal-' || number, 'organization-' || number %% %(organizations)s, 'Channel ' || number,
  (ARRAY['x', 'linkedin-page', 'facebook', 'tiktok'])[number %% 4 + 1], 'social', 'token',
  number >= %(channels)s AND number %% 2 = 0, number >= %(channels)s AND number %% 2 = 1, now()
FROM generate_series(0, %(channels)s + %(broken_channels)s - 1) AS number
"""
_POSTS = """
INSERT INTO "Post" (id, state, "publishDate", "organizationId", "integrationId", content, "group", "parentPostId",
  "releaseId", "releaseURL", settings, image, "creationMethod", "createdAt", "updatedAt")
SELECT 'post-' || lpad(number::text, 20, '0'),
  (CASE WHEN kind < %(queued)s THEN 'QUEUE' ELSE 'PUBLISHED' END)::"State",
  %(now)s::timestamp + CASE
    WHEN kind < %(overdue)s + %(broken)s + %(children)s THEN - interval '1 hour' - interval '4 days' * random()
    WHEN kind < %(queued)s THEN interval '1 hour' + interval '30 days' * random()
    ELSE - interval '700 days' * (1 - number::float / %(rows)s) - interval '2 minutes' END,
  'organization-' || channel %% %(organizations)s, 'channel-' || channel, repeat(md5(number::text), 19),
  'group-' || lpad(number::text, 20, '0'),
  CASE WHEN kind >= %(overdue)s + %(broken)s AND kind < %(overdue)s + %(broken)s + %(children)s
    THEN 'post-' || lpad(((kind - %(overdue)s - %(broken)s) * %(inverse)s %% %(rows)s)::text, 20, '0') END,
  CASE WHEN kind >= %(queued)s THEN 'release-' || number END,
  CASE WHEN kind >= %(queued)s THEN 'https://social.example/' || number END,
  '{"__type":"x","who_can_reply_post":"everyone"}', '[]', 'WEB',
  %(now)s::timestamp - interval '701 days' * (1 - number::float / %(rows)s),
  %(now)s::timestamp - interval '700 days' * (1 - number::float / %(rows)s)
FROM (
  SELECT number, kind, CASE WHEN kind >= %(overdue)s AND kind < %(overdue)s + %(broken)s
    THEN %(channels)s + kind %% %(broken_channels)s ELSE kind %% %(channels)s END AS channel
  FROM (
    SELECT number, number * %(scatter)s %% %(rows)s AS kind FROM generate_series(0::bigint, %(rows)s - 1) AS number
  ) AS scattered
) AS placed
"""
_LATER = """
UPDATE "Post" SET state = 'QUEUE', "releaseId" = NULL, "releaseURL" = NULL,
  "publishDate" = %(now)s::timestamp + interval '1 hour' + interval '60 days' * random()
WHERE state = 'PUBLISHED' AND substr(id, 6)::bigint %% 1000 < %(share)s * 1000
"""
_SECONDARY = """
SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = '"Post"'::regclass AND NOT i.indisprimary ORDER BY c.relname
"""


@dataclass(frozen=True)
class Table:
    """The database, and how it was filled. `secondary_indexes` are those of "Post" besides its key."""

    container: Container
    target: Target
    rows: int
    secondary_indexes: int
    load_seconds: float

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """For what is not measured; every statement is its own transaction."""
        connection = self.connect()
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def connect(self) -> Any:
        """A connection as any program makes one."""
        where = self.target
        return psycopg2.connect(
            host=where.host, port=where.port, user=where.user, password=where.password, dbname=where.database
        )

    def count(self, condition: str, **values: object) -> int:
        """Rows of "Post" that fit."""
        with self.cursor() as cursor:
            cursor.execute(f'SELECT count(*) FROM "Post" WHERE {condition}', values)  # noqa: S608 - constants of the tests
            return int(cursor.fetchone()[0])

    def change(self, statement: str, **values: object) -> int:
        """Number of rows that a statement touches."""
        with self.cursor() as cursor:
            cursor.execute(statement, values)
            return int(cursor.rowcount)

    def schedule_many_more(self) -> int:
        """Turn published rows into future ones, as of an organization that plans far ahead; how many."""
        with self.cursor() as cursor, _without_fsync(cursor):
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(_LATER, {"share": LATER_SHARE, "now": _now(cursor)})
            changed = int(cursor.rowcount)
            cursor.execute('ANALYZE "Post"')
        return changed


def _now(cursor: Any) -> object:
    cursor.execute("SELECT now() AT TIME ZONE 'utc'")
    return cursor.fetchone()[0]


@contextmanager
def _without_fsync(cursor: Any) -> Iterator[None]:
    cursor.execute("ALTER SYSTEM SET fsync = off")
    cursor.execute("SELECT pg_reload_conf()")
    yield
    cursor.execute("ALTER SYSTEM RESET fsync")
    cursor.execute("SELECT pg_reload_conf()")
    # What was not flushed so far, is now.
    cursor.execute("CHECKPOINT")


def check_disk(client: docker.DockerClient, rows: int) -> None:
    """Fail with a clear text where the engine has not the room."""
    wanted = max(DISK_BYTES_AT_LEAST, rows * DISK_BYTES_PER_ROW)
    folder = client.info()["DockerRootDir"]
    free = shutil.disk_usage(folder).free
    if free < wanted:
        pytest.fail(
            f"{rows} rows need {wanted / GIB:.1f} GiB in {folder}, which has {free / GIB:.1f} GiB left. "
            "Make room, or give fewer rows: BENCH_ROWS=500000."
        )


@contextmanager
def big_table(rows: int) -> Iterator[Table]:
    """The filled table of so many rows; container, volume and all are removed at the end, whatever happened."""
    if rows < 2 * QUEUED:
        pytest.fail(f"BENCH_ROWS is {rows}, and {QUEUED} rows are queued ones: give at least {2 * QUEUED}.")
    client = engine.ensure()
    _remove(client)
    check_disk(client, rows)
    images.ensure(client, (IMAGE, POSTIZ))
    password = secrets.token_urlsafe(16)
    try:
        container = client.containers.run(
            IMAGE,
            list(_SERVER),
            name=NAME,
            detach=True,
            labels={LABEL: "true"},
            shm_size="1g",
            environment={"POSTGRES_USER": USER, "POSTGRES_PASSWORD": password, "POSTGRES_DB": DATABASE},
        )
        yield _filled(client, container, password, rows)
    finally:
        _remove(client)


def _remove(client: docker.DockerClient) -> None:
    try:
        client.containers.get(NAME).remove(force=True, v=True)
    except NotFound:
        return


def _filled(client: docker.DockerClient, container: Container, password: str, rows: int) -> Table:
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    host = next(network["IPAddress"] for network in networks if network["IPAddress"])
    target = Target(host=host, port=PORT, user=USER, password=password, database=DATABASE)
    wait_for("PostgreSQL of the bench", lambda: _answers(Table(container, target, rows, 0, 0.0)), 120)
    began = time.monotonic()
    _push_schema(client, target)
    indexes = _fill(Table(container, target, rows, 0, 0.0))
    return Table(container, target, rows, indexes, time.monotonic() - began)


def _answers(table: Table) -> bool:
    try:
        table.connect().close()
    except psycopg2.OperationalError:
        return False
    return True


def _push_schema(client: docker.DockerClient, target: Target) -> None:
    """What Postiz does at its boot: its tables, keys and indexes."""
    url = f"postgresql://{target.user}:{target.password}@{target.host}:{target.port}/{target.database}"
    client.containers.run(
        POSTIZ,
        ["pnpm", "run", "prisma-db-push"],
        environment={"DATABASE_URL": url},
        labels={LABEL: "true"},
        remove=True,
    )


def _fill(table: Table) -> int:
    """The rows first, then the indexes: a fifth of the time. Returns the number of secondary indexes."""
    values: dict[str, object] = {
        "rows": table.rows,
        "overdue": OVERDUE,
        "broken": BROKEN,
        "children": CHILDREN,
        "queued": QUEUED,
        "channels": CHANNELS,
        "broken_channels": BROKEN_CHANNELS,
        "organizations": ORGANIZATIONS,
        "scatter": _SCATTER,
        "inverse": pow(_SCATTER, -1, table.rows),
    }
    with table.cursor() as cursor, _without_fsync(cursor):
        # No triggers of foreign keys for each row; the rows fit by how they are made.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(_SECONDARY)
        secondary = cursor.fetchall()
        for name, _definition in secondary:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute(_ORGANIZATIONS, values)
        cursor.execute(_INTEGRATIONS, values)
        cursor.execute(_POSTS, {**values, "now": _now(cursor)})
        for _name, definition in secondary:
            cursor.execute(definition)
        cursor.execute('VACUUM ANALYZE "Post", "Integration", "Organization"')
        return len(secondary)
