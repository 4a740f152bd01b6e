# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a Temporal cluster, and what is asked about it. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Answer

SWEEPER = "missing-post-workflow"
TEXT = "INDEXED_VALUE_TYPE_TEXT"
NEEDED_ATTRIBUTES = ("organizationId", "postId")
# PostgreSQL visibility has three columns for search attributes of type Text.
MOST_TEXT_ATTRIBUTES = 3


@dataclass(frozen=True)
class Worker:
    """A living container whose processes may poll. `pids` is None when they could not be looked at."""

    container: str
    hostname: str
    started_at: float
    pids: Optional[FrozenSet[int]]


@dataclass(frozen=True)
class Poller:
    """An entry of a task queue. `kind` is workflow or activity, `seen_at` is seconds since the epoch."""

    identity: str
    kind: str
    seen_at: float


@dataclass(frozen=True)
class Queue:
    """A task queue. `answer` says why there is nothing to see."""

    name: str
    pollers: Tuple[Poller, ...]
    backlog: Mapping[str, int]
    backlog_seconds: Mapping[str, float]
    answer: Answer


@dataclass(frozen=True)
class Snapshot:
    """A cluster at one moment."""

    now: float
    address: str
    namespace: str
    cluster: Answer
    described_namespace: Answer
    queues: Tuple[Queue, ...]
    sweeper: Answer
    attributes: Answer
    workflows: Tuple[Answer, ...]
    workers: Tuple[Worker, ...]
    sql_visibility: bool
    cron_enabled: bool
    excluded_queues: FrozenSet[str]


@dataclass(frozen=True)
class Settings:
    """`queues` maps a task queue to the kinds of pollers that it needs. Times in seconds."""

    queues: Mapping[str, Tuple[str, ...]]
    fresh_seconds: float
    backlog_seconds: float
    failing_attempts: int
    need_sweeper: bool
