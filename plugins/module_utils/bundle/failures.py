# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What failed, so that the same is not built for minutes, or served to everybody, to fail once more."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import error

# Of these, the same inputs are the reason. A full disk or a busy lock is none.
REMEMBERED = (
    "frontend-build-failed",
    "frontend-build-out-of-memory",
    "frontend-build-timed-out",
    "frontend-not-starting",
)
_LONGEST = 8000


@dataclass(frozen=True)
class Failure:
    """`inputs` is the digest of what was built; empty beside a release, which was built and failed in its stack."""

    inputs: str
    moment: str
    reason: str


def remember_build(store: Store, inputs: str, problem: Refused, moment: str) -> None:
    """Only who holds the store's lock may call it."""
    found = next((item for item in problem.findings if item.code in REMEMBERED), None)
    if found is not None:
        _write(store, "", Failure(inputs, moment, f"[{found.code}] {found.evidence.rstrip()}"))


def remember_release(store: Store, name: str, reason: str, moment: str) -> None:
    """Only who holds the store's lock may call it."""
    _write(store, name, Failure("", moment, reason.rstrip()))


def _write(store: Store, name: str, failure: Failure) -> None:
    failure = Failure(failure.inputs, failure.moment, failure.reason[:_LONGEST])
    store.records.write_failure(name, json.dumps(asdict(failure), indent=1) + "\n")


def _read(store: Store, name: str) -> Optional[Failure]:
    try:
        return Failure(**{key: str(value) for key, value in json.loads(store.records.failure(name)).items()})
    except (ValueError, TypeError, AttributeError):
        return None


def refuse_again(store: Store, inputs: str, release: str, image: str) -> None:
    """`release` is the one that is there already, if it is. Raises Refused."""
    found = _read(store, release)
    if found is None or (not release and found.inputs != inputs):
        return
    what = "did not pass the gate" if release else "could not be built"
    evidence = (
        f"with the same inputs it {what} at {found.moment}, and nothing was tried again. Then: {found.reason}\n   "
    )
    remedy = "correct the patch; or, if the reason lay elsewhere and is gone, try again: retry, -e frontend_retry=true."
    raise Refused((error("frontend-failed-before", image, evidence, remedy),))
