"""Parameters of post_failures_info, and what people read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.causes import causes
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.judge import Failures
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.look import Seen
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import (
    Beyond,
    Bounds,
    Channel,
    FailedPost,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.parameters import (
    ARGUMENT_SPEC,
    LONGEST_SECONDS,
    Request,
    parse,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.report import payload

NOW = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - UTC without a zone, as in the database


def given(**changed: Any) -> Request:
    defaults = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    return parse({**defaults, "project": "postiz", **changed})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"since": -1.0}, "since is -1"),
        ({"since": float("nan")}, "since is nan"),
        ({"horizon": float("inf")}, "horizon is inf"),
        ({"statement_timeout": 0.0}, "statement_timeout is 0"),
        ({"limit": -1}, "limit is -1"),
        ({"channels": ["a", " "]}, "channels has an empty entry"),
        ({"verified_domains": ["media.example.org/uploads"]}, "neither a domain nor a prefix"),
        ({"verified_domains": ["http://media.example.org/"]}, "neither a domain nor a prefix"),
        ({"verified_domains": [""]}, "neither a domain nor a prefix"),
    ],
)
def test_what_cannot_be_used_names_its_parameter(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        given(**changed)


def test_ids_of_posts_lift_the_bounds() -> None:
    assert given(posts=["a"]).since_seconds == LONGEST_SECONDS
    assert given().since_seconds == 7 * 86400


def test_an_empty_list_of_domains_is_not_the_same_as_none() -> None:
    assert given().verified_domains is None
    assert given(verified_domains=[]).verified_domains == ()
    assert given(verified_domains=[" a.example "]).verified_domains == ("a.example",)


def told(*posts: FailedPost, channel: Channel) -> dict[str, Any]:
    failures = Failures(100)
    failures.add(posts, {channel.identifier: channel})
    within = Bounds(NOW, NOW - timedelta(days=7), NOW + timedelta(days=7))
    seen = Seen(within, Beyond(3, 0, 4), causes(failures.tallies, {}, ()), failures.count, 0, (), ())
    return payload(seen, given())


def test_what_lies_outside_is_told_and_names_are_harmless() -> None:
    channel = Channel("c1", "org", "Our\x1b[31m shop EAABsbCS1iHgBAKZB4\n" + "x" * 100, "x")
    result = told(FailedPost("p1", NOW, NOW, "c1", False, "No Post"), channel=channel)
    assert "Not looked at: 3 failed before that, 4 in QUEUE for later" in result["report"]
    (failure,) = result["failures"]
    assert "\x1b" not in failure["channel_name"]
    assert "EAAB" not in failure["channel_name"]
    assert len(failure["channel_name"]) <= 60
    assert result["findings"][0]["first"] == "2026-11-24T12:00:00Z"


def test_two_kinds_of_one_cause_are_one_share_of_their_channel() -> None:
    channel = Channel("c1", "org", "Ours", "tiktok")
    refused = '{"cause":{"type":"refresh_token"}}'
    named = '{"cause":{"failure":{"message":"Access token invalid"}}}'
    result = told(
        FailedPost("p1", NOW, NOW, "c1", False, refused),
        FailedPost("p2", NOW, NOW + timedelta(hours=1), "c1", False, named),
        channel=channel,
    )
    assert [(item["code"], item["count"]) for item in result["failures"]] == [("token-refused", 2)]
    assert result["findings"][0]["last"] == "2026-11-24T13:00:00Z"


def test_the_last_step_says_what_may_be_live() -> None:
    def last(error: str) -> str:
        result = told(FailedPost("p", NOW, NOW, "c", False, error), channel=Channel("c", "o", "Ours", "threads"))
        return str(result["findings"][0]["steps"][-1])

    assert "none of them was published" in last("User restricted")
    assert "it may be live" in last("Instagram blocked your request")
