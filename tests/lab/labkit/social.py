"""The social network of the lab: the container, its ledger, and how it is told to answer."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from labkit.errors import LabError
from labkit.paths import LABEL, MADE
from labkit.waiting import wait_for

NAME = "postiz-lab-social"
NETWORK = "postiz-lab-social"
VOLUME = "postiz-lab-social"
ALIAS = "social"
IMAGE = "postiz-lab/social:1"
PORT = 4090
URL = f"http://127.0.0.1:{PORT}"
START_SECONDS = 30
VISIBLE = "published"


@dataclass(frozen=True)
class Call:
    """One call of ``publish``: ``published`` is new and visible, ``recognised`` repeats a known key."""

    time: str
    channel: str
    post: str
    attempt: int
    key: str
    outcome: str


@dataclass(frozen=True)
class Judgement:
    """What became of posts that should each be visible once."""

    once: tuple[str, ...]
    lost: tuple[str, ...]
    twice: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Nothing lost, nothing twice."""
        return not self.lost and not self.twice


def judge(calls: Iterable[Call], posts: Iterable[str]) -> Judgement:
    """Count visible publishes of each post."""
    visible = [call.post for call in calls if call.outcome == VISIBLE]
    times = {post: visible.count(post) for post in posts}
    return Judgement(
        tuple(post for post, count in times.items() if count == 1),
        tuple(post for post, count in times.items() if count == 0),
        tuple(post for post, count in times.items() if count > 1),
    )


def ledger(post: str | None = None) -> tuple[Call, ...]:
    """Every call that the network was given, oldest first."""
    entries = request("GET", f"/ledger?postId={post}" if post else "/ledger")
    return tuple(
        Call(e["time"], e["channel"], e["postId"], e["attempt"], e.get("idempotencyKey", ""), e["outcome"])
        for e in entries
    )


def published(post: str) -> int:
    """How often a post is visible."""
    return sum(call.outcome == VISIBLE for call in ledger(post))


def behave(channel: str, **told: object) -> None:
    """Tell a channel how to answer: ``mode`` ok, status, drop, slow or hang; ``status``, ``error``, ``times`` …"""
    request("PUT", f"/behaviour/{channel}", told)


def behave_well() -> None:
    """Every channel publishes again."""
    request("DELETE", "/behaviour")


def request(method: str, path: str, body: object = None) -> Any:
    """A call of the network's own control API."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(URL + path, data=data, method=method), timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise LabError(
            f"social network: {method} {path}: {error.code} {error.read().decode(errors='replace')}"
        ) from error
    except OSError as error:
        raise LabError(f"the social network does not answer at {URL} ({error}). Start it: tests/lab/lab up") from error


def ensure(client: DockerClient) -> Container:
    """The running network, made anew when its image has changed; the ledger is on a volume and stays."""
    labels = MADE
    if not client.networks.list(names=[f"^{NETWORK}$"]):
        client.networks.create(NETWORK, driver="bridge", labels=labels)
    client.volumes.create(VOLUME, labels=labels)
    container = _existing(client)
    if container is None:
        container = client.containers.create(
            IMAGE,
            name=NAME,
            labels=labels,
            volumes={VOLUME: {"bind": "/data", "mode": "rw"}},
            ports={"8080/tcp": ("127.0.0.1", PORT)},
            restart_policy={"Name": "always"},
            network=NETWORK,
            networking_config={NETWORK: client.api.create_endpoint_config(aliases=[ALIAS])},
            init=True,
        )
    container.start()
    wait_for("the social network", _answers, START_SECONDS, 0.2)
    return container


def _existing(client: DockerClient) -> Container | None:
    try:
        container = client.containers.get(NAME)
    except NotFound:
        return None
    if container.labels.get(LABEL) != "true":
        raise LabError(f"a container called {NAME} is not the lab's. Rename or remove it, then run this again.")
    if container.attrs["Image"] == client.images.get(IMAGE).id:
        return container
    container.remove(force=True)
    return None


def _answers() -> bool:
    try:
        return bool(request("GET", "/healthz"))
    except LabError:
        return False
