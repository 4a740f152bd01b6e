# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all gates share: one verdict object, in the result of success and of failure alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import NotHealthy
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Verdict

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


def outcome(result: GateResult, fail_on_unhealthy: bool) -> Outcome:
    """Never `changed`. Raises NotHealthy, with the same payload, unless the verdict is healthy or failing is not wanted."""
    if fail_on_unhealthy and result.verdict is not Verdict.HEALTHY:
        raise NotHealthy(result.report, result.payload())
    return Outcome(False, result.payload())
