# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack's posts and workflows, put together: the database and Temporal are found, asked and joined by workflow id."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Dict, FrozenSet, Iterator, List, Sequence, Set, Tuple
from urllib.parse import urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, ContainerGone, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Overrides, Target, target
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    MISSING,
    Judged,
    Living,
    PostClass,
    Row,
    Seen,
    World,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.rows import PAGE, by_ids
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal import http_api
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Cli, Connection
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli_workflows import CliWorkflows
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.gate import Request as TemporalRequest
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import blocked, living
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import (
    client_container,
    connect_as,
    observe,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import queue as parse_queue
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    PUBLISHING,
    Workflow,
    Workflows,
    workflow_id,
)

_JUDGED_BY_WORKFLOW = ("QUEUE", "DRAFT", MISSING)


@dataclass(frozen=True)
class Scene:
    """A stack whose posts are looked at. `postiz` is the container of Postiz whose files tell the release."""

    engine: Engine
    postiz: str
    database: Target
    workflows: Workflows
    cli: Cli
    snapshot: Snapshot
    request: TemporalRequest
    failing_attempts: int

    @property
    def workers(self) -> Tuple[Living, ...]:
        """Containers of Postiz that run."""
        return tuple(Living(item.hostname, item.started_at, item.pids) for item in self.snapshot.workers)

    def polled(self, names: Sequence[str]) -> FrozenSet[str]:
        """Those of these queues that a living worker takes activities from."""
        answers = self.cli.ask([["task-queue", "describe", "--task-queue", name] for name in names]) if names else ()
        fresh = self.request.settings.fresh_seconds
        return frozenset(
            name
            for name, answer in zip(names, answers)
            if any(
                living(poller, self.snapshot, fresh)
                for poller in parse_queue(name, answer).pollers
                if poller.kind == "activity"
            )
        )


def open_scene(
    engine: Engine, request: TemporalRequest, given: Overrides, failing_attempts: int, clock: Clock
) -> Scene:
    """Raises BadInput, DatabaseFailed, or StackError with what keeps Temporal from answering."""
    wanted = request.wanted
    snapshot = observe(engine, wanted, clock)
    obstacle = blocked(snapshot)
    if obstacle is not None:
        raise StackError(f"[{obstacle.code}] {obstacle.evidence}", f"{obstacle.remedy} Nothing was changed.")
    containers = engine.project_containers(wanted.project)
    postiz = [item for item in containers if item.service == wanted.service]
    if not postiz:
        services = ", ".join(sorted({item.service for item in containers}))
        raise BadInput(
            f"The project {wanted.project!r} has no container of a service {wanted.service!r}. Its services: {services}.",
            "correct service.",
        )
    postiz.sort(key=lambda item: item.state != "running")
    environment = engine.detail(postiz[0].identifier).environment
    connection = connect_as(wanted, environment)
    client = client_container(containers, wanted)
    cli = Cli(engine, client or "", connection, wanted.deadline_seconds)
    return Scene(
        engine=engine,
        postiz=postiz[0].identifier,
        database=target(environment, containers, engine, given),
        workflows=_workflows(engine, containers, cli, connection, wanted.deadline_seconds),
        cli=cli,
        snapshot=snapshot,
        request=request,
        failing_attempts=failing_attempts,
    )


def _workflows(
    engine: Engine,
    containers: Sequence[Container],
    cli: Cli,
    connection: Connection,
    deadline_seconds: int,
) -> Workflows:
    """Temporal's HTTP API where its container can be reached, else its command line client."""
    host = urlsplit(f"//{connection.address}").hostname or ""
    for container in containers:
        if not connection.tls and host in (container.service, container.name):
            try:
                detail = engine.detail(container.identifier)
            except ContainerGone:
                continue
            port = detail.environment.get("FRONTEND_HTTP_PORT", "")
            found = http_api.HttpWorkflows(
                detail.address, int(port) if port.isdigit() else http_api.PORT, connection.namespace, deadline_seconds
            )
            if detail.address and found.answers():
                return found
    return CliWorkflows(cli)


class Looker:
    """Judges rows of one scene, page by page, and remembers which queues are polled."""

    def __init__(self, scene: Scene, now: datetime, clock: Clock) -> None:
        self._scene = scene
        self._clock = clock
        fresh = scene.request.settings.fresh_seconds
        main = {
            "main"
            for queue in scene.snapshot.queues
            if queue.name == "main"
            and any(living(poller, scene.snapshot, fresh) for poller in queue.pollers if poller.kind == "workflow")
        }
        self._world = World(now, clock.now(), frozenset(main), scene.workers, scene.failing_attempts)
        self._asked: Set[str] = set()

    @property
    def world(self) -> World:
        """What is known of the stack."""
        return self._world

    def judge(self, page: Sequence[Row]) -> List[Judged]:
        """In the order of the rows."""
        wanted = [row for row in page if row.state in _JUDGED_BY_WORKFLOW or row.deleted]
        described = self._scene.workflows.describe([workflow_id(row.id) for row in wanted])
        present = [workflow for workflow in described.values() if workflow is not None]
        trails = self._scene.workflows.trails(present)
        begun = self._begun(present)
        seen = []
        for row in page:
            name = workflow_id(row.id)
            seen.append(Seen(row, described.get(name), trails.get(name), begun.get(name, "")))
        self._learn(seen)
        return [judge(item, self._world) for item in seen]

    def _begun(self, newest: Sequence[Workflow]) -> Dict[str, str]:
        """Posts that an earlier run began to publish, which was ended then: a run that comes to its end tells the row."""
        runs = {workflow.run for workflow in newest}
        ended = self._scene.workflows.ended_runs([workflow.identifier for workflow in newest]) if newest else ()
        found: Dict[str, str] = {}
        for workflow in ended:
            if workflow.run not in runs and self._scene.workflows.trails([workflow])[workflow.identifier].publishing:
                found[workflow.identifier] = workflow.status
        return found

    def _learn(self, seen: Sequence[Seen]) -> None:
        queues = {item.row.queue for item in seen if item.workflow is not None and _waits_for_queue(item.workflow)}
        unknown = sorted(queues - self._asked)
        self._asked |= queues
        polled = self._world.polled_queues | self._scene.polled(unknown)
        self._world = replace(self._world, polled_queues=polled, epoch=self._clock.now())

    def ghosts(self, connection: object, limit: int) -> Tuple[List[Judged], int, int]:
        """Running workflows that no post wants, how many were looked at, and how many run in all."""
        names, total = self._scene.workflows.running_posts(limit)
        # Repeats of a recurring post carry a second part in their name.
        ids = [name.partition("_")[2] for name in names if "_" not in name.partition("_")[2]]
        found: List[Judged] = []
        for first in range(0, len(ids), PAGE):
            page = ids[first : first + PAGE]
            there = by_ids(connection, page)
            suspects = [there.get(post) or _nobody(post, self._world.now) for post in page]
            found += [one for one in self.judge(list(self._suspicious(suspects))) if one.post_class is PostClass.GHOST]
        return found, len(names), total

    def _suspicious(self, suspects: Sequence[Row]) -> Iterator[Row]:
        for row in suspects:
            if row.deleted or row.state in ("DRAFT", MISSING) or (row.state == "QUEUE" and row.due > self._world.now):
                yield row


def _waits_for_queue(workflow: Workflow) -> bool:
    return any(item.name in PUBLISHING and not item.started for item in workflow.activities)


def _nobody(post: str, now: datetime) -> Row:
    return Row(post, MISSING, now, now, "", "", "", "", (), False, False, False, True, False, "")
