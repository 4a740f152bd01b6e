# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a recovery keeps what it knows on the host, and what it hands back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_journal import POINTER
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import evidence, notices, record, report
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.decide import Decided
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Kind
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.parameters import Request

Connect = Callable[[], Engine]

FOREIGN = "/var/lib/selfhost-postiz"
REPORTS = "reports"


@dataclass(frozen=True)
class Places:
    """Where things are kept on the host."""

    state: str
    posts: str


def places(connect: Connect, request: Request) -> Places:
    """A stack of this collection keeps its state in its own directory; any other one below /var/lib."""
    return places_of(connect, request.diagnosis.project, request.directory, request.state_directory)


def places_of(connect: Connect, project: str, directory: str, state_directory: str) -> Places:
    """`state_directory` is empty where the stack itself shall tell it."""
    if state_directory:
        return Places(state_directory, os.path.join(state_directory, "posts"))
    foreign = os.path.join(FOREIGN, project.replace("/", "_"))
    try:
        found = connect().project_containers(project)
    except EngineAway:
        found = ()
    directories = {item.directory for item in found if item.directory}
    own = os.path.join(directory, "state")
    if _kept_there(own) and all(_same(name, directory) for name in directories):
        return Places(os.path.join(own, "recover"), os.path.join(own, "posts"))
    return Places(os.path.join(foreign, "recover"), os.path.join(foreign, "posts"))


def _kept_there(own: str) -> bool:
    """Whether there is such a folder, and not only what a restore that is under way has left in it."""
    try:
        return os.path.isdir(own) and os.listdir(own) != [POINTER]
    except OSError:
        return True


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def payload_of(
    request: Request, where: Places, decided: Decided, found: Tuple[Dict[str, Any], ...], run: str
) -> Dict[str, Any]:
    """The result of a look, or of a step."""
    history = record.history(found)
    decision = decided.decision
    taken = report.steps(found, run)
    kept = os.path.join(where.state, evidence.FOLDER, run)
    kept = kept if os.path.isdir(kept) else ""
    took = _took(found, run, decided)
    was = report.before(found, run)
    asked_by = history.asked_before(decision.step.cause, run) if decision.kind is Kind.PERSON else ""
    payload = {
        "project": request.diagnosis.project,
        "run": run,
        "verdict": decided.sight.verdict.value,
        "decision": decision.kind.value,
        "reason": decision.reason,
        "wait_seconds": round(max(decision.until - decided.sight.at, 0.0), 1),
        "step": (decision.then[0] if decision.then else decision.step).as_dict(),
        "heading": report.heading(request.diagnosis.project, decided, history, taken, took),
        "report": report.text(request.diagnosis.project, decided, history, taken, was, took, kept),
        "findings": [finding.as_dict() for finding in decided.sight.findings],
        "layers_before": was,
        "layers": report.layers(decided),
        "steps": taken,
        "seconds": round(took, 1),
        "number": record.next_number(found),
        "booted_at": decided.sight.situation.booted_at,
        "compose": decided.sight.compose.as_dict(),
        "state_directory": where.state,
        "posts_directory": where.posts,
        "evidence": kept,
        "quarantined": bool(history.quarantined_at) and decision.kind is not Kind.CLOSE,
        "asked_before": decision.kind is Kind.QUIET or bool(asked_by),
    }
    reports = os.path.join(where.state, REPORTS)
    return {**payload, "notice": notices.due(reports, payload, history, decided.sight.at, asked_by)}


def _took(found: Tuple[Dict[str, Any], ...], run: str, decided: Decided) -> float:
    begun = [float(event["at"]) for event in found if event["event"] == "begun" and event.get("run") == run]
    return max(decided.sight.at - min(begun), 0.0) if begun else decided.seconds


def write(state: str, run: str, payload: Dict[str, Any], keep: int) -> None:
    """The result as a file; the newest few stay. Raises RecordFailed."""
    folder = os.path.join(state, REPORTS)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        draft = os.path.join(folder, f".{run}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(payload, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, os.path.join(folder, f"{run}.json"))
        for name in sorted(os.listdir(folder))[:-keep]:
            os.unlink(os.path.join(folder, name))
    except OSError as problem:
        raise record.RecordFailed(
            f"The report could not be written to {folder}: {problem.strerror or problem}.", "make room there."
        ) from problem
