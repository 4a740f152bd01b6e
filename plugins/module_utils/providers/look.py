# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one look: observe, judge, tell. Nothing is changed, so there is nothing to prove."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import reading, target
from ansible_collections.selfhost.postiz.plugins.module_utils.providers import observe
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.cascade import Cascade, cascades
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.causes import causes, codes_of
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.forecast import Forecast
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.judge import Failures
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import (
    Beyond,
    Bounds,
    Cause,
    Channel,
    Expectations,
    ListedPost,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.parameters import Request

# From v2.22.1 on Postiz uploads TikTok's videos itself; before, TikTok fetched them.
TIKTOK_UPLOADS_FROM = (2, 22, 1)
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Seen:
    """Everything that the result says."""

    within: Bounds
    beyond: Beyond
    causes: Tuple[Cause, ...]
    failed: int
    predicted: int
    listed: Tuple[ListedPost, ...]
    warnings: Tuple[str, ...]


def look(engine: Engine, request: Request) -> Tuple[Seen, Mapping[str, str]]:
    """What was seen, and the environment of Postiz, whose secrets must not be shown. Raises BadInput, DatabaseFailed."""
    containers = engine.project_containers(request.project)
    if not containers:
        stacks = ", ".join(sorted({item.project for item in engine.containers() if item.project})) or "none"
        raise BadInput(
            f"The Compose project {request.project!r} has no container on this engine. Projects that have: {stacks}.",
            "correct the project name.",
        )
    own = [item for item in containers if item.service == request.service]
    if not own:
        services = ", ".join(sorted({item.service for item in containers}))
        raise BadInput(
            f"The project has no container of the service {request.service!r}. Its services: {services}.",
            "correct service.",
        )
    environment = engine.detail(own[0].identifier).environment
    where = target(environment, containers, engine, request.database)
    with reading(where, request.statement_seconds) as cursor, observe.told_plainly():
        return _see(cursor, request, environment), environment


def _see(cursor: Any, request: Request, environment: Mapping[str, str]) -> Seen:
    within = observe.bounds(observe.begin(cursor), request.since_seconds, request.horizon_seconds)
    channels = observe.channels(cursor)
    selected = observe.Selection(_selected(request, channels), request.posts or None)
    failures = Failures(request.listed)
    failures.add(observe.failed(cursor, within, selected), channels)
    found = cascades(failures.tallies, channels)
    suspects = sorted({identifier for item in found for identifier in item.suspects})
    published = observe.published(cursor, within, suspects)
    recovered = frozenset(
        name for item in found for name in item.suspects if name in published and published[name] > item.last
    )
    expected = Expectations(
        unaudited=frozenset(request.unaudited),
        verified_domains=request.verified_domains,
        tiktok_pulls_videos=pulls_videos(environment.get("NEXT_PUBLIC_VERSION", "")),
        guards_addresses=environment.get("DISABLE_SSRF_PROTECTION", "").lower() != "true",
        # A channel that has published since is under no checkpoint any more.
        checkpointed=frozenset(suspects) - recovered,
    )
    forecast = Forecast(request.listed)
    if request.horizon_seconds:
        forecast.add(observe.queued(cursor, within, selected), channels, expected)
    return Seen(
        within,
        observe.beyond(cursor, within, selected),
        causes(failures.tallies, forecast.tallies, found, recovered),
        failures.count,
        forecast.count,
        _listed(failures, forecast, found, channels),
        (*_doubts(request, channels), *_no_posts(observe.unknown(cursor, request.posts))),
    )


def pulls_videos(version: str) -> bool:
    """Whether TikTok fetches videos by their address in this release; so it is taken to be if the release is unknown."""
    match = _VERSION.match(version)
    return match is None or tuple(int(part) for part in match.groups()) < TIKTOK_UPLOADS_FROM


def _selected(request: Request, channels: Mapping[str, Channel]) -> Optional[Tuple[str, ...]]:
    """Ids of the channels that are asked for. Raises BadInput for one that does not exist."""
    if not (request.channels or request.organizations or request.providers):
        return None
    organizations = {item.organization for item in channels.values()}
    for name, given, known in (
        ("channels", request.channels, set(channels)),
        ("organizations", request.organizations, organizations),
    ):
        unknown = [item for item in given if item not in known]
        if unknown:
            raise BadInput(f"{name}: there is none with the id {', '.join(unknown)}.", f"correct {name}.")
    return tuple(
        item.identifier
        for item in channels.values()
        if (not request.channels or item.identifier in request.channels)
        and (not request.organizations or item.organization in request.organizations)
        and (not request.providers or {item.provider, item.family} & set(request.providers))
    )


def _doubts(request: Request, channels: Mapping[str, Channel]) -> List[str]:
    known = {name for item in channels.values() for name in (item.provider, item.family)}
    wanted = [("providers", name, known) for name in request.providers]
    wanted += [("unaudited_channels", name, known | set(channels)) for name in request.unaudited]
    return [f"{option}: no channel here is {name!r}." for option, name, names in wanted if name not in names]


def _no_posts(identifiers: Tuple[str, ...]) -> Tuple[str, ...]:
    return (f"posts: no post here has the id {', '.join(identifiers)}.",) if identifiers else ()


def _listed(
    failures: Failures, forecast: Forecast, found: Tuple[Cascade, ...], channels: Mapping[str, Channel]
) -> Tuple[ListedPost, ...]:
    codes: Dict[Tuple[str, str], str] = codes_of(failures.tallies, found)
    failed = [
        ListedPost(
            post.identifier,
            post.due,
            post.channel,
            failures.tallies[key].channel.provider,
            codes[key],
            False,
            failures.tallies[key].rule.retry.may_be_live,
        )
        for post, key in failures.listed
    ]
    foreseen = [
        ListedPost(post.identifier, post.due, post.channel, channels[post.channel].provider, code, True, False)
        for post, code in forecast.listed
    ]
    return (*failed, *foreseen)
