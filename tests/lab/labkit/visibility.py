"""A Temporal without Elasticsearch, for as long as a question takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from docker import DockerClient
from docker.models.containers import Container

from labkit.paths import MADE
from labkit.waiting import wait_for

NAME = "postiz-lab-visibility"
DATABASE = "postiz-lab/postgres:16"
SERVER = "postiz-lab/temporal-auto-setup:1.28.1"
START_SECONDS = 120


@contextmanager
def sql_visibility(client: DockerClient) -> Iterator[Callable[[str], tuple[int, str]]]:
    """A function that creates a Text search attribute: exit code and text of the CLI."""
    network = client.networks.create(NAME, labels=MADE)
    started: list[Container] = []

    def start(image: str, name: str, environment: dict[str, str]) -> Container:
        container = client.containers.run(
            image,
            name=f"{NAME}-{name}",
            hostname=name,
            environment=environment,
            labels=MADE,
            network=NAME,
            detach=True,
        )
        started.append(container)
        return container

    try:
        database = start(DATABASE, "database", {"POSTGRES_USER": "temporal", "POSTGRES_PASSWORD": "temporal"})
        network.reload()
        environment = {
            "DB": "postgres12",
            "DB_PORT": "5432",
            "POSTGRES_SEEDS": database.name or "",
            "POSTGRES_USER": "temporal",
            "POSTGRES_PWD": "temporal",
        }
        server = start(SERVER, "temporal", environment)
        wait_for("the namespace", lambda: _cli(server, "search-attribute", "list")[0] == 0, START_SECONDS, 1)
        yield lambda name: _cli(server, "search-attribute", "create", "--name", name, "--type", "Text")
    finally:
        for container in started:
            container.remove(force=True, v=True)
        network.remove()


def _cli(server: Container, *words: str) -> tuple[int, str]:
    result = server.exec_run(["temporal", "operator", *words, "--address", "temporal:7233"])
    output: Any = result.output
    return int(result.exit_code or 0), output.decode(errors="replace")
