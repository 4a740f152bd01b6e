# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge the images that a stack would run. Pure."""

from __future__ import annotations

from typing import Iterator, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Release
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import ImageConfig
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error
from ansible_collections.selfhost.postiz.plugins.module_utils.release import breaks
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.snapshot import POSTIZ, EngineState


def images(state: EngineState, pull: str) -> Iterator[Finding]:
    """Images that are missing must be there to be had."""
    for name in state.missing_images:
        if pull == "never":
            obstacle = "it is not on the host, and stack_pull is never"
        elif name in state.pull_obstacles:
            obstacle = state.pull_obstacles[name]
        else:
            continue
        yield error(
            "image-not-pullable",
            name,
            f"The image cannot be had: {obstacle}.",
            "correct its name (stack_…_image), log in to its registry, repair the network, or load the image by hand.",
        )


def frontend(bundle: Optional[Release], image: Optional[ImageConfig], name: str) -> Iterator[Finding]:
    """The frontend of one release over the image of another one is blank pages."""
    if bundle is None or image is None or bundle.manifest.image.identifier == image.identifier:
        return
    yield error(
        "bundle-image-mismatch",
        "frontend",
        f"The bundle {bundle.name} is made for {bundle.manifest.image.name or 'no known image'}, and the stack would run {name}.",
        "run the playbook selfhost.postiz.patch_frontend, which makes one for this image; or serve the image's own: "
        "stack_frontend_bundle: ''.",
    )


def goes_back(state: EngineState, image: str) -> Iterator[Finding]:
    """Each start of Postiz makes the database's schema that of its own release, and accepts the loss of data."""
    if breaks.goes_back(state.version, state.wanted_version):
        yield error(
            "upgrade-goes-back",
            POSTIZ,
            f"{image} is {state.wanted_version}, older than {state.version}, which is there: its start would drop columns "
            "with their data.",
            "put the image that is there into the inventory (stack_postiz_image); to go back, use the playbook rollback, "
            "which brings the database back, too.",
        )
