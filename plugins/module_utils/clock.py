# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time: what the engine writes, and a clock that tests can replace."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import Optional

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_NEVER = "0001-01-01"


def parse_time(text: str) -> Optional[float]:
    """Seconds since the epoch of an RFC 3339 time with up to nine decimals; None for Go's zero time, and for no time."""
    match = _TIME.fullmatch(text)
    if match is None or text.startswith(_NEVER):
        return None
    date, fraction, zone = match.groups()
    offset = 0 if zone == "Z" else (int(zone[1:3]) * 60 + int(zone[4:])) * 60 * (-1 if zone[0] == "-" else 1)
    try:
        whole = datetime.fromisoformat(date).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None
    return whole - offset + float(f"0.{fraction or 0}")


class Clock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch, to compare with times of the engine."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back, to measure a wait."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Do nothing for a while."""
        time.sleep(seconds)
