"""The lab's faults by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from labkit.errors import LabError
from labkit.faults.base import Fault, Options
from labkit.faults.machine import EngineRestart, OutOfMemory
from labkit.faults.services import DatabaseDown, ElasticsearchDown, SlowTemporal, TemporalDown
from labkit.faults.workers import Backend502, GhostOrchestrator, HungAtStart, PortCollision, SilentWorker
from labkit.paths import FAULTS
from labkit.stack import Stack

ALL: tuple[type[Fault], ...] = (
    SilentWorker,
    GhostOrchestrator,
    PortCollision,
    Backend502,
    HungAtStart,
    SlowTemporal,
    TemporalDown,
    DatabaseDown,
    ElasticsearchDown,
    OutOfMemory,
    EngineRestart,
)


def named(name: str, stack: Stack, options: Options | None = None) -> Fault:
    """A fault by its name."""
    for kind in ALL:
        if kind.name == name:
            return kind(stack, options)
    raise LabError(f"no fault is called {name!r}. Faults: {', '.join(kind.name for kind in ALL)}")


def apply(fault: Fault) -> str:
    """Break the stack and keep that on record; what shows it."""
    fault.check()
    record = _record(fault.stack, fault.name)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(
        json.dumps({"fault": fault.name, "applied": datetime.now(UTC).isoformat(timespec="seconds")}) + "\n"
    )
    fault.apply()
    symptom = fault.symptom()
    if not symptom:
        raise LabError(f"{fault.name} was applied, and nothing shows it. See: tests/lab/lab status")
    return symptom


def heal(fault: Fault) -> None:
    """Heal the stack and strike the record."""
    fault.heal()
    _record(fault.stack, fault.name).unlink(missing_ok=True)


def on_record(stack: Stack) -> tuple[str, ...]:
    """Names of faults that were applied to a stack and not healed since, oldest first."""
    records = sorted((FAULTS / stack.project).glob("*.json"), key=lambda path: path.stat().st_mtime)
    return tuple(path.stem for path in records)


def _record(stack: Stack, name: str) -> Path:
    return FAULTS / stack.project / f"{name}.json"
