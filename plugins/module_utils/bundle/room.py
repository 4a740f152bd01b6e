# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the host has the memory that a build may take."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome


def available_bytes(path: str = "/proc/meminfo") -> Optional[int]:
    """What the kernel could give without taking it from somebody; None if it does not say."""
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, _colon, value = line.partition(":")
                if name == "MemAvailable":
                    return int(value.split()[0]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return None


def with_warning(limit: int, operation: Callable[[], Outcome], path: str = "/proc/meminfo") -> Outcome:
    """The outcome, with a warning if something was built, or would be, that may want more memory than was there."""
    available = available_bytes(path)
    outcome = operation()
    if not outcome.payload.get("extracted") or available is None or (limit and limit <= available):
        return outcome
    text = (
        f"The host had {available >> 20} MiB of memory available, and a build may take "
        f"{f'{limit >> 20} MiB' if limit else 'all of it'}: when memory runs out, the kernel ends the build before the stack. "
        "Lower memory to what is there, or build elsewhere (prebuilt)."
    )
    return replace(outcome, warnings=(*outcome.warnings, text))
