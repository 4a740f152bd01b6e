# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a project that is to be backed up. The only reading of the engine and of the host's folders; changes nothing."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple
from urllib.parse import SplitResult, unquote, urlsplit

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import ServiceImage
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import (
    Elsewhere,
    Place,
    Project,
    SeenServer,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.rules import DATABASE_FOLDER
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    LABEL_VOLUME,
    Container,
    ContainerDetail,
    Engine,
    Mount,
    Volume,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.envfile import MalformedEnvFile, parse

LABEL_FILES = "com.docker.compose.project.config_files"
_PASSWORD_FILE_BYTES = 4096
_SECRETS = ("STACK_JWT_SECRET", "JWT_SECRET")


def observe(engine: Engine, project: str, service: str) -> Project:
    """Raises BadInput for a project without containers, EngineFailed."""
    containers = engine.project_containers(project)
    if not containers:
        stacks = ", ".join(sorted({item.project for item in engine.containers() if item.project})) or "none"
        raise BadInput(
            f"The Compose project {project!r} has no container on this engine. Projects that have: {stacks}.",
            "correct the project name.",
        )
    details = {item.identifier: engine.detail(item.identifier) for item in containers}
    postiz = tuple(item for item in containers if item.service == service)
    if not postiz:
        services = ", ".join(sorted({item.service for item in containers}))
        raise BadInput(
            f"The project {project!r} has no container of a service {service!r}. Its services: {services}.",
            "correct service.",
        )
    volumes = {item.name: item for item in engine.volumes()}
    servers = tuple(_servers(engine, containers, details))
    places = tuple(_places(containers, volumes, service, {item.container for item in servers}))
    mounted = {item.volume.name for item in places if item.volume is not None}
    environment = details[postiz[0].identifier].environment
    directory = next((item.directory for item in containers if item.directory), "")
    env_path = os.path.join(directory, ".env") if directory else ""
    return Project(
        name=project,
        service=service,
        containers=containers,
        postiz=postiz,
        directory=directory,
        compose_files=_compose_files(containers),
        env_paths=_env_files(directory),
        images=tuple(_images(engine, containers)),
        places=places,
        unused=tuple(item for item in volumes.values() if item.project == project and item.name not in mounted),
        servers=servers,
        elsewhere=(*_elsewhere(containers, environment), *_files_elsewhere(directory, _compose_files(containers))),
        version=environment.get("NEXT_PUBLIC_VERSION", ""),
        temporal_address=environment.get("TEMPORAL_ADDRESS", ""),
        temporal_namespace=environment.get("TEMPORAL_NAMESPACE", ""),
        jwt_secret=environment.get("JWT_SECRET") or jwt_secret_of(env_path),
    )


def _env_files(directory: str) -> Tuple[str, ...]:
    """.env, and what a service may read as env_file beside it."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".env")) if directory else []
    except OSError:
        return ()
    return tuple(path for path in (os.path.join(directory, name) for name in names) if os.path.isfile(path))


def jwt_secret_of(env_path: str) -> str:
    """The secret in an .env, empty if there is none."""
    try:
        with open(env_path, encoding="utf-8") as stream:
            values = parse(stream.read())
    except (OSError, UnicodeDecodeError, MalformedEnvFile):
        return ""
    return next((values[name] for name in _SECRETS if values.get(name)), "")


def _compose_files(containers: Sequence[Container]) -> Tuple[str, ...]:
    for container in containers:
        names = container.labels.get(LABEL_FILES, "")
        if names:
            return tuple(name for name in names.split(",") if name)
    return ()


def _images(engine: Engine, containers: Sequence[Container]) -> Iterator[ServiceImage]:
    seen: Dict[str, Tuple[str, ...]] = {}
    done = set()
    for container in sorted(containers, key=lambda item: item.service):
        if container.service in done:
            continue
        done.add(container.service)
        if container.image_identifier not in seen:
            found = engine.image(container.image_identifier)
            seen[container.image_identifier] = found.digests if found is not None else ()
        yield ServiceImage(
            container.service, container.image, container.image_identifier, seen[container.image_identifier]
        )


def is_server(detail: ContainerDetail, container: Container) -> bool:
    """Whether a container runs PostgreSQL; Temporal's own has settings of the same names."""
    environment = detail.environment
    return "POSTGRES_SEEDS" not in environment and (
        "PG_MAJOR" in environment
        or "PGDATA" in environment
        or any(_below(mount.destination, DATABASE_FOLDER) for mount in container.mounts)
    )


def _servers(
    engine: Engine, containers: Sequence[Container], details: Mapping[str, ContainerDetail]
) -> Iterator[SeenServer]:
    for container in containers:
        detail = details[container.identifier]
        if not is_server(detail, container):
            continue
        place = next((item for item in container.mounts if _below(item.destination, DATABASE_FOLDER)), None)
        yield SeenServer(
            service=container.service,
            container=container.identifier,
            image=container.image,
            image_id=container.image_identifier,
            running=container.state == "running",
            address=detail.address,
            user=detail.environment.get("POSTGRES_USER") or "postgres",
            place=_key(container, place) if place is not None else "",
            passwords=tuple(_passwords(engine, container, detail, details)),
        )


def _passwords(
    engine: Engine, container: Container, detail: ContainerDetail, details: Mapping[str, ContainerDetail]
) -> Iterator[str]:
    """What the server was made with, then what its clients use: it may have been changed since."""
    found: List[str] = [detail.environment.get("POSTGRES_PASSWORD", "")]
    path = detail.environment.get("POSTGRES_PASSWORD_FILE", "")
    if path:
        content = engine.files(container.identifier, path, _PASSWORD_FILE_BYTES)
        found += [text.decode("utf-8", "replace").strip() for text in content.values()]
    for other in details.values():
        url = _url(other.environment.get("DATABASE_URL", ""))
        if url is not None and url.hostname in (container.service, container.name):
            found.append(unquote(url.password or ""))
        if other.environment.get("POSTGRES_SEEDS") in (container.service, container.name):
            found.append(other.environment.get("POSTGRES_PWD", ""))
    return iter(dict.fromkeys(item for item in found if item))


def _url(text: str) -> Optional[SplitResult]:
    """None for what is no URL."""
    try:
        return urlsplit(text) if "://" in text else None
    except ValueError:
        return None


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def _key(container: Container, mount: Mount, volume: Optional[Volume] = None) -> str:
    label = (volume.labels if volume is not None else {}).get(LABEL_VOLUME, "")
    if label:
        return label
    if mount.kind == "volume" and not mount.anonymous:
        prefix = f"{container.project}_"
        return mount.name[len(prefix) :] if mount.name.startswith(prefix) else mount.name
    return f"{container.service}{mount.destination.rstrip('/').replace('/', '-')}"


def _places(
    containers: Sequence[Container], volumes: Mapping[str, Volume], service: str, servers: Set[str]
) -> Iterator[Place]:
    seen = set()
    for container in containers:
        for mount in container.mounts:
            if mount.kind not in ("volume", "bind"):
                continue
            same = mount.name or mount.source
            if same in seen:
                continue
            seen.add(same)
            volume = volumes.get(mount.name) if mount.kind == "volume" else None
            yield Place(
                key=_key(container, mount, volume),
                service=container.service,
                image=container.image,
                destination=mount.destination,
                of_postiz=container.service == service,
                of_server=container.identifier in servers and _below(mount.destination, DATABASE_FOLDER),
                container=container.identifier,
                running=container.state == "running",
                volume=volume or (Volume(mount.name, {}) if mount.kind == "volume" else None),
                anonymous=mount.anonymous,
                bind=mount.source if mount.kind == "bind" else "",
                writable=mount.writable,
            )


def _elsewhere(containers: Sequence[Container], environment: Mapping[str, str]) -> Iterator[Elsewhere]:
    names = {item.service for item in containers} | {item.name for item in containers}
    url = _url(environment.get("DATABASE_URL", ""))
    host = url.hostname if url is not None else None
    if url is not None and host and host not in names:
        name = f"database:{host}/{url.path.strip('/')}"
        yield Elsewhere(name, f"Postiz keeps its posts on {host}, which is no container of the project.")
    address = environment.get("TEMPORAL_ADDRESS", "")
    host = urlsplit(f"//{address}").hostname if address else None
    if host and host not in names:
        yield Elsewhere(
            f"temporal:{address}", f"Postiz' workflows lie on {address}, which is no container of the project."
        )


def _files_elsewhere(directory: str, compose_files: Sequence[str]) -> Iterator[Elsewhere]:
    top = directory.rstrip("/") + "/"
    for path in compose_files:
        if not path.startswith(top):
            yield Elsewhere(
                f"file:{path}", f"The compose file {path} lies outside of the project's directory {directory}."
            )
        elif not os.path.isfile(path):
            yield Elsewhere(f"file:{path}", f"The compose file {path} is not on this host.")
