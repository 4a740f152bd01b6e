# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transaction that is open, the release it goes back to, and what keeps that release's images."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.release import history, journal, records
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import Release, ServiceImage, Transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters

_KEEP_PREFIX = "selfhost-postiz"


def opened(wanted: Parameters) -> Transaction:
    """The journal that is open. Raises StackError."""
    found = journal.transaction(journal.entries(wanted.directory))
    if found is None:
        raise StackError("The journal was closed meanwhile.", "run again.")
    return found


def release_of(wanted: Parameters, found: Transaction) -> Release:
    """The release that a transaction goes back to. Raises StackError."""
    release = records.named(wanted.directory, found.back_to)
    if release is None:
        raise StackError(
            f"The record of release {found.back_to} is gone from {wanted.directory}/state/releases.",
            "bring it back from a backup of that folder; the journal stays open until then.",
        )
    return release


def record_running(wanted: Parameters, seen: Seen, engine: Engine, clock: Clock, left: int = 0) -> int:
    """The number of the record of what runs, made if there is none, and a name that keeps each image from pruning.

    `left` is the release that an upgrade to it has left. Then only the newest record is taken again: that of an earlier time
    with the same images has a past of its own, and a backup that may still be gone back to.

    The files, and the names of the images in them, are those of now in any case: since the release was recorded, the role stack
    or a frontend's mount may have changed them, and what is left must come back as it was.
    """
    newest = max((release.number for release in seen.records), default=0)
    number = history.number_of_running(seen)
    if left and number != newest:
        number = 0
    known = next((release for release in seen.records if release.number == number), None)
    if known is None:
        number = newest + 1
        known = Release(number, _text(clock), seen.version, seen.running, before=seen.ended.release)
    known = replace(
        known, before=left or known.before, images=tuple(_named_as_now(image, known) for image in seen.running)
    )
    records.write(wanted.directory, known)
    for image in seen.running:
        engine.images().tag(image.identifier, keep_name(wanted.project, number, image.service))
    return number


def _named_as_now(running: ServiceImage, known: Release) -> ServiceImage:
    """The engine shows an identifier for a name that was given to another image since; the record may still know it."""
    recorded = known.image(running.service)
    return recorded if running.reference.startswith("sha256:") and recorded is not None else running


def keep_name(project: str, number: int, service: str) -> str:
    """A name of an image that a record may need again."""
    return f"{_KEEP_PREFIX}/{project}:{number:04d}-{service}"


def _text(clock: Clock) -> str:
    return datetime.fromtimestamp(clock.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
