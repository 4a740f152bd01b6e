# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done about stuck posts. Pure: the same plan is shown in check mode and carried out outside of it."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Callable, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import SETTLE_SECONDS
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import MISSING, Action, Judged, PostClass

_WITHOUT_SENDING = frozenset({Action.NONE, Action.HOLD, Action.FAIL, Action.DELETE})
_QUEUED = _WITHOUT_SENDING | {Action.RESCHEDULE}
# What may be asked for a class at all. The outcome of the protected ones is not known: nothing starts them again.
ALLOWED: Mapping[PostClass, FrozenSet[Action]] = {
    PostClass.WORKER_DEAD: _QUEUED,
    PostClass.NO_WORKFLOW: _QUEUED | {Action.POKE},
    PostClass.SCHEDULED_LOST: _QUEUED | {Action.POKE},
    PostClass.OLDER_THAN_SWEEP: _QUEUED | {Action.POKE},
    PostClass.CHANNEL_BROKEN: _WITHOUT_SENDING,
    PostClass.RUNNING_OVERDUE: _QUEUED,
    PostClass.FAILING: _QUEUED,
    PostClass.GHOST: frozenset({Action.NONE, Action.END_WORKFLOW, Action.HOLD}),
    PostClass.SCHEDULED: _QUEUED,
    PostClass.LIVE_ERROR: frozenset({Action.NONE, Action.MARK_PUBLISHED}),
    PostClass.LOOPING: frozenset({Action.NONE, Action.FAIL}),
    PostClass.OUTCOME_UNKNOWN: frozenset({Action.NONE, Action.FAIL}),
    PostClass.PUBLISHING: frozenset({Action.NONE}),
    PostClass.HAS_RELEASE: frozenset({Action.NONE}),
    PostClass.NOT_QUEUED: frozenset({Action.NONE}),
}
PROTECTED = (PostClass.LOOPING, PostClass.OUTCOME_UNKNOWN)
DEFAULTS: Mapping[PostClass, Action] = {
    PostClass.NO_WORKFLOW: Action.POKE,
    # Its workflow sleeps until the post's own time.
    PostClass.SCHEDULED_LOST: Action.POKE,
    PostClass.GHOST: Action.END_WORKFLOW,
    PostClass.LIVE_ERROR: Action.MARK_PUBLISHED,
}
# What may be asked for all classes at once.
BY_DEFAULT = (Action.NONE, Action.POKE, Action.RESCHEDULE, Action.HOLD, Action.FAIL, Action.DELETE)
_STATES = {Action.HOLD: "DRAFT", Action.FAIL: "ERROR", Action.MARK_PUBLISHED: "PUBLISHED"}
# Slots of one channel are this much farther apart than the rate needs: a post goes out up to a second after its time.
_SLACK = 61.0 / 60.0


@dataclass(frozen=True)
class Settings:
    """`accepted` are ids whose owner accepts that they may go out twice. Times in seconds, `not_before` naive UTC.

    Without it the first new time is `not_before_seconds` after now. `ours` are ids of posts that an interrupted run of this
    module changed last, so nobody else is about to start them. `asked` are the classes whose action was named.
    """

    actions: Mapping[PostClass, Action]
    spacing_seconds: float
    not_before: Optional[datetime]
    poke_at_once: int
    burst_threshold: int
    fail_reason: str
    max_posts: int
    accepted: FrozenSet[str]
    not_before_seconds: float = 0.0
    ours: FrozenSet[str] = frozenset()
    asked: FrozenSet[PostClass] = frozenset()


@dataclass(frozen=True)
class Item:
    """One post and what happens to it. `end` ends its running workflow, `start` starts a new one afterwards."""

    judged: Judged
    action: Action
    due: Optional[datetime] = None
    state: str = ""
    end: bool = False
    start: bool = False

    @property
    def id(self) -> str:
        """Of the post."""
        return self.judged.row.id

    @property
    def writes(self) -> bool:
        """Whether its row changes."""
        return self.action not in (Action.POKE, Action.END_WORKFLOW)

    @property
    def goes_out_at_once(self) -> bool:
        """Whether its workflow publishes as soon as it is started."""
        return self.action is Action.POKE and self.judged.post_class is not PostClass.SCHEDULED_LOST


@dataclass(frozen=True)
class Skipped:
    """A post that the asked action does not fit."""

    judged: Judged
    action: Action
    reason: str


@dataclass(frozen=True)
class Plan:
    """In the order in which it is carried out."""

    items: Tuple[Item, ...]
    skipped: Tuple[Skipped, ...]


Taken = Callable[[Sequence[str], datetime, datetime, Sequence[str]], Mapping[str, List[datetime]]]


def for_all(action: Action) -> Dict[PostClass, Action]:
    """The same action for every class that allows it; nothing for the others, and nothing of the usual defaults."""
    return {
        post_class: action
        for post_class in PostClass
        if action in ALLOWED[post_class] | (_QUEUED if post_class in PROTECTED else frozenset())
    }


def check(actions: Mapping[PostClass, Action]) -> None:
    """Raises BadInput for an action that a class does not allow, whatever the post."""
    for post_class, action in actions.items():
        allowed = ALLOWED[post_class] | (_QUEUED if post_class in PROTECTED else frozenset())
        if action not in allowed:
            names = ", ".join(sorted(item.value for item in allowed))
            risky = ", ".join(sorted(item.value for item in allowed - ALLOWED[post_class]))
            raise BadInput(
                f"{action.value} is no action for posts of the class {post_class.value}.",
                f"choose one of: {names}." + (f" {risky}: only to ids in accept_duplicate_risk." if risky else ""),
            )


def build(judged: Sequence[Judged], settings: Settings, now: datetime, taken: Taken) -> Plan:
    """Oldest posts first, in whatever order they come. Raises BadInput when more would be changed than `max_posts`."""
    items: List[Item] = []
    skipped: List[Skipped] = []
    for one in sorted(judged, key=lambda one: (one.row.due, one.row.id)):
        action = settings.actions.get(one.post_class, Action.NONE)
        if action is Action.NONE:
            continue
        reason = _refusal(one, action, settings, now)
        if reason:
            skipped.append(Skipped(one, action, reason))
        else:
            items.append(_item(one, action))
    items, few = _below(items, settings)
    skipped += few
    items = _spread(items, settings, now, taken)
    if len(items) > settings.max_posts:
        raise BadInput(
            f"{len(items)} posts would be changed, and max_posts is {settings.max_posts}; nothing was changed.",
            f"give max_posts: {len(items)} (role: posts_max), first in check mode to see the plan, or select fewer.",
        )
    return Plan(tuple(items), tuple(skipped))


def _refusal(one: Judged, action: Action, settings: Settings, now: datetime) -> str:
    accepted = one.row.id in settings.accepted
    if action not in ALLOWED[one.post_class] and not (one.post_class in PROTECTED and accepted):
        return "it may be live: it is touched only if its id is in accept_duplicate_risk"
    if action is Action.MARK_PUBLISHED and not one.row.already_posted:
        return "its error is another one than 'Already posted', and would be lost"
    if action is Action.HOLD and one.post_class is PostClass.GHOST and not _wanted(one):
        return "there is no queued post to hold, only its workflow is there (end_workflow)"
    if one.row.state == MISSING and PostClass.GHOST not in settings.asked:
        return (
            "its row does not exist: if this is the right database, and no other stack shares the namespace, "
            "end it with actions: {ghost-workflow: end_workflow}"
        )
    if action is Action.POKE and one.obstacle:
        return one.obstacle
    fresh = now - one.row.updated < timedelta(seconds=SETTLE_SECONDS)
    if fresh and not one.running and one.row.id not in settings.ours and _too_soon(one, action, settings, now):
        return "it was changed a moment ago: Postiz may be about to start it by itself"
    if one.running and not one.endable and not (accepted and one.post_class in PROTECTED):
        if one.post_class in PROTECTED and action is Action.FAIL:
            return ""
        return "its workflow cannot be proved to sleep, so it is not ended"
    return ""


def _too_soon(one: Judged, action: Action, settings: Settings, now: datetime) -> bool:
    """Whether a workflow that Postiz starts in this minute would meet what the action makes of the row."""
    if one.post_class in PROTECTED:
        # Failed, it cannot be sent a second time; anything else is for ids whose owner accepts that it is.
        return False
    if action is Action.RESCHEDULE:
        first = settings.not_before or now + timedelta(seconds=settings.not_before_seconds)
        return first - now < timedelta(seconds=SETTLE_SECONDS)
    return one.row.state == "QUEUE"


def _wanted(one: Judged) -> bool:
    return one.row.state == "QUEUE" and not one.row.deleted


def _item(one: Judged, action: Action) -> Item:
    moved = one.post_class is PostClass.GHOST and action is Action.END_WORKFLOW and _wanted(one)
    return Item(
        judged=one,
        action=action,
        state=_STATES.get(action, ""),
        end=one.running and action is not Action.MARK_PUBLISHED,
        start=action in (Action.POKE, Action.RESCHEDULE) or moved,
    )


def _below(items: List[Item], settings: Settings) -> Tuple[List[Item], List[Skipped]]:
    """Without the posts of channels that have too few to make a burst; and these."""
    if not settings.burst_threshold:
        return items, []
    counts = _counts(item for item in items if item.action is Action.RESCHEDULE)
    kept: List[Item] = []
    few: List[Skipped] = []
    for item in items:
        burst = counts.get(item.judged.row.channel, 0) > settings.burst_threshold
        # What an interrupted run left without a workflow is not found by anybody else.
        if item.action is Action.RESCHEDULE and not burst and item.id not in settings.ours:
            few.append(Skipped(item.judged, item.action, "its channel has too few of them to make a burst"))
        else:
            kept.append(item)
    return kept, few


def _counts(items: Iterable[Item]) -> Dict[str, int]:
    counts: Dict[str, int] = {}
    for item in items:
        counts[item.judged.row.channel] = counts.get(item.judged.row.channel, 0) + 1
    return counts


def _spread(items: List[Item], settings: Settings, now: datetime, taken: Taken) -> List[Item]:
    """Times for those that are moved; of many pokes of one channel, the later ones are moved as well."""
    pokes: Dict[str, int] = {}
    found: List[Item] = []
    for item in items:
        channel = item.judged.row.channel
        if item.goes_out_at_once:
            pokes[channel] = pokes.get(channel, 0) + 1
            if pokes[channel] > settings.poke_at_once:
                item = replace(item, action=Action.RESCHEDULE)
        found.append(item)
    moved = [item for item in found if item.action is Action.RESCHEDULE]
    if not moved:
        return found
    first = max(settings.not_before or now + timedelta(seconds=settings.not_before_seconds), now)
    counts = _counts(moved)
    length = timedelta(seconds=settings.spacing_seconds * _SLACK)
    channels = sorted(counts)
    # Room for twice as many posts of others as are moved; later ones are too far away to make a burst.
    last = first + length * (3 * max(counts.values()) + 10)
    others = taken(channels, first - length, last, [item.id for item in moved])
    # One channel after the other within a slot: Temporal and the worker have all channels' posts to carry.
    part = timedelta(milliseconds=length // timedelta(milliseconds=1) // len(channels))
    begins = {channel: first + number * part for number, channel in enumerate(channels)}
    slots = {
        channel: iter(
            free_slots(
                counts[channel],
                _after_pokes(begins[channel], pokes, channel, settings, length),
                length,
                others.get(channel, []),
            )
        )
        for channel in channels
    }
    return [
        replace(item, due=next(slots[item.judged.row.channel])) if item.action is Action.RESCHEDULE else item
        for item in found
    ]


def _after_pokes(
    first: datetime, pokes: Mapping[str, int], channel: str, settings: Settings, length: timedelta
) -> datetime:
    """Posts that are poked go out now, so the first slot comes later."""
    at_once = min(pokes.get(channel, 0), settings.poke_at_once)
    return first + length if at_once else first


def free_slots(count: int, first: datetime, length: timedelta, taken: Sequence[datetime]) -> List[datetime]:
    """`count` times from `first`, none nearer than `length` to each other or to one that is taken."""
    busy = sorted(taken)
    found: List[datetime] = []
    moment = first
    while len(found) < count:
        position = bisect_left(busy, moment - length + timedelta(milliseconds=1))
        if position < len(busy) and busy[position] < moment + length:
            moment = busy[position] + length
            continue
        found.append(moment)
        insort(busy, moment)
        moment += length
    return found
