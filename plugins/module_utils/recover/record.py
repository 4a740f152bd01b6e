# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of recoveries on the host: one line for each event, on the disk before and after each step.

A line that a killed run left half written is none. Nothing in it is a secret: evidence is redacted before.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Dict, Iterator, List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import History, Rung, Step, Tried

FILE = "record.jsonl"
LOCK = "lock"
# At a step every few minutes, that is more than a day; older lines go when the file is rewritten.
MOST_LINES = 2000
KEPT_LINES = 500
_OF_A_BEGINNING = ("run", "rung", "title", "service", "app", "code", "cause")


class RecordFailed(StackError):
    """The record cannot be read or written; without it no step is taken."""


class Busy(RecordFailed):
    """Another run holds it."""

    told: ClassVar[Dict[str, Any]] = {"busy": True}


def _failed(folder: str, problem: OSError) -> RecordFailed:
    return RecordFailed(
        f"The record of recoveries in {folder} cannot be used: {problem.strerror or problem}; no step was taken.",
        "make room there, run with become: true or as its owner, or give another state_directory.",
    )


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """No other run acts on this stack meanwhile. Raises RecordFailed; a killed run holds no lock."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as problem:
        raise _failed(folder, problem) from problem
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Busy(
            "Another run is in the middle of a step of this stack; this one took none.", "wait until it has ended."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def events(folder: str) -> Tuple[Dict[str, Any], ...]:
    """Every complete line that is an event, oldest first; none without a record. Raises RecordFailed."""
    try:
        with open(os.path.join(folder, FILE), "rb") as stream:
            # Not splitlines: a text in it may hold what that takes for the end of a line.
            lines = stream.read().split(b"\n")
    except FileNotFoundError:
        return ()
    except OSError as problem:
        raise _failed(folder, problem) from problem
    found: List[Dict[str, Any]] = []
    for line in lines:
        try:
            event = json.loads(line.decode("utf-8"))
        except ValueError:
            continue
        if _sound(event):
            found.append(event)
    return tuple(found)


def _sound(event: Any) -> bool:
    """Whether everything that reads it can rely on what is in it; a disk may have kept something else."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return False
    if not isinstance(event.get("at"), (int, float)) or not isinstance(event.get("number", 0), int):
        return False
    if event["event"] != "begun":
        return True
    return all(isinstance(event.get(name), str) for name in _OF_A_BEGINNING) and isinstance(
        event.get("layers", {}), dict
    )


def append(folder: str, event: str, now: float, **values: Any) -> None:
    """One more line, on the disk when this returns. Raises RecordFailed."""
    path = os.path.join(folder, FILE)
    text = json.dumps({"event": event, "at": round(now, 3), **values})
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        new = not os.path.exists(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            # After half a line of a killed run, this one begins on a line of its own.
            broken = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            left = (("\n" if broken else "") + text + "\n").encode()
            while left:
                # A disk that fills up takes the first part without a complaint.
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(folder)
    except OSError as problem:
        raise _failed(folder, problem) from problem


def shorten(folder: str) -> None:
    """Keep the newest lines of a long record. Raises RecordFailed."""
    found = events(folder)
    if len(found) <= MOST_LINES:
        return
    draft = os.path.join(folder, f"{FILE}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            for event in found[-KEPT_LINES:]:
                stream.write(json.dumps(event) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, os.path.join(folder, FILE))
        sync_folder(folder)
    except OSError as problem:
        raise _failed(folder, problem) from problem


def history(found: Tuple[Dict[str, Any], ...]) -> History:
    """What the events tell. Pure; an event that is not understood is left out."""
    told = History()
    for event in found:
        try:
            told = _after(told, event)
        except (KeyError, TypeError, ValueError):
            continue
    return told


def _after(told: History, event: Dict[str, Any]) -> History:
    kind, at = str(event["event"]), float(event["at"])
    if kind == "begun":
        step = Tried(
            run=str(event["run"]),
            number=int(event["number"]),
            rung=Rung(event["rung"]),
            cause=str(event["cause"]),
            service=str(event["service"]),
            app=str(event["app"]),
            code=str(event["code"]),
            begun_at=at,
            touched_at=at,
            also=tuple(str(name) for name in event.get("also", ())),
        )
        # A step that is brought to its end by a later run stays one step.
        others = tuple(item for item in told.tried if item.number != step.number)
        return replace(told, tried=(*others, step), open=True, asked=())
    if kind in ("prepared", "spread", "ended", "proved"):
        return replace(told, tried=tuple(_marked(item, kind, at, event) for item in told.tried))
    if kind == "quarantined":
        return replace(told, quarantined_at=at, quarantine_reason=str(event["reason"]), open=True)
    if kind == "lifted":
        # What was tried before counts no longer; who was told stays told.
        return History(told=told.told)
    if kind == "closed":
        return replace(told, quarantined_at=0.0, quarantine_reason="", asked=(), open=False)
    if kind == "person":
        return replace(told, asked=(*told.asked, (str(event["cause"]), str(event["run"]))), open=True)
    if kind == "told":
        return replace(told, told=(*told.told, *((str(event["run"]), str(way)) for way in event["ways"])))
    return told


def _marked(item: Tried, kind: str, at: float, event: Dict[str, Any]) -> Tried:
    if item.number != int(event["number"]):
        return item
    if kind == "prepared":
        return replace(item, touched_at=at)
    if kind == "spread":
        return replace(item, spread=True, touched_at=at)
    if kind == "ended":
        unspread = event.get("unspread") is True
        return replace(item, finished_at=at, outcome=str(event.get("outcome", "")), unspread=unspread)
    # A later look may prove a step that an interrupted run had not ended.
    return replace(
        item, finished_at=item.finished_at or at, helped=bool(event["helped"]), outcome=str(event["outcome"])
    )


def next_number(found: Tuple[Dict[str, Any], ...]) -> int:
    """The number of the next step; it grows over all runs."""
    return max((int(event.get("number", 0)) for event in found), default=0) + 1


def begun(step: Step, run: str, number: int) -> Dict[str, Any]:
    """What the event of a step's beginning carries."""
    return {
        "run": run,
        "number": number,
        "rung": step.rung.value,
        "title": step.title,
        "service": step.service,
        "app": step.app,
        "code": step.code,
        "cause": step.cause,
        "also": list(step.also),
    }
