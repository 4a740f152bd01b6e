# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge a host before anything is changed. Pure functions from a snapshot to findings."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils import under_way
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    EngineInfo,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import image_rules, rules
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.host import version_tuple
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import PreflightParameters, WantedPort
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import judge as judge_secret
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.snapshot import HostSnapshot

# What docker_compose_v2 asks for.
MIN_COMPOSE = (2, 18, 0)
ARCHITECTURES = ("x86_64", "amd64", "aarch64", "arm64")

# Services whose data is the stack's memory, with the place of that data in their containers.
DATA_PATHS = {
    "postiz-postgres": "/var/lib/postgresql/data",
    "temporal-postgresql": "/var/lib/postgresql/data",
}

_MIB = 1024 * 1024


def judge(wanted: PreflightParameters, seen: HostSnapshot) -> Tuple[Finding, ...]:
    """All findings at once, in the order in which a person would repair them."""
    return (*_input(wanted), *_host(wanted, seen), *_stack(wanted, seen))


def _input(wanted: PreflightParameters) -> Iterator[Finding]:
    yield from rules.project_name(wanted.stack.project)
    yield from rules.url(wanted.url)
    yield from rules.environment(wanted.stack.environment)
    for option, value in wanted.stack.given.items():
        yield from rules.single_line(f"stack_{option}", value)
    yield from rules.dynamic_config(wanted.dynamic_config, wanted.dynamic_config_source)


def _host(wanted: PreflightParameters, seen: HostSnapshot) -> Iterator[Finding]:
    if seen.engine_problem is not None:
        problem = seen.engine_problem
        yield error(problem.finding_code, "host", problem.message, problem.remedy)
    yield from compose(seen.compose_version)
    if seen.engine is not None:
        yield from engine(seen.engine.info)
        yield from memory(seen.engine.info.memory_bytes, wanted.min_memory_bytes)
        yield from image_rules.images(seen.engine, wanted.pull)
        yield from image_rules.frontend(seen.frontend, seen.engine.postiz_image, wanted.stack.postiz_image)
    yield from disk(seen, wanted.min_free_bytes)


def _stack(wanted: PreflightParameters, seen: HostSnapshot) -> Iterator[Finding]:
    if seen.upgrade is not None and not wanted.upgrading:
        yield under_way.upgrade(seen.upgrade, wanted.stack.project)
    # On the way back of an upgrade, a restore is a part of it.
    if seen.upgrade is None and seen.restore is not None:
        yield seen.restore
    there = seen.engine is not None and any(item.project == wanted.stack.project for item in seen.engine.containers)
    if there or not wanted.upgrading:
        # Whoever upgrades a stack that is not there has mistaken its name: no port is to be freed for that.
        yield from ports(wanted.ports, seen.port_obstacles)
    if seen.engine is not None and not wanted.upgrading:
        yield from image_rules.goes_back(seen.engine, wanted.stack.postiz_image)
    if seen.engine is not None:
        yield from other_directory(wanted, seen.engine.containers)
        yield from orphaned_volumes(wanted, seen)
        yield from anonymous_volumes(wanted.stack.project, seen.engine.containers)
    if seen.env_file_problem is not None:
        yield error(
            "env-file-unreadable",
            f"{wanted.stack.directory}/.env",
            f"The file holds the stack's secrets and cannot be used: {seen.env_file_problem}.",
            "repair it, restore it from a backup, or run as the user who owns it.",
        )
        return
    for evidence in seen.secrets:
        finding = judge_secret(evidence, wanted.stack.accept_new_jwt_secret)
        if finding is not None:
            yield finding


def compose(version: str) -> Iterator[Finding]:
    """The stack is run by Compose v2."""
    if not version:
        yield error(
            "compose-missing",
            "host",
            "`docker compose version` does not work here.",
            "install the Docker CLI with its Compose v2 plugin (packages docker-compose-v2, docker-compose-plugin, or "
            "docker-compose from Debian 13 on; or the binary as /usr/local/lib/docker/cli-plugins/docker-compose).",
        )
    elif version_tuple(version) < MIN_COMPOSE:
        yield error(
            "compose-too-old",
            "host",
            f"Compose is {version}, and {'.'.join(map(str, MIN_COMPOSE))} is the oldest that works.",
            "upgrade the Compose plugin.",
        )


def engine(info: EngineInfo) -> Iterator[Finding]:
    """Architecture; an engine that is too old was not even looked at."""
    if info.architecture not in ARCHITECTURES:
        yield error(
            "architecture-unsupported",
            "host",
            f"The engine runs on {info.architecture}, and the images exist for amd64 and arm64.",
            "use a host of one of these architectures.",
        )


def memory(present: int, wanted: int) -> Iterator[Finding]:
    """Memory of the machine, not what is free of it: a running stack uses it."""
    if present < wanted:
        yield error(
            "memory-low",
            "host",
            f"The host has {present // _MIB} MiB of memory, and {wanted // _MIB} MiB are wanted.",
            "give it more; or set stack_visibility: postgresql, which saves Elasticsearch's 420 MiB, and lower "
            "stack_min_memory_bytes.",
        )


def disk(seen: HostSnapshot, wanted: int) -> Iterator[Finding]:
    """Once nothing has to be pulled, low space is a warning: a running stack must stay manageable."""
    growing = seen.engine is None or bool(seen.engine.missing_images)
    make = error if growing else warning
    for path, free in seen.free_bytes.items():
        if free < wanted:
            yield make(
                "disk-low",
                path,
                f"{free // _MIB} MiB are free, and {wanted // _MIB} MiB are wanted.",
                "free some (`docker system df` shows what the engine holds), or lower stack_min_free_bytes.",
            )


def ports(wanted: Tuple[WantedPort, ...], obstacles: Mapping[WantedPort, str]) -> Iterator[Finding]:
    """Ports that the stack itself publishes already are no obstacle."""
    for port in wanted:
        twins = [other.service for other in wanted if other.port == port.port and other is not port]
        if twins:
            obstacle: Optional[str] = f"the service {twins[0]} of this stack shall publish it too"
        else:
            obstacle = obstacles.get(port)
        if obstacle:
            yield error(
                "port-taken",
                port.service,
                f"Port {port.port} on {port.address} cannot be published: {obstacle}.",
                "stop whoever has it, or choose another port (stack_port, stack_temporal_ui_port, stack_spotlight_port, "
                "stack_temporal_port).",
            )


def other_directory(wanted: PreflightParameters, containers: Tuple[Container, ...]) -> Iterator[Finding]:
    """Compose would take another stack's containers for this one's, and replace them."""
    directories = {container.directory for container in containers if container.project == wanted.stack.project}
    for directory in sorted(directories - {wanted.stack.directory, ""}):
        yield error(
            "project-in-other-directory",
            "stack_project",
            f"A stack named '{wanted.stack.project}' exists in {directory}, not in {wanted.stack.directory}.",
            "choose another stack_project; or, if that stack is meant, set stack_dir to its directory.",
        )


def orphaned_volumes(wanted: PreflightParameters, seen: HostSnapshot) -> Iterator[Finding]:
    """Volume names begin with the project's name: another name starts with empty volumes."""
    if seen.engine is None:
        return
    stack = wanted.stack
    former = {c.project for c in seen.engine.containers if c.directory == stack.directory} | {seen.recorded_project}
    for project in sorted(former - {stack.project, ""}):
        left = [volume.name for volume in seen.engine.volumes if volume.project == project]
        if left:
            yield error(
                "volumes-orphaned",
                "stack_project",
                f"{stack.directory} belongs to the stack '{project}', whose data would be left in {', '.join(sorted(left))}.",
                f"keep stack_project: {project}; for a second stack choose another stack_dir.",
            )


def anonymous_volumes(project: str, containers: Tuple[Container, ...]) -> Iterator[Finding]:
    """Upstream compose files before 2026-06 kept Temporal's database so; named volumes would start empty."""
    for container in containers:
        if container.project != project or container.one_off:
            continue
        for mount in container.mounts:
            if mount.anonymous and mount.destination == DATA_PATHS.get(container.service):
                yield error(
                    "anonymous-volumes",
                    container.service,
                    f"Its data at {mount.destination} lies in the anonymous volume {mount.name[:12]}…, which a recreated "
                    "container would not get: all scheduled workflows would be gone.",
                    f"stop the stack and copy that volume into {project}_<name of the named volume>, then run again.",
                )
