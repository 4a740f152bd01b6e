"""The product's own look at stuck posts, and its plan, on a database without Temporal.

Run as a program, it reads from its standard input where the database is and what to do there, and prints the most memory
that it ever had, in bytes: each figure wants a fresh process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts import act, operations, parameters, rows, search
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Target, session
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Judged
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.observe import Looker
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import Plan
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.scene import Scene
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Answer
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import Trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    Start,
    Workflow,
    Workflows,
    parse_workflow,
)

PROJECT = "bench"
IDLE, LOOK, PLAN, REPAIR, REFUSED = "idle", "look", "plan", "repair", "too many for one run"
REPAIR_ENDING = "repair, ending a workflow of each"
STATEMENT_SECONDS = 60.0
_TO_NEW_TIMES = dict.fromkeys(("no-workflow", "older-than-sweep", "worker-dead"), "reschedule")
_WAKES_AT = 4e9


@dataclass
class NoWorkflows(Workflows):
    """A Temporal that knows of no post, and counts what it is asked to start."""

    started: int = 0

    listed: frozenset[str] = frozenset()

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Workflow | None]:
        return {
            name: parse_workflow(json.loads(_answer(name))) if name in self.listed else None for name in identifiers
        }

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        return {workflow.identifier: Trail(0, 0, None) for workflow in workflows}

    def ended_runs(self, identifiers: Sequence[str]) -> tuple[Workflow, ...]:  # noqa: ARG002
        return ()

    def running_among(self, identifiers: Sequence[str]) -> frozenset[str]:
        """Posts of the future have their workflow."""
        self.listed = frozenset(identifiers)
        return self.listed

    def running_posts(self, limit: int) -> tuple[tuple[str, ...], int]:  # noqa: ARG002
        return (), 0

    def terminate(self, workflow: Workflow, reason: str) -> bool:  # noqa: ARG002
        return False

    def start(self, wanted: Start) -> None:  # noqa: ARG002
        self.started += 1


def _answer(name: str) -> str:
    """Temporal's own form of a description, so that no two share a text."""
    execution = {"workflowId": name, "runId": str(uuid5(NAMESPACE_URL, name))}
    known = {"execution": execution, "type": {"name": "postWorkflow"}, "status": "WORKFLOW_EXECUTION_STATUS_RUNNING"}
    return json.dumps({"workflowExecutionInfo": {**known, "startTime": "2026-01-01T00:00:00Z"}})


class SleepingWorkflows(NoWorkflows):
    """A Temporal that has a workflow of every post, each asleep, and ends what it is asked to end."""

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Workflow | None]:
        return {name: parse_workflow(json.loads(_answer(name))) for name in identifiers}

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        return {workflow.identifier: Trail(0, 0, _WAKES_AT) for workflow in workflows}

    def terminate(self, workflow: Workflow, reason: str) -> bool:  # noqa: ARG002
        return True


def request(folder: str) -> parameters.ActRequest:
    """What the module's own defaults make, but that all posts without a workflow move to new times."""
    given = {name: option.get("default") for name, option in parameters.ACT_SPEC.items()}
    most = parameters.MOST_POSTS
    values = {"project": PROJECT, "undo_directory": folder, "actions": _TO_NEW_TIMES, "max_posts": most}
    return parameters.parse_act({**given, **values, "statement_timeout": STATEMENT_SECONDS}, check_mode=False)


def looker(asked: parameters.ActRequest, target: Target, workflows: Workflows, now: datetime) -> Looker:
    """Judges rows as the module does; nobody asks the engine or Temporal's client of this scene."""
    nothing = Answer({})
    wanted = asked.look.temporal.wanted
    snapshot = Snapshot(
        now=Clock().now(),
        address=wanted.address,
        namespace=wanted.namespace,
        cluster=nothing,
        described_namespace=nothing,
        queues=(),
        sweeper=nothing,
        attributes=nothing,
        workflows=(),
        workers=(),
        sql_visibility=False,
        cron_enabled=False,
        excluded_queues=frozenset(),
    )
    scene = Scene(
        engine=cast(Any, None),
        postiz="",
        database=target,
        workflows=workflows,
        cli=cast(Any, None),
        snapshot=snapshot,
        request=asked.look.temporal,
        failing_attempts=asked.look.failing_attempts,
        look_again=lambda: replace(snapshot, now=Clock().now()),
    )
    return Looker(scene, now, Clock())


def look(target: Target) -> list[Judged]:
    """All overdue posts, read page by page and judged; those of the future matched, and those beyond the horizon counted."""
    asked = request("")
    judged: list[Judged] = []
    with session(target, STATEMENT_SECONDS, readonly=True) as connection:
        now = rows.database_now(connection)
        eye = looker(asked, target, NoWorkflows(), now)
        for page in rows.overdue(connection, asked.look.selection, now):
            judged += eye.judge(page)
        for lost in eye.lost(connection, rows.ahead(connection, asked.look.selection, now)):
            judged += lost
        rows.later(connection, asked.look.selection, now)
    return judged


def report(target: Target) -> search.Found:
    """What stuck_posts_info does with the database: everything counted, the first posts kept."""
    asked = request("")
    with session(target, STATEMENT_SECONDS, readonly=True) as connection:
        eye = looker(asked, target, NoWorkflows(), rows.database_now(connection))
        return search.find(connection, eye, asked.look, keep=None)


def plan(connection: Any, target: Target, workflows: Workflows, folder: str) -> tuple[Plan, Tools]:
    """What stuck_posts does up to its plan, and what it carries it out with."""
    asked = request(folder)
    now = rows.database_now(connection)
    eye = looker(asked, target, workflows, now)
    _found, made = operations.planned(connection, eye, asked, now)
    connection.rollback()
    tools = Tools(
        connection=connection,
        workflows=workflows,
        look=eye.judge,
        kind="",
        project=PROJECT,
        folder=folder,
        fail_reason=asked.settings.fail_reason,
        step=_quiet,
        epoch=Clock().now,
    )
    return made, tools


def _quiet(name: str) -> None:
    """No step of a run is of interest here."""


def peak_bytes(target: Target, what: str, folder: str = "") -> int:
    """The most memory that a fresh process ever had for `what`; `folder` is for undo files."""
    given = json.dumps({"what": what, "folder": folder, "target": asdict(target)})
    done = subprocess.run(
        [sys.executable, __file__],
        input=given,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def main() -> None:
    """Do what is asked for, and print the peak."""
    given = json.load(sys.stdin)
    target, what, folder = Target(**given["target"]), given["what"], given["folder"]
    if what == LOOK:
        report(target)
    elif what != IDLE:
        workflows = SleepingWorkflows() if what == REPAIR_ENDING else NoWorkflows()
        repairs = what in (REPAIR, REPAIR_ENDING)
        with session(target, STATEMENT_SECONDS, readonly=not repairs) as connection:
            try:
                made, tools = plan(connection, target, workflows, folder)
            except BadInput:
                assert what == REFUSED
            else:
                assert what != REFUSED
                if repairs:
                    act.carry_out(made, tools)
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024)


if __name__ == "__main__":
    main()
