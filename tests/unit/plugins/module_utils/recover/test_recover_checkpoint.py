"""A person whom a network has locked out: told as one finding, and only as long as it holds."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import DatabaseFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Cause, Retry
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import checkpoint

REQUEST = parse({name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()} | {"project": "p"})
MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


def cause(code: str, over: bool = False) -> Cause:
    return Cause(code, False, "meta", Retry.LOOK_FIRST, "Meta asks.", (), (), over)


@pytest.mark.parametrize(
    ("causes", "found"),
    [
        ((), False),
        ((cause("account-restricted"),), False),
        ((cause("identity-checkpoint", over=True),), False),
        ((cause("account-restricted"), cause("identity-checkpoint")), True),
    ],
)
def test_only_a_lock_that_holds_is_told(
    monkeypatch: pytest.MonkeyPatch, causes: tuple[Cause, ...], found: bool
) -> None:
    asked = []

    def look(_engine: Any, request: Any) -> Any:
        asked.append(request)
        return SimpleNamespace(causes=causes), {}

    monkeypatch.setattr(checkpoint, "look", look)
    told = checkpoint.locked(None, REQUEST)  # type: ignore[arg-type]
    assert (told is not None) == found
    assert told is None or (told.code, told.component) == ("identity-checkpoint", "meta")
    assert (asked[0].since_seconds, asked[0].horizon_seconds) == (86400.0, 0.0)


def test_a_database_that_does_not_tell_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: Any) -> Any:
        raise DatabaseFailed("it does not answer.", "look at it.")

    monkeypatch.setattr(checkpoint, "look", look)
    assert checkpoint.locked(None, REQUEST) is None  # type: ignore[arg-type]
