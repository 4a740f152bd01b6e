# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one boundary between typed results and errors, and Ansible's exit_json and fail_json."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    LibraryMissing,
    NotHealthy,
    Refused,
    StackError,
    Unfinished,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


@dataclass(frozen=True)
class Outcome:
    """What a module hands back. `diff` is `{before, after}` or a list of such."""

    changed: bool
    payload: Dict[str, Any] = field(default_factory=dict)
    diff: Optional[Any] = None
    warnings: Tuple[str, ...] = ()


def run(module: AnsibleModule, operation: Callable[[], Outcome], redactor: Redactor) -> None:
    """Run `operation` and leave the process with its outcome, or with its error, both redacted."""
    try:
        outcome = operation()
    except Refused as refused:
        findings = redactor.value([finding.as_dict() for finding in refused.findings])
        module.fail_json(msg=redactor.text(str(refused)), findings=findings)
    except NotHealthy as gate:
        module.fail_json(msg=redactor.text(str(gate)), **redactor.value(gate.payload))
    except Unfinished as halfway:
        module.fail_json(msg=redactor.text(str(halfway)), changed=True)
    except LibraryMissing as missing:
        module.fail_json(msg=str(missing), exception=missing.trace, library=missing.library)
    except StackError as problem:
        module.fail_json(msg=redactor.text(str(problem)), **problem.told)
    result: Dict[str, Any] = {"changed": outcome.changed, **redactor.value(outcome.payload)}
    if outcome.diff is not None:
        result["diff"] = redactor.value(outcome.diff)
    for text in outcome.warnings:
        module.warn(redactor.text(text))
    module.exit_json(**result)
