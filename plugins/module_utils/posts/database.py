# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postiz' database, reached over the Compose network from the host: nothing needs to be published. Read-only."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Optional, Sequence
from urllib.parse import unquote, urlsplit

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


def target(environment: Mapping[str, str], containers: Sequence[Container], engine: Engine) -> Target:
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
    return Target(
        host=_address(parts.hostname, containers, engine),
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")),
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
    if PSYCOPG2_IMPORT_ERROR is not None:
        raise LibraryMissing("psycopg2", PSYCOPG2_IMPORT_ERROR)
    try:
        connection = psycopg2.connect(
            host=where.host,
            port=where.port,
            user=where.user,
            password=where.password,
            dbname=where.database,
            connect_timeout=CONNECT_SECONDS,
            application_name="selfhost.postiz",
            options=f"-c statement_timeout={int(statement_seconds * 1000)}",
        )
    except psycopg2.Error as problem:
        raise DatabaseFailed(
            f"The database of Postiz cannot be used: {_reason(problem, where)}.", "look at the database first."
        ) from problem
    try:
        connection.set_session(readonly=True)
        with connection, connection.cursor() as cursor:
            yield cursor
    except psycopg2.Error as problem:
        raise DatabaseFailed(
            f"The database of Postiz did not answer: {_reason(problem, where)}.",
            "look at the load of the database, and whether this release's tables are there.",
        ) from problem
    finally:
        connection.close()


def _reason(problem: BaseException, where: Target) -> str:
    text = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    return text.replace(where.password, "********") if where.password else text
