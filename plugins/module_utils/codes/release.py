# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of upgrades and rollbacks."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "not-steady": Code(
        "A container or an app started anew although work flowed already.",
        "How long after that, and the last error in its log.",
        "Read its log: what fails so soon after a start fails again.",
    ),
    "rollback-image-missing": Code(
        "An image of the release is neither on the host nor to be had from its registry.",
        "The image's digest, and what the registry answered.",
        "Load the image, or choose another release.",
    ),
    "rollback-no-backup": Code(
        "The release to go back to has no backup.",
        "Its number.",
        "Choose another release, or restore a backup of your own.",
    ),
    "rollback-no-release": Code(
        "There is no record of the release to go back to.",
        "The releases that are recorded.",
        "Choose one of them.",
    ),
    "upgrade-break": Code(
        "Between the two versions lies a known break.",
        "The versions, and what changes.",
        "Do what it says, then acknowledge it by name in upgrade_acknowledge.",
    ),
    "upgrade-goes-back": Code(
        "The target is older than what runs.",
        "Both versions.",
        "Use the playbook rollback: an older image alone drops columns.",
    ),
    "upgrade-image-missing": Code(
        "An image is not on the host and must not be pulled.",
        "The image.",
        "Load it, or let it be pulled.",
    ),
    "upgrade-no-stack": Code(
        "There is no stack of this collection to upgrade.",
        "The project and its directory.",
        "Run the playbook provision first.",
    ),
    "upgrade-name-shared": Code(
        "The name of the image is in use by another stack on this host, and will stand for another image.",
        "The other project.",
        "Let each stack name its release by version or digest.",
    ),
    "upgrade-postgresql-major": Code(
        "The wanted image of PostgreSQL is of another major version than the files on the volume.",
        "Both versions.",
        "Keep an image of the same major version; move on by backup and restore into fresh volumes.",
    ),
    "upgrade-registry-away": Code(
        "What a name stands for now cannot be learned from its registry.",
        "The image, and what the registry answered.",
        "Look at the registry and the login.",
    ),
    "upgrade-skip": Code(
        "The upgrade skips over a release that cannot be skipped.",
        "What lies between.",
        "Do what it says.",
    ),
    "upgrade-under-way": Code(
        "An upgrade or a rollback of this stack is not finished, or its journal cannot be read.",
        "Who, since when, and its last step.",
        "Wait for that run, or run its playbook again; an upgrade may break the lock of a run that is dead.",
    ),
    "upgrade-version-unknown": Code(
        "The target's name tells no version.",
        "The name.",
        "Name a release by its version.",
    ),
}
