# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same through the command line client, where Temporal's HTTP API cannot be reached from here.

A Temporal outside of the stack, behind TLS or an API key, is asked in this way: many commands in one exec, each of them a
process of its own in the client's container, which takes a fifth of a second.
"""

from __future__ import annotations

import json
from typing import Any, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import (
    Answer,
    Cli,
    NoAnswer,
    Trouble,
    list_at,
    text_at,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import NOT_TOLD, Trail, parse_trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    Start,
    Workflow,
    Workflows,
    WorkflowsFailed,
    askable,
    ended_query,
    parse_listed,
    parse_workflow,
    running_query,
)

_BATCH = 20
_LIST = 10000
_ENDED = "already completed"
_RUNNING_POSTS = 'WorkflowId STARTS_WITH "post_" AND ExecutionStatus="Running"'


class CliWorkflows(Workflows):
    """See `Workflows`."""

    way = "cli"

    def __init__(self, cli: Cli) -> None:
        self._cli = cli

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Optional[Workflow]]:
        answers = self._ask([["workflow", "describe", "--workflow-id", name] for name in identifiers])
        return {
            name: None if answer.trouble is Trouble.NOT_FOUND else parse_workflow(_good(answer).data)
            for name, answer in zip(identifiers, answers)
        }

    def ended_runs(self, identifiers: Sequence[str]) -> Tuple[Workflow, ...]:
        names = askable(identifiers)
        if not names:
            return ()
        answers = self._ask([["workflow", "list", "--limit", str(_LIST), "--query", ended_query(names)]])
        items = _good(answers[0]).data
        return tuple(parse_listed(item) for item in items if isinstance(item, dict)) if isinstance(items, list) else ()

    def running_among(self, identifiers: Sequence[str]) -> FrozenSet[str]:
        names = askable(identifiers)
        if not names:
            return frozenset()
        (answer,) = self._ask([["workflow", "list", "--limit", str(_LIST), "--query", running_query(names)]])
        items = _good(answer).data
        listed = items if isinstance(items, list) else []
        return frozenset(text_at(item, "execution", "workflowId") for item in listed)

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        answers = self._ask(
            [["workflow", "show", "--workflow-id", item.identifier, "--run-id", item.run] for item in workflows]
        )
        return {
            # Gone since it was described: what it did can no longer be told.
            item.identifier: NOT_TOLD
            if answer.trouble is Trouble.NOT_FOUND
            else parse_trail(reversed(list_at(_good(answer).data, "events")))
            for item, answer in zip(workflows, answers)
        }

    def running_posts(self, limit: int) -> Tuple[Tuple[str, ...], int]:
        listed, counted = self._ask(
            [
                ["workflow", "list", "--limit", str(limit), "--query", _RUNNING_POSTS],
                ["workflow", "count", "--query", _RUNNING_POSTS],
            ]
        )
        items: List[Any] = _good(listed).data if isinstance(_good(listed).data, list) else []
        found = tuple(text_at(item, "execution", "workflowId") for item in items)
        count = text_at(_good(counted).data, "count")
        return found, max(len(found), int(count) if count.isdecimal() else 0)

    def terminate(self, workflow: Workflow, reason: str) -> bool:
        words = ["workflow", "terminate", "--workflow-id", workflow.identifier, "--run-id", workflow.run]
        (answer,) = self._ask([[*words, "--reason", reason]])
        if answer.trouble is Trouble.NOT_FOUND or _ENDED in answer.problem:
            return False
        _good(answer)
        return True

    def start(self, wanted: Start) -> None:
        words = ["workflow", "signal-with-start", "--workflow-id", wanted.identifier, "--type", wanted.kind]
        words += ["--task-queue", "main", "--signal-name", "poke", "--id-conflict-policy", "UseExisting"]
        words += ["--input", json.dumps(wanted.payload())]
        for name, value in wanted.attributes().items():
            words += ["--search-attribute", f"{name}={json.dumps(value)}"]
        (answer,) = self._ask([words])
        _good(answer)

    def _ask(self, commands: Sequence[Sequence[str]]) -> List[Answer]:
        found: List[Answer] = []
        try:
            for first in range(0, len(commands), _BATCH):
                found += self._cli.ask(commands[first : first + _BATCH])
        except NoAnswer as problem:
            raise WorkflowsFailed(problem.message, problem.remedy) from problem
        return found


def _good(answer: Answer) -> Answer:
    if not answer.ok:
        raise WorkflowsFailed(
            f"Temporal's client did not do what it was asked ({answer.problem}).",
            "ask temporal_health what is wrong with it.",
        )
    return answer
