"""Removing what the lab created; labels decide, never a name.

Volumes and networks have no labels but those that they were made with. A container inherits its image's: whoever makes one
of the lab's images has LABEL on it, too. So a container is this checkout's if it says so itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound

from labkit import social
from labkit.errors import LabError
from labkit.paths import CHECKOUT_LABEL, FAULTS, LABEL, REPOSITORY, STACKS
from labkit.stack import PROJECT_LABEL, Stack

OURS = f"{LABEL}=true"
MINE = f"{CHECKOUT_LABEL}={REPOSITORY}"
STOP_FIRST = ("postiz", "temporal-ui", "temporal-admin-tools", "temporal")
"""In this order, then the databases."""
STOP_SECONDS = 20
CONFLICT = 409


@dataclass(frozen=True)
class Removed:
    """How many of each were removed."""

    containers: int
    volumes: int
    networks: int
    images: int = 0

    def __str__(self) -> str:
        counts = {
            "containers": self.containers,
            "volumes": self.volumes,
            "networks": self.networks,
            "images": self.images,
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing"


def remove_stack(stack: Stack, volumes: bool) -> Removed:
    """Containers and networks of one project; with ``volumes`` its data, its directory and its fault records."""
    labels = [OURS, f"{PROJECT_LABEL}={stack.project}"]
    found = stack.containers()
    for service in sorted(found, key=lambda name: STOP_FIRST.index(name) if name in STOP_FIRST else len(STOP_FIRST)):
        found[service].stop(timeout=STOP_SECONDS)
    removed = _remove(stack.client, labels, labels, volumes)
    if volumes:
        _delete(stack.folder)
        _delete(FAULTS / stack.project)
    return removed


def remove_all(client: DockerClient, images: bool, every_checkout: bool) -> Removed:
    """What this checkout made, and the directories of its stacks; with ``every_checkout`` all that has the lab's label.

    The social network is shared: it stays while another checkout's containers may use it.
    """
    kept = () if every_checkout or not left_alone(client) else (social.NAME,)
    removed = _remove(client, [OURS] if every_checkout else [OURS, MINE], [OURS], True, every_checkout, kept)
    _delete(STACKS)
    _delete(FAULTS)
    if not images:
        return removed
    return Removed(removed.containers, removed.volumes, removed.networks, _remove_images(client))


def left_alone(client: DockerClient) -> list[str]:
    """Names of containers with the lab's label that this checkout did not make."""
    found = client.containers.list(all=True, filters={"label": OURS}, ignore_removed=True)
    return sorted(str(item.name) for item in found if item.labels.get(CHECKOUT_LABEL) != str(REPOSITORY))


def _remove(
    client: DockerClient,
    of_containers: list[str],
    of_the_rest: list[str],
    volumes: bool,
    every_checkout: bool = True,
    kept: tuple[str, ...] = (),
) -> Removed:
    def mine(labels: Mapping[str, str] | None) -> bool:
        return every_checkout or (labels or {}).get(CHECKOUT_LABEL, str(REPOSITORY)) == str(REPOSITORY)

    found = client.containers.list(all=True, filters={"label": of_containers}, ignore_removed=True)
    found = [item for item in found if item.name not in kept]
    for container in found:
        _quietly(container.remove, force=True, v=volumes)
    networks = [
        item
        for item in client.networks.list(filters={"label": of_the_rest})
        if item.name not in kept and mine(item.attrs.get("Labels"))
    ]
    for network in networks:
        _quietly(network.remove)
    data = [
        item
        for item in (client.volumes.list(filters={"label": of_the_rest}) if volumes else [])
        if item.name not in kept and mine(item.attrs.get("Labels"))
    ]
    for volume in data:
        _quietly(volume.remove)
    return Removed(len(found), len(data), len(networks))


def _remove_images(client: DockerClient) -> int:
    """Children before parents: whatever is still in the way of another goes in an earlier round."""
    left = [str(image.id) for image in client.images.list(filters={"label": OURS})]
    count = len(left)
    while left:
        blocked = [image for image in left if not _image_removed(client, image)]
        if len(blocked) == len(left):
            raise LabError(
                f"images in use by something that is not the lab's: {', '.join(blocked)}. Remove its containers first."
            )
        left = blocked
    return count


def _image_removed(client: DockerClient, image: str) -> bool:
    try:
        client.images.remove(image, force=True)
    except NotFound:
        return True
    except APIError as error:
        if error.status_code != CONFLICT:
            raise
        return False
    return True


def _quietly(remove: Any, *words: str, **options: bool) -> None:
    """Remove what may have gone by itself in the meantime."""
    try:
        remove(*words, **options)
    except NotFound:
        return
    except APIError as error:
        raise LabError(
            f"not everything could be removed: {error.explanation}. Remove what uses it, then run this again."
        ) from error


def _delete(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
