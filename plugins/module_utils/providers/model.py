# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the social networks refuse, and what is known about it: channels, posts, rules and causes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import FrozenSet, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Severity

META = frozenset({"facebook", "instagram", "threads"})
TIKTOK = frozenset({"tiktok"})


class Retry(str, Enum):
    """Whether a failed post may go out again."""

    AFTER_REPAIR = "after-repair"
    LATER = "later"
    LOOK_FIRST = "look-first"
    NEVER = "never"

    @property
    def may_be_live(self) -> bool:
        """Whether the network may show the post although its row says ERROR."""
        return self in (Retry.LOOK_FIRST, Retry.NEVER)


@dataclass(frozen=True)
class Channel:
    """A row of "Integration" without its tokens. `login` is the account that connected it, empty if not known."""

    identifier: str
    organization: str
    name: str
    provider: str
    login: str = ""
    disabled: bool = False
    refresh_needed: bool = False
    in_between_steps: bool = False
    deleted: bool = False

    @property
    def family(self) -> str:
        """The network: Postiz names variants `<network>-<variant>`, as in instagram-standalone."""
        return self.provider.split("-")[0].lower()

    @property
    def of_meta(self) -> bool:
        """Whether Meta runs it."""
        return self.family in META


@dataclass(frozen=True)
class FailedPost:
    """A row in state ERROR; times are UTC without a zone. `earlier` is an older message than `error`, if one is needed.

    `handed_over`: its release id is 'missing', which Postiz writes where the network took the post and does not show it by
    itself, as in TikTok's inbox.
    """

    identifier: str
    due: datetime
    failed: datetime
    channel: str
    live: bool
    error: str
    earlier: str = ""
    handed_over: bool = False


@dataclass(frozen=True)
class QueuedPost:
    """A root in state QUEUE; `settings` and `media` are the JSON texts of the row, None if they are too long."""

    identifier: str
    due: datetime
    channel: str
    settings: Optional[str]
    media: Optional[str]


class Form(str, Enum):
    """What an error text is: nothing, words of Postiz, a failed activity, or JSON that cannot be read."""

    EMPTY = "empty"
    WORDS = "words"
    FAILURE = "failure"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class ErrorText:
    """Parts of "Post".error, each bounded and without tokens.

    `message` is what Postiz says, `answer` what the network answered, `codes` the network's own codes (Meta's as `code`,
    `subcode` and `code/subcode`), `kind` the type of the failure, `timeout` which limit was passed.
    """

    form: Form
    message: str = ""
    kind: str = ""
    timeout: str = ""
    activity: str = ""
    answer: str = ""
    codes: FrozenSet[str] = frozenset()


@dataclass(frozen=True)
class Advice:
    """What the operator must do about a code. `shared` causes lie in the stack, not in one network."""

    severity: Severity
    meaning: str
    remedy: str
    steps: Tuple[str, ...]
    shared: bool = False


@dataclass(frozen=True)
class Rule:
    """An error that is known. The first rule of which anything matches decides; matching ignores case.

    `providers` are networks (empty: all), `starts` beginnings of Postiz' own words, `codes` the network's codes, `words`
    parts of the message or the answer, `kinds` types of the failure. `follows_checkpoint`: beside an identity checkpoint
    this is one of its effects.
    """

    name: str
    code: str
    retry: Retry
    providers: FrozenSet[str] = frozenset()
    starts: Tuple[str, ...] = ()
    codes: FrozenSet[str] = frozenset()
    words: Tuple[str, ...] = ()
    kinds: FrozenSet[str] = frozenset()
    timeout: bool = False
    follows_checkpoint: bool = False
    proves_checkpoint: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """Which rule a failed post met, and the evidence: bounded, without tokens."""

    rule: Rule
    evidence: str


@dataclass(frozen=True)
class Expectations:
    """What the operator declared and the environment says. `verified_domains` None: not declared, so not judged."""

    unaudited: FrozenSet[str] = frozenset()
    verified_domains: Optional[Tuple[str, ...]] = None
    tiktok_pulls_videos: bool = False
    guards_addresses: bool = True
    checkpointed: FrozenSet[str] = frozenset()


@dataclass(frozen=True)
class ListedPost:
    """A post in the result. `due` UTC without a zone."""

    identifier: str
    due: datetime
    channel: str
    provider: str
    code: str
    predicted: bool
    may_be_live: bool


@dataclass(frozen=True)
class Share:
    """Part of a cause: its posts on one channel. Times are those of the failure, or of publishing if predicted."""

    channel: Channel
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Cause:
    """One thing to repair, and the posts that it took or will take. `over` if all its channels have published since."""

    code: str
    predicted: bool
    component: str
    retry: Retry
    evidence: str
    shares: Tuple[Share, ...]
    posts: Tuple[str, ...]
    over: bool = False

    @property
    def count(self) -> int:
        """Posts."""
        return sum(share.count for share in self.shares)

    @property
    def first(self) -> datetime:
        """Time of the first one."""
        return min(share.first for share in self.shares)

    @property
    def last(self) -> datetime:
        """Time of the last one."""
        return max(share.last for share in self.shares)


@dataclass(frozen=True)
class Bounds:
    """What was looked at; all UTC without a zone. `since`: failed from then on; queue: due from `since` to `until`."""

    now: datetime
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Beyond:
    """What lies outside of the bounds, so that no bound is silent."""

    earlier_failures: int
    earlier_queued: int
    later_queued: int
