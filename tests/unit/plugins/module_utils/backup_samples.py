"""Backups and projects to judge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import LiveDatabase
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    PARTS,
    Exclusion,
    Manifest,
    SavedDatabase,
    SavedFile,
    SavedVolume,
    Server,
    ServiceImage,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import Place, Project, SeenServer
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Volume
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import Fingerprint

MANIFEST = Manifest(
    project="postiz",
    label="",
    name="20261124T031500Z",
    taken_at="2026-11-24T03:15:00.123Z",
    finished_at="2026-11-24T03:16:00.000Z",
    consistency="paused",
    paused_seconds=0.045,
    directory="/opt/postiz",
    compose_files=("/opt/postiz/compose.yaml",),
    version="v2.23.0",
    service="postiz",
    temporal_address="temporal:7233",
    temporal_namespace="default",
    services=(ServiceImage("postiz", "postiz-app:v2.23.0", "sha256:aa", ("sha256:bb",)),),
    jwt_secret=Fingerprint.of("a secret"),
    servers=(
        Server("postiz-postgres", "17.10", 17, "postgres:17", "sha256:cc", "postiz-user", "postgres-volume", ("x",)),
        Server("temporal-postgresql", "16.14", 16, "postgres:16", "sha256:dd", "temporal", "temporal-postgres-data"),
    ),
    databases=(
        SavedDatabase(
            "temporal-postgresql",
            "temporal",
            "temporal",
            SavedFile("databases/t.dump", 10, "aa"),
            {"public.executions": 2},
        ),
        SavedDatabase(
            "postiz-postgres",
            "postiz-db-local",
            "postiz",
            SavedFile("databases/p.dump", 20, "bb"),
            {"public.Post": 5, "public.Media": 0},
            {"QUEUE": 4, "DRAFT": 1},
            "2026-11-24T03:14:00.000Z",
        ),
    ),
    volumes=(
        SavedVolume(
            key="postiz-uploads",
            name="postiz_postiz-uploads",
            service="postiz",
            destination="/uploads",
            labels={"com.docker.compose.volume": "postiz-uploads"},
            driver="local",
            options={},
            bind="",
            part="uploads",
            entries=3,
            saved=SavedFile("volumes/postiz-uploads.tar", 30, "cc"),
        ),
    ),
    files=(SavedFile("config.tar", 40, "dd"),),
    env="encrypted",
    exclusions=(Exclusion("volume:postiz-redis-data", "a cache"),),
    parts=PARTS,
)

POSTS = LiveDatabase("postiz-postgres", "postiz-db-local", "postiz", 8_000_000, 48)
WORKFLOWS = LiveDatabase("temporal-postgresql", "temporal", "temporal", 9_000_000, 37)
EMPTY = LiveDatabase("postiz-postgres", "postgres", "other", 7_000_000, 0)


def place(key: str, service: str, destination: str, **changes: Any) -> Place:
    """A named volume of a running service."""
    made = Place(
        key=key,
        service=service,
        image=f"registry.example/{service}:1",
        destination=destination,
        of_postiz=service == "postiz",
        of_server=service.endswith(("postgres", "postgresql")),
        container=f"id-{service}",
        running=True,
        volume=Volume(f"postiz_{key}", {}),
    )
    return replace(made, **changes)


def server(service: str, **changes: Any) -> SeenServer:
    """A running PostgreSQL container."""
    return replace(
        SeenServer(service, f"id-{service}", "postgres:17", "sha256:cc", True, "172.18.0.2", "user", "data"), **changes
    )


def project(**changes: Any) -> Project:
    """Upstream's stack."""
    made = Project(
        name="postiz",
        service="postiz",
        containers=(),
        postiz=(),
        directory="/opt/postiz",
        compose_files=("/opt/postiz/compose.yaml",),
        env_paths=("/opt/postiz/.env",),
        images=(),
        places=(
            place("postiz-uploads", "postiz", "/uploads"),
            place("postiz-config", "postiz", "/config/"),
            place("postgres-volume", "postiz-postgres", "/var/lib/postgresql/data"),
            place("postiz-redis-data", "postiz-redis", "/data", image="redis:7.2"),
            place(
                "temporal-elasticsearch-data",
                "temporal-elasticsearch",
                "/usr/share/elasticsearch/data",
                image="elasticsearch:7.17.27",
            ),
        ),
        unused=(),
        servers=(server("postiz-postgres"), server("temporal-postgresql")),
        elsewhere=(),
        version="v2.23.0",
        temporal_address="temporal:7233",
        temporal_namespace="",
    )
    return replace(made, **changes)
