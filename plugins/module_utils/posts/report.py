# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of stuck posts return: tables for people, dictionaries for plays. Never content, never tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import MISSING, Judged, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Item, Plan, Skipped

# Classes that are nobody's trouble.
QUIET = (PostClass.SCHEDULED, PostClass.NOT_QUEUED, PostClass.PUBLISHING)
_DIFF_LINES = 500
_REMEDIES: Mapping[PostClass, str] = {
    PostClass.WORKER_DEAD: "guard against a burst (role posts, burst_guard), then restart the Postiz container.",
    PostClass.NO_WORKFLOW: "stuck_posts pokes them, or moves them to new times.",
    PostClass.OLDER_THAN_SWEEP: "decide about each: reschedule, hold or fail (actions of stuck_posts).",
    PostClass.CHANNEL_BROKEN: "reconnect or enable the channel in Postiz; hold or fail what shall not go out.",
    PostClass.RUNNING_OVERDUE: "reschedule them (stuck_posts), which ends the sleeping workflow first.",
    PostClass.FAILING: "go back to the newer release, or reschedule them: the installed type is started then.",
    PostClass.GHOST: "stuck_posts ends these workflows.",
    PostClass.LOOPING: "look at the channel; stuck_posts ends the loop with the action fail.",
    PostClass.OUTCOME_UNKNOWN: "look at the channel itself whether it is live; never start it again unseen.",
    PostClass.LIVE_ERROR: "stuck_posts sets those marked 'Already posted' right (mark_published).",
    PostClass.HAS_RELEASE: "look at the channel: somebody queued a published post again.",
}


@dataclass
class Tally:
    """Counts by class and channel; the first `limit` posts in full."""

    limit: int
    counts: Dict[Tuple[PostClass, str], int] = field(default_factory=dict)
    oldest: Dict[Tuple[PostClass, str], datetime] = field(default_factory=dict)
    names: Dict[str, Tuple[str, str]] = field(default_factory=dict)
    listed: List[Judged] = field(default_factory=list)
    total: int = 0

    def add(self, one: Judged) -> None:
        """Count a post."""
        key = (one.post_class, one.row.channel)
        self.total += 1
        self.counts[key] = self.counts.get(key, 0) + 1
        self.oldest[key] = min(self.oldest.get(key, one.row.due), one.row.due)
        self.names[one.row.channel] = (one.row.channel_name, one.row.provider)
        if len(self.listed) < self.limit:
            self.listed.append(one)

    def of(self, post_class: PostClass) -> int:
        """How many of a class."""
        return sum(count for (name, _channel), count in self.counts.items() if name is post_class)

    def summary(self) -> List[Dict[str, Any]]:
        """For the result."""
        return [
            {
                "class": post_class.value,
                "channel": channel,
                "channel_name": self.names[channel][0],
                "provider": self.names[channel][1],
                "posts": count,
                "oldest": iso(self.oldest[(post_class, channel)]),
            }
            for (post_class, channel), count in sorted(
                self.counts.items(), key=lambda item: (item[0][0].value, item[0][1])
            )
        ]

    def table(self) -> List[str]:
        """For people."""
        rows = [["CLASS", "CHANNEL", "PROVIDER", "POSTS", "OLDEST DUE (UTC)"]]
        for item in self.summary():
            rows.append(
                [
                    item["class"],
                    name_of(item["channel_name"]),
                    item["provider"] or "-",
                    str(item["posts"]),
                    item["oldest"][:16],
                ]
            )
        return table(rows) if self.total else []


def findings(tally: Tally) -> Tuple[Finding, ...]:
    """One for each class that is somebody's trouble."""
    found = []
    for post_class in PostClass:
        count = tally.of(post_class)
        if count and post_class not in QUIET:
            example = next((one for one in tally.listed if one.post_class is post_class), None)
            said = f" For instance {example.row.id}: {example.evidence}" if example else ""
            evidence = f"{count} post{'' if count == 1 else 's'}.{said}"
            found.append(warning(f"posts-{post_class.value}", "posts", evidence, _REMEDIES[post_class]))
    return tuple(found)


def left_by_default(tally: Tally, touched: Mapping[PostClass, int]) -> List[str]:
    """A line for each class of which posts are stuck that no action was asked for."""
    lines = []
    for post_class in PostClass:
        count = tally.of(post_class) - touched.get(post_class, 0)
        if count > 0 and post_class not in QUIET:
            lines.append(f"no action: {count} {post_class.value}. Do next: {_REMEDIES[post_class]}")
    return lines


def name_of(channel_name: str) -> str:
    """A channel's name in one line, whatever people or networks put into it."""
    return "".join(character if character.isprintable() else "?" for character in channel_name)[:40] or "-"


def post(one: Judged) -> Dict[str, Any]:
    """For the result."""
    row = one.row
    return {
        "id": row.id,
        "class": one.post_class.value,
        "evidence": one.evidence,
        "due": "" if row.state == MISSING else iso(row.due),
        "state": row.state,
        "channel": row.channel,
        "channel_name": row.channel_name,
        "provider": row.provider,
        "organization": row.organization,
        "workflow": one.workflow.kind if one.workflow else "",
        "workflow_status": one.workflow.status if one.workflow else "",
    }


def decision(item: Item) -> Dict[str, Any]:
    """A planned post, for the result."""
    return {**post(item.judged), "action": item.action.value, "new_due": iso(item.due) if item.due else ""}


def skip(one: Skipped) -> Dict[str, Any]:
    """A post that is left alone, for the result."""
    return {
        "id": one.judged.row.id,
        "class": one.judged.post_class.value,
        "action": one.action.value,
        "reason": one.reason,
    }


def plan_table(items: Sequence[Item]) -> List[str]:
    """What happens to how many, by class, action and channel."""
    groups: Dict[Tuple[str, str, str, str], List[Item]] = {}
    for item in items:
        row = item.judged.row
        key = (item.judged.post_class.value, item.action.value, name_of(row.channel_name), row.provider or "-")
        groups.setdefault(key, []).append(item)
    rows = [["CLASS", "ACTION", "CHANNEL", "PROVIDER", "POSTS", "NEW TIMES (UTC)"]]
    for key, members in sorted(groups.items()):
        times = sorted(item.due for item in members if item.due)
        spread = f"{iso(times[0])[:19]} to {iso(times[-1])[:19]}" if times else "-"
        rows.append([*key, str(len(members)), spread])
    return table(rows) if items else []


def diff(plan: Plan) -> Dict[str, str]:
    """A line for each post before and after, of the first of them."""
    shown = plan.items[:_DIFF_LINES]
    more = len(plan.items) - len(shown)
    rest = [f"and {more} more"] if more else []
    return {
        "before": "".join(f"{line}\n" for line in [*(_before(item) for item in shown), *rest]),
        "after": "".join(f"{line}\n" for line in [*(_after(item) for item in shown), *rest]),
        "before_header": "posts",
        "after_header": "posts",
    }


def _before(item: Item) -> str:
    row = item.judged.row
    runs = "workflow runs" if item.judged.running else "no workflow"
    return f"{row.id} {row.state} due {iso(row.due)}, {runs}"


def _after(item: Item) -> str:
    row = item.judged.row
    state = "deleted" if item.action.value == "delete" else item.state or row.state
    runs = "new workflow" if item.start else "workflow ended" if item.end else "no workflow"
    why = f"{item.action.value}, {item.judged.post_class.value} on {name_of(row.channel_name)}: {item.judged.evidence}"
    return f"{row.id} {state} due {iso(item.due or row.due)}, {runs} ({why})"


def iso(moment: Optional[datetime]) -> str:
    """ISO 8601 UTC of a naive UTC time."""
    return f"{moment.isoformat(timespec='seconds')}Z" if moment else ""


def table(rows: Sequence[Sequence[str]]) -> List[str]:
    """Columns side by side."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def reasons(skipped: Iterable[Skipped]) -> List[str]:
    """Why posts are left alone, with their number and an example."""
    groups: Dict[Tuple[str, str], List[str]] = {}
    for one in skipped:
        groups.setdefault((one.judged.post_class.value, one.reason), []).append(one.judged.row.id)
    return [
        f"left alone: {len(ids)} {post_class}, as {ids[0]}: {reason}."
        for (post_class, reason), ids in sorted(groups.items())
    ]
