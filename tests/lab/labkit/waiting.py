"""Waiting with a limit and a name for what is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from labkit.errors import LabError

Value = TypeVar("Value")


def wait_for(what: str, probe: Callable[[], Value], seconds: float, pause: float = 0.5) -> Value:
    """The first true answer of ``probe``; LabError with its last answer after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise LabError(f"{what}: not within {seconds:g} s (last seen: {answer!r})")
        time.sleep(pause)


def stays(probe: Callable[[], bool], seconds: float, pause: float = 1.0) -> bool:
    """Whether ``probe`` is true all the time for ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not probe():
            return False
        time.sleep(pause)
    return probe()
