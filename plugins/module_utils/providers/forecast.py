# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Posts in QUEUE that cannot succeed as things are. Pure: nothing is asked of a network, no name is resolved."""

from __future__ import annotations

import ipaddress
import json
import posixpath
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.providers import advice
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.judge import MOST_IDS, Best, Key, Tally, rank
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import (
    Channel,
    Expectations,
    QueuedPost,
    Retry,
    Rule,
)

PUBLIC = "PUBLIC_TO_EVERYONE"
SELF_ONLY = "SELF_ONLY"
INBOX = "UPLOAD"
VIDEO = ".mp4"
# TikTok takes no PNG and no GIF.
PICTURES = (".jpg", ".jpeg", ".webp")
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet")
_MOST_MEDIA = 50

Reason = Tuple[str, str]


def media_of(text: Optional[str]) -> Optional[Tuple[str, ...]]:
    """Addresses of the media in the JSON text of "Post".image; None if it cannot be told."""
    if text is None:
        return None
    try:
        items = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list):
        return None
    paths = [item.get("path") if isinstance(item, dict) else None for item in items[:_MOST_MEDIA]]
    return tuple(str(path) for path in paths) if all(isinstance(path, str) and path for path in paths) else None


def settings_of(text: Optional[str]) -> Dict[str, Any]:
    """The post's settings; empty if they cannot be read."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def reasons(post: QueuedPost, channel: Channel, expected: Expectations) -> Iterator[Reason]:
    """(code, why) for everything that will stop it."""
    if channel.identifier in expected.checkpointed:
        yield advice.CHECKPOINT, "its channel is under a suspected identity checkpoint"
    if channel.refresh_needed:
        yield advice.REFRESH, "its channel waits to be reconnected"
    if channel.disabled:
        yield advice.DISABLED, "its channel is disabled"
    media = media_of(post.media)
    if channel.family == "tiktok":
        yield from _tiktok(post, channel, media, expected)
    elif channel.of_meta and media:
        yield from _fetched(media)


def _tiktok(
    post: QueuedPost, channel: Channel, media: Optional[Tuple[str, ...]], expected: Expectations
) -> Iterator[Reason]:
    settings = settings_of(post.settings)
    # Into the inbox, the person chooses the privacy level in the app.
    inbox = settings.get("content_posting_method") == INBOX
    level = settings.get("privacy_level") or PUBLIC
    if {channel.identifier, channel.provider, channel.family} & expected.unaudited and not inbox and level != SELF_ONLY:
        yield advice.UNAUDITED, f"its privacy level is {str(level)[:40]} on a channel declared unaudited"
    if media is None:
        return
    endings = [_ending(path) for path in media]
    if not media:
        yield advice.NOT_MP4, "it has no media"
    elif endings != [VIDEO] and not all(ending in PICTURES for ending in endings):
        told = ", ".join(sorted({ending or "no ending" for ending in endings}))[:60]
        yield advice.NOT_MP4, f"its media is {told}; wanted is one MP4, or only JPEG or WebP pictures"
    pulled = expected.tiktok_pulls_videos or channel.provider != "tiktok"
    fetched = [path for path, ending in zip(media, endings) if pulled or ending != VIDEO]
    yield from _fetched(fetched)
    if len(fetched) < len(media) and expected.guards_addresses:
        # This release uploads videos itself, and refuses to read from a private address.
        yield from (_private(path) for path in media if path not in fetched and _is_private(path))
    if expected.verified_domains is not None:
        for host in sorted({_host(path) for path in fetched if _unverified(path, expected.verified_domains)}):
            yield advice.DOMAIN, f"TikTok fetches its media from {host}, which is no verified domain"


def _fetched(media: Iterable[str]) -> Iterator[Reason]:
    """What a network fetches needs HTTPS and a public host; one reason for each host."""
    told = set()
    for path in media:
        if _is_private(path):
            told.add(_private(path))
        elif path.lower().startswith("http://"):
            told.add((advice.UNREACHABLE, f"the network fetches its media from {_host(path)} by plain http"))
    yield from sorted(told)


def _private(path: str) -> Reason:
    return advice.UNREACHABLE, f"its media is on the private host {_host(path)}"


def _host(path: str) -> str:
    try:
        return (urlsplit(path).hostname or "")[:100].rstrip(".")
    except ValueError:
        return ""


def _ending(path: str) -> str:
    try:
        return posixpath.splitext(urlsplit(path).path)[1].lower()[:10]
    except ValueError:
        return ""


def _is_private(path: str) -> bool:
    """An address or a name that the internet cannot reach; a path without a host is not judged."""
    host = _host(path)
    if not host:
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_NAMES)


def _unverified(path: str, domains: Tuple[str, ...]) -> bool:
    """A domain stands for its subdomains too; an entry with a scheme is a prefix of the address."""
    host = _host(path)
    if not host:
        return False
    for entry in domains:
        if "://" in entry:
            if path.startswith(entry):
                return False
        elif host == entry.lower() or host.endswith(f".{entry.lower()}"):
            return False
    return True


class Forecast:
    """All queued posts that will fail, by code, channel and reason; `listed` are the soonest."""

    def __init__(self, listed: int) -> None:
        self.tallies: Dict[Key, Tally] = {}
        self.listed: Best[Tuple[QueuedPost, str]] = Best(listed)
        self.count = 0

    def add(self, posts: Iterable[QueuedPost], channels: Mapping[str, Channel], expected: Expectations) -> None:
        """Judge each; a post with two codes is in both, and counts once."""
        for post in posts:
            channel = channels.get(post.channel)
            if channel is None or channel.deleted:
                continue
            by_code: Dict[str, List[str]] = {}
            for code, why in reasons(post, channel, expected):
                by_code.setdefault(code, []).append(why)
            for code, why_all in by_code.items():
                self._one(post, channel, code, why_all[0])
            self.count += bool(by_code)

    def _one(self, post: QueuedPost, channel: Channel, code: str, why: str) -> None:
        key = (code, channel.identifier)
        if key not in self.tallies:
            self.tallies[key] = Tally(Rule(f"will-{code}", code, Retry.AFTER_REPAIR), channel, post.due)
        self.tallies[key].add(post.identifier, post.due, f"{why}.", self.count < MOST_IDS)
        self.listed.add(-rank(post.due), (post, code))
