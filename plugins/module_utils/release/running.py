# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workflows that run, by their type: what the workers of another release must be able to carry on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Answer, Cli, Connection, text_at
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import running_client

_RUNNING = 'ExecutionStatus="Running"'
_PAGE = "200"
_MOST_TYPES = 40
_DEADLINE_SECONDS = 5

Ask = Callable[[Sequence[Sequence[str]]], Tuple[Answer, ...]]


@dataclass(frozen=True)
class Running:
    """How many run of each type; `problem` is why that cannot be told, or not of all."""

    types: Tuple[Tuple[str, int], ...] = ()
    problem: str = ""


def observe(engine: Engine, containers: Sequence[Container], service: str) -> Running:
    """Through the client of the stack. Nothing fails by what cannot be told."""
    client = running_client(containers)
    postiz = next((item for item in containers if item.service == service), None)
    if not client or postiz is None:
        return Running(problem="no container with Temporal's client runs")
    try:
        environment = engine.detail(postiz.identifier).environment
        connection = Connection(
            environment.get("TEMPORAL_ADDRESS") or "temporal:7233",
            environment.get("TEMPORAL_NAMESPACE") or "default",
            tls=environment.get("TEMPORAL_TLS", "").lower() == "true",
        )
        return count(Cli(engine, client, connection, _DEADLINE_SECONDS).ask)
    except StackError as problem:
        return Running(problem=problem.message.rstrip("."))


def count(ask: Ask) -> Running:
    """Types are found by asking for what is of none of those known; each is counted by Temporal itself."""
    names: List[str] = []
    while len(names) < _MOST_TYPES:
        query = " AND ".join((_RUNNING, *(f'WorkflowType != "{name}"' for name in names)))
        (listed,) = ask([["workflow", "list", "--limit", _PAGE, "--query", query]])
        if not listed.ok:
            return Running(problem=listed.problem)
        items = listed.data if isinstance(listed.data, list) else []
        # A name with a quote cannot be asked about, and none of Postiz' has one.
        new = sorted({text_at(item, "type", "name") for item in items} - {*names, ""})
        new = [name for name in new if '"' not in name]
        if not new:
            break
        names += new
    if not names:
        return Running()
    answers = ask([["workflow", "count", "--query", f'{_RUNNING} AND WorkflowType="{name}"'] for name in names])
    counts: Dict[str, int] = {}
    for name, answer in zip(names, answers):
        if not answer.ok:
            return Running(problem=answer.problem)
        told = text_at(answer.data, "count")
        counts[name] = int(told) if told.isdecimal() else 0
    return Running(tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
