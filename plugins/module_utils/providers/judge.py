# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From failed posts to causes. Pure: rows in, causes out; memory grows with kinds and channels, not with posts."""

from __future__ import annotations

import heapq
from dataclasses import replace
from datetime import datetime
from typing import Dict, Generic, Iterable, Iterator, List, Mapping, Tuple, TypeVar

from ansible_collections.selfhost.postiz.plugins.module_utils.providers import advice, rules
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.error_text import parse
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import (
    Channel,
    Diagnosis,
    ErrorText,
    FailedPost,
    Form,
    Retry,
    Rule,
)

# Of each kind, failed and foreseen, so many ids are kept.
MOST_IDS = 20000
# It asks what became of a post that the network has accepted: that it fails says nothing about whether it is live.
_AFTER_SENDING = ("checkPostStatus",)
LONGEST_QUOTE = 160
_ALREADY = "already posted"

Item = TypeVar("Item")
Key = Tuple[str, str]


def matches(rule: Rule, error: ErrorText, family: str) -> bool:
    """Whether the rule knows this error of this network."""
    if rule.providers and family not in rule.providers:
        return False
    message = error.message.lower()
    if error.form is Form.WORDS and any(message.startswith(start) for start in rule.starts):
        return True
    if rule.codes & error.codes or error.kind in rule.kinds:
        return True
    if rule.timeout and error.timeout:
        return True
    said = f"{message}\n{error.answer.lower()}"
    return any(word in said for word in rule.words)


def diagnose(post: FailedPost, channel: Channel) -> Diagnosis:
    """The first rule that knows it. A row that is live is live whatever its error says."""
    if post.handed_over:
        return Diagnosis(rules.HANDED_OVER, "its release id is 'missing': it may wait in the account's inbox.")
    if post.live:
        return Diagnosis(rules.LIVE, "the row has a release id or URL.")
    error = parse(post.error)
    overwritten = error.form is Form.WORDS and error.message.lower().startswith(_ALREADY)
    if (overwritten or error.form is Form.EMPTY) and post.earlier:
        error = parse(post.earlier)
        if error.form is not Form.EMPTY:
            return _known(error, channel, " (an earlier failure of the same post; its row says something else by now)")
    if overwritten:
        return Diagnosis(
            rules.OVERWRITTEN,
            "its workflow was started a second time while the row was not in QUEUE; what it said before is lost.",
        )
    if error.form is Form.EMPTY:
        return Diagnosis(rules.EMPTY, "the row is in ERROR and says nothing.")
    return _known(error, channel, "")


def _known(error: ErrorText, channel: Channel, suffix: str) -> Diagnosis:
    rule = next((item for item in rules.RULES if matches(item, error, channel.family)), rules.UNKNOWN)
    if error.activity in _AFTER_SENDING and (rule.retry is Retry.LATER or rule.code == advice.REFUSED):
        rule = replace(rule, name=f"{rule.name}-after-sending", retry=Retry.LOOK_FIRST)
    said = []
    if error.message:
        said.append(f"Postiz says {error.message!r}")
    codes = ", ".join(sorted(error.codes & rule.codes or error.codes)[:4])
    if codes:
        said.append(f"the network's code is {codes}")
    elif error.timeout:
        said.append(f"{error.activity or 'an activity'} passed its limit {error.timeout}")
    elif error.kind and not error.message:
        said.append(f"it failed as {error.kind} without a message")
    if error.answer and rule is rules.UNKNOWN:
        said.append(f"the network answered {error.answer[:LONGEST_QUOTE]!r}")
    return Diagnosis(rule, f"{'; '.join(said) or 'its error text cannot be read'}{suffix}.")


class Tally:
    """Posts that one rule took on one channel; `evidence` is that of the last one, `posts` their ids."""

    def __init__(self, rule: Rule, channel: Channel, when: datetime) -> None:
        self.rule = rule
        self.channel = channel
        self.count = 0
        self.first = when
        self.last = when
        self.evidence = ""
        self.posts: List[str] = []

    def add(self, identifier: str, when: datetime, evidence: str, named: bool = True) -> None:
        """One more; its id is kept if it is `named`."""
        if when >= self.last or not self.evidence:
            self.evidence = evidence
        self.count += 1
        self.first, self.last = min(self.first, when), max(self.last, when)
        if named:
            self.posts.append(identifier)


class Best(Generic[Item]):
    """Keeps the few with the highest rank, whatever passes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: List[Tuple[float, int, Item]] = []
        self._seen = 0

    def add(self, rank: float, item: Item) -> None:
        """One more."""
        self._seen += 1
        if self._most and len(self._heap) < self._most:
            heapq.heappush(self._heap, (rank, -self._seen, item))
        elif self._most:
            heapq.heappushpop(self._heap, (rank, -self._seen, item))

    def __iter__(self) -> Iterator[Item]:
        """Highest first."""
        return (item for _rank, _seen, item in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))


class Failures:
    """All failed posts, by rule and channel; `listed` are the newest, with the key of their tally."""

    def __init__(self, listed: int) -> None:
        self.tallies: Dict[Key, Tally] = {}
        self.listed: Best[Tuple[FailedPost, Key]] = Best(listed)
        self.count = 0

    def add(self, posts: Iterable[FailedPost], channels: Mapping[str, Channel]) -> None:
        """Diagnose each; a channel that is in no row is told by its id."""
        for post in posts:
            channel = channels.get(post.channel) or Channel(post.channel, "", "", "unknown")
            found = diagnose(post, channel)
            key = (found.rule.name, channel.identifier)
            if key not in self.tallies:
                self.tallies[key] = Tally(found.rule, channel, post.failed)
            self.tallies[key].add(post.identifier, post.failed, found.evidence, self.count < MOST_IDS)
            self.listed.add(rank(post.failed), (post, key))
            self.count += 1


def rank(moment: datetime) -> float:
    """A time as a number, the later the higher."""
    return (moment - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 - both are UTC without a zone


def worst(retries: Iterable[Retry]) -> Retry:
    """The most careful of them."""
    order = (Retry.LATER, Retry.AFTER_REPAIR, Retry.LOOK_FIRST, Retry.NEVER)
    return max(retries, key=order.index)


def component_of(code: str, channel: Channel) -> str:
    """Where the cause lies: the network, or `media` for what is the stack's own."""
    return "media" if advice.ADVICE[code].shared else channel.family
