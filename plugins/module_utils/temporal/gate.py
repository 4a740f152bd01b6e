# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Temporal gate as a whole: ask, judge, wait, tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import PASSING_ENGINE_PROBLEMS, EngineAway
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import GateResult, engine_away, last_line, line
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Answer, text_at
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import judge, living, verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import Settings, Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import Wanted, duration, observe

PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class Request:
    """What the gate is asked; `timeout_seconds` 0 looks once."""

    wanted: Wanted
    settings: Settings
    timeout_seconds: float


def gate(connect: Callable[[], Engine], request: Request, clock: Clock) -> GateResult:
    """Wait and tell. Raises BadInput; an engine that cannot be asked makes it unknown."""
    try:
        return result(*wait(connect, request, clock), request)
    except EngineAway as problem:
        details = {
            "project": request.wanted.project,
            "address": request.wanted.address,
            "namespace": request.wanted.namespace,
            "serving": False,
            "retention_seconds": 0,
            "queues": [],
            "sweeper": "",
        }
        return engine_away(problem, f"Temporal of {request.wanted.project} is healthy", details)


def wait(connect: Callable[[], Engine], request: Request, clock: Clock) -> Tuple[Snapshot, Tuple[Finding, ...]]:
    """Ask until all is well, or until the time is up. Raises BadInput, EngineAway."""
    deadline = clock.monotonic() + request.timeout_seconds
    engine: Optional[Engine] = None
    while True:
        try:
            engine = engine or connect()
            snapshot = observe(engine, request.wanted, clock)
        except PASSING_ENGINE_PROBLEMS:
            engine = None
            if deadline <= clock.monotonic():
                raise
            clock.sleep(PAUSE_SECONDS)
            continue
        findings = judge(snapshot, request.settings)
        left = deadline - clock.monotonic()
        if verdict(findings) is Verdict.HEALTHY or left <= 0:
            return snapshot, findings
        clock.sleep(min(PAUSE_SECONDS, left))


def result(snapshot: Snapshot, findings: Tuple[Finding, ...], request: Request) -> GateResult:
    """In the shape of all gates."""
    told = verdict(findings)
    queues = [_queue_dict(snapshot, name, request.settings) for name in request.settings.queues]
    lines = [
        f"Temporal of {request.wanted.project} ({snapshot.address}, namespace {snapshot.namespace}) is {told.value}."
    ]
    if queues and snapshot.cluster.ok:
        lines += ["", *_table(queues)]
    if findings:
        lines.append("")
    lines += [*(line(item) for item in findings), *last_line(findings)]
    return GateResult(
        told,
        findings,
        "\n".join(lines),
        {
            "project": request.wanted.project,
            "address": snapshot.address,
            "namespace": snapshot.namespace,
            "serving": text_at(snapshot.cluster.data, "status") == "SERVING",
            "retention_seconds": _retention(snapshot.described_namespace),
            "queues": queues,
            "sweeper": text_at(snapshot.sweeper.data, "workflowExecutionInfo", "status").replace(
                "WORKFLOW_EXECUTION_STATUS_", ""
            ),
        },
    )


def _retention(answer: Answer) -> int:
    return int(duration(text_at(answer.data, "config", "workflowExecutionRetentionTtl")))


def _queue_dict(snapshot: Snapshot, name: str, settings: Settings) -> Dict[str, Any]:
    queue = next((item for item in snapshot.queues if item.name == name), None)
    pollers = queue.pollers if queue else ()
    alive = [poller for poller in pollers if living(poller, snapshot, settings.fresh_seconds)]
    return {
        "name": name,
        "pollers": [
            {
                "identity": poller.identity,
                "kind": poller.kind,
                "age_seconds": round(max(snapshot.now - poller.seen_at, 0.0), 1),
                "living": poller in alive,
            }
            for poller in pollers
        ],
        "workflow_pollers": sum(poller.kind == "workflow" for poller in alive),
        "activity_pollers": sum(poller.kind == "activity" for poller in alive),
        "backlog": sum(queue.backlog.values()) if queue else 0,
        "backlog_seconds": round(max(queue.backlog_seconds.values(), default=0.0), 1) if queue else 0.0,
        "excluded": name in snapshot.excluded_queues,
    }


def _table(queues: List[Dict[str, Any]]) -> List[str]:
    rows = [["TASK QUEUE", "WORKFLOW POLLERS", "ACTIVITY POLLERS", "DEAD ENTRIES", "BACKLOG"]]
    for item in queues:
        dead = sum(not poller["living"] for poller in item["pollers"])
        name = f"{item['name']} (excluded)" if item["excluded"] else item["name"]
        numbers = (item["workflow_pollers"], item["activity_pollers"], dead, item["backlog"])
        rows.append([name, *(str(number) for number in numbers)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
