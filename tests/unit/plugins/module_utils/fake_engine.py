"""An engine of which a test supplies only what it needs; every other call fails the test."""

from __future__ import annotations

from typing import NoReturn

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine


class FakeEngine:
    """Derive from it, and define the methods of `Engine` that the test is about."""

    def __init_subclass__(cls) -> None:
        unknown = {name for name in vars(cls) if not name.startswith("_") and not hasattr(Engine, name)}
        if unknown:
            raise AssertionError(f"no engine has {sorted(unknown)}")

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"the test's engine was asked for {name}")
