# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known breaks between releases of Postiz, as data. Source: the application's own history, tag by tag."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

Version = Tuple[int, int, int]
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[.+-].*)?")


@dataclass(frozen=True)
class Break:
    """Reached by an upgrade from before `since` to `since` or later. `stops`: no acknowledgement helps."""

    name: str
    since: Version
    what: str
    remedy: str
    stops: bool = False


BREAKS = (
    Break(
        "temporal-required",
        (2, 12, 0),
        "From 2.12.0 on posts are Temporal's workflows; the jobs of earlier releases, kept in Redis, are not taken over.",
        "install 2.12.0 beside the old stack, restore the database into it, and look at every scheduled post.",
        stops=True,
    ),
    Break(
        "sweep-window",
        (2, 21, 8),
        "From 2.21.8 on the hourly sweep publishes posts that are overdue by up to two days; before, by two hours.",
        "look at the stuck posts first (playbook posts), then acknowledge.",
    ),
)


def parse(text: str) -> Optional[Version]:
    """The version of a tag like v2.23.0; None if it is none, like `latest`."""
    match = _VERSION.fullmatch(text)
    return (int(match.group(1)), int(match.group(2)), int(match.group(3))) if match else None


def between(old: str, new: str) -> Tuple[Break, ...]:
    """Breaks of an upgrade from one version to another; of an unknown version, none can be known."""
    before, after = parse(old), parse(new)
    if before is None or after is None:
        return ()
    return tuple(found for found in BREAKS if before < found.since <= after)


def goes_back(old: str, new: str) -> bool:
    """Whether the new version is the older one. Pre-releases and builds of one version count as equal."""
    before, after = parse(old), parse(new)
    return before is not None and after is not None and after < before
