# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a stack keeps its posts and its workflows, and who works on them: found and connected to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, FrozenSet, Sequence, Tuple
from urllib.parse import urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, ContainerGone, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Overrides, Target, target
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    Living,
)
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
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflows


@dataclass(frozen=True)
class Scene:
    """A stack whose posts are looked at. `postiz` is the container of Postiz whose files tell the release.

    `look_again` tells who polls by now. Raises StackError. `elsewhere` says where Temporal is asked, if that is not where Postiz
    itself does.
    """

    engine: Engine
    postiz: str
    database: Target
    workflows: Workflows
    cli: Cli
    snapshot: Snapshot
    request: TemporalRequest
    failing_attempts: int
    look_again: Callable[[], Snapshot]
    elsewhere: str = ""

    @property
    def main_polled(self) -> bool:
        """Whether a living worker of the stack takes workflow tasks."""
        fresh = self.request.settings.fresh_seconds
        return any(
            living(poller, self.snapshot, fresh)
            for queue in self.snapshot.queues
            if queue.name == "main"
            for poller in queue.pollers
            if poller.kind == "workflow"
        )

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
    _check(snapshot, "Nothing was changed.")
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
        workflows=reach(engine, containers, cli, connection, wanted.deadline_seconds),
        cli=cli,
        snapshot=snapshot,
        request=request,
        failing_attempts=failing_attempts,
        look_again=lambda: _check(observe(engine, wanted, clock), "Then run this again."),
        elsewhere=asked_elsewhere(connection, connect_as(replace(wanted, address="", namespace=""), environment)),
    )


def asked_elsewhere(asked: Connection, used: Connection) -> str:
    """In words, where Temporal is asked, if Postiz uses another one; else empty."""
    if (asked.address.lower(), asked.namespace) == (used.address.lower(), used.namespace):
        return ""
    return (
        f"Temporal is asked at {asked.address} in the namespace {asked.namespace!r}, Postiz itself uses {used.address} and "
        f"{used.namespace!r}"
    )


def _check(snapshot: Snapshot, then: str) -> Snapshot:
    obstacle = blocked(snapshot)
    if obstacle is not None:
        raise StackError(f"[{obstacle.code}] {obstacle.evidence}", f"{obstacle.remedy} {then}")
    return snapshot


def reach(
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
