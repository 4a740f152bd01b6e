# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postiz' database, reached over the Compose network from the host: nothing needs to be published."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, LibraryMissing, StackError

try:
    import psycopg2
except ImportError:
    PSYCOPG2_IMPORT_ERROR: Optional[str] = traceback.format_exc()
else:
    PSYCOPG2_IMPORT_ERROR = None

CONNECT_SECONDS = 5
DEFAULT_PORT = 5432
DEFAULT_SCHEMA = "public"
_WORK_MEMORY = "64MB"


class DatabaseFailed(StackError):
    """The database cannot be reached, refuses, or does not answer in time. Carries no part of the connection string."""


@dataclass(frozen=True, repr=False)
class Target:
    """Where and as whom to connect; it has no repr, because it holds the password."""

    host: str
    port: int
    user: str
    password: str
    database: str
    schema: str = DEFAULT_SCHEMA
    tls_mode: str = ""
    tls_ca_path: str = ""


@dataclass(frozen=True)
class Overrides:
    """What is not taken from DATABASE_URL; empty and 0 leave it as it is. `tls_mode` is libpq's sslmode."""

    host: str = ""
    port: int = 0
    tls_mode: str = ""
    tls_ca_path: str = ""


def target(
    environment: Mapping[str, str], containers: Sequence[Container], engine: Engine, given: Overrides = Overrides()
) -> Target:
    """Out of the environment of Postiz. Raises DatabaseFailed."""
    url = environment.get("DATABASE_URL", "")
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        parts = urlsplit("")
        port = 0
    if not parts.hostname or not parts.path.strip("/") or not port:
        raise DatabaseFailed(
            "The environment of Postiz has no usable DATABASE_URL.", "look at the environment of its container."
        )
    # Prisma's own parameters: `schema`, and libpq's sslmode.
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return Target(
        host=given.host or _address(parts.hostname, containers, engine),
        port=given.port or port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")),
        schema=options.get("schema") or DEFAULT_SCHEMA,
        tls_mode=given.tls_mode or options.get("sslmode", ""),
        tls_ca_path=given.tls_ca_path,
    )


def _address(host: str, containers: Sequence[Container], engine: Engine) -> str:
    """A service of the project is reached at its container's address; any other host as it is written."""
    for container in containers:
        if host in (container.service, container.name):
            try:
                found = engine.detail(container.identifier).address
            except ContainerGone:
                found = ""
            if not found:
                raise DatabaseFailed(
                    f"The container of {container.service} has no network address.", "start the service."
                )
            return found
    return host


@contextmanager
def reading(where: Target, statement_seconds: float) -> Iterator[Any]:
    """A cursor in a read-only transaction. Raises LibraryMissing or DatabaseFailed."""
    with session(where, statement_seconds, readonly=True) as connection, connection.cursor() as cursor:
        yield cursor


@contextmanager
def session(where: Target, statement_seconds: float, readonly: bool) -> Iterator[Any]:
    """A connection; what its user did not commit is rolled back. Raises LibraryMissing or DatabaseFailed."""
    if PSYCOPG2_IMPORT_ERROR is not None:
        raise LibraryMissing("psycopg2", PSYCOPG2_IMPORT_ERROR)
    try:
        connection = psycopg2.connect(**_parameters(where, statement_seconds))
    except psycopg2.Error as problem:
        raise DatabaseFailed(
            f"The database of Postiz cannot be used: {_reason(problem, where)}.", "look at the database first."
        ) from problem
    try:
        if readonly:
            # Else as the database has it: one that was made read-only for a while stays so.
            connection.set_session(readonly=True)
        yield connection
    except psycopg2.Error as problem:
        raise _failure(problem, where) from problem
    finally:
        connection.close()


def _parameters(where: Target, statement_seconds: float) -> Dict[str, Any]:
    # Server-side cursors are planned for their first rows unless told otherwise: the planner would then walk the index
    # of the dates from the oldest published post (measured on five million rows, a million of them scheduled: twice the
    # time; 20 s where the dates lie scattered over the table).
    # A bitmap of a million scheduled posts does not fit PostgreSQL's own work_mem (4 MB): the planner would then read
    # the whole table (measured: twice the time).
    options = (
        f"-c statement_timeout={int(statement_seconds * 1000)} -c cursor_tuple_fraction=1 -c work_mem={_WORK_MEMORY}"
    )
    found: Dict[str, Any] = {
        "host": where.host,
        "port": where.port,
        "user": where.user,
        "password": where.password,
        "dbname": where.database,
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "selfhost.postiz",
        "options": options,
    }
    if where.schema != DEFAULT_SCHEMA:
        found["options"] += f" -c search_path={where.schema}"
    if where.tls_mode:
        found["sslmode"] = where.tls_mode
    if where.tls_ca_path:
        found["sslrootcert"] = where.tls_ca_path
    return found


def _failure(problem: Any, where: Target) -> DatabaseFailed:
    reason = _reason(problem, where)
    code = getattr(problem, "pgcode", None) or ""
    if code in ("25006", "42501"):
        return DatabaseFailed(
            f"The database of Postiz refuses to be changed: {reason}.",
            "give a user with UPDATE on the tables of Postiz, and a server that is no read-only replica.",
        )
    if code in ("42P01", "42703", "42704"):
        return DatabaseFailed(
            f"The tables of this release of Postiz are others than those known here: {reason}.",
            "look whether the collection is as new as the release of Postiz.",
        )
    return DatabaseFailed(f"The database of Postiz did not answer: {reason}.", "look at the load of the database.")


def _reason(problem: BaseException, where: Target) -> str:
    text = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    return text.replace(where.password, "********") if where.password else text
