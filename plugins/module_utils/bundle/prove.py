# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a frontend serves: its page, and the chunks that this page loads, asked from inside its container."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import origins
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerNotRunning
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error

_PAUSE_SECONDS = 0.3
_WRONG_PAUSE_SECONDS = 1.0
_ASK_SECONDS = 20.0
_GOOD = 200
_WRONG_ANSWERS = 3
_ENDED = ("exited", "dead", "removing")
# node is what runs the frontend, so it is there; curl and wget are not. The page is Postiz' own: all it loads is asked for.
_ASK = """
const [, page] = process.argv;
const get = (url) => fetch(url, {redirect: 'manual', signal: AbortSignal.timeout(15000)});
(async () => {
  const answer = await get(page);
  const text = await answer.text();
  const chunks = [...new Set(text.match(/\\/_next\\/static\\/[^"'\\\\ <>]+\\.(?:js|css)/g) || [])].slice(0, 40);
  const missing = [];
  for (const chunk of chunks) {
    const status = (await get(new URL(chunk, page))).status;
    if (status !== 200) missing.push([chunk, status]);
  }
  console.log(JSON.stringify({status: answer.status, chunks: chunks.length, missing}));
})().catch((problem) => { console.log(JSON.stringify({problem: problem.cause?.code || problem.message})); });
"""


@dataclass(frozen=True)
class Answer:
    """`problem` if there was no answer at all; `missing` are chunks that the page wants and that do not answer 200."""

    status: int = 0
    chunks: int = 0
    missing: Tuple[Tuple[str, int], ...] = ()
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether everything is served. A page without any chunk proves nothing about the build."""
        return self.status == _GOOD and bool(self.chunks) and not self.missing

    def text(self, page: str) -> str:
        """What is wrong, for people."""
        if self.problem:
            return f"{page} does not answer ({self.problem})"
        if self.status != _GOOD:
            return f"{page} answers {self.status}"
        if not self.chunks:
            return f"{page} answers {_GOOD}, and loads no chunk: if it is no page of the frontend, name one with the option page"
        chunk, status = self.missing[0]
        return (
            f"{page} loads {len(self.missing)} of {self.chunks} chunks that are not served, such as {chunk} ({status})"
        )


def ask(engine: Engine, container: str, page: str) -> Answer:
    """Once. Raises StackError."""
    told = engine.execute(container, ["node", "-e", _ASK, page], _ASK_SECONDS)
    try:
        found = json.loads(told.stdout.decode("utf-8", "replace"))
        if "problem" in found:
            return Answer(problem=str(found["problem"])[:100])
        missing = tuple((str(chunk)[:200], int(status)) for chunk, status in found["missing"])
        return Answer(int(found["status"]), int(found["chunks"]), missing)
    except (ValueError, KeyError, TypeError):
        return Answer(problem="nobody could ask it" if not told.timed_out else "no answer in time")


def _asked(engine: Engine, container: str, page: str, state: str) -> Answer:
    if state != "running":
        return Answer(problem=f"the container is {state}")
    try:
        return ask(engine, container, page)
    except ContainerNotRunning:
        # It ended after the look at its state: the next look tells how.
        return Answer(problem="the container stopped meanwhile")


def wait(engine: Engine, container: str, page: str, seconds: float, clock: Clock) -> Optional[Answer]:
    """The first good answer, or the last one when the time is up; None if the container ended."""
    deadline = clock.monotonic() + seconds
    answered = 0
    while True:
        state = engine.detail(container).state
        if state in _ENDED:
            return None
        answer = _asked(engine, container, page, state)
        answered += bool(answer.status)
        # What answers wrongly again and again is broken; what does not answer may still be starting.
        if answer.good or answered == _WRONG_ANSWERS or clock.monotonic() >= deadline:
            return answer
        clock.sleep(_PAUSE_SECONDS if not answer.status else _WRONG_PAUSE_SECONDS)


def served(engine: Engine, wanted: Request, clock: Clock) -> Tuple[Finding, ...]:
    """What the running container of the project says, within `page_seconds`."""
    container = origins.container_of(engine, wanted.project, wanted.service)
    answer = wait(engine, container.identifier, wanted.page, wanted.page_seconds, clock)
    if answer is not None and answer.good:
        return ()
    evidence = answer.text(wanted.page) if answer is not None else "it does not run"
    remedy = "go back to the previous release, then correct the patch."
    return (error("frontend-not-starting", container.name, evidence + ".", remedy),)
