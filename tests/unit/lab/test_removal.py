"""Removing images: parents only after their children."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError
from labkit import removal
from labkit.errors import LabError


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
