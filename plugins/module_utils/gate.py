# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all gates share: one verdict object, in the result of success and of failure alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway, NotHealthy
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict, error, errors_of

_ORDER = (Verdict.HEALTHY, Verdict.SETTLING, Verdict.UNKNOWN, Verdict.UNHEALTHY)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them, `UNKNOWN` if there is none: UNHEALTHY, then UNKNOWN, then SETTLING."""
    found = tuple(verdicts)
    return max(found, key=_ORDER.index) if found else Verdict.UNKNOWN


@dataclass(frozen=True)
class GateResult:
    """`report` is what a person reads at 3 a.m.; `findings` has the first cause first; `details` is the gate's own."""

    verdict: Verdict
    findings: Tuple[Finding, ...]
    report: str
    details: Dict[str, Any] = field(default_factory=dict)

    def payload(self) -> Dict[str, Any]:
        """The shape in which every gate returns it: the gate's own details and `verdict`, `findings`, `report`."""
        return {
            **self.details,
            "verdict": self.verdict.value,
            "findings": [finding.as_dict() for finding in self.findings],
            "report": self.report,
        }


def line(finding: Finding) -> str:
    """One finding in a report."""
    return f"[{finding.code}] {finding.component}: {finding.evidence} Remedy: {finding.remedy}"


def last_line(findings: Iterable[Finding]) -> List[str]:
    """What a report ends with, where a terminal stops scrolling: the remedy of the first cause."""
    errors = errors_of(findings)
    return ["", f"Do next: {errors[0].remedy}"] if errors else []


def engine_away(problem: EngineAway, what: str, details: Dict[str, Any]) -> GateResult:
    """The result when the engine cannot be asked; `what` fits "whether … cannot be told"."""
    finding = error(problem.finding_code, "engine", problem.message, problem.remedy)
    report = [f"Whether {what} cannot be told.", f"First cause: {problem.message}", "", line(finding)]
    return GateResult(Verdict.UNKNOWN, (finding,), "\n".join([*report, *last_line((finding,))]), details)


def outcome(result: GateResult, fail_on_unhealthy: bool) -> Outcome:
    """Never `changed`. Raises NotHealthy, with the same payload, unless the verdict is healthy or failing is not wanted."""
    if fail_on_unhealthy and result.verdict is not Verdict.HEALTHY:
        raise NotHealthy(result.report, result.payload())
    return Outcome(False, result.payload())
