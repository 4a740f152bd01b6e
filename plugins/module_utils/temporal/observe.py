# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a stack's Temporal, and look at the containers that shall poll it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock, parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    BadInput,
    ContainerGone,
    ContainerNotRunning,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.look import ProbeFailed, look
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import (
    Answer,
    Cli,
    ClientStopped,
    Connection,
    NoAnswer,
    Trouble,
    list_at,
    text_at,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import (
    SWEEPER,
    Poller,
    Queue,
    Snapshot,
    Worker,
)

CLI_SERVICES = ("temporal-admin-tools", "temporal")
_DURATION = re.compile(r"(?P<number>[0-9.]+)(?P<unit>ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Wanted:
    """What to ask. Empty address and namespace are taken from the environment of Postiz."""

    project: str
    service: str
    cli_service: str
    address: str
    namespace: str
    connection: Connection
    queues: Tuple[str, ...]
    deadline_seconds: int
    sample: int


def observe(engine: Engine, wanted: Wanted, clock: Clock) -> Snapshot:
    """Raises BadInput for a project or a service that cannot be meant."""
    containers = engine.project_containers(wanted.project)
    if not containers:
        stacks = ", ".join(sorted({item.project for item in engine.containers() if item.project})) or "none"
        raise BadInput(
            f"The Compose project {wanted.project!r} has no container on this engine. Projects that have: {stacks}.",
            "correct the project name.",
        )
    details = _details(engine, [item for item in containers if item.service == wanted.service])
    environment = next((detail.environment for _container, detail in details), {})
    connection = connect_as(wanted, environment)
    client = client_container(containers, wanted)
    temporal = _details(engine, [item for item in containers if item.service == "temporal"])
    answers = _ask(engine, client, connection, wanted)
    queues = {name: answers[4 + number] for number, name in enumerate(wanted.queues)}
    return Snapshot(
        now=clock.now(),
        address=connection.address,
        namespace=connection.namespace,
        cluster=answers[0],
        described_namespace=answers[1],
        queues=tuple(queue(name, answer) for name, answer in queues.items()),
        sweeper=answers[2],
        attributes=answers[3],
        workflows=_sample(engine, client, connection, wanted, answers[-1]),
        workers=tuple(_worker(engine, container, detail) for container, detail in details if detail.state == "running"),
        sql_visibility=any(
            detail.environment.get("ENABLE_ES", "").lower() != "true" for _container, detail in temporal
        ),
        cron_enabled=bool(environment.get("RUN_CRON")),
        excluded_queues=_names(environment.get("EXCLUDE_QUEUE", "")),
    )


def _names(text: str) -> FrozenSet[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _details(engine: Engine, containers: Sequence[Container]) -> List[Tuple[Container, ContainerDetail]]:
    found = []
    for container in containers:
        try:
            found.append((container, engine.detail(container.identifier)))
        except ContainerGone:
            continue
    return found


def connect_as(wanted: Wanted, environment: Mapping[str, str]) -> Connection:
    """What is given, and for the rest what Postiz itself uses."""
    given = wanted.connection
    return Connection(
        address=wanted.address or environment.get("TEMPORAL_ADDRESS") or "temporal:7233",
        namespace=wanted.namespace or environment.get("TEMPORAL_NAMESPACE") or "default",
        tls=given.tls or environment.get("TEMPORAL_TLS", "").lower() == "true",
        tls_ca_path=given.tls_ca_path,
        tls_cert_path=given.tls_cert_path,
        tls_key_path=given.tls_key_path,
        api_key_path=given.api_key_path,
    )


def running_client(containers: Sequence[Container], names: Sequence[str] = CLI_SERVICES) -> Optional[str]:
    """The first running container, by the order of `names`, that has Temporal's client."""
    return next(
        (item.identifier for name in names for item in containers if item.service == name and item.state == "running"),
        None,
    )


def client_container(containers: Sequence[Container], wanted: Wanted) -> Optional[str]:
    """A running container that has the client. Raises BadInput for a service that does not exist."""
    found = running_client(containers, (wanted.cli_service,) if wanted.cli_service else CLI_SERVICES)
    if found is None and wanted.cli_service and not any(item.service == wanted.cli_service for item in containers):
        services = ", ".join(sorted({item.service for item in containers}))
        raise BadInput(
            f"The project {wanted.project!r} has no service {wanted.cli_service!r}. Its services: {services}.",
            "correct cli_service.",
        )
    return found


def _ask(engine: Engine, client: Optional[str], connection: Connection, wanted: Wanted) -> Tuple[Answer, ...]:
    listed = [["workflow", "list", "--limit", str(wanted.sample), "--query", 'ExecutionStatus="Running"']]
    commands = [
        ["operator", "cluster", "health"],
        ["operator", "namespace", "describe"],
        ["workflow", "describe", "--workflow-id", SWEEPER],
        ["operator", "search-attribute", "list"],
        *(["task-queue", "describe", "--task-queue", name] for name in wanted.queues),
        *(listed if wanted.sample else ()),
    ]
    if client is None:
        missing = Answer(
            None, Trouble.NO_CLIENT, f"none of these runs: {wanted.cli_service or ', '.join(CLI_SERVICES)}"
        )
        return (missing,) * len(commands)
    cli = Cli(engine, client, connection, wanted.deadline_seconds)
    try:
        # A frontend that does not serve would cost every other command its whole deadline.
        return _again(cli, commands, cli.ask(commands, first_decides=True))
    except ClientStopped as problem:
        return (Answer(None, Trouble.NO_CLIENT, problem.message.rstrip(".")),) * len(commands)
    except NoAnswer as problem:
        return (Answer(None, Trouble.DEADLINE, problem.message),) * len(commands)


def _again(cli: Cli, commands: Sequence[Sequence[str]], answers: Tuple[Answer, ...]) -> Tuple[Answer, ...]:
    """Client 1.4.1 crashes on a queue without statistics, as after a start of the server: asked again without them."""
    crashed = [number for number, answer in enumerate(answers) if answer.trouble is Trouble.CRASHED]
    if not crashed:
        return answers
    found = dict(zip(crashed, cli.ask([[*commands[number], "--disable-stats"] for number in crashed])))
    return tuple(found.get(number, answer) for number, answer in enumerate(answers))


def _sample(
    engine: Engine, client: Optional[str], connection: Connection, wanted: Wanted, listed: Answer
) -> Tuple[Answer, ...]:
    if client is None or not listed.ok or not wanted.sample or not isinstance(listed.data, list):
        return ()
    names = [text_at(item, "execution", "workflowId") for item in listed.data]
    commands = [["workflow", "describe", "--workflow-id", name] for name in names if name and name != SWEEPER]
    try:
        return Cli(engine, client, connection, wanted.deadline_seconds).ask(commands) if commands else ()
    except NoAnswer:
        return ()


def _worker(engine: Engine, container: Container, detail: ContainerDetail) -> Worker:
    pids: Optional[FrozenSet[int]] = None
    with suppress(ProbeFailed, ContainerGone, ContainerNotRunning):
        pids = frozenset(item.pid for item in look(engine, container.identifier, container.name, detail, ()).processes)
    return Worker(container.name, detail.hostname, parse_time(detail.started_at) or 0.0, pids)


def queue(name: str, answer: Answer) -> Queue:
    """Out of `task-queue describe`."""
    pollers = tuple(
        Poller(
            text_at(item, "identity"),
            text_at(item, "taskQueueType"),
            parse_time(text_at(item, "lastAccessTime")) or 0.0,
        )
        for item in list_at(answer.data, "pollers")
    )
    stats: List[Dict[str, Any]] = list_at(answer.data, "stats")
    counts = {text_at(item, "taskQueueType"): text_at(item, "approximateBacklogCount") for item in stats}
    return Queue(
        name,
        pollers,
        {kind: int(count) for kind, count in counts.items() if count.isdecimal()},
        {text_at(item, "taskQueueType"): duration(text_at(item, "approximateBacklogAge")) for item in stats},
        answer,
    )


def duration(text: str) -> float:
    """Seconds of a Go duration, such as 1h2m3.5s."""
    return sum(float(match.group("number")) * _UNITS[match.group("unit")] for match in _DURATION.finditer(text))
