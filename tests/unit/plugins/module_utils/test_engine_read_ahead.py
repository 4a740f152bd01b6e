"""Bytes that are read ahead are the same bytes, and an error comes where they end."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.read_ahead import ReadAhead
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineLost
from hypothesis import given, settings
from hypothesis import strategies as st


class Parts(ByteSource):
    """Parts as a socket gives them, then an error if there is one."""

    def __init__(self, parts: list[bytes], problem: BaseException | None = None) -> None:
        self._parts = [part for part in parts if part]
        self._problem = problem
        self.closed = False

    def readinto(self, view: memoryview) -> int:
        if not self._parts:
            if self._problem is not None:
                raise self._problem
            return 0
        part = self._parts.pop(0)
        count = min(len(view), len(part))
        view[:count] = part[:count]
        if part[count:]:
            self._parts.insert(0, part[count:])
        return count

    def close(self) -> None:
        self.closed = True


def all_of(source: ByteSource, size: int) -> bytes:
    buffer = memoryview(bytearray(size))
    found = b""
    while True:
        count = source.readinto(buffer)
        if not count:
            return found
        found += bytes(buffer[:count])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 16), st.integers(1, 3), st.integers(1, 50))
def test_the_same_bytes(parts: list[bytes], size: int, depth: int, step: int) -> None:
    inner = Parts(list(parts))
    source = ReadAhead(inner, size, depth)
    assert all_of(source, step) == b"".join(parts)
    assert source.readinto(memoryview(bytearray(1))) == 0
    source.close()
    assert inner.closed


def test_an_error_comes_after_what_was_read() -> None:
    problem = EngineLost("gone", "look")
    source = ReadAhead(Parts([b"x" * 64, b"y"], problem), 64, 2)
    assert source.readinto(memoryview(bytearray(64))) == 64
    with pytest.raises(EngineLost):
        all_of(source, 64)
    with pytest.raises(EngineLost):
        source.readinto(memoryview(bytearray(1)))
    source.close()


def test_what_is_given_up_leaves_no_thread() -> None:
    before = threading.active_count()
    source = ReadAhead(Parts([b"x" * 100] * 100), 8, 2)
    source.readinto(memoryview(bytearray(4)))
    source.close()
    assert threading.active_count() == before
