# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many posts should have gone out and have not. One statement, bound parameters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

# Upstream's sweep (from v2.21.8) takes root posts of the last two days whose channel can be used; it runs hourly.
SWEEP_SECONDS = 2 * 24 * 3600.0

_COUNT = """
SELECT count(*) FILTER (WHERE p."publishDate" >= %(swept)s),
       count(*) FILTER (WHERE p."publishDate" < %(swept)s),
       coalesce(extract(epoch FROM (%(now)s - min(p."publishDate"))), 0)
FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
WHERE p.state = 'QUEUE' AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL AND p."publishDate" < %(due)s
  AND i."deletedAt" IS NULL AND NOT i.disabled AND NOT i."refreshNeeded" AND NOT i."inBetweenSteps"
"""


@dataclass(frozen=True)
class Overdue:
    """Root posts of usable channels. `older` are those that upstream's own sweep never takes up again."""

    swept: int
    older: int
    oldest_seconds: float


def count(cursor: Any, grace_seconds: float) -> Overdue:
    """Posts whose time is longer ago than the grace. The database's clock counts, in UTC, as Postiz stores times."""
    cursor.execute("SELECT (now() AT TIME ZONE 'utc')")
    (now,) = cursor.fetchone()
    bounds = {
        "now": now,
        "due": now - timedelta(seconds=grace_seconds),
        "swept": now - timedelta(seconds=SWEEP_SECONDS),
    }
    cursor.execute(_COUNT, bounds)
    swept, older, oldest = cursor.fetchone()
    return Overdue(int(swept), int(older), float(oldest))
