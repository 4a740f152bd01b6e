# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of the frontend bundle."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "bundle-asset-conflict": Code(
        "Two releases of the frontend have files of one name and other content, so not both can stay served.",
        "The file, and the releases.",
        "Serve fewer releases' assets (bridge), or none; browsers with an open page then load it anew.",
    ),
    "bundle-damaged": Code(
        "Files of the frontend bundle are missing, changed, or were not part of it.",
        "Their numbers, and the first of them.",
        "Extract it again with force, then recreate the container.",
    ),
    "bundle-hostile": Code(
        "An archive holds something that has no place in a frontend build, or that would be written outside of it.",
        "The name inside the archive, and what is wrong with it.",
        "Do not use this image or bundle before you know where it comes from.",
    ),
    "bundle-image-mismatch": Code(
        "The container serves the frontend build of another release than its image's.",
        "Build id that it serves, build id of its image.",
        "Extract the bundle from the image that runs, then recreate the container.",
    ),
    "bundle-missing": Code(
        "There is no frontend bundle to verify.",
        "The folder, and what was found there.",
        "Extract one with state present.",
    ),
    "bundle-mounted": Code(
        "A container has the frontend bundle mounted that shall be removed.",
        "Names of the containers.",
        "Recreate them without the mount first.",
    ),
    "bundle-no-space": Code(
        "The frontend bundle does not fit on the file system.",
        "Bytes or files that are free and that are needed.",
        "Free space, keep fewer releases, or use another file system.",
    ),
    "bundle-no-previous": Code(
        "There is no release of the frontend to go back to.",
        "What was looked for, and what is there.",
        "Name a release, or take the image's own frontend.",
    ),
    "bundle-not-built": Code(
        "The source has no finished frontend build.",
        "What is missing: the folder, or its BUILD_ID.",
        "Name the image or the path that has one.",
    ),
    "bundle-not-served": Code(
        "The container still has an older release of the frontend bundle mounted.",
        "The release that it has, and the current one.",
        "Recreate or restart the container.",
    ),
    "bundle-too-large": Code(
        "The frontend bundle has more bytes or files than it may have.",
        "The limit.",
        "Raise max_bytes or max_files if the build really is that large.",
    ),
    "frontend-build-failed": Code(
        "The build of the patched frontend failed.",
        "Exit code, and the last lines of its log.",
        "Correct the patch; the whole log lies beside the bundle.",
    ),
    "frontend-build-out-of-memory": Code(
        "The build of the patched frontend needed more memory than it may have.",
        "The limit, and the last lines of the log.",
        "Raise the limit of memory, or build elsewhere and use the result as a prebuilt bundle.",
    ),
    "frontend-build-timed-out": Code(
        "The build of the patched frontend took longer than it may.",
        "The limit, and the last lines of the log.",
        "Raise the limit of time, or of processors; look whether it waits for the network.",
    ),
    "frontend-changes-pending": Code(
        "Recreating Postiz for its frontend would apply other changes besides.",
        "Which settings the Compose files say otherwise than the container was made of; no values.",
        "Apply or take back these changes first, or accept that they come with it.",
    ),
    "frontend-failed-before": Code(
        "The same patches failed before for this image, in their build, in its proof or at the gate; nothing was tried again.",
        "When, and the reason as it was then.",
        "Correct the patch. If the reason lay elsewhere and is gone, try again with retry (frontend_retry).",
    ),
    "frontend-not-mountable": Code(
        "A stack that this collection did not make cannot get the frontend's mount through an override file.",
        "What is in the way: files of its own choice, or an override file.",
        "Add the mount to its Compose file by hand, and start this again.",
    ),
    "frontend-not-starting": Code(
        "A frontend does not serve its pages.",
        "Status of the page and of its chunks, or the last lines of the log.",
        "Correct the patch; try the page in a browser after a build with fewer patches. If files cannot be read: SELinux or user "
        "namespaces, see the limits in frontend.md.",
    ),
    "frontend-patch-conflict": Code(
        "A patch of the frontend does not fit the sources of this release.",
        "The file, its checksum, and the hunk with the line that differs.",
        "Make the patch anew for these sources, or correct its checksum after a look at what changed.",
    ),
}
