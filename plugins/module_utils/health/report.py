# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From troubles to findings, to the table for people, to the module's result. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import groupby
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import last_line, line
from ansible_collections.selfhost.postiz.plugins.module_utils.health.causes import Chain
from ansible_collections.selfhost.postiz.plugins.module_utils.health.evidence import Evidence
from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import (
    Judgement,
    ServiceJudgement,
    Trouble,
)

_REMEDIES: Mapping[str, str] = {
    "crash-loop": "read its log, repair the cause; the engine keeps trying until then.",
    "dead": "remove the container (docker rm -f {container}), then start the stack again.",
    "exited": "read its log, repair the cause, then start it again.",
    "flapping": "look at the load of the host, and at its health checks.",
    "http-502": "ask the module pm2_health which app does not listen; a restart of the container starts all of them anew.",
    "http-body": "look at what really listens at this address.",
    "http-header": "look at the proxy in front of it.",
    "http-refused": "look at whether the service runs and publishes this port.",
    "http-status": "look at the log of the service.",
    "http-tls": "look at the certificate, or give validate_certs: false for one that you signed yourself.",
    "http-timeout": "look at the load of the host and at the log of the service.",
    "image-missing": "pull it (docker compose pull), or correct its name.",
    "missing-container": "start the stack (playbook provision, or docker compose up -d).",
    "no-healthcheck-unstable": "wait, or give the service a health check.",
    "not-completed": "wait for it, or look at its log; if it shall go on running, expect running of it (services).",
    "not-started": "start it (docker compose up -d).",
    "oom-killed": "give it or the host more memory; without Elasticsearch (stack_visibility: postgresql) a stack needs less.",
    "paused": "docker unpause {container}",
    "starting": "wait for its health check.",
    "starting-too-long": "read its log and its health checks.",
    "state-unknown": "look at the container yourself (docker inspect {container}).",
    "unexpected-container": "remove the container, or no longer expect the service to be absent.",
    "unhealthy": "read its health checks and its log.",
}


def findings(chains: Sequence[Chain], evidence: Mapping[str, Evidence]) -> Tuple[Finding, ...]:
    """One finding for each chain, in their order; `evidence` is by service."""
    return tuple(_finding(chain, evidence) for chain in chains)


def warnings(judgement: Judgement) -> Tuple[Finding, ...]:
    """What does not keep the gate shut, and will be asked about later."""
    return tuple(
        warning(
            "oom-killed",
            item.service,
            f"the kernel killed a process in {item.container.name} for lack of memory while this was watched; "
            "the container goes on without it, or with a new one.",
            _REMEDIES["oom-killed"],
        )
        for item in judgement.services
        if item.container is not None and item.lost_a_process
    )


def _finding(chain: Chain, evidence: Mapping[str, Evidence]) -> Finding:
    cause = chain.first_cause
    known = evidence.get(cause.service)
    match = known.match if known else None
    remedy = match.signature.remedy if match else _remedy(cause)
    head = chain.links[0]
    text = ", because ".join([f"it {head.state}", *(f"{link.service} {link.state}" for link in chain.links[1:])])
    if len(chain.links) > 1:
        return error(head.code, head.service, f"{text}.", f"repair {cause.service} first.")
    if match:
        text += f". {match.signature.meaning.rstrip('.')} (it says: {match.line[:200]})"
    return error(head.code, head.service, f"{text}.", remedy)


def _remedy(cause: Trouble) -> str:
    return cause.hint + _REMEDIES[cause.code].format(container=cause.container)


def _time(seconds: Optional[float]) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def service_dict(item: ServiceJudgement) -> Dict[str, Any]:
    """One row of the module's result."""
    found = item.container
    return {
        "service": item.service,
        "container": found.name if found else "",
        "image": found.image if found else "",
        "expectation": item.expectation.value,
        "satisfied": item.satisfied,
        "state": found.state if found else "missing",
        "health": found.health if found else "",
        "restarts": found.restarts if found else 0,
        "exit_code": found.exit_code if found else 0,
        "oom_killed": found.oom_killed if found else False,
        "started_at": _time(found.started_at) if found else "",
        "finished_at": _time(found.finished_at) if found else "",
        "ports": list(found.ports) if found else [],
        "anonymous_volumes": list(found.anonymous_volumes) if found else [],
    }


def text(heading: str, cause: str, told: Sequence[Finding], judgement: Judgement, evidence: Sequence[Evidence]) -> str:
    """What a person reads at 3 a.m.: the first cause, a table, the findings, what the culprit itself says, the remedy."""
    lines = [heading]
    if cause:
        lines.append(f"First cause: {cause}.")
    lines += ["", *_table(judgement), ""]
    lines += [line(item) for item in told]
    for item in evidence:
        lines += ["", *_told(item)]
    return "\n".join([*lines, *last_line(told)])


def _table(judgement: Judgement) -> List[str]:
    services = [item.service for item in judgement.services if item.container]
    rows = [("SERVICE", "STATE", "EXPECTED", "")]
    for item in judgement.services:
        found = item.container
        state = "no container" if found is None else found.state + (f", {found.health}" if found.health else "")
        name = found.name if found and services.count(item.service) > 1 else item.service
        rows.append((name, state, item.expectation.value, f"<-- {item.trouble.code}" if item.trouble else ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join((*(cell.ljust(width) for cell, width in zip(row, widths)), row[3])).rstrip() for row in rows]


def _told(evidence: Evidence) -> List[str]:
    found = evidence.container
    facts = [
        found.state,
        f"exit code {found.exit_code}" if found.state != "running" else "",
        f"{found.restarts} restart{'' if found.restarts == 1 else 's'}",
    ]
    facts += [f"started {_time(found.started_at)}" if found.started_at else "never started"]
    facts += [f"ended {_time(found.finished_at)}" if found.finished_at and found.state != "running" else ""]
    lines = [f"{found.service} ({found.name}): {', '.join(filter(None, facts))}"]
    for (code, output), probes in groupby(evidence.probes, key=lambda probe: (probe.exit_code, probe.output)):
        if code:
            times = [probe.ended_at[:19] + "Z" for probe in probes]
            often = f", {len(times)} times" if len(times) > 1 else ""
            lines.append(f"  health check until {times[-1]}: exit code {code}{often}: {output or 'no output'}")
    lines += [f"  | {line}" for line in evidence.log]
    return lines
