# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of what a Docker Engine reports, and the adapter's interface. No I/O here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.acts import EngineActs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import EngineArchives
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.images import EngineImages
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.jobs import EngineJobs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.lifecycle import EngineLifecycle
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.streams import EngineStreams

LABEL_PROJECT = "com.docker.compose.project"
LABEL_SERVICE = "com.docker.compose.service"
LABEL_DIRECTORY = "com.docker.compose.project.working_dir"
LABEL_ONE_OFF = "com.docker.compose.oneoff"
LABEL_VOLUME = "com.docker.compose.volume"
LABEL_CONFIG_FILES = "com.docker.compose.project.config_files"
LABEL_ENVIRONMENT_FILE = "com.docker.compose.project.environment_file"


@dataclass(frozen=True)
class EngineInfo:
    """`memory_bytes` is the memory of the machine that runs the engine."""

    version: str
    api_version: str
    architecture: str
    memory_bytes: int
    root_directory: str


@dataclass(frozen=True)
class PublishedPort:
    """A container port that is published on the host."""

    address: str
    port: int
    container_port: int


@dataclass(frozen=True)
class Mount:
    """`name` is a volume's name, empty for bind mounts."""

    kind: str
    name: str
    destination: str
    source: str = ""
    writable: bool = True

    @property
    def anonymous(self) -> bool:
        """Docker names anonymous volumes with 64 hexadecimal digits."""
        return self.kind == "volume" and len(self.name) == 64 and all(c in "0123456789abcdef" for c in self.name)


@dataclass(frozen=True)
class Container:
    """A container as the engine's list shows it; `state` is created, running, exited …"""

    identifier: str
    name: str
    image: str
    state: str
    status: str
    labels: Mapping[str, str]
    ports: Tuple[PublishedPort, ...]
    mounts: Tuple[Mount, ...]
    image_identifier: str = ""
    networks: Tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """Compose project, empty for containers that Compose did not make."""
        return self.labels.get(LABEL_PROJECT, "")

    @property
    def service(self) -> str:
        """Compose service."""
        return self.labels.get(LABEL_SERVICE, "")

    @property
    def directory(self) -> str:
        """Directory of the Compose project."""
        return self.labels.get(LABEL_DIRECTORY, "")

    @property
    def one_off(self) -> bool:
        """Made by `docker compose run`, so no part of the stack."""
        return self.labels.get(LABEL_ONE_OFF, "False") == "True"


@dataclass(frozen=True)
class HealthProbe:
    """One run of a health check; `ended_at` is ISO 8601 UTC."""

    ended_at: str
    exit_code: int
    output: str


@dataclass(frozen=True)
class ContainerDetail:
    """What only an inspection shows. `health` is empty without a health check; times are ISO 8601 UTC.

    `restarts` counts what the restart policy did since somebody last started the container. `oom_killed` of older
    engines is about the main process only. `probes` are the engine's last five, oldest first.
    """

    environment: Mapping[str, str]
    health: str
    health_output: str
    exit_code: int
    restarts: int
    oom_killed: bool
    started_at: str
    error: str
    address: str
    state: str = ""
    finished_at: str = ""
    hostname: str = ""
    pid: int = 0
    restart_policy: str = ""
    has_healthcheck: bool = False
    probes: Tuple[HealthProbe, ...] = ()
    terminal: bool = False
    exposes_ports: bool = False
    log_driver: str = ""
    stop_seconds: int = 10


@dataclass(frozen=True)
class ContainerEvent:
    """Something happened to a container; `action` is create, start, die, oom, pause, unpause, destroy, health_status …"""

    identifier: str
    action: str


class EngineEvents(ABC):
    """Events of one project's containers, from the moment of its creation; close it when done."""

    @abstractmethod
    def next(self, timeout_seconds: float) -> Optional[ContainerEvent]:
        """The next event, or None when the time is up. Raises EngineLost when the engine has gone away."""

    @abstractmethod
    def close(self) -> None:
        """End the subscription."""


@dataclass(frozen=True)
class Volume:
    """A volume; `path` is where its files lie on the engine's host."""

    name: str
    labels: Mapping[str, str]
    driver: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    path: str = ""

    @property
    def project(self) -> str:
        """Compose project that made it."""
        return self.labels.get(LABEL_PROJECT, "")


@dataclass(frozen=True)
class ImageConfig:
    """What an image starts when nothing overrides it. `digests` are those under which a registry knows it."""

    identifier: str
    entrypoint: Tuple[str, ...]
    command: Tuple[str, ...]
    digests: Tuple[str, ...] = ()


@dataclass(frozen=True)
class ExecResult:
    """What a program in a container answered. `exit_code` is None when the deadline passed before it ended."""

    exit_code: Optional[int]
    stdout: bytes
    stderr: bytes

    @property
    def timed_out(self) -> bool:
        """Whether it was given up at the deadline."""
        return self.exit_code is None


class Engine(ABC):
    """Everything that the collection asks an engine. All methods raise `StackError`.

    Nothing here changes a thing but what `acts`, `lifecycle`, `jobs`, `images` and `streams` hand out; `execute` does what its
    program does.
    """

    @abstractmethod
    def info(self) -> EngineInfo:
        """Version and size of the engine."""

    @abstractmethod
    def containers(self) -> Tuple[Container, ...]:
        """All containers, of all projects, also stopped ones."""

    @abstractmethod
    def project_containers(self, project: str) -> Tuple[Container, ...]:
        """Containers of one Compose project, also stopped ones, without those of `docker compose run`."""

    @abstractmethod
    def events(self, project: str) -> EngineEvents:
        """Subscribe to what happens to a project's containers."""

    @abstractmethod
    def detail(self, identifier: str) -> ContainerDetail:
        """Inspection of one container. Raises ContainerGone if it does not exist any more."""

    @abstractmethod
    def log_tail(self, identifier: str, lines: int, since: Optional[float] = None) -> str:
        """The last lines of a container's log, stdout and stderr mixed; `since` is seconds since the epoch."""

    @abstractmethod
    def execute(
        self, identifier: str, argv: Sequence[str], timeout_seconds: float, max_bytes: int = 8 << 20
    ) -> ExecResult:
        """Run a program in a running container, without a shell, with a hard deadline.

        Raises ContainerNotRunning or ContainerGone if it is none, or none any more.
        Output beyond `max_bytes` of each stream is dropped. A program that outlives the deadline is not killed by the
        engine (it has no call for that): let the program limit itself too.
        """

    @abstractmethod
    def files(self, identifier: str, path: str, max_bytes: int) -> Mapping[str, bytes]:
        """Content of a file, or of all files below a folder, of a container that may be stopped; by their names.

        Empty if there is no such path. Raises EngineFailed beyond `max_bytes`.
        """

    @abstractmethod
    def volumes(self) -> Tuple[Volume, ...]:
        """All named volumes."""

    @abstractmethod
    def image(self, name: str) -> Optional[ImageConfig]:
        """An image on the host, or None."""

    @abstractmethod
    def archives(self) -> EngineArchives:
        """Whole folders of containers and images."""

    @abstractmethod
    def acts(self) -> EngineActs:
        """What starts, stops and freezes containers."""

    @abstractmethod
    def images(self) -> EngineImages:
        """Images by name, and what registries say of them."""

    @abstractmethod
    def streams(self) -> EngineStreams:
        """Programs and archives whose data is larger than memory."""

    @abstractmethod
    def lifecycle(self) -> EngineLifecycle:
        """What makes and removes containers, volumes and networks."""

    @abstractmethod
    def jobs(self) -> EngineJobs:
        """Throw-away containers."""

    @abstractmethod
    def pull_obstacle(self, name: str) -> Optional[str]:
        """Why the registry would not give this image, or None if it would."""
