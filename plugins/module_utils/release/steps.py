# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of a transaction: announce them in the journal, do those that are this module's own, turn back."""

from __future__ import annotations

import re
from typing import Dict, Iterable, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.release import evidence, journal, records, report, saving
from ansible_collections.selfhost.postiz.plugins.module_utils.release.keeping import opened, release_of
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    BACK,
    FORWARD,
    ServiceImage,
    Transaction,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters

_LONGEST_CAUSE = 1000
_SAVING = ("backup", "back-backup")
_UNTOLD = "a task failed; its message is above"


def stepped(wanted: Parameters, engine: Engine, clock: Clock, found: Transaction) -> Outcome:
    """Announce the steps and do those that are this module's own.

    The step before is done, or this would not be called: but for a backup, which is done once it is known where it is.
    """
    changed = False
    if found.started and found.started not in (*wanted.steps, *_SAVING):
        journal.note(wanted.directory, clock.now(), "done", step=found.started)
    for number, step in enumerate(wanted.steps):
        journal.note(wanted.directory, clock.now(), "started", step=step)
        act = _ACTS.get(step)
        if act is not None:
            changed = act(wanted, engine, found) or changed
        info: Dict[str, str] = {}
        if step in _SAVING and wanted.backup is not None:
            info[step] = saving.save(wanted.backup, engine, clock)
            changed = True
        if info or (number + 1 < len(wanted.steps) and step not in _SAVING):
            journal.note(wanted.directory, clock.now(), "done", step=step, info=info)
    release = records.named(wanted.directory, found.back_to)
    image = release.image(wanted.service) if release is not None else None
    payload = {**report.empty(), **report.progress(opened(wanted))}
    return Outcome(changed, {**payload, "back_to_image": image.reference if image is not None else ""})


def _stop(wanted: Parameters, engine: Engine, _found: Transaction) -> bool:
    """Writers end gracefully: what they are publishing is finished."""
    changed = False
    for container in engine.project_containers(wanted.project):
        if container.service == wanted.service and container.state in ("running", "restarting", "paused"):
            engine.acts().stop(container.identifier, _grace(engine, container))
            changed = True
    return changed


def _grace(engine: Engine, container: Container) -> int:
    return engine.detail(container.identifier).stop_seconds


def _name_targets(_wanted: Parameters, engine: Engine, found: Transaction) -> bool:
    """Let the names in the compose file stand for the images that were planned, wherever a tag has moved since."""
    return _name(engine, found.target)


def _name(engine: Engine, images: Iterable[ServiceImage]) -> bool:
    changed = False
    for image in images:
        present = engine.images().detail(image.reference)
        if "@" in image.reference or image.reference.startswith("sha256:"):
            continue
        if present is None or present.identifier != image.identifier:
            engine.images().tag(image.identifier, image.reference)
            changed = True
    return changed


def _files_back(wanted: Parameters, engine: Engine, found: Transaction) -> bool:
    """The files of the release, and its images under their names."""
    release = release_of(wanted, found)
    # Before the files: Compose must not find names that stand for nothing.
    for image in _gone(engine, release.images):
        raise Unfinished(
            f"The image of {image.service} of release {release.number} ({image.pinned or image.reference}) is not on the host.",
            "load it (docker load), or look why its registry does not give it; then run the same playbook again.",
        )
    placed = records.place_files(wanted.directory, release.number)
    return _name(engine, release.images) or bool(placed)


_ACTS = {
    "files": _name_targets,
    "stop": _stop,
    "recreate": _name_targets,
    "back-stop": _stop,
    "back-files": _files_back,
}


def turned(wanted: Parameters, engine: Engine, clock: Clock, found: Transaction) -> Outcome:
    """The upgrade failed: keep the evidence, then only the way back is left."""
    try:
        containers = engine.project_containers(wanted.project)
        kept = evidence.save(wanted.directory, found.run, engine, containers, wanted.verdict, wanted.log_lines)
    except (OSError, StackError) as problem:
        # A full disk may be why it failed: the way back does not wait for its evidence.
        kept = f"none, it could not be kept ({problem})"
    if found.direction == FORWARD:
        info = {"evidence": kept}
        journal.note(
            wanted.directory, clock.now(), "turned", direction=BACK, cause=first_cause(wanted.cause), info=info
        )
    release = records.named(wanted.directory, found.back_to)
    pull = [image.pinned for image in _gone(engine, release.images if release is not None else ()) if image.digest]
    return Outcome(True, {**report.empty(), **report.progress(opened(wanted)), "pull": pull})


def first_cause(message: str) -> str:
    """Of a gate's report, the line that names the first cause; of any other message, its beginning. Pure."""
    named = re.search(r"First cause: (.+)", message)
    text = named.group(1) if named is not None else message
    return " ".join(text.split())[:_LONGEST_CAUSE] or _UNTOLD


def _gone(engine: Engine, images: Iterable[ServiceImage]) -> Tuple[ServiceImage, ...]:
    """Those that somebody has pruned meanwhile."""
    return tuple(image for image in images if engine.images().detail(image.identifier) is None)
