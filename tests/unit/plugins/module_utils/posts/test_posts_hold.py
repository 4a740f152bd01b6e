"""The way that is documented to hold posts that will fail, carried out on a stack without Temporal and database."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import for_all
from posts_samples import NOW, row, world
from test_posts_act import ASLEEP, DAY, Lab


@pytest.mark.parametrize("polled", [frozenset({"main", "mastodon"}), frozenset()], ids=["a worker", "no worker"])
def test_what_is_held_becomes_a_draft_and_nothing_is_started(tmp_path: Path, polled: frozenset[str]) -> None:
    posts = [
        row(id="lost"),
        row(id="old", due=NOW - 3 * DAY),
        row(id="broken", broken=("disabled",)),
        row(id="sleeping"),
        row(id="ahead", due=NOW + DAY),
        row(id="lost-ahead", due=NOW + DAY),
    ]
    lab = Lab(tmp_path, posts, {"sleeping": ASLEEP, "ahead": ASLEEP})
    lab.around = world(polled_queues=polled)
    lab.carry_out(lab.plan(for_all(Action.HOLD)))
    assert {lab.state(post.id) for post in posts} == {"DRAFT"}
    assert lab.temporal.started == []
    assert not any(item.running for item in lab.temporal.known.values())
