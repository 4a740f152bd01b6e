# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a repair of posts works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, List, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Judged, Row
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.progress import Progress
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflows

Look = Callable[[Sequence[Row]], List[Judged]]
Step = Callable[[str], None]


@dataclass(frozen=True)
class Tools:
    """`look` judges rows anew, by the workers of this moment; `step` is told each step when it is done; `epoch` tells seconds;
    of one channel, `at_once` overdue posts go out at once when they are brought back; `kind` is the release's workflow type.

    Posts that are overdue for longer than `overdue_seconds` are found by the plan.
    """

    connection: Any
    workflows: Workflows
    look: Look
    kind: str
    project: str
    folder: str
    fail_reason: str
    step: Step
    epoch: Callable[[], float]
    at_once: int = 0
    overdue_seconds: float = 0.0
    progress: Progress = field(default_factory=Progress)
