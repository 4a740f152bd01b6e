# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose process is whose. Pure."""

from __future__ import annotations

from typing import Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import App, Process, Snapshot

ZOMBIE = "Z"
BOOT_GUARD = "wait-for-temporal.js"


def belongs_to(process: Process, name: str) -> bool:
    """Whether a process runs in an app's folder (upstream: /app/apps/NAME) or runs its compiled main file.

    PM2 starts pnpm, which starts sh, dotenv and node; `ps` is not in the image, so after a restart by PM2 all but the
    first live on, in the process group of the old one.
    """
    if process.state == ZOMBIE:
        return False
    return process.folder.endswith(f"/apps/{name}") or f"/apps/{name}/src/main.js" in process.command


def current(snapshot: Snapshot, app: App) -> Tuple[Process, ...]:
    """The processes of the tree that PM2 manages now: those of its process group."""
    return tuple(item for item in snapshot.processes if app.pid and item.group == app.pid and item.state != ZOMBIE)


def ghosts(snapshot: Snapshot, name: str) -> Tuple[Process, ...]:
    """Processes of an app outside the groups of all that PM2 manages.

    Neither what the container's own start runs in an app's folder (its group is led by something that is no part of
    the app) nor a person's `docker exec` (led by a process whose parent is outside the container) is a ghost.
    """
    groups = {app.pid for app in snapshot.apps if app.pid}
    leaders = {item.pid: item for item in snapshot.processes}

    def lost(item: Process) -> bool:
        leader = leaders.get(item.group)
        return leader is None or (belongs_to(leader, name) and leader.parent != 0)

    return tuple(
        item for item in snapshot.processes if belongs_to(item, name) and item.group not in groups and lost(item)
    )


def living(snapshot: Snapshot, name: str) -> Tuple[Process, ...]:
    """Every process of an app, managed or not."""
    managed = {item.pid for app in snapshot.apps if app.name == name for item in current(snapshot, app)}
    return tuple(item for item in snapshot.processes if item.pid in managed or belongs_to(item, name))


def waits_for_temporal(snapshot: Snapshot) -> bool:
    """Whether the boot guard still holds Postiz back."""
    return any(BOOT_GUARD in item.command and item.state != ZOMBIE for item in snapshot.processes)
