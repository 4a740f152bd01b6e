# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a cumulative log belongs to the process that runs now. Pure."""

from __future__ import annotations

import re
from typing import List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.health import signatures
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import Log

# pnpm prints this at each start of an app.
_BANNER = re.compile(r"^> \S+ start( |$)")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# pm2.log has no zone: 2026-11-24T11:58:37: PM2 log: App [orchestrator:0] exited with code [1] via signal [SIGINT]
_EXIT = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d): PM2 +log: App \[(?P<name>[^:\]]+):\d+\] exited with code"
)
# Before an end that somebody asked PM2 for: 2026-11-24T11:58:30: PM2 log: Stopping app:backend id:1
_ASKED = re.compile(r"PM2 +log: Stopping app:(?P<name>\S+) id:")
_ANY_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d): ")
_QUARTER = 900

ELIFECYCLE = "ELIFECYCLE"


def _lines(log: Log) -> List[str]:
    return [_COLOUR.sub("", line).rstrip() for line in log.text.splitlines()]


def since_banner(log: Log) -> Tuple[str, ...]:
    """Lines of standard output after pnpm's last banner; all of them if the banner is out of reach."""
    lines = _lines(log)
    starts = [number for number, line in enumerate(lines) if _BANNER.match(line)]
    # The banner has a second line, the command.
    return tuple(line for line in lines[starts[-1] + 2 if starts else 0 :] if line)


def since_time(log: Log, started_at: float) -> Tuple[str, ...]:
    """Lines of standard error that cannot be older than the start.

    A file that did not change since has none. Lines carry times only here and there: what stands before the first
    newer time is old, and without any newer time what stands after the last older one counts.
    """
    if log.changed_at < started_at:
        return ()
    lines = _lines(log)
    after_old = 0
    for number, line in enumerate(lines):
        match = _STAMP.search(line)
        moment = parse_time(match.group()) if match else None
        if moment is None:
            continue
        if moment >= started_at:
            return tuple(item for item in lines[number:] if item)
        after_old = number + 1
    return tuple(item for item in lines[after_old:] if item)


def current_lines(logs: Mapping[str, Log], started_at: float) -> Tuple[str, ...]:
    """Both streams of an app, of its present process only."""
    found: Tuple[str, ...] = ()
    if "out" in logs and logs["out"].changed_at >= started_at:
        found += since_banner(logs["out"])
    if "error" in logs:
        found += since_time(logs["error"], started_at)
    return found


def known(lines: Tuple[str, ...]) -> Optional[signatures.Match]:
    """A line whose meaning is known."""
    return signatures.search("\n".join(lines))


def exits(log: Optional[Log], name: str, since: float) -> int:
    """How often PM2 saw an app end by itself since a moment (seconds since the epoch).

    The file's times have no zone; its last line was written when the file changed, which tells the zone.
    """
    if log is None:
        return 0
    lines = log.text.splitlines()
    stamps = [match.group(1) for match in map(_ANY_TIME.match, lines) if match]
    if not stamps:
        return 0
    last = parse_time(f"{stamps[-1]}Z") or log.changed_at
    zone = round((log.changed_at - last) / _QUARTER) * _QUARTER
    count = 0
    asked = False
    for line in lines:
        stopping = _ASKED.search(line)
        asked = asked or bool(stopping and stopping.group("name") == name)
        match = _EXIT.match(line)
        if match and match.group("name") == name and asked:
            asked = False
        elif match and match.group("name") == name:
            moment = parse_time(f"{match.group('time')}Z")
            count += moment is not None and moment + zone >= since
    return count
