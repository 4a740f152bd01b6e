# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End workflows one after the other, each only if it still sleeps, or nobody takes its tasks, when its turn comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, FrozenSet, List, Mapping, Sequence, Set

from ansible_collections.selfhost.postiz.plugins.module_utils.posts import rows
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import MARGIN_SECONDS
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Judged
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.progress import Progress
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflow, Workflows

REASON = "ended by selfhost.postiz.stuck_posts"
# What was seen of a workflow and of the workers is looked at again before it is relied on for longer.
STALE_SECONDS = 5.0
# So many are looked at again together: one alone costs nearly as much, and many are stale again before their turn.
_TOGETHER = 50


@dataclass(frozen=True)
class Ended:
    """Posts whose run turns out to have begun to publish, and those that were left alone."""

    begun: FrozenSet[str]
    awake: FrozenSet[str]


@dataclass(frozen=True)
class Ending:
    """`again` judges posts anew, and hands out those that may still be ended; `step` is told each one that is."""

    workflows: Workflows
    epoch: Callable[[], float]
    progress: Progress
    step: Callable[[str], None]
    again: Callable[[Sequence[Judged]], Mapping[str, Judged]]

    def all(self, wanted: Sequence[Judged], judged_at: float) -> Ended:
        """End the workflows of these, which were judged from `judged_at` on."""
        ended: List[Workflow] = []
        awake: Set[str] = set()
        fresh: Dict[str, Judged] = {}
        until, looked_at = len(wanted), judged_at
        for number, one in enumerate(wanted):
            if number >= until or self.epoch() - looked_at > STALE_SECONDS:
                page = wanted[number : number + _TOGETHER]
                fit = self.again(page)
                fresh = {
                    post.row.id: fit[post.row.id]
                    for post in page
                    if post.row.id in fit and _same_run(post, fit[post.row.id])
                }
                awake |= {post.row.id for post in page if post.row.id not in fresh}
                until, looked_at = number + len(page), self.epoch()
            now = fresh.get(one.row.id, one)
            if now.row.id in awake:
                continue
            if now.sleeps_until is not None and now.sleeps_until - self.epoch() <= MARGIN_SECONDS:
                awake.add(now.row.id)
            elif one.workflow is not None:
                self.progress.asked += 1
                self.workflows.terminate(one.workflow, REASON)
                self.progress.ended += 1
                ended.append(one.workflow)
                self.step(f"end {one.row.id}")
        return Ended(self._begun(ended), frozenset(awake))

    def _begun(self, ended: Sequence[Workflow]) -> FrozenSet[str]:
        """Nothing is handed out to a worker after the end, so these histories are complete."""
        begun: Set[str] = set()
        for first in range(0, len(ended), rows.PAGE):
            page = ended[first : first + rows.PAGE]
            trails = self.workflows.trails(page)
            begun |= {item.identifier.partition("_")[2] for item in page if trails[item.identifier].publishing}
        return frozenset(begun)


def _same_run(before: Judged, now: Judged) -> bool:
    """Whether it is the run that was planned, or none any more: the undo file would not know of another one."""
    return not now.running or (
        before.workflow is not None and now.workflow is not None and now.workflow.run == before.workflow.run
    )
