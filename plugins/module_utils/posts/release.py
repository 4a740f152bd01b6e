# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which workflow type the installed release starts for a post. Read from its own files, never assumed.

Upstream keeps older types registered and starts the newest; a type that its worker does not register fails for ever.
"""

from __future__ import annotations

import re
from typing import FrozenSet, Iterable

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

_SERVICE = "/app/libraries/nestjs-libraries/src/database/prisma/posts"
_WORKFLOWS = "/app/apps/orchestrator/src/workflows"
_MAX_BYTES = 8 << 20
_TYPE = re.compile(rb"\bpostWorkflowV\d+\b")


class TypeUnknown(StackError):
    """The release does not tell which workflow it starts."""


def workflow_type(engine: Engine, identifier: str) -> str:
    """Out of a container of Postiz, which may be stopped. Raises TypeUnknown, or EngineFailed."""
    service = engine.files(identifier, _SERVICE, _MAX_BYTES)
    return choose(
        _types(content for name, content in service.items() if name.rpartition("/")[2].startswith("posts.service.")),
        _types(engine.files(identifier, _WORKFLOWS, _MAX_BYTES).values()),
    )


def choose(started: FrozenSet[str], registered: FrozenSet[str]) -> str:
    """The type that is both started by the backend and registered by the worker. Raises TypeUnknown."""
    both = sorted(started & registered, key=_number)
    if both:
        return both[-1]
    raise TypeUnknown(
        "The workflow type of this release could not be found out "
        f"(its backend starts {_text(started)}, its worker registers {_text(registered)}).",
        "look whether the image is a Postiz from 2.12.0 on; posts can be held or moved in its own calendar.",
    )


def _types(contents: Iterable[bytes]) -> FrozenSet[str]:
    return frozenset(match.decode() for content in contents for match in _TYPE.findall(content))


def _number(name: str) -> int:
    return int(name.rpartition("V")[2])


def _text(names: FrozenSet[str]) -> str:
    return ", ".join(sorted(names, key=_number)) or "none"
