# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The moment in which nobody writes: all snapshots are taken in it, and what no snapshot covers is copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import databases, pausing, volumes
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.databases import Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.look import Stack
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import ONLINE, PAUSED, STOPPED, SavedVolume
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error


@dataclass(frozen=True)
class Taken:
    """What the pause gave: when the snapshots were taken, how long it was, and what was copied meanwhile."""

    at: str
    consistency: str
    paused_seconds: float
    volumes: Tuple[SavedVolume, ...]


def take(tools: Tools, request: Request, stack: Stack, snapshots: Sequence[Snapshot], partial: str) -> Taken:
    """Raises Refused if somebody wrote meanwhile, StackError."""
    freezer = pausing.Freezer(tools.engine, tools.connect, request.directory, tools.clock, tools.step)
    workers = [item.identifier for item in stack.project.running]
    if request.consistency == ONLINE or not snapshots:
        workers = []
    aside = [copy for copy in stack.coverage.copies if copy.freeze]
    copied: List[SavedVolume] = []
    # Elasticsearch stops taking in what Temporal tells it, which Temporal keeps until it can; so its copy may take longer.
    with freezer.frozen([copy.place.container for copy in aside], request.timeout_seconds):
        with freezer.frozen(workers, request.max_pause_seconds) as state:
            for snapshot in snapshots:
                snapshot.take()
            at = databases.now(snapshots[0]) if snapshots else tools.now_text()
            if state.lost() or _came_back(tools, stack, workers, request):
                raise Refused((_pause_lost(stack.project.service),))
            tools.step("snapshots")
        tools.step("unpaused")
        for copy in aside:
            copied.append(volumes.save(tools.engine, copy, stack.project.name, partial, tools.step))
    running = bool(stack.project.running)
    consistency = STOPPED if not running else PAUSED if workers else ONLINE
    return Taken(at, consistency, state.seconds, tuple(copied))


def _came_back(tools: Tools, stack: Stack, workers: Sequence[str], request: Request) -> bool:
    """Whether a worker that did not run, or that somebody else had paused, runs now."""
    if request.consistency == ONLINE:
        return False
    there = tools.engine.project_containers(stack.project.name)
    service = stack.project.service
    return any(item.service == service and item.state == "running" and item.identifier not in workers for item in there)


def _pause_lost(service: str) -> Finding:
    return error(
        "backup-pause-failed",
        service,
        "It ran again before all snapshots were taken, so they may not fit together.",
        "look who started or unpaused it, and what keeps the database busy; raise max_pause if it needs longer.",
    )
