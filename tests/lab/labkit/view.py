"""What a person sees of a stack: services, apps, pollers, sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docker import DockerClient
from docker.models.containers import Container

from labkit import faults, pm2
from labkit.errors import LabError
from labkit.faults import repair
from labkit.stack import SERVICES, Stack
from labkit.table import table
from labkit.temporal import SWEEP, Temporal

OPTIONAL = frozenset({"spotlight"})


def services(stack: Stack) -> str:
    """Table of the nine services."""
    found = stack.containers()
    rows = [_service(stack.client, name, found.get(name)) for name in SERVICES]
    return table(("SERVICE", "STATE", "HEALTH", "MEMORY", "PORTS", "IMAGE"), rows)


def _service(client: DockerClient, name: str, container: Container | None) -> tuple[str, ...]:
    if container is None:
        return (name, "off by default" if name in OPTIONAL else "absent", "-", "-", "-", "-")
    state = container.attrs["State"]
    health = state.get("Health", {}).get("Status", "no check")
    memory = used_memory(client, container) if container.status == "running" else 0
    ports = ", ".join(
        f"{binding['HostIp']}:{binding['HostPort']}"
        for bindings in container.attrs["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    )
    return (name, container.status, health, f"{memory // 2**20} MiB", ports or "-", container.attrs["Config"]["Image"])


def used_memory(client: DockerClient, container: Container) -> int:
    """Bytes that a container uses without the page cache, as ``docker stats`` counts them."""
    stats: Any = client.api.stats(str(container.id), stream=False, one_shot=True)
    memory = stats.get("memory_stats") or {}
    cached = memory.get("stats", {})
    return int(memory.get("usage", 0)) - int(cached.get("total_inactive_file", cached.get("inactive_file", 0)))


def work(stack: Stack) -> str:
    """Lines on what runs inside: API, PM2, ghosts, pollers, sweep, faults on record."""
    lines = [
        ("api", lambda: f"/api/ answers {repair.api_status(stack) or 'nothing'}"),
        ("pm2", lambda: _apps(stack)),
        ("pollers", lambda: _pollers(stack)),
        ("sweep", lambda: Temporal(stack).status(SWEEP).lower() or "not running"),
        ("faults", lambda: ", ".join(faults.on_record(stack)) or "none on record"),
    ]
    return "\n".join(f"{name:<9}{_or_reason(probe)}" for name, probe in lines)


def _or_reason(probe: Callable[[], str]) -> str:
    try:
        return probe()
    except LabError as error:
        return f"cannot tell: {str(error).splitlines()[0]}"


def _apps(stack: Stack) -> str:
    managed = pm2.apps(stack)
    ghosts = pm2.ghosts(pm2.processes(stack), managed.values())
    apps = [f"{app.name} {app.status} (pid {app.pid}, {app.restarts} restarts)" for _, app in sorted(managed.items())]
    return "; ".join([*apps, *(f"GHOST pid {ghost.pid}" for ghost in ghosts)])


def _pollers(stack: Stack) -> str:
    queues = ["main", *filter(None, stack.environment("postiz").get("LAB_QUEUES", "").split(","))]
    kinds = [("workflow", "main"), *(("activity", queue) for queue in queues)]
    return ", ".join(f"{queue} {kind}: {len(repair.polling(stack, queue, kind))}" for kind, queue in kinds)
