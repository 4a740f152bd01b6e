"""A registry of the lab: real pulls, digests, and tags that move."""

from __future__ import annotations

import urllib.request

from docker import DockerClient
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container

from labkit import catalog
from labkit.errors import LabError
from labkit.paths import MADE
from labkit.waiting import wait_for

NAME = "postiz-lab-registry"
VOLUME = "postiz-lab-registry"
IMAGE = catalog.REGISTRY
PORT = 4180
HOST = f"127.0.0.1:{PORT}"
REPOSITORY = f"{HOST}/postiz"
START_SECONDS = 30
RELEASES = {
    "v1.0.0": "v1",
    "v2.0.0": "v2",
    "v2.0.1-backend": "broken-backend",
    "v2.0.1-workers": "broken-workers",
    "v2.0.1-schema": "broken-schema",
    "v2.0.1-crash": "broken-crash",
}
"""Tags, and the miniature's release that each stands for."""


def ensure(client: DockerClient) -> Container:
    """The running registry, on the loopback address only: engines need no TLS there. Its data is on a volume and stays."""
    try:
        container = client.containers.get(NAME)
    except NotFound:
        client.volumes.create(VOLUME, labels=MADE)
        container = client.containers.create(
            IMAGE,
            name=NAME,
            labels=MADE,
            volumes={VOLUME: {"bind": "/var/lib/registry", "mode": "rw"}},
            ports={"5000/tcp": ("127.0.0.1", PORT)},
            init=True,
        )
    container.start()
    wait_for("the registry", _answers, START_SECONDS, 0.2)
    return container


def remove(client: DockerClient) -> None:
    """Remove it; what was pushed stays on its volume, which `lab clean` removes."""
    try:
        client.containers.get(NAME).remove(force=True)
    except NotFound:
        return


def image(tag: str) -> str:
    """What a release is called."""
    return f"{REPOSITORY}:{tag}"


def push(client: DockerClient, local: str, tag: str) -> str:
    """Push an image under a tag, which moves if it stood for another one; returns its digest."""
    client.images.get(local).tag(REPOSITORY, tag)
    for line in client.images.push(REPOSITORY, tag, stream=True, decode=True):
        if "error" in line:
            raise LabError(f"{image(tag)} could not be pushed: {line['error']}")
    digests: list[str] = client.images.get(image(tag)).attrs["RepoDigests"]
    return next(digest.partition("@")[2] for digest in digests if digest.startswith(f"{REPOSITORY}@"))


def forget(client: DockerClient, reference: str) -> None:
    """Take a name away from the engine, so that it must be pulled."""
    try:
        client.images.remove(reference)
    except ImageNotFound:
        return


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}/v2/", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
