# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which version of Postiz an image is. Pure."""

from __future__ import annotations

from typing import Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.images import ImageDetail

_VARIABLE = "NEXT_PUBLIC_VERSION"


def version_of(detail: Optional[ImageDetail], reference: str = "") -> str:
    """What the image calls itself, else the tag of its name; empty if neither is known."""
    named = detail.environment.get(_VARIABLE, "") if detail is not None else ""
    return named or tag(reference)


def tag(reference: str) -> str:
    """Of a name like `host:5000/path:v1@sha256:…`: `v1`; empty without one."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
