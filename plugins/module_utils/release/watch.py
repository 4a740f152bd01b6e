# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a URL does not answer, measured beside other work."""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import asdict, dataclass
from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

_ANSWER_SECONDS = 5
_LONGEST_BODY = 1 << 16


@dataclass(frozen=True)
class Parameters:
    """Seconds, but for `expected`, which the body of a good answer contains."""

    url: str
    path: str
    expected: str
    interval: float
    duration: float
    until_gone: Optional[str] = None


@dataclass(frozen=True)
class Measurement:
    """`down_seconds` counts the time between a bad answer and the next good one."""

    down_seconds: float = 0.0
    requests: int = 0
    last_answer: str = ""


def run(wanted: Parameters, check_mode: bool, clock: Clock) -> Dict[str, Any]:
    """Watch until the time is up, or until told to end. Raises BadInput."""
    parts = urlsplit(wanted.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{wanted.url} is no URL.", "write it like http://127.0.0.1:4007/api/")
    if not wanted.interval > 0 or not wanted.duration > 0:
        raise BadInput("interval and duration are more than 0.", "give another number.")
    found = Measurement()
    if check_mode:
        return asdict(found)
    began = last = clock.monotonic()
    good = True
    while clock.monotonic() - began < wanted.duration and not _told(wanted.until_gone):
        asked = clock.monotonic()
        was_good, (good, answer) = good, _ask(wanted)
        now = clock.monotonic()
        # A slow answer is no down time by itself: what counts is the time in which no answer was good.
        down = found.down_seconds + ((now if not good else asked) - last if not (was_good and good) else 0.0)
        last = now if not good else asked
        changed = down != found.down_seconds or good != was_good or not found.requests
        found = Measurement(round(down, 3), found.requests + 1, answer)
        if changed:
            _write(wanted.path, found)
        clock.sleep(wanted.interval)
    _write(wanted.path, found)
    return asdict(found)


def _ask(wanted: Parameters) -> Tuple[bool, str]:
    parts = urlsplit(wanted.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        body = answer.read(_LONGEST_BODY).decode("utf-8", "replace")
        return answer.status == http.client.OK and wanted.expected in body, str(answer.status)
    except (OSError, http.client.HTTPException) as problem:
        return False, type(problem).__name__
    finally:
        connection.close()


def _told(path: Optional[str]) -> bool:
    if path is None:
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return '"event": "closed"' in stream.read()
    except OSError:
        return True


def _seen(path: str) -> float:
    try:
        with open(path, encoding="utf-8") as stream:
            return float(json.load(stream)["down_seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1.0


def _write(path: str, found: Measurement) -> None:
    """The watcher of a run that was killed goes on beside that of the next one, and has seen more."""
    if _seen(path) > found.down_seconds:
        return
    draft = f"{path}.draft-{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(found), stream)
    os.replace(draft, path)
