"""Which workflow the installed release starts for a post."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.release import TypeUnknown, choose, workflow_type
from fake_engine import FakeEngine

SERVICE = b'start("postWorkflowV109", {}); // before: mypostWorkflowV200, postWorkflowV, postWorkflowVx'


def names(*numbers: int) -> frozenset[str]:
    return frozenset(f"postWorkflowV{number}" for number in numbers)


@pytest.mark.parametrize(
    ("started", "registered", "expected"),
    [
        (names(109), names(101, 109), "postWorkflowV109"),
        (names(9, 10), names(9, 10), "postWorkflowV10"),
        (names(108, 110), names(101, 108, 109), "postWorkflowV108"),
    ],
    ids=["the one that is started", "numbers, not texts", "a newer one that is not registered"],
)
def test_the_newest_that_is_started_and_registered(
    started: frozenset[str], registered: frozenset[str], expected: str
) -> None:
    assert choose(started, registered) == expected


@pytest.mark.parametrize(
    ("started", "registered", "message"),
    [
        (names(), names(), r"starts none, its worker registers none\)"),
        (
            names(110),
            names(109, 12),
            r"starts postWorkflowV110, its worker registers postWorkflowV12, postWorkflowV109\)",
        ),
    ],
)
def test_it_is_never_guessed(started: frozenset[str], registered: frozenset[str], message: str) -> None:
    with pytest.raises(TypeUnknown, match=message):
        choose(started, registered)


class Image(FakeEngine):
    """A container whose two folders are given."""

    def __init__(self, service: Mapping[str, bytes], workflows: Mapping[str, bytes]) -> None:
        self.folders = {"prisma/posts": service, "orchestrator/src/workflows": workflows}

    def files(self, identifier: str, path: str, max_bytes: int) -> Mapping[str, bytes]:
        assert (identifier, max_bytes) == ("postiz", 8 << 20)
        return next(found for end, found in self.folders.items() if path.endswith(end))


def test_it_is_read_from_the_release_s_own_files() -> None:
    workflows = {
        "workflows/post.ts": b"export async function postWorkflowV108(",
        "workflows/new.ts": b"postWorkflowV109",
    }
    image = Image({"posts/posts.service.ts": SERVICE, "posts/posts.repository.ts": b"postWorkflowV108"}, workflows)
    assert workflow_type(image, "postiz") == "postWorkflowV109"
    with pytest.raises(TypeUnknown):
        workflow_type(Image({}, workflows), "postiz")
