# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine means when it does not run a program in a container. Pure."""

from __future__ import annotations

import re

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    ContainerGone,
    ContainerNotRunning,
    EngineFailed,
)

_NOT_FOUND = 404
_CONFLICT = 409
_STANDS_STILL = re.compile(r"^container \w+ is not running\b", re.IGNORECASE)


def refusal(problem: BaseException, program: str) -> EngineFailed:
    """The typed error for one of the `docker` SDK.

    A container that ended between a look at it and the call is a state of the container, not a failure of the engine: 409 if it
    had ended before, 404 about the exec itself if the engine has forgotten that with the end of its container, 500 in so many
    words if it ended between the making of the exec and its start.
    """
    reason = str(getattr(problem, "explanation", None) or problem).rstrip(".")
    status = getattr(problem, "status_code", None)
    if status == _NOT_FOUND and "exec instance" not in reason.lower():
        return ContainerGone("A container was removed meanwhile.", "look again.")
    if status in (_NOT_FOUND, _CONFLICT) or _STANDS_STILL.search(reason):
        text = f"{program} could not run in a container, which stands still: {reason}."
        return ContainerNotRunning(text, "look at the container's state and log.")
    return EngineFailed(
        f"The engine could not run {program} in a container: {reason}.", "look at the engine's own log."
    )
