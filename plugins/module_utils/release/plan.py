# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge what an upgrade or a rollback would do. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error
from ansible_collections.selfhost.postiz.plugins.module_utils.release import history
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    BACK,
    FORWARD,
    Release,
    ServiceImage,
    Transaction,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters
from ansible_collections.selfhost.postiz.plugins.module_utils.release.stops import (
    name_shared,
    not_to_be_had,
    not_whole,
    other_postgresql,
    under_way,
    versions_apart,
)

NOTHING = "nothing"
UPGRADE = "upgrade"
ROLLBACK = "rollback"
CONTINUE = "continue"
RETURN = "return"
PREVIOUS = "previous"


@dataclass(frozen=True)
class Change:
    """An image of a service that is replaced; `before` is empty for a service that did not run."""

    service: str
    before: ServiceImage
    after: ServiceImage


@dataclass(frozen=True)
class Plan:
    """`decision` is one of the constants above; `target` is complete for every service once all is pulled.

    `back_to` is the release that a failure goes back to, 0 while it has no record; of a rollback, the one wanted.
    `unmet` is what is asked for and not reached by a run that goes back to where an interrupted one began.
    """

    decision: str
    target: Tuple[ServiceImage, ...]
    changes: Tuple[Change, ...]
    pull: Tuple[ServiceImage, ...]
    version: str
    back_to: int
    findings: Tuple[Finding, ...]
    unmet: str = ""


def judge(wanted: Parameters, seen: Seen) -> Plan:
    """What would be done, and what stops it."""
    if seen.transaction is not None:
        return _open(wanted, seen, seen.transaction)
    if wanted.to_release is not None:
        return _rollback(wanted, seen)
    targets = tuple(item.image for item in seen.targets)
    changes = _changes(seen, targets)
    target = next((item for item in seen.targets if item.image.service == wanted.service), None)
    version = target.version if target is not None else ""
    findings = (
        *not_whole(wanted, seen),
        *not_to_be_had(seen.targets),
        *other_postgresql(seen),
        *name_shared(seen),
        *(versions_apart(wanted, seen, version) if changes else ()),
    )
    return Plan(
        UPGRADE if changes else NOTHING,
        targets,
        changes,
        tuple(item.image for item in seen.targets if not item.local),
        version,
        history.number_of_running(seen),
        findings,
    )


def _changes(seen: Seen, targets: Tuple[ServiceImage, ...]) -> Tuple[Change, ...]:
    now = {image.service: image for image in seen.running}
    nothing = ServiceImage("", "")
    return tuple(
        Change(image.service, now.get(image.service, nothing), image)
        for image in targets
        if not image.identifier or now.get(image.service, nothing).identifier != image.identifier
    )


def _rollback(wanted: Parameters, seen: Seen) -> Plan:
    running = history.number_of_running(seen)
    release = _chosen(wanted.to_release or "", seen, running)
    findings = []
    if release is None:
        findings.append(_no_release(wanted, seen, running))
    elif not release.backup and release.number != running:
        findings.append(
            error(
                "rollback-no-backup",
                wanted.project,
                f"Release {release.number} has no backup: its database cannot be brought back.",
                "choose another release, or use the playbook restore with a backup of your own.",
            )
        )
    target = release.images if release is not None else ()
    pull, missing = _recorded(seen, release)
    findings.extend(missing)
    changes = _changes(seen, target)
    decision = ROLLBACK if release is not None and release.number != running else NOTHING
    version = release.version if release is not None else ""
    return Plan(
        decision,
        target,
        changes,
        pull,
        version,
        release.number if release is not None else 0,
        (*not_whole(wanted, seen), *findings),
    )


def _recorded(seen: Seen, release: Optional[Release]) -> Tuple[Tuple[ServiceImage, ...], Tuple[Finding, ...]]:
    """Images of a record that are not on the host: those to be pulled by digest, and what cannot be had at all."""
    gone = [image for image in release.images if image.identifier not in seen.present] if release is not None else []
    lost = tuple(
        error(
            "rollback-image-missing",
            image.service,
            f"{image.reference} ({image.identifier}) is not on the host, and no registry knows it.",
            "load it (docker load), or choose another release.",
        )
        for image in gone
        if not image.digest
    )
    return tuple(image for image in gone if image.digest), lost


def _chosen(text: str, seen: Seen, running: int) -> Optional[Release]:
    """`previous` is the release before the one that runs; after a rollback to the first one, that one."""
    if text != PREVIOUS:
        return next((release for release in seen.records if str(release.number) == text), None)
    found = history.previous(seen)
    if found is None and running and seen.ended.requested and seen.ended.release == running:
        return next(release for release in seen.records if release.number == running)
    return found


def _no_release(wanted: Parameters, seen: Seen, running: int) -> Finding:
    what = f"There is no release {wanted.to_release} to go back to"
    if wanted.to_release == PREVIOUS:
        what = f"No release before the one that runs ({running or 'not recorded'}) is recorded with a backup"
    return error(
        "rollback-no-release",
        wanted.project,
        f"{what}; recorded are: {listed(seen.records)}.",
        "name one of these numbers: playbook rollback -e rollback_to=NUMBER",
    )


def listed(releases: Tuple[Release, ...]) -> str:
    """Numbers and versions, for people."""
    return (
        ", ".join(f"{release.number} ({release.version or 'unknown version'}, {release.at})" for release in releases)
        or "none"
    )


def _open(wanted: Parameters, seen: Seen, found: Transaction) -> Plan:
    """An interrupted run is carried on in its direction; one to another target is undone first."""
    references = {image.service: image.reference for image in found.target}
    moved = wanted.to_release is not None or any(
        references.get(image.service) != image.reference for image in wanted.images
    )
    forward = found.direction == FORWARD and not moved
    versions = {item.image.service: item.version for item in seen.targets}
    release = next((item for item in seen.records if item.number == found.back_to), None)
    pull, missing = ((), ()) if forward else _recorded(seen, release)
    images = found.target if forward or release is None else release.images
    return Plan(
        CONTINUE if forward else RETURN,
        found.target,
        _changes(seen, images),
        pull,
        str(found.info.get("version") or versions.get(wanted.service, "")),
        found.back_to,
        (*under_way(wanted, seen, found), *missing),
        "" if forward else _unmet(wanted, seen, found),
    )


def _unmet(wanted: Parameters, seen: Seen, found: Transaction) -> str:
    """Empty if the release that an interrupted run goes back to is what is asked for now."""
    if wanted.to_release == PREVIOUS:
        return _unmet_previous(seen, found)
    if wanted.to_release is not None:
        return "" if wanted.to_release == str(found.back_to) else f"release {wanted.to_release}"
    references = {image.service: image.reference for image in found.target}
    if (
        found.direction == BACK
        and not found.requested
        and all(references.get(image.service) == image.reference for image in wanted.images)
    ):
        # That one has failed: to run it again is no advice.
        return ""
    release = next((item for item in seen.records if item.number == found.back_to), None)
    then = release.identifiers() if release is not None else {}
    other = [item.image for item in seen.targets if then.get(item.image.service) != item.image.identifier]
    return ", ".join(image.reference for image in other)


def _unmet_previous(seen: Seen, found: Transaction) -> str:
    """An interrupted upgrade that is undone ends at the release before; a rollback may have been to another one."""
    left = next((item for item in seen.records if item.number == found.info.get("left")), None)
    if not found.requested or left is None:
        return ""
    release = history.before(seen.records, left.number)
    if release is None:
        return f"a release before {left.number}, and none is recorded"
    known = f"release {release.number}, the one before {left.number} (rollback_to={release.number})"
    return "" if release.number == found.back_to else known
