# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the look says, for people and for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.report import table
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.advice import ADVICE, steps_for
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.look import Seen
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Cause, ListedPost
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.scrub import scrub

LONGEST_NAME = 60
CHANNELS_TOLD = 5
POSTS_TOLD = 3


def iso(moment: datetime) -> str:
    """UTC, ISO 8601, whole seconds."""
    return f"{moment.isoformat(timespec='seconds')}Z"


def payload(seen: Seen, request: Request) -> Dict[str, Any]:
    """The shape in which the module returns it."""
    return {
        "project": request.project,
        "report": report(seen, request),
        "findings": [_finding(cause) for cause in seen.causes],
        "failures": [_share(cause, number) for cause in seen.causes for number in range(len(cause.shares))],
        "posts": [_post(post) for post in seen.listed],
        "failed_posts": seen.failed,
        "predicted": seen.predicted,
        "window": {
            "now": iso(seen.within.now),
            "since": iso(seen.within.since),
            "until": iso(seen.within.until),
            "earlier_failed": seen.beyond.earlier_failures,
            "earlier_queued": seen.beyond.earlier_queued,
            "later_queued": seen.beyond.later_queued,
        },
    }


def _finding(cause: Cause) -> Dict[str, Any]:
    advice = ADVICE[cause.code]
    finding = Finding(cause.code, advice.severity, cause.component, cause.evidence, advice.remedy)
    return {
        **finding.as_dict(),
        "predicted": cause.predicted,
        "count": cause.count,
        "first": iso(cause.first),
        "last": iso(cause.last),
        "retry": cause.retry.value,
        "channels": sorted({share.channel.identifier for share in cause.shares}),
        "posts": list(cause.posts),
        "steps": list(steps_for(cause.code, cause.retry, cause.predicted)),
    }


def _share(cause: Cause, number: int) -> Dict[str, Any]:
    share = cause.shares[number]
    return {
        "code": cause.code,
        "predicted": cause.predicted,
        "channel": share.channel.identifier,
        "channel_name": _name(share.channel.name),
        "provider": share.channel.provider,
        "organization": share.channel.organization,
        "count": share.count,
        "first": iso(share.first),
        "last": iso(share.last),
    }


def _post(post: ListedPost) -> Dict[str, Any]:
    return {
        "id": post.identifier,
        "publish_date": iso(post.due),
        "channel": post.channel,
        "provider": post.provider,
        "code": post.code,
        "predicted": post.predicted,
        "may_be_live": post.may_be_live,
    }


def _name(text: str) -> str:
    clean = scrub(" ".join("".join(item if item.isprintable() else " " for item in text).split()))
    return clean if len(clean) <= LONGEST_NAME else f"{clean[: LONGEST_NAME - 1]}…"


def report(seen: Seen, request: Request) -> str:
    """A heading, one line for each cause, then what to do about each."""
    lines = [
        f"{request.project}: {seen.failed} post{'' if seen.failed == 1 else 's'} failed since {iso(seen.within.since)}; "
        f"{seen.predicted} of those due until {iso(seen.within.until)} will fail as things are.",
        *_outside(seen),
    ]
    if seen.causes:
        lines += ["", *_table(seen)]
    told: Dict[Tuple[str, ...], str] = {}
    for cause in seen.causes:
        lines += ["", *_told(cause, told)]
    return "\n".join(lines)


def _outside(seen: Seen) -> List[str]:
    parts = (
        (seen.beyond.earlier_failures, "failed before that"),
        (seen.beyond.earlier_queued, "in QUEUE with an earlier time"),
        (seen.beyond.later_queued, "in QUEUE for later"),
    )
    told = ", ".join(f"{number} {words}" for number, words in parts if number)
    return [f"Not looked at: {told} (since, horizon)."] if told else []


def _table(seen: Seen) -> List[str]:
    rows = [["CODE", "POSTS", "CHANNELS", "RETRY", "WHERE"]]
    for cause in seen.causes:
        rows.append(
            [
                f"{'will: ' if cause.predicted else ''}{cause.code}",
                str(cause.count),
                str(len({share.channel.identifier for share in cause.shares})),
                "hold" if cause.predicted else cause.retry.value,
                cause.component,
            ]
        )
    return table(rows)


def _told(cause: Cause, told: Dict[Tuple[str, ...], str]) -> List[str]:
    """`told` remembers the steps that were written already, and under which code."""
    names = [f"{_name(share.channel.name) or share.channel.identifier} ({share.count})" for share in cause.shares]
    more = f" and {len(names) - CHANNELS_TOLD} more" if len(names) > CHANNELS_TOLD else ""
    kind = "will fail: " if cause.predicted else ""
    return [
        f"[{cause.code}] {cause.component}: {kind}{cause.evidence}",
        f"  {'Due' if cause.predicted else 'Failed'} from {iso(cause.first)} to {iso(cause.last)}. "
        f"Channels: {', '.join(names[:CHANNELS_TOLD])}{more}. Posts: {', '.join(cause.posts[:POSTS_TOLD])}"
        f"{' … (all ids: findings[].posts of the result)' if cause.count > POSTS_TOLD else ''}",
        f"  Remedy: {ADVICE[cause.code].remedy}",
        *_steps(cause, told),
    ]


def _steps(cause: Cause, told: Dict[Tuple[str, ...], str]) -> List[str]:
    steps = steps_for(cause.code, cause.retry, cause.predicted)
    if steps in told:
        return [f"  Steps: those of [{told[steps]}] above."]
    told[steps] = cause.code
    return [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
