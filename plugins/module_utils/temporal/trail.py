# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the history of a post's workflow says: whether it may have published, how often it was sent, when it wakes. Pure.

Histories hold whole posts and the tokens of their channels. Only event types, ids, activity names, kinds of failures and times
are taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import text_at

# Activities that the network hears nothing of, as V101 to V113 call them before they publish. From the first of any other
# on, one that is not known here included, the network may know of the post.
_HARMLESS = frozenset(
    {
        "getPost",
        "getPostsList",
        "getIntegrationById",
        "isCommentable",
        "refreshToken",
        "refreshTokenWithCause",
        "changeState",
        "updatePost",
        "inAppNotification",
        "sendWebhooks",
    }
)
# Of the others, those that do not send the post itself.
_BESIDE = frozenset({"checkPostStatus", "postComment"})
# Failures that are an answer of the network, or of which Postiz knows that nothing was sent.
_ANSWERS = frozenset({"bad_body", "disconnect", "refresh_token", "media_stall"})
# What a run that sleeps may have in its history beside activities and timers. Anything else may do what is not known here.
_QUIET = ("WORKFLOW_EXECUTION_", "WORKFLOW_TASK_", "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", "WORKFLOW_PROPERTIES_MODIFIED")
_CLOSES = ("COMPLETED", "FAILED", "TIMED_OUT", "CANCELED")
_EVENT = "EVENT_TYPE_"


def may_publish(activity: str) -> bool:
    """Whether the network may hear of the post by an activity of this name."""
    return activity not in _HARMLESS


def may_send(activity: str) -> bool:
    """Whether an activity of this name may make the post visible."""
    return may_publish(activity) and activity not in _BESIDE


@dataclass(frozen=True)
class Trail:
    """What the history of a run says. `publishing` counts scheduled activities, those still waiting included, and events of a
    kind that is not known here. `unanswered` counts how often the post was sent without an answer; an activity that has not
    ended counts once.

    `wakes_at` is when its timer fires, in seconds since the epoch; None unless one timer is all it waits for.
    """

    publishing: int
    unanswered: int
    wakes_at: Optional[float]


# Of a run whose history is gone, or does not go back to its start: it may have begun to publish.
NOT_TOLD = Trail(1, 0, None)


def parse_trail(events: Iterable[Mapping[str, Any]]) -> Trail:
    """Out of the events of one run, newest first. Without its first event nothing is known of it."""
    publishing = unanswered = timers = 0
    wakes_at: Optional[float] = None
    asleep = True
    whole = False
    ends: Dict[str, _End] = {}
    for event in events:
        kind = text_at(event, "eventType").replace(_EVENT, "")
        whole = whole or kind == "WORKFLOW_EXECUTION_STARTED"
        if kind == "ACTIVITY_TASK_SCHEDULED":
            asleep = False
            name = text_at(event, "activityTaskScheduledEventAttributes", "activityType", "name")
            publishing += may_publish(name)
            if may_send(name):
                number = text_at(event, "eventId")
                unanswered += ends.get(number, _OPEN).unanswered if number else 1
        elif kind.startswith("ACTIVITY_TASK_"):
            _end_of_activity(event, kind[len("ACTIVITY_TASK_") :], ends)
        elif kind in ("TIMER_FIRED", "TIMER_CANCELED"):
            asleep = False
            timers -= 1
        elif kind == "TIMER_STARTED":
            timers += 1
            wakes_at = _wakes_at(event) if asleep else wakes_at
            asleep = False
        elif not kind.startswith(_QUIET):
            publishing += 1
            asleep = False
    # Beside a second timer it may wake sooner.
    return Trail(publishing, unanswered, wakes_at if timers == 1 else None) if whole else NOT_TOLD


@dataclass
class _End:
    """How an activity ended. `attempt` is 0 where no worker had it."""

    attempt: int = 0
    closed: bool = False
    answered: bool = False

    @property
    def unanswered(self) -> int:
        """Every attempt but the last one was repeated because it had no answer."""
        if not self.closed:
            return 1
        return max(self.attempt - self.answered, 0)


_OPEN = _End()


def _end_of_activity(event: Mapping[str, Any], kind: str, ends: Dict[str, _End]) -> None:
    """Read the newer events of an activity, which name the one that scheduled it."""
    words = "".join(word.capitalize() for word in kind.split("_"))
    attributes = f"activityTask{words}EventAttributes"
    scheduled = text_at(event, attributes, "scheduledEventId")
    if kind == "STARTED":
        ends.setdefault(scheduled, _End()).attempt = whole_number(text_at(event, attributes, "attempt"), 1)
    elif kind in _CLOSES:
        found = ends.setdefault(scheduled, _End())
        found.closed = True
        failure = text_at(event, attributes, "failure", "applicationFailureInfo", "type")
        found.answered = kind == "COMPLETED" or failure in _ANSWERS


def _wakes_at(event: Mapping[str, Any]) -> Optional[float]:
    since = parse_time(text_at(event, "eventTime"))
    length = text_at(event, "timerStartedEventAttributes", "startToFireTimeout").rstrip("s")
    try:
        return None if since is None else since + float(length)
    except ValueError:
        return None


def whole_number(text: str, otherwise: int) -> int:
    """Of a text out of an answer."""
    return int(text) if text.isdecimal() else otherwise
