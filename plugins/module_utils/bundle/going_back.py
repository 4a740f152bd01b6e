# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which release to go back to. Nothing here changes anything."""

from __future__ import annotations

from typing import Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import origins, refusals
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.bridge import named
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import OWN, Release
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import PREVIOUS, Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import error


def of_image(store: Store, identifier: str) -> Optional[Release]:
    """What containers of this image were last given, for a stack that goes back to the image; None if that is not there."""
    found = named(store, store.of_image(identifier))
    return found if found is not None and found.manifest.image.identifier == identifier else None


def target(engine: Engine, wanted: Request, store: Store) -> Release:
    """What the option `release` means. Raises Refused, BadInput.

    With `project`, one that is made for the image of its container: the former one may be of the image before an upgrade,
    and then the image's own is what is left.
    """
    image = origins.container_of(engine, wanted.project, wanted.service).image_identifier if wanted.project else ""
    if wanted.release != PREVIOUS:
        found = named(store, wanted.release)
        if found is None:
            there = ", ".join(item.name for item in store.releases()) or "none"
            raise refusals.no_previous(store.folder, f"there is no release {wanted.release}; there are: {there}.")
        if image and found.manifest.image.identifier != image:
            raise _of_another_image(found)
        return found
    former = named(store, store.previous())
    if former is not None and (not image or former.manifest.image.identifier == image):
        return former
    own = _own(store, image)
    if own is not None:
        return own
    if former is not None:
        raise _of_another_image(former)
    raise refusals.no_previous(store.folder, "no release was current before this one.")


def _own(store: Store, image: str) -> Optional[Release]:
    """What the image itself serves, if it is not the current one."""
    current = named(store, store.current())
    identifier = image or (current.manifest.image.identifier if current is not None else "")
    return next(
        (
            item
            for item in store.releases()
            if item.manifest.origin.kind in OWN and identifier and item.manifest.image.identifier == identifier
        ),
        None,
    )


def _of_another_image(release: Release) -> Refused:
    evidence = (
        f"{release.name} is of the image {release.manifest.image.name or 'that nobody told'}, and another one runs."
    )
    remedy = "go back to that image as well, or take a release of the image that runs."
    return Refused((error("bundle-image-mismatch", release.name, evidence, remedy),))


def remembered(store: Store, current: str) -> bool:
    """Whether the current release becomes the one to go back to, when another one takes its place.

    A release that no stack was seen to work with does not take the place of one that was.
    """
    return works(store, current) or not works(store, store.previous())


def works(store: Store, name: str) -> bool:
    """Whether it is known to work: a stack did, or it is what an image serves by itself."""
    found = named(store, name)
    return found is not None and (store.records.proven(name) or found.manifest.origin.kind in OWN)
