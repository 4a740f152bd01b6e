# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a selection of posts holds: each one judged, page by page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import report, rows
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Judged, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.observe import Ahead, Looker
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import Request


@dataclass(frozen=True)
class Found:
    """`wanted` are the posts that `keep` asked for; `scanned` of `running` workflows were looked at for ghosts; `later` posts
    are beyond the horizon; `unknown` is what was selected and does not exist; `ahead` says how those of the future were looked
    at, `recurring` how many posts were not."""

    tally: report.Tally
    wanted: Tuple[Judged, ...]
    older: int
    scanned: int
    running: int
    later: int = 0
    unknown: Tuple[str, ...] = ()
    ahead: Ahead = field(default_factory=Ahead)
    recurring: int = 0


def find(connection: Any, looker: Looker, request: Request, keep: Optional[Callable[[Judged], bool]]) -> Found:
    """Judge every post of the selection, page by page; `keep` chooses those that are handed out."""
    tally = report.Tally(request.limit)
    wanted: List[Judged] = []

    def add(judged: List[Judged]) -> None:
        for one in judged:
            if one.post_class is not PostClass.NOT_QUEUED or request.selection.posts:
                tally.add(one)
            if keep is not None and keep(one):
                wanted.append(one)

    for page in rows.overdue(connection, request.selection, looker.world.now):
        add(looker.judge(page))
    now = looker.world.now
    for lost in looker.lost(connection, rows.ahead(connection, request.selection, now)):
        add(lost)
    scanned = running = 0
    if not request.selection.posts:
        for page in rows.live_errors(connection, request.selection):
            add(looker.judge(page))
        ghosts, scanned, running = looker.ghosts(connection, request.scan_limit, request.selection)
        add([one for one in ghosts if _selected(one, request) and not _seen(one, request, now)])
    return Found(
        tally,
        tuple(wanted),
        rows.older(connection, request.selection),
        scanned,
        running,
        rows.later(connection, request.selection, now),
        rows.unknown(connection, request.selection),
        looker.ahead,
        rows.recurring(connection, request.selection),
    )


def _seen(one: Judged, request: Request, now: datetime) -> bool:
    """Whether the selection by time had it already."""
    return one.row.state == "QUEUE" and (now - one.row.due).total_seconds() > request.selection.overdue_seconds


def _selected(one: Judged, request: Request) -> bool:
    chosen = request.selection
    return (
        (not chosen.channels or one.row.channel in chosen.channels)
        and (not chosen.providers or one.row.provider in chosen.providers)
        and (not chosen.organizations or one.row.organization in chosen.organizations)
    )
