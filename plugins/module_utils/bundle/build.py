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
    store = Store(bundle.dest)
    located = _located(engine, wanted)
    phases = _Phases(clock)
    inputs = _inputs(wanted, located)
    if not bundle.check_mode:
        # Of a run that was killed while it read the sources nothing else is left, which would show.
        origins.remove_orphans(engine, bundle.dest)
    sources: Dict[str, Optional[bytes]] = {}
    checksums = {} if bundle.force else _known_checksums(store, located, wanted)
    if checksums:
        # The release may have been made before the patches got these checksums of theirs.
        patches.judge(wanted.patches, checksums)
    else:
        # Conflicts are told before anything is done, and in check mode.
        sources = building.sources(engine, wanted, located)
        patches.apply(wanted.patches, sources)

    if not wanted.retry:
        known = known_of(store, located)
        failures.refuse_again(store, inputs, known.name if known is not None else "", located.component)

    @contextmanager
    def remembering() -> Iterator[None]:
        try:
            yield
        except Refused as problem:
            failures.remember_build(store, inputs, problem, timestamp(clock))
            raise

    def before() -> None:
        # What open pages were made by until now, and what there is to go back to.
        own = replace(bundle, image=located.image.identifier, project="", force=False)
        release = extract(engine, own, store, clock, step)
        if not store.current():
            store.remember_previous(release.name)
        phases.begin()

    def prove(tree: str) -> None:
        phases.ended("extract")
        step("extracted")
        with remembering():
            building.proof(engine, wanted, located, tree, clock)
        store.forget_failure()
        phases.ended("prove")
        step("proved")

    def built_step(name: str) -> None:
        if name == "built":
            phases.ended("build")
        step(name)

    @contextmanager
    def built() -> Iterator[Opened]:
        # A release that was there a moment ago may have been removed by another run.
        sources.update(sources or building.sources(engine, wanted, located))
        patched = patches.apply(wanted.patches, sources)
        with ExitStack() as stack:
            with remembering():
                opened = stack.enter_context(
                    building.built(engine, wanted, located, patched, store.log_path, built_step)
                )
            yield opened

    how = Recipe(
        located,
        built,
        prove,
        before,
        predictable=False,
        sources=lambda: {path: patches.checksum(content) for path, content in sources.items()},
    )
    outcome = present(engine, bundle, store, clock, step, how)
    told = [{"path": path, "sha256": digest} for path, digest in sorted((how.sources() or checksums).items())]
    extra = {"sources": told, "seconds": phases.seconds, "log": store.log_path}
    return replace(outcome, payload={**outcome.payload, **extra})


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
