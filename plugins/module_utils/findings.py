# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one vocabulary of findings: what was seen, where, how bad it is and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Dict, Iterable, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.table import CODES


class Severity(str, Enum):
    """ERROR stops a run; WARNING is reported and the run goes on."""

    ERROR = "error"
    WARNING = "warning"


class Verdict(str, Enum):
    """Result of a gate. `UNKNOWN` ("cannot tell") is never healthy; `SETTLING` is too early to say."""

    HEALTHY = "healthy"
    SETTLING = "settling"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


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
