# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a running PostgreSQL whether it takes a password."""

from __future__ import annotations

from typing import Optional

try:
    import psycopg2
except ImportError:
    HAS_PSYCOPG2 = False
else:
    HAS_PSYCOPG2 = True


def accepts(address: str, user: str, database: str, password: str) -> Optional[bool]:
    """True or False as the server says; None if it cannot be asked."""
    if not HAS_PSYCOPG2 or not address:
        return None
    try:
        connection = psycopg2.connect(
            host=address, port=5432, user=user, dbname=database, password=password, connect_timeout=5
        )
    except psycopg2.OperationalError as problem:
        return False if "password authentication failed" in str(problem) else None
    connection.close()
    return True
