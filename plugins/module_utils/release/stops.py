# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stops an upgrade or a rollback, or is told before it. Pure functions."""

from __future__ import annotations

from typing import Iterator, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error, warning
from ansible_collections.selfhost.postiz.plugins.module_utils.release import breaks
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import BACK, Owner, Transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen, Target
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters


def not_whole(wanted: Parameters, seen: Seen) -> Iterator[Finding]:
    """Whether there is a stack of this collection with all its services."""
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


def not_to_be_had(targets: Tuple[Target, ...]) -> Iterator[Finding]:
    """Images that are neither here nor known to a registry."""
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


def name_shared(seen: Seen) -> Iterator[Finding]:
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


def other_postgresql(seen: Seen) -> Iterator[Finding]:
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


def versions_apart(wanted: Parameters, seen: Seen, version: str) -> Iterator[Finding]:
    """What lies between the version that runs and the wanted one, which may be empty: nobody knows it before it is pulled."""
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


def under_way(wanted: Parameters, seen: Seen, found: Transaction) -> Iterator[Finding]:
    """Whether somebody else is at it. The own run, one that is gone, and one long silent are not."""
    quiet = seen.now - found.last
    gone = wanted.owner_alive == "no" or (wanted.owner_alive == "unknown" and quiet > wanted.stale_after)
    mine = wanted.owner == found.owner and wanted.me.one_run
    if mine or gone or wanted.break_lock:
        return
    what = "A rollback" if found.direction == BACK else "An upgrade"
    yield error(
        "upgrade-under-way",
        wanted.project,
        f"{what} of {Owner.parse(found.owner)} is under way since {seen.now - found.began:.0f} s; "
        f"{found.reached}, and its journal was written to {quiet:.0f} s ago.",
        f"wait for it. It counts as dead after {wanted.stale_after:.0f} s of silence; "
        "if you know that it is, run again with -e upgrade_break_lock=true",
    )
