# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what became healthy stays so: a release that crashes a minute after each start passes every single look."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.layers import Connect
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.look import look, verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import CONTAINERS, PM2, Layer, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway, EngineFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict, error
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, secret_values

LOOK_SECONDS = 5.0
# For what a busy host makes fail for a moment, once the time is up.
RECOVERY_SECONDS = 60.0
_LOG_LINES = 300
_LONGEST_LINE = 300
_CRASH = re.compile(r"\b\w*(?:Error|Exception)\b")

# Of an app or service: its container, and what changes whenever it starts anew.
Starts = Dict[Tuple[str, str], Tuple[str, str]]


def wait_steady(connect: Connect, request: Request, clock: Clock) -> Tuple[Tuple[Layer, ...], float]:
    """As `gate.wait`; then whatever works must go on for `steady_seconds` without a restart. Raises BadInput."""
    layers, seconds = gate.wait(connect, request, clock)
    if verdict(layers) is not Verdict.HEALTHY or request.steady_seconds <= 0:
        return layers, seconds
    began = clock.monotonic()
    first = starts(layers)
    while True:
        left = request.steady_seconds - (clock.monotonic() - began)
        over = left <= 0
        if over and verdict(layers) is not Verdict.HEALTHY:
            layers = gate.wait(connect, replace(request, timeout_seconds=RECOVERY_SECONDS), clock)[0]
        changed = restarted(first, starts(layers))
        if changed:
            after = clock.monotonic() - began
            layers = _unsteady(connect, layers, changed, after)
        if over or changed:
            return layers, seconds + clock.monotonic() - began
        clock.sleep(min(LOOK_SECONDS, left))
        layers = look(connect, request, clock, 0.0)


def starts(layers: Tuple[Layer, ...]) -> Starts:
    """What runs, as far as it was seen; what could not be looked at is left out. Pure."""
    by_name = {layer.name: layer for layer in layers}
    found: Starts = {}
    for item in by_name[CONTAINERS].details.get("services", ()):
        if item["state"] == "running":
            found[CONTAINERS, item["service"]] = (item["container"], item["started_at"])
    for container in by_name[PM2].details.get("containers", ()):
        for app in container["apps"]:
            if app["status"] == "online":
                found[PM2, app["name"]] = (container["container"], str(app["pid"]))
    return found


def restarted(before: Starts, after: Starts) -> Tuple[Tuple[str, str], ...]:
    """Which of them started anew, containers first: their apps start anew with them. Pure."""
    return tuple(name for name in before if name in after and before[name] != after[name])


def _unsteady(
    connect: Connect, layers: Tuple[Layer, ...], changed: Tuple[Tuple[str, str], ...], after: float
) -> Tuple[Layer, ...]:
    layer, name = changed[0]
    by_name = {item.name: item for item in layers}
    where, _start = starts(layers)[layer, name]
    words = _last_words(connect, where, name if layer == PM2 else "")
    evidence = (
        f"it started anew within {after:.0f} s after work flowed" + (f"; it said: {words}" if words else "") + "."
    )
    remedy = "read its log; what fails so soon after a start fails again."
    finding = error("not-steady", name, evidence, remedy)
    told = by_name[layer]
    marked = replace(
        told,
        verdict=Verdict.UNHEALTHY,
        judged=True,
        findings=(finding, *told.findings),
        summary=f"{name}: {evidence}",
    )
    return tuple(marked if item.name == layer else item for item in layers)


def _last_words(connect: Connect, container: str, app: str) -> str:
    """The last line of its log that names an error; of an app, one that PM2 marks with its name."""
    try:
        engine: Engine = connect()
        redactor = Redactor(secret_values(engine.detail(container).environment))
        lines = engine.log_tail(container, _LOG_LINES).splitlines()
    except (EngineAway, EngineFailed):
        return ""
    said = [line.strip() for line in lines if _CRASH.search(line) and (not app or f"|{app}" in line)]
    return redactor.text(said[-1])[:_LONGEST_LINE].rstrip(".") if said else ""
