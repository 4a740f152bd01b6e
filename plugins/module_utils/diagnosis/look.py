# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look through all layers, from below; a layer is judged only when those below allow it."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Mapping, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.layers import (
    Connect,
    layer_of_apps,
    look_at_containers,
    look_at_endpoint,
    look_at_posts,
    look_at_temporal,
    settled_early,
    slow_temporal,
    with_frontend,
    without_service,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import (
    ENDPOINTS,
    ENGINE,
    LAYERS,
    PM2,
    POSTS,
    TEMPORAL,
    Layer,
    Request,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict, error
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import worst
from ansible_collections.selfhost.postiz.plugins.module_utils.health.causes import graph
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.health.wait import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2 import gate as pm2_gate

# What upstream's services stand on.
_UPSTREAM: Mapping[str, Tuple[str, ...]] = {
    "postiz": ("postiz-postgres", "postiz-redis", "temporal"),
    "temporal": ("temporal-postgresql", "temporal-elasticsearch"),
}


def look(connect: Connect, request: Request, clock: Clock, container_seconds: float) -> Tuple[Layer, ...]:
    """All layers, in their order. Raises BadInput."""
    try:
        return _look(connect, request, clock, container_seconds)
    except EngineAway as problem:
        finding = error(problem.finding_code, ENGINE, problem.message, problem.remedy)
        return _complete([Layer(ENGINE, Verdict.UNKNOWN, (finding,), problem.message)])


def _look(connect: Connect, request: Request, clock: Clock, container_seconds: float) -> Tuple[Layer, ...]:
    engine = connect()
    found = [Layer(ENGINE, Verdict.HEALTHY, (), "answers")]
    containers, outcome = look_at_containers(connect, engine, request, clock, container_seconds)
    found.append(containers)
    if outcome.observation is None:
        return _complete(found)
    snapshot = outcome.observation.snapshot
    if containers.verdict is Verdict.HEALTHY and not _runs(snapshot, request.service):
        found[-1] = without_service(containers, request.service)
    if not _runs(snapshot, request.service):
        return _complete(found)
    blamed = _blamed(outcome, snapshot, request.service)
    if blamed:
        if TEMPORAL not in request.skip and all(
            trouble.service == "temporal" and trouble.code == "unhealthy" for trouble in blamed
        ):
            # Its health check may fail for no other reason than that it is slow.
            slow = slow_temporal(engine, request, clock)
            found += [slow] if slow else []
        return _complete(found)
    if ENDPOINTS not in request.skip and containers.verdict is not Verdict.SETTLING:
        found.append(with_frontend(look_at_endpoint(snapshot, request), engine, request))
    apps = replicas = None
    if PM2 not in request.skip:
        replicas = pm2_gate.look_once(engine, request.pm2)
        apps = layer_of_apps(replicas, request)
        found.append(apps)
    if apps is not None and apps.verdict in (Verdict.UNHEALTHY, Verdict.UNKNOWN):
        return _complete(found)
    if TEMPORAL not in request.skip:
        told = look_at_temporal(engine, request, clock)
        if apps is not None and apps.verdict is Verdict.SETTLING:
            if told.verdict is Verdict.HEALTHY and replicas is not None:
                # Living pollers end the quiet window early, if the apps are all there.
                settled = layer_of_apps(settled_early(replicas, request), request)
                found[found.index(apps)] = settled if settled.verdict is Verdict.HEALTHY else apps
            elif told.verdict is Verdict.UNHEALTHY:
                told = replace(told, verdict=Verdict.SETTLING)
        found.append(told)
    if POSTS not in request.skip:
        found.append(look_at_posts(engine, request))
    return _complete(found)


def _complete(found: List[Layer]) -> Tuple[Layer, ...]:
    by_name = {layer.name: layer for layer in found}
    return tuple(by_name.get(name) or Layer(name, Verdict.UNKNOWN, judged=False) for name in LAYERS)


def _runs(snapshot: Snapshot, service: str) -> bool:
    return any(item.service == service and item.state == "running" for item in snapshot.containers)


def _blamed(outcome: Outcome, snapshot: Snapshot, service: str) -> Tuple[Trouble, ...]:
    """Of services that this one stands on: until they are well, nothing above can be judged."""
    if outcome.judgement is None:
        return ()
    below: Set[str] = set()
    pending = [service]
    dependencies = graph(snapshot)
    while pending:
        current = pending.pop()
        # `docker compose up --no-deps`, a common repair by hand, leaves a container that names no dependency.
        for name in dependencies.get(current) or _UPSTREAM.get("postiz" if current == service else current, ()):
            if name not in below:
                below.add(name)
                pending.append(name)
    return tuple(trouble for trouble in outcome.judgement.troubles if trouble.service in below - {service})


def verdict(layers: Tuple[Layer, ...]) -> Verdict:
    """The worst of the layers that were judged."""
    return worst(layer.verdict for layer in layers if layer.judged)
