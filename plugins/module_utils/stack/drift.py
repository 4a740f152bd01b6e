# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Compose would find anything to do. Pure.

Starting Compose to learn that it has nothing to do is most of the time of a run that changes nothing; what it compares
is known: its own hash of each service, the image, its networks, and whether it runs.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Mapping, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container

LABEL_CONFIG_HASH = "com.docker.compose.config-hash"


def parse_hashes(text: str) -> Mapping[str, str]:
    """Out of `docker compose config --hash '*'`: one line for each service, its name and its hash."""
    words = (line.split() for line in text.splitlines())
    return {pair[0]: pair[1] for pair in words if len(pair) == 2}


def expected_networks(compose: Any, project: str) -> Dict[str, FrozenSet[str]]:
    """Names of the engine's networks by service, out of a parsed compose file."""
    declared = compose.get("networks") or {}

    def name(network: str) -> str:
        return str((declared.get(network) or {}).get("name") or f"{project}_{network}")

    services = compose.get("services") or {}
    return {key: frozenset(name(item) for item in entry.get("networks") or ()) for key, entry in services.items()}


def half_made(containers: Sequence[Container]) -> Tuple[Container, ...]:
    """Containers that never ran. Where Compose was killed, they may lack networks, and Compose starts them as they are.

    Compose compares the networks of running containers only. These hold no data yet, so it may make them anew.
    """
    return tuple(container for container in containers if container.state == "created")


def services_differ(
    hashes: Mapping[str, str],
    containers: Sequence[Container],
    images: FrozenSet[str],
    networks: Mapping[str, FrozenSet[str]],
) -> bool:
    """True unless each service of the compose file has one running container, made from exactly what the file says.

    `containers` are those of the project, `images` the identifiers that the wanted images have now: a container of the
    right hash has the right image's name, and an older image if that name was given to another one meanwhile.
    """
    if not hashes or sorted(container.service for container in containers) != sorted(hashes):
        return True
    return any(
        container.state != "running"
        or container.labels.get(LABEL_CONFIG_HASH) != hashes[container.service]
        or container.image_identifier not in images
        or not networks.get(container.service, frozenset()) <= set(container.networks)
        for container in containers
    )
