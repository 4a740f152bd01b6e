"""Removing what the lab created; the label decides, never a name."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound

from labkit.errors import LabError
from labkit.paths import FAULTS, LABEL, STACKS
from labkit.stack import PROJECT_LABEL, Stack

OURS = f"{LABEL}=true"
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
    removed = _remove(stack.client, labels, volumes)
    if volumes:
        _delete(stack.folder)
        _delete(FAULTS / stack.project)
    return removed


def remove_all(client: DockerClient, images: bool) -> Removed:
    """Everything with the lab's label, and the directories of its stacks."""
    removed = _remove(client, [OURS], volumes=True)
    _delete(STACKS)
    _delete(FAULTS)
    if not images:
        return removed
    return Removed(removed.containers, removed.volumes, removed.networks, _remove_images(client))


def _remove(client: DockerClient, labels: list[str], volumes: bool) -> Removed:
    found = client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
    for container in found:
        _quietly(container.remove, force=True, v=volumes)
    networks = client.networks.list(filters={"label": labels})
    for network in networks:
        _quietly(network.remove)
    kept = client.volumes.list(filters={"label": labels}) if volumes else []
    for volume in kept:
        _quietly(volume.remove)
    return Removed(len(found), len(kept), len(networks))


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
