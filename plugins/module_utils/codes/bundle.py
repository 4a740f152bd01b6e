# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of the frontend bundle."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
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
}
