# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one vocabulary of findings: what was seen, where, how bad it is and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Dict, Iterable, Tuple


class Severity(str, Enum):
    """ERROR stops a run; WARNING is reported and the run goes on."""

    ERROR = "error"
    WARNING = "warning"


class Verdict(str, Enum):
    """Result of a gate. `UNKNOWN` ("cannot tell") is never healthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


# Every code that a finding may carry, with its meaning. Codes are stable: people match on them.
CODES: Dict[str, str] = {
    "anonymous-volumes": "Data lies in an anonymous volume, which a recreated container would lose.",
    "architecture-unsupported": "The images exist for amd64 and arm64 only.",
    "compose-missing": "The Docker CLI has no Compose v2 plugin.",
    "compose-too-old": "Compose is older than the oldest version that works.",
    "container-not-healthy": "A container is not running, or its health check fails.",
    "database-password-mismatch": "The password is not the one that the existing data volume was made with.",
    "disk-low": "Too little free disk space.",
    "dynamic-config-invalid": "Temporal's dynamic configuration is not valid YAML of the expected shape.",
    "dynamic-config-missing": "Temporal's dynamic configuration file does not exist.",
    "engine-permission-denied": "This user may not use the engine's socket.",
    "engine-too-old": "The engine is older than the oldest version that works.",
    "engine-unreachable": "No Docker Engine answers.",
    "env-file-unreadable": "The stack's .env exists and cannot be read or understood.",
    "environment-invalid": "An additional environment variable has a name or value that cannot be used.",
    "image-not-pullable": "An image is neither on the host nor to be had from its registry.",
    "jwt-secret-changed": "JWT_SECRET differs from the one that encrypts the stored channels.",
    "memory-low": "Too little memory.",
    "port-taken": "A port to be published belongs to somebody else.",
    "project-in-other-directory": "A stack of the same project name lives in another directory.",
    "project-name-invalid": "Compose does not accept this project name.",
    "python-library-missing": "A Python library that the modules need is missing on the host.",
    "secret-unknown": "Data exists, but the secret that belongs to it is known nowhere.",
    "service-missing": "A service of the stack has no container.",
    "url-malformed": "The public URL cannot be used as it is written.",
    "volumes-orphaned": "Another project name would leave this stack's data volumes behind.",
}


@dataclass(frozen=True)
class Finding:
    """One observation that matters. `component` is a service, a file, a variable or `host`."""

    code: str
    severity: Severity
    component: str
    evidence: str
    remedy: str

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"unknown finding code {self.code!r}")

    def as_dict(self) -> Dict[str, str]:
        """The shape in which a module returns it."""
        return {**asdict(self), "severity": self.severity.value}


def error(code: str, component: str, evidence: str, remedy: str) -> Finding:
    """A finding that stops the run."""
    return Finding(code, Severity.ERROR, component, evidence, remedy)


def warning(code: str, component: str, evidence: str, remedy: str) -> Finding:
    """A finding that is reported while the run goes on."""
    return Finding(code, Severity.WARNING, component, evidence, remedy)


def errors_of(findings: Iterable[Finding]) -> Tuple[Finding, ...]:
    """Those that stop the run, in their order."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


def sentence(finding: Finding) -> str:
    """One line for people."""
    return f"[{finding.code}] {finding.component}: {finding.evidence} Remedy: {finding.remedy}"


def describe(findings: Iterable[Finding]) -> str:
    """All of them, one line each, under a heading with their number."""
    lines = [sentence(finding) for finding in findings]
    heading = f"{len(lines)} problem{'' if len(lines) == 1 else 's'} found, nothing was changed:"
    return "\n".join([heading, *(f"  - {line}" for line in lines)])
