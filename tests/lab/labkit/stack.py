"""A running stack, found by the labels that Compose puts on its containers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from docker import DockerClient
from docker.errors import DockerException
from docker.models.containers import Container

from labkit.errors import LabError
from labkit.paths import LABEL, STACKS
from labkit.waiting import wait_for

DEFAULT_PROJECT = "postiz-lab"
SERVICES = (
    "postiz",
    "postiz-postgres",
    "postiz-redis",
    "spotlight",
    "temporal-elasticsearch",
    "temporal-postgresql",
    "temporal",
    "temporal-admin-tools",
    "temporal-ui",
)
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
POSTIZ_PORT = "5000/tcp"


@dataclass(frozen=True)
class Output:
    """What a program in a container answered; ``text`` is both its streams."""

    code: int
    text: str


@dataclass(frozen=True)
class Stack:
    """One Compose project of the lab."""

    client: DockerClient
    project: str = DEFAULT_PROJECT

    @property
    def folder(self) -> Path:
        """The stack's directory: compose file, secrets, state."""
        return STACKS / self.project

    def containers(self) -> dict[str, Container]:
        """Containers by service, stopped ones too; only those with the lab's label."""
        wanted: dict[str, Any] = {"label": [f"{PROJECT_LABEL}={self.project}", f"{LABEL}=true"]}
        found = self.client.containers.list(all=True, filters=wanted, ignore_removed=True)
        return {container.labels[SERVICE_LABEL]: container for container in found}

    def container(self, service: str) -> Container:
        """The container of a service."""
        found = self.containers().get(service)
        if found is None:
            raise LabError(f"the stack {self.project} has no container of {service}. Start it: tests/lab/lab up")
        return found

    def state(self, service: str) -> tuple[str, str]:
        """State and health of a service, as the engine says it; health is '' without a health check."""
        state = self.container(service).attrs["State"]
        return str(state["Status"]), str(state.get("Health", {}).get("Status", ""))

    def is_up(self) -> bool:
        """Whether every container runs and none is unhealthy or starting."""
        found = self.containers()
        return "postiz" in found and all(
            container.status == "running"
            and container.attrs["State"].get("Health", {}).get("Status", "healthy") == "healthy"
            for container in found.values()
        )

    def wait_healthy(self, service: str, seconds: float = 300) -> None:
        """Wait until the engine calls a service healthy."""
        wait_for(f"{service} healthy", lambda: self.state(service) == ("running", "healthy"), seconds)

    def run(self, service: str, *words: str, seconds: int = 60, check: bool = True) -> Output:
        """Run a program in a service's container; one that takes longer is ended (code 124)."""
        command = ["timeout", "-k", "5", str(seconds), *words]
        result = self.container(service).exec_run(command)
        answer: Any = result.output
        output = Output(int(result.exit_code or 0), answer.decode(errors="replace"))
        if check and output.code:
            raise LabError(
                f"in {service}: `{' '.join(words)}` ended with {output.code}:\n{output.text.strip()[-2000:]}"
            )
        return output

    def environment(self, service: str) -> dict[str, str]:
        """The container's environment."""
        pairs = self.container(service).attrs["Config"]["Env"] or []
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def address(self, service: str) -> str:
        """An address of the container that this machine reaches without a published port."""
        networks = self.container(service).attrs["NetworkSettings"]["Networks"].values()
        found = next((network["IPAddress"] for network in networks if network["IPAddress"]), None)
        if found is None:
            raise LabError(
                f"{service} of {self.project} has no network address; is it running? See: tests/lab/lab status"
            )
        return str(found)

    def url(self) -> str:
        """Where Postiz is published on this machine."""
        return self.published("postiz", POSTIZ_PORT)

    def published(self, service: str, port: str) -> str:
        """URL of a published port."""
        bindings = self.container(service).attrs["NetworkSettings"]["Ports"].get(port)
        if not bindings:
            raise LabError(
                f"{service} of {self.project} publishes no port {port}; is it running? See: tests/lab/lab status"
            )
        return f"http://{bindings[0]['HostIp'] or '127.0.0.1'}:{bindings[0]['HostPort']}"

    @contextmanager
    def database(self) -> Iterator[Any]:
        """A cursor in Postiz' database; committed at the end."""
        environment = self.environment("postiz-postgres")
        connection = psycopg2.connect(
            host=self.address("postiz-postgres"),
            user=environment["POSTGRES_USER"],
            password=environment["POSTGRES_PASSWORD"],
            dbname=environment["POSTGRES_DB"],
            connect_timeout=10,
        )
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query in Postiz' database."""
        with self.database() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def change(self, statement: str, *values: object) -> int:
        """Run a statement in Postiz' database; how many rows it touched."""
        with self.database() as cursor:
            cursor.execute(statement, values)
            return int(cursor.rowcount)


def connect(project: str = DEFAULT_PROJECT) -> Stack:
    """The stack on the engine that answers here."""
    try:
        client = DockerClient.from_env(timeout=120)
        client.ping()
    except DockerException as error:
        endpoint = os.environ.get("DOCKER_HOST", "the default socket")
        raise LabError(f"no Docker Engine answers at {endpoint}. Prepare one: tests/lab/lab engine") from error
    return Stack(client, project)
