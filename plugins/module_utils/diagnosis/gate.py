# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All layers as one gate: look until work flows, or until the time is up, and tell the first cause."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.layers import Connect
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.look import look, verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import (
    CONTAINERS,
    ENDPOINTS,
    ENGINE,
    PM2,
    TEMPORAL,
    Layer,
    Request,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Severity, Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import GateResult, last_line, line
from ansible_collections.selfhost.postiz.plugins.module_utils.health.causes import PASSING

PAUSE_SECONDS = 1.0
BY_HEALTHCHECK = ("unhealthy", "starting", "starting-too-long", "flapping")

_WAIT = "Do next: wait (timeout; role health: health_wait) and look again; do not touch PM2 until then."


def wait(connect: Connect, request: Request, clock: Clock) -> Tuple[Tuple[Layer, ...], float]:
    """The layers as last seen, and how long it took. Raises BadInput."""
    began = clock.monotonic()
    while True:
        left = request.timeout_seconds - (clock.monotonic() - began)
        layers = look(connect, request, clock, max(left, 0.0))
        left = request.timeout_seconds - (clock.monotonic() - began)
        if verdict(layers) is Verdict.HEALTHY or left <= 0 or _hopeless(layers):
            return layers, clock.monotonic() - began
        clock.sleep(min(PAUSE_SECONDS, left))


def _hopeless(layers: Tuple[Layer, ...]) -> bool:
    """Nothing but a person's or a playbook's act changes what PM2 lost, or a container that ended for good."""
    by_name = {layer.name: layer for layer in layers}
    apps = by_name[PM2]
    containers = by_name[CONTAINERS]
    lost = ("ghost-process", "port-held-by-ghost", "hung-at-start")
    if by_name[ENGINE].errors and by_name[ENGINE].errors[0].code in ("engine-permission-denied", "engine-too-old"):
        return True
    if any(finding.code == "bundle-image-mismatch" for finding in by_name[ENDPOINTS].errors):
        return True
    ended = ("exited", "dead", "crash-loop")
    return (
        apps.judged and any(finding.code in lost for finding in apps.errors) and apps.verdict is Verdict.UNHEALTHY
    ) or (containers.verdict is Verdict.UNHEALTHY and any(finding.code in ended for finding in containers.errors))


def findings(layers: Tuple[Layer, ...]) -> Tuple[Finding, ...]:
    """First causes first: from the lowest layer up, but what the apps say explains what their container and proxy show.

    And a Temporal that is slow fails its own health check, and those of all that ask it.
    """
    by_name = {layer.name: layer for layer in layers}
    explained = by_name[PM2].judged and by_name[PM2].verdict is Verdict.UNHEALTHY
    order = [layer.name for layer in layers]
    slow = any(finding.code == "temporal-slow" for layer in layers for finding in layer.errors)
    ailing = [finding.code for finding in by_name[CONTAINERS].errors]
    if slow and ailing and all(code in BY_HEALTHCHECK for code in ailing):
        order.sort(key=lambda name: name != TEMPORAL)
    if explained:
        order.sort(key=lambda name: name in (CONTAINERS, ENDPOINTS))
    found = [finding for name in order for finding in by_name[name].findings]
    # A health check that has recovered explains nothing as long as something else is broken.
    return tuple(sorted(found, key=lambda item: (item.severity is not Severity.ERROR, item.code in PASSING)))


def result(layers: Tuple[Layer, ...], request: Request, seconds: float) -> GateResult:
    """In the shape of all gates."""
    told = verdict(layers)
    listed = findings(layers)
    return GateResult(
        told,
        listed,
        _report(layers, request, told, listed, seconds),
        {
            "project": request.project,
            "waited_seconds": round(seconds, 3),
            "first_cause": _first_cause(layers, listed, told),
            "layers": [_layer_dict(layer) for layer in layers],
        },
    )


def _first_cause(layers: Tuple[Layer, ...], listed: Tuple[Finding, ...], told: Verdict) -> str:
    if told is Verdict.HEALTHY or not listed:
        return ""
    first = listed[0]
    containers = next(layer for layer in layers if layer.name == CONTAINERS)
    if first in containers.findings:
        return containers.summary
    return f"{first.component}: {first.evidence}"


def _layer_dict(layer: Layer) -> Dict[str, Any]:
    return {
        "layer": layer.name,
        "judged": layer.judged,
        "verdict": layer.verdict.value if layer.judged else "",
        "summary": layer.summary,
        "details": layer.details,
    }


def _report(
    layers: Tuple[Layer, ...], request: Request, told: Verdict, listed: Tuple[Finding, ...], seconds: float
) -> str:
    steady = f", and has for {request.steady_seconds:.0f} s" if request.steady_seconds > 0 else ""
    flows = {Verdict.HEALTHY: f"work flows{steady}", Verdict.SETTLING: "it is starting, nothing is wrong yet"}
    meaning = flows.get(
        told, "work does not flow" if told is Verdict.UNHEALTHY else "it cannot be told whether work flows"
    )
    waited = f" (after {seconds:.0f} s of {request.timeout_seconds:.0f} s)" if request.timeout_seconds > 0 else ""
    lines = [f"{request.project} is {told.value}: {meaning}{waited}."]
    cause = _first_cause(layers, listed, told)
    if cause and told is not Verdict.SETTLING:
        lines.append(f"First cause: {cause}" + ("" if cause.endswith(".") else "."))
    rows = [("LAYER", "VERDICT", "SEEN")]
    rows += [
        (layer.name, layer.verdict.value if layer.judged else "-", layer.summary if layer.judged else "not judged")
        for layer in layers
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines += ["", *(f"{row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  {row[2]}".rstrip() for row in rows)]
    if listed:
        lines.append("")
    lines += [*(line(item) for item in listed), *_evidence(layers)]
    lines += last_line(listed) if told is not Verdict.SETTLING else ["", _WAIT]
    return "\n".join(lines)


def _evidence(layers: Tuple[Layer, ...]) -> List[str]:
    containers = next(layer for layer in layers if layer.name == CONTAINERS)
    if containers.verdict is not Verdict.UNHEALTHY:
        return []
    found: List[str] = []
    for culprit in containers.details.get("culprits", []):
        found += ["", f"{culprit['service']} ({culprit['container']}) says:"]
        found += [f"  | {line}" for line in culprit["log"]]
    return found
