# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody is to be told: of this recovery, or of an earlier one whose notice did not get out.

The reports on the host are what is kept to be told, and the record has who was told of which.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Mapping

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


def due(folder: str, payload: Mapping[str, Any], history: History, now: float) -> Dict[str, Any]:
    """The notice, with the ways by which it was sent already; with an empty `run` if there is nothing to tell.

    `folder` is that of the reports, `payload` what this look or step found.
    """
    if _is_news(payload):
        return _notice(payload, history, now, late=False)
    try:
        path = os.path.join(folder, max(name for name in os.listdir(folder) if name.endswith(".json")))
        with open(path, encoding="utf-8") as stream:
            earlier = json.load(stream)
        written = os.stat(path).st_mtime
        if not _is_news(earlier) or (payload["decision"] not in _STILL_NEEDED and abs(now - written) > STALE_SECONDS):
            return dict(_NOTHING)
        return _notice(earlier, history, written, late=True)
    except (OSError, ValueError, KeyError, TypeError):
        # No report, or one that a disk has damaged: there is nothing that could be told.
        return dict(_NOTHING)


def _is_news(payload: Mapping[str, Any]) -> bool:
    if payload["decision"] == Kind.ACT.value or payload["asked_before"]:
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
