# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the preflight knows of a host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Release
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    EngineInfo,
    ImageConfig,
    Volume,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineAway
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import Transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import WantedPort
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import SecretEvidence

POSTIZ = "postiz"


@dataclass(frozen=True)
class EngineState:
    """What the engine told. Versions are Postiz's: of the container that is there, and of the image that is wanted."""

    info: EngineInfo
    containers: Tuple[Container, ...]
    volumes: Tuple[Volume, ...]
    postiz_image: Optional[ImageConfig]
    missing_images: Tuple[str, ...]
    pull_obstacles: Mapping[str, str]
    image_identifiers: FrozenSet[str] = frozenset()
    version: str = ""
    wanted_version: str = ""


@dataclass(frozen=True)
class HostSnapshot:
    """Everything that was observed. `engine` is None with `engine_problem`; `port_obstacles` by wanted port."""

    engine: Optional[EngineState]
    engine_problem: Optional[EngineAway]
    compose_version: str
    free_bytes: Mapping[str, int]
    port_obstacles: Mapping[WantedPort, str]
    env_file_problem: Optional[str]
    recorded_project: str
    secrets: Tuple[SecretEvidence, ...]
    frontend: Optional[Release] = None
    upgrade: Optional[Transaction] = None
    restore: Optional[Finding] = None
