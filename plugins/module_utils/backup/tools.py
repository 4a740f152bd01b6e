# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup, a restore and a drill work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine


@dataclass(frozen=True)
class Tools:
    """`connect` makes another connection to the engine; `step` is told each step when it is done."""

    engine: Engine
    connect: Callable[[], Engine]
    clock: Clock
    step: Callable[[str], None]

    def now_text(self) -> str:
        """ISO 8601, UTC, with milliseconds."""
        moment = datetime.fromtimestamp(self.clock.now(), timezone.utc)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
