"""Throw-away containers, with an SDK that only writes down what it is asked for."""

from __future__ import annotations

import io
import tarfile
import time
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_jobs import DockerJobs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.jobs import Job
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, EngineFailed


class Client:
    """Engine with networks and their labels, which warns so when it makes a container."""

    def __init__(self, warnings: tuple[str, ...] = (), networks: dict[str, dict[str, str]] | None = None) -> None:
        self.warnings = warnings
        self.networks = networks or {}
        self.settings: dict[str, Any] = {}
        self.removed: list[str] = []
        self.packed = b""

    def create_host_config(self, **settings: Any) -> dict[str, Any]:
        return settings

    def create_container(self, image: str, command: Any, **settings: Any) -> dict[str, Any]:  # noqa: ARG002
        self.settings = settings["host_config"]
        return {"Id": "4c01", "Warnings": list(self.warnings)}

    def remove_container(self, identifier: str, **_how: Any) -> None:
        self.removed.append(identifier)

    def inspect_network(self, name: str) -> dict[str, Any]:
        if name not in self.networks:
            raise LookupError(name)
        return {"Labels": self.networks[name]}

    def put_archive(self, identifier: str, folder: str, packed: bytes) -> None:  # noqa: ARG002
        self.packed = packed


def create(client: Client, **given: Any) -> str:
    return DockerJobs(client, (LookupError,)).create(Job("postiz:1", ("sh",), {}, "/app", **given))


def test_a_running_stack_comes_first() -> None:
    client = Client()
    assert create(client, memory_bytes=1 << 30) == "4c01"
    assert (client.settings["cpu_shares"], client.settings["oom_score_adj"]) == (128, 1000)


MEMORY = "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded."
SWAP = "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap."
CPU = "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."


@pytest.mark.parametrize(
    ("warning", "given", "told"),
    [
        (MEMORY, {"memory_bytes": 1}, "does not keep the build's limit memory"),
        (CPU, {"cpus": 1.0}, "does not keep the build's limit cpus"),
        (MEMORY, {}, ""),
        (SWAP, {"memory_bytes": 1}, ""),
    ],
)
def test_a_limit_that_the_kernel_lacks(warning: str, given: dict[str, Any], told: str) -> None:
    client = Client((warning,))
    if not told:
        create(client, **given)
        return
    with pytest.raises(EngineFailed, match=told):
        create(client, **given)
    assert client.removed == ["4c01"]


def test_networks_of_stacks_are_refused() -> None:
    client = Client(networks={"builds": {}, "theirs": {"com.docker.compose.project": "postiz"}})
    create(client, network="builds")
    with pytest.raises(BadInput, match="the Compose project postiz"):
        create(client, network="theirs")
    with pytest.raises(EngineFailed, match="find the network none-such"):
        create(client, network="none-such")


def test_patched_files_are_of_now() -> None:
    client = Client()
    DockerJobs(client, ()).put("4c01", "/app", {"a.js": b"x"})
    with tarfile.open(fileobj=io.BytesIO(client.packed)) as tar:
        assert abs(tar.getmember("a.js").mtime - time.time()) < 60
