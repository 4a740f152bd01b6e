"""Removing images: parents only after their children."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError
from labkit import removal
from labkit.errors import LabError
from labkit.paths import REPOSITORY


class Images:
    """An engine that refuses to remove an image with children, or one in use."""

    def __init__(self, parents: dict[str, str | None], used: frozenset[str] = frozenset()) -> None:
        self.parents = parents
        self.used = used
        self.filters: Any = None

    def list(self, filters: dict[str, str]) -> list[SimpleNamespace]:
        self.filters = filters
        return [SimpleNamespace(id=name) for name in self.parents]

    def remove(self, image: str, force: bool) -> None:
        assert force
        if image in self.parents.values() or image in self.used:
            raise APIError("conflict", response=SimpleNamespace(status_code=409))
        del self.parents[image]


def test_parents_follow_their_children() -> None:
    images = Images({"base": None, "node": "base", "postiz": "node"})
    assert removal._remove_images(SimpleNamespace(images=images)) == 3
    assert images.parents == {}
    assert images.filters == {"label": "selfhost.postiz.lab=true"}


def test_an_image_in_use_is_named() -> None:
    images = Images({"base": None}, used=frozenset({"base"}))
    with pytest.raises(LabError, match="base"):
        removal._remove_images(SimpleNamespace(images=images))


class Things:
    """Containers, volumes or networks of an engine that filters by labels."""

    def __init__(self, things: dict[str, dict[str, str]]) -> None:
        self.things = things

    def list(self, filters: dict[str, Any], **_: Any) -> list[SimpleNamespace]:
        wanted = filters["label"] if isinstance(filters["label"], list) else [filters["label"]]
        pairs = [entry.split("=", 1) for entry in wanted]
        return [
            SimpleNamespace(
                name=name,
                labels=labels,
                attrs={"Labels": labels},
                remove=lambda name=name, **_options: self.things.pop(name),
            )
            for name, labels in self.things.items()
            if all(labels.get(key) == value for key, value in pairs)
        ]


LAB = {"selfhost.postiz.lab": "true"}
MADE_HERE = {**LAB, "selfhost.postiz.lab.checkout": str(REPOSITORY)}
MADE_ELSEWHERE = {**LAB, "selfhost.postiz.lab.checkout": "/somewhere/else"}


def engine() -> SimpleNamespace:
    """A stack of each of two checkouts, one made by hand from the lab's images, and one that has nothing to do with it."""
    return SimpleNamespace(
        containers=Things(
            {
                "postiz-lab-postiz-1": MADE_HERE,
                "postiz-lab-social": MADE_HERE,
                "other-postiz-1": MADE_ELSEWHERE,
                "by-hand": LAB,
                "stranger": {},
            }
        ),
        networks=Things({"mine": MADE_HERE, "postiz-lab-social": MADE_HERE, "other": MADE_ELSEWHERE, "stranger": {}}),
        volumes=Things({"mine": MADE_HERE, "of-an-older-lab": LAB, "other": MADE_ELSEWHERE, "stranger": {}}),
    )


@pytest.fixture(autouse=True)
def _folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(removal, "STACKS", tmp_path / "stacks")
    monkeypatch.setattr(removal, "FAULTS", tmp_path / "faults")


def test_only_what_this_checkout_made_is_removed_and_what_others_need_stays() -> None:
    there = engine()
    assert removal.left_alone(there) == ["by-hand", "other-postiz-1"]
    removal.remove_all(there, images=False, every_checkout=False)
    assert set(there.containers.things) == {"postiz-lab-social", "other-postiz-1", "by-hand", "stranger"}
    assert set(there.networks.things) == {"postiz-lab-social", "other", "stranger"}
    assert set(there.volumes.things) == {"other", "stranger"}


def test_everything_of_the_lab_on_request() -> None:
    there = engine()
    removal.remove_all(there, images=False, every_checkout=True)
    assert set(there.containers.things) == set(there.networks.things) == set(there.volumes.things) == {"stranger"}
