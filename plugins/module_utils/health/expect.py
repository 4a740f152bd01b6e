# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is expected of a service: said by the user, else derived from how its container is made."""

from __future__ import annotations

import difflib
from typing import Iterable, Mapping, Set

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import ContainerState, Expectation, Snapshot

_NEEDS_NOTHING = (Expectation.ABSENT, Expectation.IGNORED)


def one_shots(snapshot: Snapshot) -> Set[str]:
    """Services on whose completion another one waits."""
    return {
        dependency.service
        for container in snapshot.containers
        for dependency in container.depends_on
        if dependency.condition == "service_completed_successfully"
    }


def derive(container: ContainerState, completed: Set[str]) -> Expectation:
    """The expectation of a container about which the user said nothing.

    Upstream's older compose files give servers no restart policy either, so that alone makes no one-shot: it also has
    neither a health check nor a port nor a terminal.
    """
    if container.service in completed:
        return Expectation.COMPLETED
    if container.has_healthcheck:
        return Expectation.HEALTHY
    if container.restart_policy == "no" and not container.exposes_ports and not container.terminal:
        return Expectation.COMPLETED
    return Expectation.RUNNING


def check(snapshot: Snapshot, wanted: Mapping[str, Expectation], asked: Iterable[str], stacks: Set[str]) -> None:
    """Raises BadInput for a project or a service that cannot be meant, and for an expectation that cannot be met.

    `asked` are the services whose endpoints shall answer, `stacks` the projects that exist.
    """
    if not snapshot.containers and snapshot.declared is None:
        known = ", ".join(sorted(stacks)) or "none"
        raise BadInput(
            f"The Compose project {snapshot.project!r} has no container on this engine. Projects that have: {known}.",
            "correct the project name; or give project_src, so that services without a container are known.",
        )
    present = {container.service for container in snapshot.containers} | set(snapshot.declared or {})
    needed = {name: "services" for name, expectation in wanted.items() if expectation not in _NEEDS_NOTHING}
    needed.update((name, "http") for name in asked if name)
    for service, parameter in needed.items():
        if service not in present:
            near = difflib.get_close_matches(service, sorted(present), 3, 0.5) or sorted(present)
            raise BadInput(
                f"The project {snapshot.project!r} has no service {service!r}. Did you mean: {', '.join(near)}?",
                f"correct {parameter}.",
            )
    for container in snapshot.containers:
        if wanted.get(container.service) is Expectation.HEALTHY and not container.has_healthcheck:
            raise BadInput(
                f"The service {container.service!r} is expected to be healthy, and its container has no health check.",
                f"expect running of it, or give it a health check in the compose file of {snapshot.project}.",
            )
