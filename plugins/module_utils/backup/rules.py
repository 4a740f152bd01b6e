# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of each place where a stack keeps something, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import TEMPORAL_PART, UPLOADS


class Way(str, Enum):
    """How a place gets into a backup. COPY reads it while its service runs, FREEZE while its service is paused."""

    DUMP = "dump"
    COPY = "copy"
    FREEZE = "freeze"
    FILES = "files"
    EXCLUDE = "exclude"
    UNCOVERED = "uncovered"


@dataclass(frozen=True)
class Rule:
    """Holds for a folder of containers whose image's name contains `image`, or of the service of Postiz."""

    image: str
    destination: str
    way: Way
    part: str = ""
    reason: str = ""
    of_postiz: bool = False


RULES: Tuple[Rule, ...] = (
    Rule("", "/uploads", Way.COPY, UPLOADS, of_postiz=True),
    Rule("", "/config", Way.COPY, UPLOADS, of_postiz=True),
    Rule(
        "",
        "/app/apps/frontend/.next",
        Way.EXCLUDE,
        reason="the compiled frontend comes out of the image (frontend_bundle)",
        of_postiz=True,
    ),
    Rule("redis", "/data", Way.EXCLUDE, reason="Redis holds caches and rate limits, which Postiz makes anew"),
    Rule("valkey", "/data", Way.EXCLUDE, reason="Valkey holds caches and rate limits, which Postiz makes anew"),
    # Temporal cannot make its index of workflows anew: what is not in it, no list and no search finds any more.
    Rule("elasticsearch", "/usr/share/elasticsearch/data", Way.FREEZE, TEMPORAL_PART),
    Rule(
        "elasticsearch",
        "/var/lib/elasticsearch/data",
        Way.EXCLUDE,
        reason="a mount of earlier compose files, at a path where Elasticsearch keeps nothing",
    ),
)
DATABASE_FOLDER = "/var/lib/postgresql"
EMPTY_DATABASE = "it holds no table"
NOT_CHOSEN = "its part was not chosen"


def rule_for(image: str, of_postiz: bool, destination: str) -> Rule:
    """The first rule that fits; without one, the place is not covered."""
    repository = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    for rule in RULES:
        if destination.rstrip("/") != rule.destination:
            continue
        if of_postiz if rule.of_postiz else rule.image in repository:
            return rule
    return Rule("", destination, Way.UNCOVERED)
