# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine adapter on the `docker` SDK."""

from __future__ import annotations

import math
import os
import time
import traceback
from contextlib import contextmanager
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine import (
    answers,
    archive,
    events,
    exec_refusals,
    exec_stream,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.acts import EngineActs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import EngineArchives
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_acts import DockerActs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_archives import DockerArchives
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_images import DockerImages
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_jobs import DockerJobs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_lifecycle import DockerLifecycle
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_streams import DockerStreams
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.images import EngineImages
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.jobs import EngineJobs
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.lifecycle import EngineLifecycle
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_PROJECT,
    Container,
    ContainerDetail,
    Engine,
    EngineEvents,
    EngineInfo,
    ExecResult,
    ImageConfig,
    Volume,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.streams import EngineStreams
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    ContainerGone,
    EngineFailed,
    EnginePermissionDenied,
    EngineTooOld,
    EngineUnreachable,
    LibraryMissing,
)

try:
    import docker
    import docker.constants
    import docker.errors
    import docker.utils
    from requests.exceptions import RequestException
except ImportError:
    DOCKER_IMPORT_ERROR: Optional[str] = traceback.format_exc()
else:
    DOCKER_IMPORT_ERROR = None

# Engine 20.10: the oldest that the collection is tested with.
OLDEST_API = (1, 41)
# A loaded host may take long to list its containers.
TIMEOUT_SECONDS = 60
# Of a stream on which nothing may happen for long; every wait of this collection is shorter.
_EVENTS_TIMEOUT_SECONDS = 7 * 24 * 3600


def connect(timeout_seconds: float = TIMEOUT_SECONDS, oldest_api: Tuple[int, int] = OLDEST_API) -> Engine:
    """Connect to the engine that DOCKER_HOST names, or to the local socket.

    `timeout_seconds` is the limit of every later call, too. Raises LibraryMissing, EnginePermissionDenied,
    EngineTooOld or EngineUnreachable.
    """
    if DOCKER_IMPORT_ERROR is not None:
        raise LibraryMissing("docker", DOCKER_IMPORT_ERROR)
    address = os.environ.get("DOCKER_HOST") or docker.constants.DEFAULT_UNIX_SOCKET.replace("http+unix://", "unix://")
    try:
        settings = docker.utils.kwargs_from_env()
        client = docker.APIClient(version="auto", timeout=math.ceil(timeout_seconds), **settings)
    except docker.errors.InvalidVersion as problem:
        raise EngineTooOld(f"The engine at {address} is too old: {problem}.", "upgrade the Docker Engine.") from problem
    except (docker.errors.DockerException, RequestException, OSError, ValueError) as problem:
        reason = _plain_reason(problem)
        if isinstance(reason, PermissionError):
            raise EnginePermissionDenied(
                f"The Docker Engine's socket {address} refuses this user.",
                "run with become: true, or add the user to the group docker.",
            ) from problem
        text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
        raise EngineUnreachable(
            f"No Docker Engine answers at {address}: {text}.",
            "install the engine and start it (Debian: apt install docker.io; systemctl start docker), "
            "or set DOCKER_HOST to the engine that is meant.",
        ) from problem
    if tuple(int(part) for part in client.api_version.split(".")) < oldest_api:
        wanted = ".".join(str(part) for part in oldest_api)
        text = f"The engine at {address} speaks API {client.api_version}, and {wanted} (Docker 20.10) is the oldest that works."
        raise EngineTooOld(text, "upgrade the Docker Engine.")
    return DockerEngine(client)


def _plain_reason(problem: BaseException) -> BaseException:
    """The operating system's error inside the wrappings of docker, requests and urllib3; else the outermost one."""
    pending: List[BaseException] = [problem]
    seen: List[BaseException] = []
    while pending:
        current = pending.pop()
        if isinstance(current, OSError) and current.errno is not None:
            return current
        seen.append(current)
        inner = (current.__cause__, current.__context__, *current.args)
        pending.extend(item for item in inner if isinstance(item, BaseException) and item not in seen)
    return problem


@contextmanager
def _asking(question: str) -> Iterator[None]:
    try:
        yield
    except (docker.errors.DockerException, RequestException, OSError) as problem:
        # An error of the engine carries its own words; around them the SDK puts the whole request.
        reason = str(getattr(problem, "explanation", None) or problem).rstrip(".")
        raise EngineFailed(f"The engine could not {question}: {reason}.", "look at the engine's own log.") from problem


def _failures() -> Any:
    return (docker.errors.DockerException, RequestException, OSError)


class DockerEngine(Engine):
    """See `Engine`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def info(self) -> EngineInfo:
        with _asking("describe itself"):
            version = self._client.version()
            info = self._client.info()
        return EngineInfo(
            version=version.get("Version", ""),
            api_version=version.get("ApiVersion", ""),
            architecture=info.get("Architecture", ""),
            memory_bytes=info.get("MemTotal", 0),
            root_directory=info.get("DockerRootDir", ""),
        )

    def containers(self) -> Tuple[Container, ...]:
        with _asking("list its containers"):
            return tuple(answers.container(entry) for entry in self._client.containers(all=True))

    def project_containers(self, project: str) -> Tuple[Container, ...]:
        with _asking("list a project's containers"):
            listed = self._client.containers(all=True, filters={"label": f"{LABEL_PROJECT}={project}"})
        found = (answers.container(entry) for entry in listed)
        return tuple(container for container in found if not container.one_off)

    def events(self, project: str) -> EngineEvents:
        with _asking("tell its events"):
            # A client of its own: the stream stays open for as long as nothing happens.
            settings = docker.utils.kwargs_from_env()
            client = docker.APIClient(version=self._client.api_version, timeout=_EVENTS_TIMEOUT_SECONDS, **settings)
            # The engine answers a moment before it subscribes: `since` fills that gap from its memory.
            filters = dict(events.filters(project))
            since = int(time.time())

            def subscribe() -> Any:
                return client.events(decode=True, filters=filters, since=since)

            return events.StreamEvents(subscribe, self._client.timeout)

    def detail(self, identifier: str) -> ContainerDetail:
        with _asking("inspect a container"):
            try:
                return answers.detail(self._client.inspect_container(identifier))
            except docker.errors.NotFound as problem:
                raise ContainerGone("A container was removed meanwhile.", "look again.") from problem

    def log_tail(self, identifier: str, lines: int, since: Optional[float] = None) -> str:
        with _asking("read a container's log"):
            raw: bytes = self._client.logs(identifier, tail=lines, stdout=True, stderr=True, since=since)
        return raw.decode("utf-8", "replace")

    def execute(
        self, identifier: str, argv: Sequence[str], timeout_seconds: float, max_bytes: int = 8 << 20
    ) -> ExecResult:
        try:
            handle = self._client.exec_create(identifier, list(argv))["Id"]
            stream = self._client.exec_start(handle, socket=True)
            try:
                # The SDK hands out a SocketIO on a local socket, and an SSLSocket on TLS.
                answer = exec_stream.read(getattr(stream, "_sock", stream), timeout_seconds, max_bytes)
            finally:
                stream.close()
            code = self._client.exec_inspect(handle)["ExitCode"] if answer.finished else None
        except _failures() as problem:
            raise exec_refusals.refusal(problem, argv[0]) from problem
        return ExecResult(code, answer.stdout, answer.stderr)

    def files(self, identifier: str, path: str, max_bytes: int) -> Mapping[str, bytes]:
        with _asking("read files of a container"):
            try:
                chunks, _entry = self._client.get_archive(identifier, path)
            except docker.errors.NotFound:
                return {}
            return archive.contents(chunks, max_bytes)

    def volumes(self) -> Tuple[Volume, ...]:
        with _asking("list its volumes"):
            entries = self._client.volumes().get("Volumes") or []
        return tuple(answers.volume(entry) for entry in entries)

    def image(self, name: str) -> Optional[ImageConfig]:
        with _asking("inspect an image"):
            try:
                entry = self._client.inspect_image(name)
            except docker.errors.NotFound:
                return None
        config = entry.get("Config") or {}
        return ImageConfig(
            entry.get("Id", ""),
            tuple(config.get("Entrypoint") or ()),
            tuple(config.get("Cmd") or ()),
            tuple(name.partition("@")[2] for name in entry.get("RepoDigests") or ()),
        )

    def archives(self) -> EngineArchives:
        return DockerArchives(self._client, _failures(), docker.errors.NotFound)

    def streams(self) -> EngineStreams:
        return DockerStreams(self._client, _failures())

    def lifecycle(self) -> EngineLifecycle:
        return DockerLifecycle(self._client, _failures(), docker.errors.NotFound)

    def acts(self) -> EngineActs:
        return DockerActs(self._client, _failures(), docker.errors.NotFound)

    def images(self) -> EngineImages:
        return DockerImages(self._client, _failures(), docker.errors.NotFound)

    def jobs(self) -> EngineJobs:
        return DockerJobs(self._client, (docker.errors.DockerException, RequestException, OSError))

    def pull_obstacle(self, name: str) -> Optional[str]:
        try:
            self._client.inspect_distribution(name)
        except (docker.errors.DockerException, RequestException) as problem:
            return str(getattr(problem, "explanation", None) or problem)
        return None
