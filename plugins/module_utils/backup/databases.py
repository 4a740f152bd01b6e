# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions on a stack's PostgreSQL servers: which databases there are, their snapshots, and the rows in a snapshot."""

from __future__ import annotations

import os
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import LiveDatabase
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import OTHER, POSTIZ, TEMPORAL
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import LibraryMissing, Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import error

try:
    import psycopg2
    import psycopg2.sql
except ImportError:
    PSYCOPG2_IMPORT_ERROR: Optional[str] = traceback.format_exc()
else:
    PSYCOPG2_IMPORT_ERROR = None

NAME = "selfhost.postiz.backup."
# Sessions carry the process that they belong to, so that nobody ends those of a run that lives.
SESSION = f"{NAME}{os.getpid()}"
PORT = 5432
MAINTENANCE = "postgres"
CONNECT_SECONDS = 5
# A server may end sessions that only hold a snapshot while its dump is made.
_OPTIONS = "-c idle_in_transaction_session_timeout=0 -c statement_timeout=0"
_DATABASES = """SELECT datname, pg_database_size(oid) FROM pg_database
WHERE datallowconn AND NOT datistemplate ORDER BY datname"""
_TABLES = """SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2"""
_VERSION = "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1"
_SNAPSHOT = "SELECT pg_export_snapshot()"
_NOW = "SELECT to_char(clock_timestamp() AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
_STATES = 'SELECT state::text, count(*) FROM "Post" WHERE "deletedAt" IS NULL GROUP BY state'
_NEWEST = 'SELECT max("updatedAt") FROM "Post"'
_SESSIONS = """SELECT pid, application_name FROM pg_stat_activity
WHERE starts_with(application_name, %(name)s) AND pid <> pg_backend_pid()"""
_END = "SELECT count(pg_terminate_backend(pid)) FROM unnest(%(pids)s::int[]) AS pid"
_END_OF = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = %(database)s AND pid <> pg_backend_pid()"""
_POSTIZ_TABLES = {("public", "Post"), ("public", "Integration"), ("public", "Organization")}
_TEMPORAL_TABLES = ({"executions", "history_node"}, {"executions_visibility"})


class DatabaseFailed(StackError):
    """A server cannot be reached or refuses. Carries no password."""


@dataclass(frozen=True)
class Login:
    """How a server is reached; it has no repr, because it holds the passwords that are tried in their order."""

    service: str
    address: str
    user: str
    passwords: Tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class ServerFacts:
    """What a server says of itself; `password` is the one that it takes."""

    version: str
    number: int
    roles: Tuple[str, ...]
    databases: Tuple[LiveDatabase, ...]
    password: str = field(repr=False)

    @property
    def major(self) -> int:
        """Such as 17."""
        return self.number // 10000


@dataclass(frozen=True)
class Counted:
    """Rows of each table, those of Postiz by state, and when the newest post was changed (UTC)."""

    rows: Dict[str, int]
    posts: Dict[str, int]
    newest_post: str


@contextmanager
def connected(login: Login, database: str) -> Iterator[Any]:
    """A connection with the first password that is taken. Raises LibraryMissing, DatabaseFailed."""
    if PSYCOPG2_IMPORT_ERROR is not None:
        raise LibraryMissing("psycopg2", PSYCOPG2_IMPORT_ERROR)
    connection, _password = _open(login, database)
    try:
        yield connection
    except psycopg2.Error as problem:
        raise _failed(login, problem) from problem
    finally:
        connection.close()


def _open(login: Login, database: str) -> Tuple[Any, str]:
    problem: Any = None
    for password in login.passwords or ("",):
        try:
            connection = psycopg2.connect(
                host=login.address,
                port=PORT,
                user=login.user,
                password=password,
                dbname=database,
                connect_timeout=CONNECT_SECONDS,
                application_name=SESSION,
                options=_OPTIONS,
            )
            return connection, password
        except psycopg2.OperationalError as caught:
            problem = caught
            if "authentication failed" not in str(caught):
                break
    raise _failed(login, problem)


def _failed(login: Login, problem: Any) -> DatabaseFailed:
    text = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    for password in login.passwords:
        text = text.replace(password, "********")
    return DatabaseFailed(f"PostgreSQL of {login.service} cannot be used: {text}.", "look at this server first.")


def look(login: Login) -> ServerFacts:
    """Raises DatabaseFailed."""
    if PSYCOPG2_IMPORT_ERROR is not None:
        raise LibraryMissing("psycopg2", PSYCOPG2_IMPORT_ERROR)
    first, password = _open(login, _entrance(login))
    try:
        number, version = _row(first, _VERSION)
        roles = tuple(name for (name,) in _all(first, _ROLES))
        listed = _all(first, _DATABASES)
    except psycopg2.Error as problem:
        raise _failed(login, problem) from problem
    finally:
        first.close()
    found = []
    for name, size in listed:
        with connected(login, name) as connection:
            tables = set(_all(connection, _TABLES))
        found.append(LiveDatabase(login.service, name, kind_of(tables), int(size), len(tables)))
    return ServerFacts(str(version).split(" ", 1)[0], int(number), roles, tuple(found), password)


def _entrance(login: Login) -> str:
    """A database to ask for the others; somebody may have dropped the maintenance one."""
    for name in (MAINTENANCE, "template1"):
        try:
            connection, _password = _open(login, name)
        except DatabaseFailed as problem:
            if "does not exist" not in problem.message:
                raise
            continue
        connection.close()
        return name
    return login.user


def beside(database: str) -> str:
    """Which database to connect to while this one is dropped and made anew. Pure."""
    return MAINTENANCE if database != MAINTENANCE else "template1"


def kind_of(tables: Any) -> str:
    """By the tables of a database. Pure."""
    if tables >= _POSTIZ_TABLES:
        return POSTIZ
    names = {name for _schema, name in tables}
    return TEMPORAL if any(names >= wanted for wanted in _TEMPORAL_TABLES) else OTHER


def end_left(login: Login) -> int:
    """End sessions of runs that were killed, and what is left of this one.

    Their dump would hold an old snapshot, and keep PostgreSQL from cleaning up.
    """
    with connected(login, _entrance(login)) as connection:
        there = _all(connection, _SESSIONS, {"name": NAME})
        left = [pid for pid, name in there if not _lives(name)]
        (number,) = _row(connection, _END, {"pids": left})
    return int(number)


def _lives(name: str) -> bool:
    """Whether a session belongs to another run that is under way."""
    owner = name[len(NAME) :]
    return owner.isdigit() and int(owner) != os.getpid() and os.path.exists(f"/proc/{owner}")


@dataclass
class Snapshot:
    """A transaction that stays open, so that a dump and the counts see the same moment."""

    login: Login
    database: LiveDatabase
    connection: Any
    identifier: str = ""

    def take(self) -> None:
        """Raises DatabaseFailed."""
        try:
            (self.identifier,) = _row(self.connection, _SNAPSHOT)
        except psycopg2.Error as problem:
            raise _failed(self.login, problem) from problem

    def count(self) -> Counted:
        """Raises DatabaseFailed."""
        try:
            return count(self.connection, self.database.kind)
        except psycopg2.Error as problem:
            raise _failed(self.login, problem) from problem


@contextmanager
def prepared(wanted: Sequence[Tuple[Login, LiveDatabase]]) -> Iterator[List[Snapshot]]:
    """Sessions that only have to take their snapshot: Temporal's first. Raises DatabaseFailed.

    Without a pause, a post that is published in between is then PUBLISHED in the dump of Postiz while its workflow still
    waits: it wakes and publishes nothing. The other way round, the sweep would publish it again.
    """
    with ExitStack() as stack:
        found = []
        for login, database in sorted(wanted, key=lambda item: (item[1].kind != TEMPORAL, item[1].item)):
            connection = stack.enter_context(connected(login, database.name))
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            found.append(Snapshot(login, database, connection))
        yield found


def now(snapshot: Snapshot) -> str:
    """The server's clock, ISO 8601 UTC."""
    return str(_row(snapshot.connection, _NOW)[0])


def count(connection: Any, kind: str) -> Counted:
    """Every table, exactly. Raises the driver's errors."""
    rows: Dict[str, int] = {}
    for schema, table in _all(connection, _TABLES):
        statement = psycopg2.sql.SQL("SELECT count(*) FROM {}.{}").format(
            psycopg2.sql.Identifier(schema), psycopg2.sql.Identifier(table)
        )
        (rows[f"{schema}.{table}"],) = _row(connection, statement)
    if kind != POSTIZ:
        return Counted(rows, {}, "")
    posts = {str(state): int(number) for state, number in _all(connection, _STATES)}
    (newest,) = _row(connection, _NEWEST)
    return Counted(rows, posts, newest.isoformat(timespec="milliseconds") + "Z" if newest else "")


def _row(connection: Any, statement: Any, values: Any = None) -> Tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: Tuple[Any, ...] = cursor.fetchone()
    return found


def _all(connection: Any, statement: Any, values: Any = None) -> List[Tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def refused(login_service: str, problem: StackError) -> Refused:
    """A server that cannot be dumped, as a finding."""
    return Refused((error("backup-database-failed", login_service, problem.message, problem.remedy),))


def has_table(login: Login, database: str, table: str) -> bool:
    """Whether a database has a table of this name. Raises DatabaseFailed."""
    with connected(login, database) as connection:
        return any(name == table for _schema, name in _all(connection, _TABLES))


def make_roles(login: Login, wanted: Sequence[str]) -> Tuple[str, ...]:
    """Roles that own something in a dump and are missing: made without a password, so that nobody can sign in as them."""
    with connected(login, _entrance(login)) as connection:
        connection.autocommit = True
        there = {name for (name,) in _all(connection, _ROLES)}
        missing = tuple(name for name in wanted if name not in there)
        with connection.cursor() as cursor:
            for name in missing:
                cursor.execute(psycopg2.sql.SQL("CREATE ROLE {} NOLOGIN").format(psycopg2.sql.Identifier(name)))
    return missing


def end_sessions(login: Login, database: str) -> None:
    """A database that is in use cannot be dropped. Raises DatabaseFailed."""
    with connected(login, _entrance(login)) as connection:
        _row(connection, _END_OF, {"database": database})
