# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a network has locked the person behind some channels: work flows then, and their posts fail all the same."""

from __future__ import annotations

from typing import Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import Request as Diagnosis
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, ContainerGone, LibraryMissing
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import DatabaseFailed, Overrides
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.advice import ADVICE, CHECKPOINT
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.look import look
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.parameters import Request

# A lock that nobody has met for a day is looked for in the report on posts, not at night.
SINCE_SECONDS = 86400.0
STATEMENT_SECONDS = 10.0


def locked(engine: Engine, diagnosis: Diagnosis) -> Optional[Finding]:
    """The lock, unless every channel behind it has published since; None too if the database does not tell."""
    request = Request(
        project=diagnosis.project,
        service=diagnosis.service,
        since_seconds=SINCE_SECONDS,
        horizon_seconds=0.0,
        database=Overrides("", 0, "", ""),
        organizations=(),
        channels=(),
        providers=(),
        posts=(),
        unaudited=(),
        verified_domains=None,
        statement_seconds=STATEMENT_SECONDS,
        listed=0,
    )
    try:
        seen, _environment = look(engine, request)
    except (BadInput, DatabaseFailed, LibraryMissing, ContainerGone):
        return None
    for cause in seen.causes:
        if cause.code == CHECKPOINT and not cause.over:
            return error(CHECKPOINT, cause.component, cause.evidence, ADVICE[CHECKPOINT].remedy)
    return None
