"""What an upgrade leaves. What a broken release costs is in tests/lab/test_upgrade.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labkit import posts, social
from labkit.stack import Stack, connect
from labkit.waiting import wait_for

PROJECT = "postiz-upgrading"


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack of the scenario."""
    return connect(PROJECT)


def version(stack: Stack) -> str:
    """What runs."""
    return stack.environment("postiz")["NEXT_PUBLIC_VERSION"]


def test_the_new_release_runs_and_the_old_one_is_recorded(stack: Stack) -> None:
    records = sorted((stack.folder / "state" / "releases").glob("[0-9]*/release.json"))
    found = [json.loads(record.read_text()) for record in records]
    assert [record["version"] for record in found] == ["v1.0.0", "v2.0.0"]
    assert version(stack) == "v2.0.0"
    assert Path(found[0]["backup"], "manifest.json").is_file()


def test_a_scheduled_post_is_published_exactly_once(stack: Stack) -> None:
    post = posts.schedule(stack, seconds=3)
    wait_for("the post published", lambda: posts.read(stack, post).state == "PUBLISHED", 90)
    assert social.published(post) == 1
