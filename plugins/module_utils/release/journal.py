# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a transaction: JSON lines, each on the disk before what it announces is done."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.durable import sync_folder
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    BACK,
    FORWARD,
    UPGRADE,
    Ended,
    ServiceImage,
    Transaction,
)

FILE = "journal.jsonl"
_LOCK = ".lock"
_PAUSE_SECONDS = 0.2


class JournalDamaged(StackError):
    """The journal says something that no run of this collection wrote."""


def path(directory: str) -> str:
    """Where the journal of a stack is."""
    return os.path.join(directory, UPGRADE, FILE)


@contextmanager
def alone(directory: str, clock: Clock, seconds: float) -> Iterator[None]:
    """No other process writes the journal meanwhile; one that does is waited for. Raises StackError when the time is up.

    A step of a run whose controller was killed goes on until it is done.
    """
    until = clock.monotonic() + seconds
    folder = os.path.join(directory, UPGRADE)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(handle):
            if clock.monotonic() >= until:
                raise StackError(
                    f"Another run works on a step of {directory} for {seconds:.0f} s already; nothing was changed.",
                    "wait until it has ended, then run again.",
                )
            clock.sleep(_PAUSE_SECONDS)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def entries(directory: str) -> Tuple[Dict[str, Any], ...]:
    """Everything that is written. A last line that was cut off by a kill counts as not written."""
    try:
        with open(path(directory), encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        return ()
    except OSError as problem:
        remedy = "look at the disk and its file system; nothing is upgraded without it."
        if isinstance(problem, PermissionError):
            remedy = "run with become: true, or as the user who owns it."
        raise JournalDamaged(f"{path(directory)} cannot be read: {problem.strerror}.", remedy) from problem
    found: List[Dict[str, Any]] = []
    for line in text.split("\n")[:-1]:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or not isinstance(entry.get("event"), str):
            raise JournalDamaged(
                f"Line {len(found) + 1} of {path(directory)} is no entry of a journal.",
                "look what runs, compare it with state/releases, and move the file away when the stack is as it shall be.",
            )
        found.append(entry)
    return tuple(found)


def transaction(written: Tuple[Dict[str, Any], ...]) -> Optional[Transaction]:
    """The transaction that these entries tell of; None if there is none, or it is closed."""
    if not written or written[-1]["event"] == "closed":
        return None
    first = written[0]
    state: Dict[str, Any] = {"direction": first["direction"], "owner": first["owner"], "cause": "", "started": ""}
    info: Dict[str, Any] = {}
    begun = set()
    done = set()
    for entry in written:
        event = entry["event"]
        if event == "started":
            state["started"] = entry["step"]
            begun.add(entry["step"])
        elif event == "done":
            done.add(entry["step"])
            state["started"] = "" if state["started"] == entry["step"] else state["started"]
        elif event == "turned":
            state.update(direction=entry["direction"], cause=entry["cause"], started="")
        elif event == "taken":
            state["owner"] = entry["owner"]
        info.update(entry.get("info") or {})
    return Transaction(
        run=first["run"],
        owner=state["owner"],
        began=first["at"],
        last=written[-1]["at"],
        direction=state["direction"],
        target=tuple(ServiceImage(**image) for image in first["target"]),
        back_to=first["back_to"],
        requested=first["direction"] != FORWARD,
        begun=frozenset(begun),
        done=frozenset(done),
        started=state["started"],
        info=info,
        cause=state["cause"],
    )


def ended(written: Tuple[Dict[str, Any], ...]) -> Ended:
    """What these entries ended at, if they are closed."""
    if not written or written[-1]["event"] != "closed":
        return Ended()
    requested = written[0].get("direction") == BACK and written[-1].get("result") == "returned"
    return Ended(int(written[-1].get("release") or 0), requested)


def begin(
    directory: str,
    at: float,
    run: str,
    owner: str,
    direction: str,
    target: Tuple[ServiceImage, ...],
    back_to: int,
) -> None:
    """Begin a journal in the place of a closed one."""
    entry = {"event": "begun", "at": at, "run": run, "owner": owner, "direction": direction, "back_to": back_to}
    line = json.dumps({**entry, "target": [asdict(image) for image in target]}) + "\n"
    draft = path(directory) + ".draft"
    with _said(directory):
        _put(draft, line, os.O_TRUNC)
        os.replace(draft, path(directory))
        sync_folder(os.path.dirname(draft))


def note(directory: str, at: float, event: str, **more: Any) -> None:
    """Append an entry, in the place of a line that was cut off."""
    place = path(directory)
    with _said(directory):
        with open(place, "rb+") as stream:
            content = stream.read()
            stream.truncate(content.rfind(b"\n") + 1)
        _put(place, json.dumps({"event": event, "at": at, **more}) + "\n", os.O_APPEND)


@contextmanager
def _said(directory: str) -> Iterator[None]:
    """What is not on the disk must not be done."""
    try:
        yield
    except OSError as problem:
        raise Unfinished(
            f"The journal of {directory} cannot be written: {problem.strerror}. What it would announce was not begun.",
            "make room, or mend the file system; then run the same playbook again: it goes on from here.",
        ) from problem


def _put(place: str, text: str, how: int) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
