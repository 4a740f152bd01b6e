# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps themselves, through the engine. Each has a part before overdue posts are spread, and one after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import Request as Diagnosis
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.health.observe import LABEL_DEPENDS_ON, dependencies
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.look import look as look_at_processes
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.processes import current, ghosts
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Rung, Step
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Cli, Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import blocked
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import SWEEPER
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import (
    CLI_SERVICES,
    Wanted,
    client_container,
    connect_as,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import observe as ask_temporal

# The runbook's pause between stop and start: sockets and health checks of the old processes are gone then.
PAUSE_SECONDS = 2.0
_POLL_SECONDS = 0.5
_KILL_SECONDS = 10.0
# A container without a health check that has run so long is taken for started.
_RUNS_SECONDS = 2.0
_EXEC_SECONDS = 10.0
_SWEEPER_TYPE = "missingPostWorkflow"
_RETENTION = "24h"


class NotTaken(StackError):
    """The step does not fit what is found now; nothing, or not all of it, was done."""


@dataclass(frozen=True)
class Scene:
    """The stack that is acted on. Times in seconds."""

    engine: Engine
    diagnosis: Diagnosis
    clock: Clock
    service_seconds: float

    @property
    def postiz(self) -> str:
        """The service of Postiz."""
        return self.diagnosis.service

    def containers(self) -> Tuple[Container, ...]:
        """As they are now, dependencies first."""
        return in_order(self.engine.project_containers(self.diagnosis.project), self.postiz)

    def of(self, service: str) -> Tuple[Container, ...]:
        """Those of a service."""
        return tuple(item for item in self.containers() if item.service == service)


def in_order(containers: Tuple[Container, ...], postiz: str) -> Tuple[Container, ...]:
    """Each after all that it depends on, Postiz last."""
    below = {
        item.service: [found.service for found in dependencies(item.labels.get(LABEL_DEPENDS_ON, ""))]
        for item in containers
    }
    ranks: Dict[str, int] = {}

    def rank(service: str, above: Tuple[str, ...] = ()) -> int:
        if service not in ranks and service not in above:
            ranks[service] = 1 + max((rank(name, (*above, service)) for name in below.get(service, ())), default=0)
        return ranks.get(service, 0)

    return tuple(sorted(containers, key=lambda item: (item.service == postiz, rank(item.service), item.name)))


def hold(scene: Scene) -> bool:
    """Freeze Postiz while what it stands on comes back: nothing that is overdue goes out before it is spread."""
    held = False
    for item in scene.of(scene.postiz):
        if item.state == "running":
            scene.engine.acts().pause(item.identifier)
            held = True
        held = held or item.state == "paused"
    return held


def prepare(scene: Scene, step: Step) -> None:
    """The part before posts are spread: what must stand still is stopped, what must run below it is started.

    Raises StackError; NotTaken if the step does not fit any more.
    """
    if step.rung is Rung.START_SERVICE:
        names = {step.service, *step.also} - {scene.postiz}
        for item in scene.containers():
            if item.service in names:
                start(scene, item)
    elif step.rung is Rung.RESTART_CONTAINER and step.service == scene.postiz:
        wait_for_temporal(scene)
        for item in scene.of(scene.postiz):
            stop(scene, item)
    elif step.rung is Rung.RESTART_CONTAINER:
        for item in scene.of(step.service):
            stop(scene, item)
        scene.clock.sleep(PAUSE_SECONDS)
        for item in scene.of(step.service):
            start(scene, item)
    elif step.rung is Rung.RECREATE_CONTAINER and step.service == scene.postiz:
        for item in scene.of(scene.postiz):
            stop(scene, item)
    elif step.rung is Rung.RESTART_STACK:
        for item in reversed(scene.containers()):
            stop(scene, item)
        scene.clock.sleep(PAUSE_SECONDS)
        for item in scene.containers():
            if item.service != scene.postiz:
                start(scene, item)


def _one_shot(scene: Scene, service: str) -> bool:
    """Whether another service waits for its completion."""
    return any(
        found.service == service and found.condition == "service_completed_successfully"
        for item in scene.engine.project_containers(scene.diagnosis.project)
        for found in dependencies(item.labels.get(LABEL_DEPENDS_ON, ""))
    )


def finish(scene: Scene, step: Step) -> None:
    """The part after. Raises StackError."""
    if step.rung is Rung.END_PROCESS_GROUP:
        end_process_groups(scene, step)
    elif step.rung is Rung.RESTORE_SWEEPER:
        restore_sweeper(scene)
    elif step.rung is Rung.RESTORE_NAMESPACE:
        restore_namespace(scene)
    elif step.rung is Rung.RECREATE_CONTAINER and step.service != scene.postiz:
        for item in scene.of(step.service):
            start(scene, item)
    release(scene)
    whole = step.rung is Rung.RESTART_STACK or scene.postiz in (step.service, *step.also)
    if whole and step.rung in (
        Rung.START_SERVICE,
        Rung.RESTART_CONTAINER,
        Rung.RECREATE_CONTAINER,
        Rung.RESTART_STACK,
    ):
        wait_for_temporal(scene)
        for item in scene.of(scene.postiz):
            if item.state != "running":
                scene.engine.acts().start(item.identifier)


def release(scene: Scene) -> None:
    """Let Postiz go on."""
    for item in scene.of(scene.postiz):
        if item.state == "paused":
            scene.engine.acts().unpause(item.identifier)


def stop(scene: Scene, item: Container) -> None:
    """Within its own grace. A frozen one is let go on first, or it could not end by itself."""
    if item.state == "paused":
        scene.engine.acts().unpause(item.identifier)
    if item.state in ("running", "paused", "restarting"):
        scene.engine.acts().stop(item.identifier, scene.engine.detail(item.identifier).stop_seconds)


def start(scene: Scene, item: Container) -> None:
    """Start it and wait until it is healthy, or has done its work. Raises NotTaken if it does not become so in time."""
    if item.state == "paused":
        scene.engine.acts().unpause(item.identifier)
    elif item.state != "running":
        scene.engine.acts().start(item.identifier)
    deadline = scene.clock.monotonic() + scene.service_seconds
    began = scene.clock.monotonic()
    while True:
        detail = scene.engine.detail(item.identifier)
        waited = scene.clock.monotonic() - began
        if detail.state == "exited" and detail.exit_code == 0 and _one_shot(scene, item.service):
            return
        if detail.state == "exited" and waited > _RUNS_SECONDS:
            raise NotTaken(f"{item.service} ended again with exit code {detail.exit_code}.", "look at its log.")
        if detail.state == "running" and (
            detail.health == "healthy" if detail.has_healthcheck else waited > _RUNS_SECONDS
        ):
            return
        if scene.clock.monotonic() >= deadline:
            raise NotTaken(
                f"{item.service} has not become healthy within {scene.service_seconds:.0f} s ({detail.health or detail.state}).",
                "look at its log.",
            )
        scene.clock.sleep(_POLL_SECONDS)


def wait_for_temporal(scene: Scene) -> None:
    """Postiz tries its worker connection once, at its start: it is not started before Temporal serves. Raises NotTaken."""
    wanted = scene.diagnosis.temporal.wanted
    deadline = scene.clock.monotonic() + scene.service_seconds
    while True:
        snapshot = ask_temporal(scene.engine, _only_the_cluster(scene), scene.clock)
        obstacle = blocked(snapshot)
        if obstacle is None:
            return
        if snapshot.cluster.trouble is Trouble.NO_CLIENT:
            # Without any client it cannot be asked; its own health check has spoken for it.
            return
        if scene.clock.monotonic() >= deadline:
            raise NotTaken(
                f"Temporal of {wanted.project} does not serve its namespace ({obstacle.evidence.rstrip('.')}), "
                "so Postiz was not started.",
                "look at Temporal first.",
            )
        scene.clock.sleep(_POLL_SECONDS)


def _only_the_cluster(scene: Scene) -> Wanted:
    return replace(scene.diagnosis.temporal.wanted, queues=(), sample=0)


def end_process_groups(scene: Scene, step: Step) -> None:
    """End whole groups of an app: a ghost's if there is one, else that which PM2 manages; PM2 starts it anew.

    PM2's own restart ends only the outermost of four processes in an image without ps. Raises NotTaken.
    """
    ended = False
    for item in scene.of(scene.postiz):
        if item.state != "running":
            continue
        snapshot = _processes(scene, item, step.app)
        groups = doomed(snapshot, step)
        for group in groups:
            _end_group(scene, item, group, step.app)
        ended = ended or bool(groups)
    if not ended:
        raise NotTaken(f"No process group of {step.app} is left to be ended.", "look again.")


def doomed(snapshot: Snapshot, step: Step) -> Tuple[int, ...]:
    """Which groups are meant. Pure."""
    lost = {item.group for item in ghosts(snapshot, step.app)}
    if step.code == "ghost-process":
        return tuple(sorted(lost))
    managed = {item.group for app in snapshot.apps if app.name == step.app for item in current(snapshot, app)}
    # Without the ghosts the new one would find its port held.
    return tuple(sorted(lost | managed))


def _processes(scene: Scene, item: Container, app: str) -> Snapshot:
    detail = scene.engine.detail(item.identifier)
    return look_at_processes(scene.engine, item.identifier, item.name, detail, (app,))


def _end_group(scene: Scene, item: Container, group: int, app: str) -> None:
    """TERM, so that a worker finishes what it is publishing, then KILL for what is left."""
    _signal(scene, item, "TERM", group)
    deadline = scene.clock.monotonic() + _KILL_SECONDS
    while scene.clock.monotonic() < deadline:
        if not any(process.group == group for process in _processes(scene, item, app).processes):
            return
        scene.clock.sleep(_POLL_SECONDS)
    _signal(scene, item, "KILL", group)


def _signal(scene: Scene, item: Container, name: str, group: int) -> None:
    # dash takes a group after `-s KILL --`, not after `-KILL --`.
    scene.engine.execute(item.identifier, ["sh", "-c", f"kill -s {name} -- -{group}"], _EXEC_SECONDS)


def _temporal_client(scene: Scene) -> Cli:
    wanted = scene.diagnosis.temporal.wanted
    containers = scene.containers()
    client = client_container(containers, wanted)
    if client is None:
        names = wanted.cli_service or ", ".join(CLI_SERVICES)
        raise NotTaken(f"No running container has Temporal's client ({names}).", "name one (cli_service).")
    environment: Dict[str, str] = {}
    for item in scene.of(scene.postiz):
        environment = dict(scene.engine.detail(item.identifier).environment)
    return Cli(scene.engine, client, connect_as(wanted, environment), wanted.deadline_seconds)


def restore_sweeper(scene: Scene) -> None:
    """As the backend starts it: once, with the same identity. Raises NotTaken."""
    words = ["workflow", "start", "--workflow-id", SWEEPER, "--type", _SWEEPER_TYPE, "--task-queue", "main"]
    answer = _temporal_client(scene).ask([[*words, "--id-conflict-policy", "UseExisting"]])[0]
    if not answer.ok:
        raise NotTaken(f"The workflow {SWEEPER} could not be started ({answer.problem}).", "look at Temporal.")


def restore_namespace(scene: Scene) -> None:
    """As auto-setup registers it. Raises NotTaken."""
    client = _temporal_client(scene)
    answer = client.ask([["operator", "namespace", "create", "--retention", _RETENTION]])[0]
    if not answer.ok and "already" not in answer.problem.lower():
        raise NotTaken(f"The namespace could not be made ({answer.problem}).", "look at Temporal.")
