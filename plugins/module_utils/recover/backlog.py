# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many posts of one channel would go out at once if work flowed now. One statement, bound parameters."""

from __future__ import annotations

from typing import Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, LibraryMissing
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import (
    PSYCOPG2_IMPORT_ERROR,
    DatabaseFailed,
    Overrides,
    reading,
    target,
)

STATEMENT_SECONDS = 10.0

_COUNT = """
SELECT coalesce(max(waiting), 0) FROM (
  SELECT count(*) AS waiting FROM "Post" p
  WHERE p.state = 'QUEUE' AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
    AND p."publishDate" < (now() AT TIME ZONE 'utc') + make_interval(secs => %(ahead)s)
  GROUP BY p."integrationId") AS channels
"""


def must_be_askable() -> None:
    """Raises LibraryMissing where no database can be asked from this host at all."""
    if PSYCOPG2_IMPORT_ERROR is not None:
        raise LibraryMissing("psycopg2", PSYCOPG2_IMPORT_ERROR)


def most_waiting(engine: Engine, project: str, service: str, ahead_seconds: float, given: Overrides) -> Optional[int]:
    """Of the channel with the most; None if the database cannot be asked."""
    containers = engine.project_containers(project)
    try:
        environment = next(
            (engine.detail(item.identifier).environment for item in containers if item.service == service), {}
        )
        with reading(target(environment, containers, engine, given), STATEMENT_SECONDS) as cursor:
            cursor.execute(_COUNT, {"ahead": ahead_seconds})
            return int(cursor.fetchone()[0])
    except (DatabaseFailed, LibraryMissing, ContainerGone):
        return None
