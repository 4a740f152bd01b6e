"""Another Temporal than the stack's own: every post would seem to lack its workflow."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import namespace
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.scene import asked_elsewhere
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Connection
from posts_lab import Lab
from posts_samples import row

OTHER = "Temporal is asked at elsewhere"


def scene(elsewhere: str, *names: str, polled: bool = False) -> Any:
    def running_posts(limit: int) -> tuple[tuple[str, ...], int]:
        assert elsewhere, "asked without need"
        assert not polled, "asked without need"
        return names[:limit], len(names)

    return SimpleNamespace(
        elsewhere=elsewhere, main_polled=polled, workflows=SimpleNamespace(running_posts=running_posts)
    )


@pytest.mark.parametrize(
    ("around", "doubted"),
    [
        (scene(""), False),
        (scene(OTHER, polled=True), False),
        (scene(OTHER, "post_another", "post_p1"), False),
        (scene(OTHER, "post_p1_ab12cd34ef"), False),
        (scene(OTHER), True),
        (scene(OTHER, "post_another", "post_p1x"), True),
    ],
    ids=[
        "as Postiz has it",
        "its worker polls there",
        "its post runs there",
        "its post repeats there",
        "empty",
        "theirs",
    ],
)
def test_what_shows_that_it_is_the_stack_s_own(tmp_path: Path, around: Any, doubted: bool) -> None:
    lab = Lab(tmp_path, [row(id="p1")], {})
    found = namespace.doubt(around, lab.database)
    assert bool(found) is doubted
    if not doubted:
        namespace.refuse_doubt(around, lab.database)
        return
    assert found.startswith(f"{OTHER}, and nothing shows")
    with pytest.raises(BadInput, match="nothing was changed") as refused:
        namespace.refuse_doubt(around, lab.database)
    assert refused.value.remedy.startswith("leave out address and namespace")


def connection(address: str, name: str) -> Connection:
    return Connection(address, name, False, "", "", "", "")


def test_where_it_is_asked_is_compared_with_what_postiz_uses() -> None:
    used = connection("temporal:7233", "default")
    assert asked_elsewhere(connection("Temporal:7233", "default"), used) == ""
    for other in (connection("temporal:7233", "Default"), connection("10.0.0.1:7233", "default")):
        told = asked_elsewhere(other, used)
        assert told.startswith(f"Temporal is asked at {other.address} in the namespace {other.namespace!r}, ")
        assert told.endswith("Postiz itself uses temporal:7233 and 'default'")
