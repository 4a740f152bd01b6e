#!/usr/bin/env python3
"""Run make targets one after the other, cheapest first, and close with a table and one line of counts.

`gates/molecule+bundle` runs `molecule` and then `bundle` beside `gates`: a stack mostly waits. What those beside print comes
as one piece when each ends.

A failing step does not stop the next one: a run of CI tells everything that is wrong. Tests that pytest (or Molecule's
verifier) counted are counted one by one; any other step counts as one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

PYTEST_LINE = re.compile(
    r"^=* ?((?:\d+ (?:passed|failed|errors?|skipped|xfailed|xpassed|warnings?|deselected)[, ]*)+) in [\d.]+s"
)
COUNT = re.compile(r"(\d+) (passed|failed|error|skipped)")
MOLECULE_BORDER = " │"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Outcome:
    """One step: how it ended, after how long, and what was counted in it."""

    name: str
    succeeded: bool
    seconds: float
    passed: int
    failed: int
    skipped: int


def counts(line: str) -> dict[str, int]:
    """The numbers of a closing line of pytest; empty for any other line."""
    match = PYTEST_LINE.match(ANSI.sub("", line).lstrip(MOLECULE_BORDER))
    if not match:
        return {}
    return {word: int(number) for number, word in COUNT.findall(match.group(1))}


class Screen:
    """The terminal of several lanes: lines of one as they come, pieces of the others whole."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_line_start = True
        self.closed = False

    def write(self, text: str) -> None:
        """At once."""
        with self._lock:
            print(text, end="", flush=True)
            self._at_line_start = text.endswith("\n")

    def write_piece(self, text: str) -> None:
        """From the beginning of a line on."""
        with self._lock:
            print(text if self._at_line_start else f"\n{text}", end="", flush=True)
            self._at_line_start = True


def run_step(name: str, write: Callable[[str], None]) -> Outcome:
    """Run one target with its output passed on as it comes."""
    write(f"\n=== {name} ===\n")
    since = time.monotonic()
    passed = failed = skipped = 0
    command = ["make", "--no-print-directory", name]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as make:
        assert make.stdout is not None
        for line in make.stdout:
            write(line)
            found = counts(line)
            passed += found.get("passed", 0)
            failed += found.get("failed", 0) + found.get("error", 0)
            skipped += found.get("skipped", 0)
    succeeded = make.returncode == 0
    if succeeded and not passed:
        passed = 1
    if not succeeded and not failed:
        failed = 1
    seconds = time.monotonic() - since
    write(f"=== {name}: {'passed' if succeeded else 'FAILED'} in {seconds:.0f} s ===\n")
    return Outcome(name, succeeded, seconds, passed, failed, skipped)


def run_beside(names: list[str], screen: Screen) -> list[Outcome]:
    """One after the other; each is shown when it has ended."""
    outcomes = []
    for name in names:
        if screen.closed:
            break
        said: list[str] = []
        outcomes.append(run_step(name, said.append))
        screen.write_piece("".join(said))
    return outcomes


def run_lanes(step: str, screen: Screen) -> Iterator[Outcome]:
    """A step, and those that run beside it."""
    first, _slash, others = step.partition("/")
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(run_beside, [name for name in others.split("+") if name], screen)
        try:
            yield run_step(first, screen.write)
        except KeyboardInterrupt:
            screen.closed = True
            raise
        yield from running.result()


def main() -> int:
    """Exit code 0 only when every step succeeded."""
    os.environ.setdefault("PY_COLORS", "0")
    screen, since = Screen(), time.monotonic()
    outcomes = [outcome for step in sys.argv[1:] for outcome in run_lanes(step, screen)]
    print("\nstep            result   seconds   passed   failed  skipped")
    for one in outcomes:
        result = "passed" if one.succeeded else "FAILED"
        print(f"{one.name:<15} {result:<8} {one.seconds:>7.0f} {one.passed:>8} {one.failed:>8} {one.skipped:>8}")
    total = time.monotonic() - since
    skipped = sum(one.skipped for one in outcomes)
    tail = f", {skipped} skipped" if skipped else ""
    passed, failed = sum(one.passed for one in outcomes), sum(one.failed for one in outcomes)
    print(f"{passed} passed, {failed} failed{tail} in {total:.0f} s")
    return 0 if all(one.succeeded for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
