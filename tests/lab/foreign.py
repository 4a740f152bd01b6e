"""A stack that nobody's role has made: a compose file as people copy it from the application's repository.

Other container names, no boot guard, no health checks but the databases', anonymous volumes below Temporal.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml
from labkit.stack import Stack

PROJECT = "foreign"
PORT, UI_PORT = 4173, 8173
CONTAINERS = {
    "postiz": "social-app",
    "postiz-postgres": "social-db",
    "postiz-redis": "social-cache",
    "temporal": "wf-server",
    "temporal-postgresql": "wf-db",
    "temporal-admin-tools": "wf-tools",
    "temporal-ui": "wf-ui",
}
WITHOUT_HEALTHCHECK = ("postiz", "postiz-redis", "temporal-admin-tools", "temporal-ui")


def compose(own: dict[str, Any]) -> dict[str, Any]:
    """Out of the compose file of a stack of the role; without Elasticsearch, to spare memory."""
    services: dict[str, Any] = {}
    for name, container in CONTAINERS.items():
        service = dict(own["services"][name])
        service["container_name"] = container
        service.pop("restart", None)
        if name in WITHOUT_HEALTHCHECK:
            service.pop("healthcheck", None)
        services[name] = service
    for key in ("entrypoint", "command"):
        services["postiz"].pop(key, None)
    services["postiz"]["volumes"] = ["postiz-uploads:/uploads/"]
    services["postiz"]["ports"] = [f"127.0.0.1:{PORT}:5000"]
    services["temporal-ui"]["ports"] = [f"127.0.0.1:{UI_PORT}:8080"]
    services["temporal-postgresql"]["volumes"] = ["/var/lib/postgresql/data"]
    for name in ("temporal-ui", "temporal-admin-tools", "postiz"):
        services[name]["depends_on"] = [item for item in services[name].get("depends_on", {}) if item in services]
    server = {name: value for name, value in services["temporal"]["environment"].items() if not name.startswith("ES_")}
    server |= {"ENABLE_ES": "false", "SKIP_ADD_CUSTOM_SEARCH_ATTRIBUTES": "true"}
    services["temporal"] |= {"environment": server, "depends_on": ["temporal-postgresql"]}
    labels = own["volumes"]["postgres-volume"]
    volumes = dict.fromkeys(("postgres-volume", "postiz-redis-data", "postiz-uploads"), labels)
    return {"services": services, "volumes": volumes, "networks": own["networks"]}


def write(own: Stack, folder: Path) -> Path:
    """The foreign folder, out of the files of a running stack of the role."""
    folder.mkdir()
    made = compose(yaml.safe_load((own.folder / "compose.yaml").read_text()))
    (folder / "docker-compose.yaml").write_text(yaml.safe_dump(made))
    (folder / ".env").write_text((own.folder / ".env").read_text())
    (folder / "dynamicconfig").mkdir()
    for path in (own.folder / "dynamicconfig").iterdir():
        (folder / "dynamicconfig" / path.name).write_text(path.read_text())
    return folder


def run(folder: Path, *words: str) -> str:
    """`docker compose` in that folder, as its owner would run it."""
    command = ["docker", "compose", "-p", PROJECT, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
