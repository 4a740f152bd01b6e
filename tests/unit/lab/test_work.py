"""The order in which missing nodes are made, and what is said when one cannot be made."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from labkit import work
from labkit.catalog import Image
from labkit.errors import LabError
from labkit.graph import Node, closure, graph
from labkit.progress import Progress
from labkit.work import Work

BASE = Image("base", "x")
LONG = Image("long", "x", ("base",), seconds=100)
LEAF = Image("leaf", "x", ("long",))
SHORT = Image("short", "x", ("base",))
NODES = graph((), (BASE, SHORT, LONG, LEAF), {"x": ""}, {})


class Recorder(Work):
    """Makes nothing; remembers what was to be made, and what was ready at that time."""

    def __init__(self, client: Any, failing: str = "") -> None:
        super().__init__(client, NODES, Progress(len(NODES)), frozenset())
        self.failing = failing
        self.made: list[str] = []
        self.lock = threading.Lock()

    def _make(self, node: Node) -> None:
        with self.lock:
            assert set(node.needs) <= set(self.made)
            if node.name == self.failing:
                raise LabError(f"{node.name} could not be made")
            self.made.append(node.name)


def test_parents_first_and_the_longest_chain_before_others() -> None:
    recorder = Recorder(None)
    recorder.run(closure(NODES, tuple(NODES), frozenset()))
    assert recorder.made[:2] == ["base", "long"]
    assert sorted(recorder.made) == sorted(NODES)


def test_a_failure_stops_builders_and_what_was_to_follow() -> None:
    class Builder:
        killed = False

        def kill(self) -> None:
            self.killed = True

    builder = Builder()
    recorder = Recorder(None, failing="long")
    recorder.builders.add(builder)  # type: ignore[arg-type]
    with pytest.raises(LabError, match="long could not be made"):
        recorder.run(closure(NODES, tuple(NODES), frozenset()))
    assert builder.killed
    assert "leaf" not in recorder.made


def test_a_failure_carries_the_end_of_the_log_and_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "LOGS", tmp_path / "log")

    def fail() -> None:
        with work._explained("postiz-lab/redis:7") as log:
            log.write("".join(f"line {number}\n" for number in range(1, 31)).encode())
            raise LabError("its builder ended with exit code 2")

    with pytest.raises(LabError) as caught:
        fail()
    said = str(caught.value).splitlines()
    assert said[0] == "postiz-lab/redis:7 could not be made: its builder ended with exit code 2"
    assert said[1:-1] == [f"    line {number}" for number in range(11, 31)]
    assert said[-1] == f"  whole log: {tmp_path / 'log' / 'redis-7.log'}"
