# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of a stack and the transaction between two of them. No I/O here."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, FrozenSet, Mapping, Optional, Tuple

STATE = "state"
UPGRADE = os.path.join(STATE, "upgrade")
RELEASES = os.path.join(STATE, "releases")

FORWARD = "forward"
BACK = "back"

# In their order. Each is journalled before it begins.
FORWARD_STEPS = ("prepare", "files", "guard", "stop", "backup", "recreate", "prove")
BACK_STEPS = (
    "back-stop",
    "back-backup",
    "back-files",
    "back-restore",
    "back-guard",
    "back-recreate",
    "back-prove",
)


@dataclass(frozen=True)
class ServiceImage:
    """An image of a service. `digest` is `sha256:…`, empty for an image that no registry knows."""

    service: str
    reference: str
    identifier: str = ""
    digest: str = ""

    @property
    def pinned(self) -> str:
        """The reference by digest, empty without one."""
        return f"{repository(self.reference)}@{self.digest}" if self.digest else ""


def repository(reference: str) -> str:
    """A reference without its tag and digest; the colon of a registry's port is no tag."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


@dataclass(frozen=True)
class Release:
    """What ran, or runs: `backup` is the path of the backup taken when it was left, empty while it was not.

    `before` is the number of the release that it was upgraded from, always a smaller one; 0 if that is not known.
    """

    number: int
    at: str
    version: str
    images: Tuple[ServiceImage, ...]
    backup: str = ""
    before: int = 0

    def identifiers(self) -> Mapping[str, str]:
        """Image identifiers by service."""
        return {image.service: image.identifier for image in self.images}

    def image(self, service: str) -> Optional[ServiceImage]:
        """The image of a service."""
        return next((image for image in self.images if image.service == service), None)


@dataclass(frozen=True)
class Owner:
    """Who runs a transaction: a person on a controller, and the process of Ansible there.

    `token` is a random text of the run, where the controller cannot tell the process.
    """

    person: str
    controller: str
    boot: str
    process: str
    started: str
    token: str = ""

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Out of `person@controller:boot:process:started:token`; what is missing is empty."""
        who, _colon, rest = text.partition(":")
        person, _at, controller = who.rpartition("@")
        parts = (*rest.split(":"), "", "", "", "")
        return cls(person, controller, *parts[:4])

    @property
    def one_run(self) -> bool:
        """Whether no other run has the same text."""
        return bool((self.process and self.started) or self.token)

    def __str__(self) -> str:
        return f"{self.person or 'somebody'} on {self.controller or 'an unknown controller'}, process {self.process or '?'}"


@dataclass(frozen=True)
class Ended:
    """The last transaction that was closed: the release that ran then, 0 without one. `requested`: a rollback led there."""

    release: int = 0
    requested: bool = False


@dataclass(frozen=True)
class Transaction:
    """A journal that is not closed. Times are seconds since the epoch; `back_to` is the number of a release.

    `requested`: a person asked for the rollback, so its end is a success. `cause` is why it turned back else.
    """

    run: str
    owner: str
    began: float
    last: float
    direction: str
    target: Tuple[ServiceImage, ...]
    back_to: int
    requested: bool
    begun: FrozenSet[str]
    done: FrozenSet[str]
    started: str
    info: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""

    @property
    def reached(self) -> str:
        """Its last step, for a sentence."""
        begun = [step for step in (*FORWARD_STEPS, *BACK_STEPS) if step in self.begun]
        last = self.started or (begun[-1] if begun else "")
        return f"its last step is {last}" if last else "no step has begun"

    @property
    def data_touched(self) -> bool:
        """Whether the database must go back, too: a release that boots pushes its schema and accepts the loss of data."""
        return self.requested or "recreate" in self.begun
