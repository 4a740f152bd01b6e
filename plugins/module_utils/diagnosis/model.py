# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layers of a stack, from the engine up to its posts. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Severity, Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Http
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Request as ContainerRequest
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.gate import Request as Pm2Request
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.gate import Request as TemporalRequest

ENGINE, CONTAINERS, ENDPOINTS, PM2, TEMPORAL, POSTS = "engine", "containers", "endpoints", "pm2", "temporal", "posts"
LAYERS = (ENGINE, CONTAINERS, ENDPOINTS, PM2, TEMPORAL, POSTS)


@dataclass(frozen=True)
class Layer:
    """One layer. `judged` is False where a layer below does not allow a judgement, or nobody asked for one."""

    name: str
    verdict: Verdict
    findings: Tuple[Finding, ...] = ()
    summary: str = ""
    judged: bool = True
    evidence: str = ""
    details: Dict[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> Tuple[Finding, ...]:
        """Findings that make it unhealthy."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


@dataclass(frozen=True)
class Request:
    """What is asked. Times in seconds; `timeout_seconds` 0 looks once; then it must go on
    for `steady_seconds`. The gates' own requests say what is expected."""

    project: str
    service: str
    skip: Tuple[str, ...]
    timeout_seconds: float
    overdue_seconds: float
    containers: ContainerRequest
    endpoint: Http
    pm2: Pm2Request
    temporal: TemporalRequest
    frontend_path: str = ""
    steady_seconds: float = 0.0
