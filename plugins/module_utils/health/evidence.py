# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ailing containers themselves say: logs since their last start, and health checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Dict, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine, HealthProbe
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.health import signatures
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import ContainerState
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor

# Of a longer tail, lines like these come first: the cause is often far above the last line.
_TELLING = re.compile(r"error|fail|fatal|exception|refused|denied|cannot|unable|out of memory", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TAIL_LINES = 400
# The engine notes the start only after the process runs, and its first words are older than that.
_BEFORE_START_SECONDS = 1.0
_MAX_LINE = 240
_PROBES = 3


@dataclass(frozen=True)
class Evidence:
    """Of one container. `log` has at most as many lines as were asked for; `match` is a known log line."""

    container: ContainerState
    log: Tuple[str, ...]
    probes: Tuple[HealthProbe, ...]
    match: Optional[signatures.Match]


# `pm2 logs`, the main process of Postiz' container, begins with the end of each log file: old lines in a new log.
_PM2_TAIL = re.compile(r"^\S+\.log last (\d+) lines:$")
_PM2_LINE = re.compile(r"^\d+\|")


def without_old_lines(log: str) -> str:
    """The log without what PM2 repeats of former runs."""
    kept = []
    left = 0
    for line in log.splitlines():
        match = _PM2_TAIL.match(_COLOUR.sub("", line).strip())
        if match:
            left = int(match.group(1))
        elif left and _PM2_LINE.match(_COLOUR.sub("", line)):
            left -= 1
        else:
            left = 0
            kept.append(line)
    return "\n".join(kept)


def telling_lines(log: str, limit: int) -> Tuple[str, ...]:
    """At most `limit` lines, in their order: half of them such that speak of trouble, then the last ones."""
    lines = [_COLOUR.sub("", line).rstrip()[:_MAX_LINE] for line in log.splitlines() if line.strip()]
    # What is said again and again takes no room from the rest.
    lines = [line for line, _again in groupby(lines)]
    last = max(limit - limit // 2, limit - sum(1 for line in lines[:-limit] if _TELLING.search(line)))
    troubles = [line for line in lines[:-last] if _TELLING.search(line)]
    kept = troubles[max(len(troubles) - (limit - last), 0) :] if limit > last else []
    return (*kept, *lines[-last:])


def collect(engine: Engine, container: ContainerState, log_lines: int, redactor: Redactor) -> Evidence:
    """Reads the container's log; one that cannot be read (log driver none) is told as such."""
    log = ""
    if container.started_at is not None and log_lines > 0:
        since = container.started_at - _BEFORE_START_SECONDS
        try:
            log = without_old_lines(redactor.text(engine.log_tail(container.identifier, _TAIL_LINES, since)))
        except EngineFailed as problem:
            log = f"(no log: {redactor.text(problem.message)})"
    probes = tuple(
        HealthProbe(probe.ended_at, probe.exit_code, redactor.text(probe.output)[:_MAX_LINE])
        for probe in container.probes[-_PROBES:]
    )
    failed = "\n".join(probe.output for probe in probes if probe.exit_code)
    match = signatures.search("\n".join((log, failed, redactor.text(container.error))))
    return Evidence(container, telling_lines(log, log_lines) if log_lines > 0 else (), probes, match)


def as_dict(evidence: Evidence) -> Dict[str, object]:
    """The shape in which the module returns it."""
    return {
        "service": evidence.container.service,
        "container": evidence.container.name,
        "log": list(evidence.log),
        "health_checks": [
            {"ended_at": probe.ended_at, "exit_code": probe.exit_code, "output": probe.output}
            for probe in evidence.probes
        ],
        "known_line": evidence.match.line[:_MAX_LINE] if evidence.match else "",
        "known_meaning": evidence.match.signature.meaning if evidence.match else "",
    }
