# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recovery tells a person: what was found, what was done, how long it took. Pure."""

from __future__ import annotations

import textwrap
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import errors_of
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.decide import Decided
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import History, Kind

# A terminal's width.
WIDTH = 80
_STEP_WIDTH = 40


def steps(found: Sequence[Mapping[str, Any]], run: str) -> List[Dict[str, Any]]:
    """The steps of a run, out of the record's events."""
    told: Dict[int, Dict[str, Any]] = {}
    for event in found:
        number = int(event.get("number", 0))
        if event["event"] == "begun" and (event.get("run") == run or number in told):
            told[number] = {
                "number": number,
                "rung": str(event["rung"]),
                "title": str(event["title"]),
                "cause": str(event["cause"]),
                "begun": iso(float(event["at"])),
                "seconds": 0.0,
                "spread": False,
                "helped": False,
                "outcome": "",
            }
            told[number]["_at"] = float(event["at"])
        elif number in told and event["event"] == "spread":
            told[number]["spread"] = True
        elif number in told and event["event"] == "ended":
            told[number]["outcome"] = str(event.get("outcome", ""))
            told[number]["seconds"] = round(float(event["at"]) - told[number]["_at"], 1)
        elif number in told and event["event"] == "proved":
            told[number]["helped"] = bool(event["helped"])
            told[number]["outcome"] = told[number]["outcome"] or str(event.get("outcome", ""))
            told[number]["seconds"] = round(float(event["at"]) - told[number]["_at"], 1)
    return [{key: value for key, value in step.items() if key != "_at"} for step in told.values()]


def iso(moment: float) -> str:
    """UTC, ISO 8601; empty for no moment."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def before(found: Sequence[Mapping[str, Any]], run: str) -> Dict[str, str]:
    """The verdicts of the layers before the run's first step."""
    for event in found:
        if event["event"] == "begun" and event.get("run") == run:
            return {str(name): str(value) for name, value in dict(event.get("layers", {})).items()}
    return {}


def layers(decided: Decided) -> Dict[str, str]:
    """The verdicts of the layers now."""
    return {layer.name: layer.verdict.value if layer.judged else "" for layer in decided.sight.layers}


def heading(project: str, decided: Decided, history: History, taken: Sequence[Mapping[str, Any]], took: float) -> str:
    """One line: what it means."""
    decision = decided.decision
    number = f"{len(taken)} step{'' if len(taken) == 1 else 's'}"
    if decision.kind in (Kind.NOTHING, Kind.CLOSE):
        if taken:
            return f"{project}: work flows again, after {number} in {took:.0f} s."
        return f"{project} is healthy: work flows. Nothing was done."
    if decision.kind is Kind.QUIET:
        return f"{project} is in quarantine since {iso(history.quarantined_at)}: nothing is done."
    if decision.kind is Kind.QUARANTINE:
        return f"{project}: work does not flow, and what could be tried was tried. A person is needed."
    if decision.kind is Kind.PERSON and decided.sight.situation.flows:
        return f"{project}: the stack works, and posts of some channels fail all the same. A person is needed."
    if decision.kind is Kind.PERSON:
        return f"{project}: work does not flow, and no step of recovery mends this. A person is needed."
    if decision.kind is Kind.WAIT:
        return f"{project}: it is too early for a step."
    return f"{project}: work does not flow."


def text(
    project: str,
    decided: Decided,
    history: History,
    taken: Sequence[Mapping[str, Any]],
    was: Mapping[str, str],
    took: float,
    evidence: str,
) -> str:
    """At most `WIDTH` columns, but for paths."""
    decision = decided.decision
    lines = _wrapped(heading(project, decided, history, taken, took))
    if decision.kind is Kind.QUIET:
        return "\n".join([*lines, *_wrapped(f"Reason: {history.quarantine_reason}"), *_wrapped(_LIFT)])
    offer = _offer(decided.sight.anonymous)
    if decision.kind is Kind.NOTHING and not taken:
        return "\n".join([*lines, *offer])
    errors = errors_of(decided.sight.findings)
    if errors and decision.kind not in (Kind.NOTHING, Kind.CLOSE):
        lines += _wrapped(f"First cause: [{errors[0].code}] {errors[0].component}: {errors[0].evidence}")
    lines += _taken(taken)
    lines += _compared(was, layers(decided)) if taken else []
    lines += _next(decided)
    if evidence:
        lines += ["", f"Evidence of before: {evidence}"]
    if decision.kind in (Kind.PERSON, Kind.QUARANTINE) and errors:
        lines += ["", *_wrapped(f"Do next: {errors[0].remedy}")]
    if decision.kind is Kind.QUARANTINE:
        lines += _wrapped(_LIFT)
    return "\n".join([*lines, *offer])


_LIFT = "Later runs do nothing until the stack is healthy again, or until somebody lifts it: -e recover_lift_quarantine=true"


def _offer(anonymous: Sequence[str]) -> List[str]:
    if not anonymous:
        return []
    return _wrapped(
        f"Note: data of {', '.join(anonymous)} is in anonymous volumes, which docker compose down and up leave behind. "
        "No step here does that; selfhost.postiz.rescue_volumes moves it into named ones."
    )


def _next(decided: Decided) -> List[str]:
    decision = decided.decision
    if decision.kind is Kind.ACT:
        return ["", *_wrapped(f"Next step: {decision.step.title} ({decision.step.cause}).")]
    if decision.kind is Kind.WAIT:
        left = max(decision.until - decided.sight.at, 0)
        found = ["", *_wrapped(f"Next step: wait ({left:.0f} s): {decision.reason}")]
        for step in decision.then[:1]:
            found += _wrapped(f"Then, if it has not passed: {step.title} ({step.cause}).")
        return found
    if decision.kind in (Kind.PERSON, Kind.QUARANTINE):
        return ["", *_wrapped(f"Reason: {decision.reason}")]
    return []


def _taken(taken: Sequence[Mapping[str, Any]]) -> List[str]:
    if not taken:
        return []
    rows: List[Tuple[str, str, str, str]] = [("#", "STEP", "TOOK", "OUTCOME")]
    for number, step in enumerate(taken, 1):
        outcome = "cause gone" if step["helped"] else "did not help"
        if step["spread"]:
            outcome += ", spread"
        rows.append((str(number), str(step["title"]), f"{step['seconds']:.0f} s", outcome))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    widths[1] = min(widths[1], _STEP_WIDTH)
    found = [""]
    for row, step in zip(rows, ({}, *taken)):
        parts = textwrap.wrap(row[1], widths[1]) or [""]
        found.append(f"{row[0]:>{widths[0]}}  {parts[0]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip())
        found += [f"{'':{widths[0]}}  {part}" for part in parts[1:]]
        if step:
            found += [f"{'':{widths[0]}}  for {part}" for part in textwrap.wrap(str(step["cause"]), WIDTH - 10)]
            if step["outcome"]:
                found += [f"{'':{widths[0]}}  {part}" for part in textwrap.wrap(str(step["outcome"]), WIDTH - 6)]
    return found


def _compared(was: Mapping[str, str], now: Mapping[str, str]) -> List[str]:
    found = ["", f"{'LAYER':<12}{'BEFORE':<12}AFTER"]
    return [*found, *(f"{name:<12}{was.get(name, '') or '-':<12}{value or '-'}" for name, value in now.items())]


def _wrapped(line: str) -> List[str]:
    return textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
