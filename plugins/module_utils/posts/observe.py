# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack's posts and workflows, put together: asked for and joined by workflow id."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.classify import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import (
    MISSING,
    Judged,
    PostClass,
    Row,
    Seen,
    Selection,
    World,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.rows import PAGE, PAGE_OF_IDS, ahead_among, by_ids
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.scene import Scene
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import may_publish
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import Workflow, workflow_id

# A worker that comes back polls within a minute; what relies on its being away is looked at more often.
LOOK_AGAIN_SECONDS = 10.0
# So many posts of the future that are listed as running are asked for by id all the same, within so much time. Beyond that,
# so many of each page.
ALL_LISTED = 5000
ALL_LISTED_SECONDS = 60.0
SAMPLE = 20
# A database that serves others is not held for longer: what is left over is told.
AHEAD_SECONDS = 300.0
# So many ids of those that are only believed are kept, should it turn out that they must be asked for.
MOST_BELIEVED = 100000
# Asked for by id in one go; the time is looked at after each.
_AT_ONCE = 100
_JUDGED_BY_WORKFLOW = ("QUEUE", "DRAFT", MISSING)


@dataclass(frozen=True)
class Ahead:
    """How posts of the future were looked at: `by_id`, only `believed` to have what visibility lists, or `not_looked_at`, as
    time was up. `disbelieved` says that visibility listed workflows that do not run; `way` is how Temporal was asked."""

    by_id: int = 0
    believed: int = 0
    not_looked_at: int = 0
    disbelieved: bool = False
    way: str = ""


class Looker:
    """Judges rows of one scene, page by page, and remembers which queues are polled."""

    def __init__(self, scene: Scene, now: datetime, clock: Clock) -> None:
        self._scene = scene
        self._clock = clock
        self._looked_at = scene.snapshot.now
        self._world = World(now, clock.now(), _main(scene), scene.workers, scene.failing_attempts)
        self._asked: Set[str] = set()
        self._ahead = Ahead(way=scene.workflows.way)
        # Posts of the future that are only believed to have their workflow.
        self._believed: List[str] = []
        self._believed_beyond = 0
        self._lost: Set[str] = set()
        self._counted = False
        self._ahead_since: Optional[float] = None
        self._verified_seconds = 0.0

    @property
    def ahead(self) -> Ahead:
        """How posts of the future were looked at so far."""
        return replace(self._ahead, believed=len(self._believed) + self._believed_beyond)

    @property
    def world(self) -> World:
        """What is known of the stack."""
        return self._world

    def judge(self, page: Sequence[Row]) -> List[Judged]:
        """In the order of the rows, by the workers of these seconds: one may have come back during a long run."""
        if self._clock.now() - self._looked_at > LOOK_AGAIN_SECONDS:
            self._look_again()
        wanted = [row for row in page if row.state in _JUDGED_BY_WORKFLOW or row.deleted]
        described = self._scene.workflows.describe([workflow_id(row.id) for row in wanted])
        present = [workflow for workflow in described.values() if workflow is not None]
        trails = self._scene.workflows.trails(present)
        begun = self._begun(present)
        seen = []
        for row in page:
            name = workflow_id(row.id)
            seen.append(Seen(row, described.get(name), trails.get(name), begun.get(name, "")))
        self._learn(seen)
        judged = [judge(item, self._world) for item in seen]
        lost = any(one.post_class is PostClass.SCHEDULED_LOST for one in judged)
        if not lost or self._counted or self._world.main_polled:
            return judged
        self._counted = True
        _some, running = self._scene.workflows.running_posts(1)
        self._world = replace(self._world, deserted=not running)
        return [judge(item, self._world) for item in seen]

    def _look_again(self) -> None:
        self._scene = replace(self._scene, snapshot=self._scene.look_again())
        self._looked_at = self._scene.snapshot.now
        self._asked = set()
        self._world = replace(self._world, polled_queues=_main(self._scene), workers=self._scene.workers)

    def lost(self, connection: object, pages: Iterable[Sequence[str]]) -> Iterator[List[Judged]]:
        """Of posts of the future, those that no workflow waits for: what visibility does not list is asked for by id.

        So is what it lists, unless that is too much: see `Ahead`.
        """
        for page in pages:
            if self._time_is_up():
                self._ahead = replace(self._ahead, not_looked_at=self._ahead.not_looked_at + len(page))
                continue
            yield self._judged_lost(connection, self._suspects(page))
            yield from self._once_more(connection)

    def _time_is_up(self) -> bool:
        if self._ahead_since is None:
            self._ahead_since = self._clock.now()
        return self._clock.now() - self._ahead_since > AHEAD_SECONDS

    def _suspects(self, page: Sequence[str]) -> List[str]:
        """Those of a page that no workflow waits for by now."""
        running: FrozenSet[str] = frozenset()
        if not self._ahead.disbelieved:
            running = self._scene.workflows.running_among([workflow_id(post) for post in page])
        listed = [post for post in page if workflow_id(post) in running]
        found = self._not_running([post for post in page if workflow_id(post) not in running])
        return found + self._verify(listed)

    def _verify(self, listed: Sequence[str]) -> List[str]:
        """Those that do not run although they are listed, as by a store that outlived the other. The rest is believed."""
        since = self._clock.now()
        room = ALL_LISTED - self._ahead.by_id if self._verified_seconds < ALL_LISTED_SECONDS else 0
        chosen = list(listed if len(listed) <= room else listed[:: len(listed) // SAMPLE + 1])
        found: List[str] = []
        for first in range(0, len(chosen), _AT_ONCE):
            if self._verified_seconds + self._clock.now() - since > ALL_LISTED_SECONDS and first:
                chosen = chosen[:first]
                break
            found += self._not_running(chosen[first : first + _AT_ONCE])
        self._verified_seconds += self._clock.now() - since
        asked = set(chosen)
        self._believe([post for post in listed if post not in asked])
        if found:
            self._ahead = replace(self._ahead, disbelieved=True)
        return found

    def _believe(self, posts: Sequence[str]) -> None:
        room = MOST_BELIEVED - len(self._believed)
        self._believed += posts[:room]
        self._believed_beyond += len(posts[room:])

    def _not_running(self, posts: Sequence[str]) -> List[str]:
        """Asked for by id, until the time is up."""
        found: List[str] = []
        for first in range(0, len(posts), _AT_ONCE):
            some = posts[first : first + _AT_ONCE]
            if self._time_is_up():
                left = len(posts) - first
                self._ahead = replace(self._ahead, not_looked_at=self._ahead.not_looked_at + left)
                break
            described = self._scene.workflows.describe([workflow_id(post) for post in some])
            self._ahead = replace(self._ahead, by_id=self._ahead.by_id + len(some))
            states = ((post, described.get(workflow_id(post))) for post in some)
            found += [post for post, workflow in states if workflow is None or not workflow.running]
        return found

    def _once_more(self, connection: object) -> Iterator[List[Judged]]:
        """What was believed until it turned out that visibility lists what does not run."""
        if not self._ahead.disbelieved:
            return
        left, self._believed_beyond = self._ahead.not_looked_at + self._believed_beyond, 0
        self._ahead = replace(self._ahead, not_looked_at=left)
        while self._believed:
            page, self._believed = self._believed[:PAGE_OF_IDS], self._believed[PAGE_OF_IDS:]
            yield self._judged_lost(connection, self._not_running(page))

    def _judged_lost(self, connection: object, suspects: Sequence[str]) -> List[Judged]:
        judged = self.judge(list(by_ids(connection, suspects).values())) if suspects else []
        found = [one for one in judged if _is_lost(one)]
        self._lost |= {one.row.id for one in found}
        return found

    def _begun(self, newest: Sequence[Workflow]) -> Dict[str, str]:
        """Posts that an earlier run began to publish, which was ended then: a run that comes to its end tells the row."""
        runs = {workflow.run for workflow in newest}
        ended = self._scene.workflows.ended_runs([workflow.identifier for workflow in newest]) if newest else ()
        found: Dict[str, str] = {}
        for workflow in ended:
            if workflow.run not in runs and self._scene.workflows.trails([workflow])[workflow.identifier].publishing:
                found[workflow.identifier] = workflow.status
        return found

    def _learn(self, seen: Sequence[Seen]) -> None:
        queues = {item.row.queue for item in seen if item.workflow is not None and _waits_for_queue(item.workflow)}
        unknown = sorted(queues - self._asked)
        self._asked |= queues
        polled = self._world.polled_queues | self._scene.polled(unknown)
        self._world = replace(self._world, polled_queues=polled, epoch=self._clock.now())

    def ghosts(
        self, connection: object, limit: int, selection: Optional[Selection] = None
    ) -> Tuple[List[Judged], int, int]:
        """Running workflows that no post wants, how many were looked at, and how many run in all.

        Where one that is listed does not run, its post is lost: such posts of the selection are handed out as well.
        """
        names, total = self._scene.workflows.running_posts(limit)
        # Repeats of a recurring post carry a second part in their name.
        ids = [name.partition("_")[2] for name in names if "_" not in name.partition("_")[2]]
        found: List[Judged] = []
        for first in range(0, len(ids), PAGE):
            page = ids[first : first + PAGE]
            there = by_ids(connection, page)
            suspects = [there.get(post) or _nobody(post, self._world.now) for post in page]
            judged = self.judge(list(self._suspicious(suspects)))
            found += [one for one in judged if one.post_class is PostClass.GHOST]
            if selection is not None:
                found += self._lost_by_ghosts(connection, selection, judged)
        for more in self._once_more(connection):
            found += more
        return found, len(names), total

    def _lost_by_ghosts(self, connection: object, selection: Selection, judged: Sequence[Judged]) -> List[Judged]:
        lost = [one for one in judged if _is_lost(one) and one.row.id not in self._lost]
        if not lost:
            return []
        self._ahead = replace(self._ahead, disbelieved=True)
        chosen = ahead_among(connection, selection, self._world.now, [one.row.id for one in lost])
        self._lost |= chosen
        self._believed = [post for post in self._believed if post not in chosen]
        self._ahead = replace(self._ahead, by_id=self._ahead.by_id + len(chosen))
        return [one for one in lost if one.row.id in chosen]

    def _suspicious(self, suspects: Sequence[Row]) -> Iterator[Row]:
        for row in suspects:
            if row.deleted or row.state in ("DRAFT", MISSING) or (row.state == "QUEUE" and row.due > self._world.now):
                yield row


def _main(scene: Scene) -> FrozenSet[str]:
    return frozenset({"main"} if scene.main_polled else ())


def _is_lost(one: Judged) -> bool:
    return not one.running and one.post_class is not PostClass.NOT_QUEUED


def _waits_for_queue(workflow: Workflow) -> bool:
    return any(may_publish(item.name) and not item.started for item in workflow.activities)


def _nobody(post: str, now: datetime) -> Row:
    return Row(post, MISSING, now, now, "", "", "", "", (), False, False, False, True, False)
