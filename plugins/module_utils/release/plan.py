# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge what an upgrade or a rollback would do. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.release import breaks
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    BACK,
    FORWARD,
    Owner,
    Release,
    ServiceImage,
    Transaction,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen, Target
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters

NOTHING = "nothing"
UPGRADE = "upgrade"
ROLLBACK = "rollback"
CONTINUE = "continue"
RETURN = "return"


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
    """

    decision: str
    target: Tuple[ServiceImage, ...]
    changes: Tuple[Change, ...]
    pull: Tuple[ServiceImage, ...]
    version: str
    back_to: int
    findings: Tuple[Finding, ...]


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
        *_stack(wanted, seen),
        *_registry(seen.targets),
        *_postgresql(seen),
        *_shared(seen),
        *(_versions(wanted, seen, version) if changes else ()),
    )
    return Plan(
        UPGRADE if changes else NOTHING,
        targets,
        changes,
        tuple(item.image for item in seen.targets if not item.local),
        version,
        number_of_running(seen),
        findings,
    )


def number_of_running(seen: Seen) -> int:
    """The newest record that is just what runs; 0 if none is."""
    now = {image.service: image.identifier for image in seen.running}
    return max((release.number for release in seen.records if release.identifiers() == now), default=0)


def _changes(seen: Seen, targets: Tuple[ServiceImage, ...]) -> Tuple[Change, ...]:
    now = {image.service: image for image in seen.running}
    nothing = ServiceImage("", "")
    return tuple(
        Change(image.service, now.get(image.service, nothing), image)
        for image in targets
        if not image.identifier or now.get(image.service, nothing).identifier != image.identifier
    )


def _stack(wanted: Parameters, seen: Seen) -> Iterator[Finding]:
    if not seen.managed or not seen.containers:
        what = "has no containers" if not seen.containers else "was not laid out by this collection"
        yield error(
            "upgrade-no-stack",
            wanted.project,
            f"The project {wanted.project} in {wanted.directory} {what}, so there is nothing to go back to.",
            "run the playbook provision first; it takes over upstream's installation in place.",
        )
        return
    for image in wanted.images:
        if all(image.service != present.service for present in seen.running):
            yield error(
                "service-missing",
                image.service,
                "It has no container, so the stack is not whole.",
                "run the playbook provision first.",
            )


def _registry(targets: Tuple[Target, ...]) -> Iterator[Finding]:
    for item in targets:
        if item.problem:
            yield error(
                "upgrade-registry-away",
                item.image.service,
                f"What {item.image.reference} is now cannot be learned: {item.problem}",
                "look at the registry and the login; with upgrade_pull=never only what is on the host counts.",
            )
        elif not item.local and not item.image.digest:
            yield error(
                "upgrade-image-missing",
                item.image.service,
                f"{item.image.reference} is not on the host, and upgrade_pull=never forbids to ask for it.",
                "load it, or leave upgrade_pull at always.",
            )


def _shared(seen: Seen) -> Iterator[Finding]:
    """Names of images are the engine's, and not one stack's."""
    for item in seen.targets:
        others = sorted(
            {
                other.project or other.name
                for other in seen.others
                if other.image == item.image.reference and other.image_identifier != item.image.identifier
            }
        )
        if others:
            yield warning(
                "upgrade-name-shared",
                item.image.service,
                f"{item.image.reference} will stand for another image on this host, and {', '.join(others)} runs by that name, too: "
                "its next provision, or docker compose up, would bring that image without an upgrade.",
                "let each stack name its release by version or digest.",
            )


def _postgresql(seen: Seen) -> Iterator[Finding]:
    """A server of another major version does not start on the files of the one before."""
    for item in seen.targets:
        now = seen.postgresql.get(item.image.service, "")
        if now and item.postgresql and now != item.postgresql:
            yield error(
                "upgrade-postgresql-major",
                item.image.service,
                f"{item.image.reference} is PostgreSQL {item.postgresql}, and the files on its volume are of {now}: it would not start.",
                f"keep an image of PostgreSQL {now} for the upgrade. To move on: playbook backup, then restore with "
                "restore_volumes=fresh and restore_accept_newer_postgresql=true below the new image.",
            )


def _versions(wanted: Parameters, seen: Seen, version: str) -> Iterator[Finding]:
    if breaks.goes_back(seen.version, version):
        yield error(
            "upgrade-goes-back",
            wanted.service,
            f"{version} is older than {seen.version}, which runs: its schema push would drop columns with their data.",
            "use the playbook rollback, which brings the database back, too; or if the inventory only still has the older "
            "one, put the one that runs there (stack_postiz_image).",
        )
    for found in breaks.between(seen.version, version):
        if found.stops:
            yield error("upgrade-skip", wanted.service, found.what, found.remedy)
        elif found.name not in wanted.acknowledge:
            yield error(
                "upgrade-break",
                wanted.service,
                f"Between {seen.version} and {version} lies {found.name}: {found.what}",
                f'{found.remedy[:-1]}: -e \'{{"upgrade_acknowledge": ["{found.name}"]}}\'',
            )
    if version and breaks.parse(version) is None:
        yield warning(
            "upgrade-version-unknown",
            wanted.service,
            f"{version} is no version, so known breaks cannot be looked up before it is pulled.",
            "name a release by its version.",
        )


def _rollback(wanted: Parameters, seen: Seen) -> Plan:
    running = number_of_running(seen)
    release = chosen(wanted.to_release or "", seen, running)
    findings = []
    if release is None:
        findings.append(
            error(
                "rollback-no-release",
                wanted.project,
                f"There is no release {wanted.to_release} to go back to; recorded are: {listed(seen.records)}.",
                "name one of these numbers: playbook rollback -e rollback_to=NUMBER",
            )
        )
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
        (*_stack(wanted, seen), *findings),
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


def chosen(text: str, seen: Seen, running: int) -> Optional[Release]:
    """`previous` is the newest release before the one that runs."""
    if text == "previous":
        older = [release for release in seen.records if release.number != running and release.backup]
        return older[-1] if older else None
    return next((release for release in seen.records if str(release.number) == text), None)


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
    return Plan(
        CONTINUE if forward else RETURN,
        found.target,
        _changes(seen, found.target),
        pull,
        str(found.info.get("version") or versions.get(wanted.service, "")),
        found.back_to,
        (*_owner(wanted, seen, found), *missing),
    )


def _owner(wanted: Parameters, seen: Seen, found: Transaction) -> Iterator[Finding]:
    """Whether somebody else is at it. The own process, one that is gone, and one long silent are not."""
    quiet = seen.now - found.last
    gone = wanted.owner_alive == "no" or (wanted.owner_alive == "unknown" and quiet > wanted.stale_after)
    if wanted.owner == found.owner or gone or wanted.break_lock:
        return
    what = "A rollback" if found.direction == BACK else "An upgrade"
    yield error(
        "upgrade-under-way",
        wanted.project,
        f"{what} of {Owner.parse(found.owner)} is under way since {seen.now - found.began:.0f} s; "
        f"its last step, {found.started or 'none'}, began {quiet:.0f} s ago.",
        f"wait for it. It counts as dead after {wanted.stale_after:.0f} s of silence; "
        "if you know that it is, run again with -e upgrade_break_lock=true",
    )
