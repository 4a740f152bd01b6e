# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed errors of the collection; `boundary.run` is the one place that turns them into a module failure."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, describe


class StackError(Exception):
    """A failure that a person can act on. `told` is what a module returns with it, beside the message."""

    told: ClassVar[Dict[str, Any]] = {}

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} Remedy: {self.remedy}"


class LibraryMissing(StackError):
    """A Python library that the host needs cannot be imported."""

    def __init__(self, library: str, trace: str) -> None:
        super().__init__(
            f"The Python library {library} cannot be imported by this host's Ansible interpreter.",
            f"Install it (Debian: python3-{library.lower()}), or let the role selfhost.postiz.stack do it.",
        )
        self.library = library
        self.trace = trace


class EngineAway(StackError):
    """Nothing can be learned from the engine; `finding_code` is the code of the finding that tells so."""

    finding_code = "engine-unreachable"


class EngineUnreachable(EngineAway):
    """No Docker Engine answers."""


class EngineTooOld(EngineAway):
    """A Docker Engine is there, and older than what its users need."""

    finding_code = "engine-too-old"


class EnginePermissionDenied(EngineAway):
    """A Docker Engine is there, and this user may not talk to it."""

    finding_code = "engine-permission-denied"


class EngineFailed(EngineAway):
    """The engine answered with an error."""


class EngineLost(EngineAway):
    """The connection to the engine broke."""


# A restart of the engine mends these; nothing but a person mends the others.
PASSING_ENGINE_PROBLEMS = (EngineUnreachable, EngineFailed, EngineLost)


class ContainerGone(EngineFailed):
    """The container was removed meanwhile."""


class ContainerNotRunning(EngineFailed):
    """The container stands still, so no program can run in it; its state tells why."""


class BadInput(StackError):
    """A parameter cannot be used as it is."""


class Refused(StackError):
    """The judges found reasons not to go on; nothing was changed."""

    def __init__(self, findings: Tuple[Finding, ...]) -> None:
        super().__init__(describe(findings), "see each finding.")
        self.findings = findings

    def __str__(self) -> str:
        return self.message


class Unfinished(StackError):
    """Something was changed, and the rest could not be done; the next run does it."""


class NotHealthy(StackError):
    """A gate did not open; `payload` is what it would have returned."""

    def __init__(self, report: str, payload: Dict[str, Any]) -> None:
        super().__init__(report, "see each finding.")
        self.payload = payload

    def __str__(self) -> str:
        return self.message
