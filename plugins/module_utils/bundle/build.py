# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What frontend_build does: judge the patches, build, prove, switch."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Dict, Iterator, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    building,
    failures,
    origins,
    patches,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.build_parameters import BuildRequest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.extracting import (
    Recipe,
    Step,
    extract,
    known_of,
    timestamp,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Origin
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.origins import Located, Opened
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.present import present
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused

KIND = "built"


class _Phases:
    """How long each phase took."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self.seconds: Dict[str, float] = {"build": 0.0, "extract": 0.0, "prove": 0.0}

    def ended(self, name: str) -> None:
        """What went on until now is this phase."""
        now = self._clock.monotonic()
        self.seconds[name] = round(now - self._since, 1)
        self._since = now

    def begin(self) -> None:
        """Another one begins."""
        self._since = self._clock.monotonic()


def run(engine: Engine, wanted: BuildRequest, clock: Clock, step: Step) -> Outcome:
    """See `operations.run`. Raises Refused, StackError."""
    bundle = wanted.bundle
    if not bundle.check_mode:
        # Of a run that was killed while it read the sources nothing else is left, which would show.
        origins.remove_orphans(engine, bundle.dest)
    build = _Build(engine, wanted, clock, step)
    build.judge_patches()
    if not wanted.retry:
        build.refuse_again()
    outcome = present(engine, bundle, build.store, clock, step, build.recipe())
    told = [{"path": path, "sha256": digest} for path, digest in sorted(build.checksums().items())]
    extra = {"sources": told, "seconds": build.phases.seconds, "log": build.store.log_path}
    return replace(outcome, payload={**outcome.payload, **extra})


class _Build:
    """One build, from the judgement of its patches to the proof of its result."""

    def __init__(self, engine: Engine, wanted: BuildRequest, clock: Clock, step: Step) -> None:
        self._engine = engine
        self._wanted = wanted
        self._clock = clock
        self._step = step
        self.store = Store(wanted.bundle.dest)
        self.phases = _Phases(clock)
        self._located = _located(engine, wanted)
        self._inputs = _inputs(wanted, self._located)
        self._known = {} if wanted.bundle.force else _known_checksums(self.store, self._located, wanted)
        self._sources: Dict[str, Optional[bytes]] = {}

    def judge_patches(self) -> None:
        """Raises Refused with every conflict, before anything is done, and in check mode."""
        if self._known:
            # The release may have been made before the patches got these checksums of theirs.
            patches.judge(self._wanted.patches, self._known)
            return
        self._sources = building.sources(self._engine, self._wanted, self._located)
        patches.apply(self._wanted.patches, self._sources)

    def refuse_again(self) -> None:
        """Raises Refused for what failed before."""
        known = known_of(self.store, self._located)
        failures.refuse_again(
            self.store, self._inputs, known.name if known is not None else "", self._located.component
        )

    def recipe(self) -> Recipe:
        """How its bundle comes about."""
        return Recipe(
            self._located,
            self._opened,
            self._prove,
            self._before,
            predictable=False,
            sources=self._checksums_of_sources,
        )

    def checksums(self) -> Dict[str, str]:
        """Of the sources that the release was made of."""
        return self._checksums_of_sources() or self._known

    def _checksums_of_sources(self) -> Dict[str, str]:
        return {path: patches.checksum(content) for path, content in self._sources.items()}

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except Refused as problem:
            failures.remember_build(self.store, self._inputs, problem, timestamp(self._clock))
            raise

    def _before(self) -> None:
        # What open pages were made by until now, and what there is to go back to.
        own = replace(self._wanted.bundle, image=self._located.image.identifier, project="", force=False)
        release = extract(self._engine, own, self.store, self._clock, self._step)
        if not self.store.current():
            self.store.remember_previous(release.name)
        self.phases.begin()

    @contextmanager
    def _opened(self) -> Iterator[Opened]:
        # A release that was there a moment ago may have been removed by another run.
        self._sources = self._sources or building.sources(self._engine, self._wanted, self._located)
        patched = patches.apply(self._wanted.patches, self._sources)
        with ExitStack() as stack:
            with self._remembering():
                built = building.built(
                    self._engine, self._wanted, self._located, patched, self.store.log_path, self._built_step
                )
                opened = stack.enter_context(built)
            yield opened

    def _built_step(self, name: str) -> None:
        if name == "built":
            self.phases.ended("build")
        self._step(name)

    def _prove(self, tree: str) -> None:
        self.phases.ended("extract")
        self._step("extracted")
        with self._remembering():
            building.proof(self._engine, self._wanted, self._located, tree, self._clock)
        self.store.records.forget_failure()
        self.phases.ended("prove")
        self._step("proved")


def _known_checksums(store: Store, located: Located, wanted: BuildRequest) -> Dict[str, str]:
    """Of the sources that the release was made of, if it is there and tells all of them."""
    found = next((item.manifest.sources for item in store.releases() if item.manifest.origin == located.origin), ())
    checksums = dict(found)
    return checksums if set(checksums) == set(patches.paths(wanted.patches)) else {}


def _located(engine: Engine, wanted: BuildRequest) -> Located:
    bundle = wanted.bundle
    if bundle.image:
        image = origins.image_facts(engine, bundle.image)
    else:
        container = origins.container_of(engine, bundle.project, bundle.service)
        image = replace(origins.image_facts(engine, container.image_identifier), name=container.image)
    made_of = [wanted.root, wanted.command, sorted(wanted.environment.items()), patches.digest(wanted.patches)]
    key = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    return Located(Origin(KIND, f"{image.identifier}:{key}", bundle.path, bundle.exclude), image, image.name)


def _inputs(wanted: BuildRequest, located: Located) -> str:
    """Of everything that a build may fail by: with more memory or time it is another attempt."""
    made_with = [
        located.origin.fingerprint,
        located.origin.path,
        wanted.network,
        wanted.memory,
        wanted.cpus,
        wanted.seconds,
        wanted.start_command,
        sorted(wanted.start_environment.items()),
        wanted.start_seconds,
        wanted.bundle.page,
    ]
    return hashlib.sha256(json.dumps(made_with).encode()).hexdigest()
