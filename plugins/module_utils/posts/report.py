# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of stuck posts return: tables for people, dictionaries for plays. Never content, never tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import MISSING, Judged, PostClass, Selection
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.observe import AHEAD_SECONDS, Ahead
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Item, Plan, Skipped
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.rows import MOST_LATER

# Classes that are nobody's trouble.
QUIET = (PostClass.SCHEDULED, PostClass.NOT_QUEUED, PostClass.PUBLISHING)
# Those whose time is still to come.
_TOLD_WITH_TIME = (PostClass.SCHEDULED_LOST,)
_DIFF_LINES = 500
_REMEDIES: Mapping[PostClass, str] = {
    PostClass.WORKER_DEAD: "guard against a burst (role posts, burst_guard), then restart the Postiz container.",
    PostClass.NO_WORKFLOW: "stuck_posts pokes them, or moves them to new times.",
    PostClass.SCHEDULED_LOST: "stuck_posts starts their workflows: each sleeps until its post is due.",
    PostClass.OLDER_THAN_SWEEP: "decide about each: reschedule, hold or fail (actions of stuck_posts).",
    PostClass.CHANNEL_BROKEN: "reconnect or enable the channel in Postiz; hold or fail what shall not go out.",
    PostClass.RUNNING_OVERDUE: "reschedule them (stuck_posts), which ends the sleeping workflow first.",
    PostClass.FAILING: "go back to the newer release, or reschedule them: the installed type is started then.",
    PostClass.GHOST: "stuck_posts ends these workflows.",
    PostClass.LOOPING: "look at the channel; stuck_posts ends the loop with the action fail.",
    PostClass.OUTCOME_UNKNOWN: "look at the channel itself whether it is live; never start it again unseen.",
    PostClass.LIVE_ERROR: "stuck_posts sets those marked 'Already posted' right (mark_published).",
    PostClass.HAS_RELEASE: "look at the account: nothing here starts them again.",
}


_WAYS: Mapping[str, str] = {
    "http-api": "Temporal was asked through its HTTP API.",
    "cli": "Temporal was asked through its command line client, which is slow: its HTTP API cannot be reached from here.",
}
# As many ids as one run may change posts; a million of them would be no result any more.
MOST_IDS = 20000
# The terminal's 80 columns, without what Ansible writes before each line.
WIDTH = 72


@dataclass
class Tally:
    """Counts by class and channel; the first `limit` posts in full, and the ids of the first MOST_IDS."""

    limit: int
    counts: Dict[Tuple[PostClass, str], int] = field(default_factory=dict)
    oldest: Dict[Tuple[PostClass, str], datetime] = field(default_factory=dict)
    names: Dict[str, Tuple[str, str]] = field(default_factory=dict)
    listed: List[Judged] = field(default_factory=list)
    ids: Dict[Tuple[PostClass, str], List[str]] = field(default_factory=dict)
    total: int = 0

    @property
    def all_named(self) -> bool:
        """Whether the id of every post is kept."""
        return self.total <= MOST_IDS

    def add(self, one: Judged) -> None:
        """Count a post."""
        key = (one.post_class, one.row.channel)
        self.total += 1
        self.counts[key] = self.counts.get(key, 0) + 1
        self.oldest[key] = min(self.oldest.get(key, one.row.due), one.row.due)
        self.names[one.row.channel] = (one.row.channel_name, one.row.provider)
        if self.total <= MOST_IDS:
            self.ids.setdefault(key, []).append(one.row.id)
        if len(self.listed) < self.limit:
            self.listed.append(one)

    def of(self, post_class: PostClass) -> int:
        """How many of a class."""
        return sum(count for (name, _channel), count in self.counts.items() if name is post_class)

    def first_due(self, post_class: PostClass) -> Optional[datetime]:
        """When the first of a class is due."""
        return min((due for (name, _channel), due in self.oldest.items() if name is post_class), default=None)

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
                "ids": list(self.ids.get((post_class, channel), ())),
            }
            for (post_class, channel), count in self._sorted()
        ]

    def table(self) -> List[str]:
        """For people."""
        rows = [["CLASS", "POSTS", "FIRST DUE (UTC)", "CHANNEL"]]
        for (post_class, channel), count in self._sorted():
            due = iso(self.oldest[(post_class, channel)])[:16].replace("T", " ")
            rows.append([post_class.value, str(count), due, channel_of(*self.names[channel])])
        return table(rows) if self.total else []

    def _sorted(self) -> List[Tuple[Tuple[PostClass, str], int]]:
        return sorted(self.counts.items(), key=lambda item: (item[0][0].value, item[0][1]))


def findings(tally: Tally) -> Tuple[Finding, ...]:
    """One for each class that is somebody's trouble."""
    found = []
    for post_class in PostClass:
        count = tally.of(post_class)
        if count and post_class not in QUIET:
            example = next((one for one in tally.listed if one.post_class is post_class), None)
            said = f" For instance {example.row.id}: {example.evidence}" if example else ""
            due = f", the first due at {iso(tally.first_due(post_class))}" if post_class in _TOLD_WITH_TIME else ""
            evidence = f"{count} post{'' if count == 1 else 's'}{due}.{said}"
            found.append(warning(f"posts-{post_class.value}", "posts", evidence, _REMEDIES[post_class]))
    return tuple(found)


def looked_ahead(ahead: Ahead) -> Dict[str, Any]:
    """For the result."""
    return {
        "by_id": ahead.by_id,
        "only_listed": ahead.believed,
        "not_looked_at": ahead.not_looked_at,
        "visibility_believed": not ahead.disbelieved,
        "way": ahead.way,
    }


def ahead_lines(ahead: Ahead, selection: Selection, recurring: int) -> List[str]:
    """How posts of the future were looked at, and what was not: no bound is silent."""
    lines = []
    if not selection.posts and not selection.horizon_seconds:
        lines.append("Not looked at: posts of the future (horizon is 0).")
    if ahead.disbelieved:
        lines.append(
            "Temporal's visibility lists workflows that do not run, so each post of the future was asked for by id."
        )
    if ahead.believed:
        lines.append(
            f"Of the posts of the future, {ahead.by_id} were asked for by id; {ahead.believed} are listed as running by "
            "Temporal's visibility, which was believed."
        )
    if ahead.not_looked_at:
        lines.append(
            f"Not looked at: {_many(ahead.not_looked_at)} of the future, as the time for that was up ({AHEAD_SECONDS:.0f} s). "
            "Look at them by channel, or with a shorter horizon."
        )
    if recurring:
        count = f"{MOST_LATER} or more recurring posts" if recurring >= MOST_LATER else _many(recurring, "recurring ")
        lines.append(
            f"Not looked at: {count}; whether a workflow waits for their next repeat only Temporal shows. "
            "Postiz' sweep starts none: after Temporal lost its state, schedule them anew."
        )
    if ahead.way in _WAYS:
        lines.append(_WAYS[ahead.way])
    return lines


def _many(count: int, kind: str = "") -> str:
    return f"{count} {kind}post{'' if count == 1 else 's'}"


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


def channel_of(name: str, provider: str) -> str:
    """A channel in the last column of a table."""
    return f"{provider} {name_of(name)}" if provider else name_of(name)


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
    groups: Dict[Tuple[str, str, str], List[Item]] = {}
    for item in items:
        row = item.judged.row
        key = (item.judged.post_class.value, item.action.value, channel_of(row.channel_name, row.provider))
        groups.setdefault(key, []).append(item)
    ordered = sorted(groups.items())
    rows = [["CLASS", "ACTION", "POSTS", "CHANNEL"]]
    rows += [[post_class, action, str(len(members)), channel] for (post_class, action, channel), members in ordered]
    lines = table(rows)
    found = lines[:1]
    for line, (_key, members) in zip(lines[1:], ordered):
        times = sorted(item.due for item in members if item.due)
        found.append(line)
        found += [f"    new times: {iso(times[0])} to {iso(times[-1])}"] if times else []
    return found if items else []


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
    """Columns side by side; the last one is cut where the line would be longer than WIDTH."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    return [line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in lines]


def reasons(skipped: Iterable[Skipped]) -> List[str]:
    """Why posts are left alone, with their number and an example."""
    groups: Dict[Tuple[str, str], List[str]] = {}
    for one in skipped:
        groups.setdefault((one.judged.post_class.value, one.reason), []).append(one.judged.row.id)
    return [
        f"left alone: {len(ids)} {post_class}, as {ids[0]}: {reason}."
        for (post_class, reason), ids in sorted(groups.items())
    ]
