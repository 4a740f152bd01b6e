# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody is to be told: of this recovery, or of an earlier one whose notice did not get out.

The reports on the host are what is kept to be told, and the record has who was told of which.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any, Dict, Iterator, Mapping, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import History, Kind
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.report import iso

WAYS = ("webhook", "mail")
# What is over is no news after a day; that a person is needed stays news.
STALE_SECONDS = 86400.0
_NEWS = (Kind.CLOSE.value, Kind.PERSON.value, Kind.QUARANTINE.value)
_NOTHING: Dict[str, Any] = {
    "run": "",
    "at": "",
    "late": False,
    "told": [],
    "heading": "",
    "text": "",
    "verdict": "",
    "decision": "",
    "first_cause": "",
    "steps": [],
    "seconds": 0.0,
    "report": "",
}
_STILL_NEEDED = (Kind.PERSON.value, Kind.QUIET.value)


def due(folder: str, payload: Mapping[str, Any], history: History, now: float, asked_by: str = "") -> Dict[str, Any]:
    """The notice, with the ways by which it was sent already; with an empty `run` if there is nothing to tell.

    `folder` is that of the reports, `payload` what this look or step found, `asked_by` the run that has asked for a
    person for the same cause.
    """
    if _is_news(payload):
        return _notice(payload, history, now, late=False)
    for earlier, written in _reports(folder, asked_by):
        with suppress(KeyError, TypeError, IndexError):
            if not _is_news(earlier):
                continue
            if payload["decision"] not in _STILL_NEEDED and abs(now - written) > STALE_SECONDS:
                break
            return _notice(earlier, history, written, late=True)
    return dict(_NOTHING)


def _reports(folder: str, run: str) -> Iterator[Tuple[Dict[str, Any], float]]:
    """What was found and when, the newest first, or of one run alone. What a disk has damaged is left out."""
    try:
        names = sorted((name for name in os.listdir(folder) if name.endswith(".json")), reverse=True)
    except OSError:
        return
    for name in names:
        if run and name != f"{run}.json":
            continue
        path = os.path.join(folder, name)
        with suppress(OSError, ValueError):
            with open(path, encoding="utf-8") as stream:
                found = json.load(stream)
            yield found, os.stat(path).st_mtime


def _is_news(payload: Mapping[str, Any]) -> bool:
    if payload["asked_before"]:
        return False
    return bool(payload["steps"]) or payload["decision"] in _NEWS


def _notice(payload: Mapping[str, Any], history: History, at: float, late: bool) -> Dict[str, Any]:
    heading = f"{iso(at)}: {payload['heading']}" if late else str(payload["heading"])
    return {
        "run": str(payload["run"]),
        "at": iso(at),
        "late": late,
        "told": list(history.reached(str(payload["run"]))),
        "heading": heading,
        "text": f"{heading} {payload['reason']}".rstrip(),
        "verdict": str(payload["verdict"]),
        "decision": str(payload["decision"]),
        "first_cause": str(payload["findings"][0]["code"]) if payload["findings"] else "",
        "steps": [str(step["title"]) for step in payload["steps"]],
        "seconds": float(payload["seconds"]),
        "report": str(payload["report"]),
    }
