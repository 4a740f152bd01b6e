"""Parameters of post_failures_info, and what people read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.causes import causes
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.forecast import Forecast
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.judge import Failures
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.look import Seen
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import (
    Beyond,
    Bounds,
    Channel,
    Expectations,
    FailedPost,
    QueuedPost,
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


def test_the_table_fits_a_terminal_and_every_id_is_in_the_findings() -> None:
    """80 columns, less what Ansible writes before each line."""
    channel = Channel("c1", "org", "Ours", "instagram-standalone")
    posts = [FailedPost(f"p{number}", NOW, NOW, "c1", False, "Refresh channel needed") for number in range(9)]
    failures, foreseen = Failures(100), Forecast(100)
    failures.add(posts, {"c1": channel})
    broken = Channel("c2", "org", "Ours", "tiktok", disabled=True)
    queued = [QueuedPost(f"q{number}", NOW, "c2", "{}", "[]") for number in range(9)]
    foreseen.add(queued, {"c2": broken}, Expectations(unaudited=frozenset({"c2"})))
    within = Bounds(NOW, NOW - timedelta(days=7), NOW + timedelta(days=7))
    found = causes(failures.tallies, foreseen.tallies, ())
    result = payload(Seen(within, Beyond(0, 0, 0), found, 9, 9, (), ()), given())
    lines = result["report"].splitlines()
    table = lines[lines.index("") + 1 : lines.index("", 2)]
    assert table[0].split() == ["CODE", "POSTS", "CHANNELS", "RETRY", "WHERE"]
    assert any(line.startswith("will: ") and " hold " in line for line in table)
    assert max(len(line) for line in table) <= 72
    by_code = {(item["code"], item["predicted"]): item["posts"] for item in result["findings"]}
    assert by_code[("channel-refresh-needed", False)] == [one.identifier for one in posts]
    assert by_code[("channel-disabled", True)] == [one.identifier for one in queued]
    assert "Posts: p0, p1, p2 … (all ids: findings[].posts of the result)" in result["report"]
    assert "Failed from 2026-11-24T12:00:00Z to 2026-11-24T12:00:00Z." in result["report"]
