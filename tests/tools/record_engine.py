"""Record what a real engine answers about containers in every state, for the unit tests of the container gate.

    python tests/tools/record_engine.py tests/unit/plugins/module_utils/health/recorded/engine-20.10.json

Speaks to the engine that DOCKER_HOST names. Needs the lab's base image there, and Compose. Leaves nothing behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

BASE = "postiz-lab/base:bookworm"
PROJECT = "gate-recording"
FOREVER = "trap exit TERM; while :; do sleep 1; done"
PORT = 59817
CHECK = {"interval": "1s", "timeout": "2s", "retries": 2, "start_period": "0s"}
SETTLE_SECONDS = 12
# Large, of no use to the gate, and full of the recording machine's paths.
DROPPED = ("GraphDriver", "HostsPath", "HostnamePath", "ResolvConfPath", "LogPath", "AppArmorProfile")
KEPT_HOST_CONFIG = ("RestartPolicy", "LogConfig", "Memory", "OomKillDisable", "NetworkMode")


def checked(test: str, **more: str) -> dict[str, Any]:
    """A service with a health check."""
    return {"healthcheck": {"test": ["CMD-SHELL", test], **CHECK, **more}}


SERVICES: dict[str, dict[str, Any]] = {
    "healthy": checked("echo fine"),
    "unhealthy": checked("echo 'connection refused' >&2; false"),
    "starting": checked("false", start_period="300s"),
    "unchecked": {"healthcheck": {"disable": True}},
    "done": {"command": ["true"], "restart": "no"},
    "failed": {"command": ["sh", "-c", "exit 3"], "restart": "no"},
    "looping": {"command": ["sh", "-c", "exit 1"]},
    # tail keeps the one endless line of /dev/zero in memory.
    "oom": {"command": ["tail", "/dev/zero"], "restart": "no", "mem_limit": "16m"},
    "oom-child": {"command": ["sh", "-c", "tail /dev/zero; exit $$?"], "restart": "no", "mem_limit": "16m"},
    "paused": {},
    "holder": {"ports": [f"127.0.0.1:{PORT}:80"]},
    "port-taken": {"ports": [f"127.0.0.1:{PORT}:80"]},
    "waiting": {**checked("true"), "depends_on": {"unhealthy": {"condition": "service_healthy"}}},
    "waits-for-one-shot": {"depends_on": {"done": {"condition": "service_completed_successfully"}}},
    "terminal": {"tty": True, "restart": "no"},
    "volume": {"volumes": ["/data"]},
}
NOT_STARTED = ("waiting",)


def service(parts: dict[str, Any]) -> dict[str, Any]:
    """With what all of them have."""
    return {
        "image": BASE,
        "command": ["sh", "-c", FOREVER],
        "environment": {"API_TOKEN": "planted-recorded-secret", "MODE": "test"},
        "restart": "unless-stopped",
        "stop_grace_period": "1s",
        **parts,
    }


def trimmed(entry: dict[str, Any]) -> dict[str, Any]:
    """An inspection without what the gate never reads."""
    kept = {name: value for name, value in entry.items() if name not in DROPPED}
    kept["HostConfig"] = {name: entry["HostConfig"].get(name) for name in KEPT_HOST_CONFIG}
    networks = entry["NetworkSettings"]["Networks"].items()
    kept["NetworkSettings"] = {"Networks": {name: {"IPAddress": network["IPAddress"]} for name, network in networks}}
    return kept


def order(entry: dict[str, Any]) -> int:
    """Position in SERVICES: who comes first holds the port."""
    return list(SERVICES).index(entry["Labels"]["com.docker.compose.service"])


def record(client: docker.APIClient) -> dict[str, Any]:
    """Version, list, inspections and events of the project; `now` is seconds since the epoch, at the end."""
    filters = {"label": f"com.docker.compose.project={PROJECT}"}
    # Live: an engine of 20.10 remembers 64 events only, and every health check on the machine makes three.
    stream = client.events(decode=True, filters={"type": "container", **filters})
    events: list[dict[str, Any]] = []
    threading.Thread(target=events.extend, args=(stream,), daemon=True).start()
    for entry in sorted(client.containers(all=True, filters=filters), key=order):
        name = entry["Labels"]["com.docker.compose.service"]
        if name not in NOT_STARTED:
            try:
                client.start(entry["Id"])
            except APIError as problem:
                print(f"{name}: {problem.explanation}", file=sys.stderr)
        if name == "paused":
            client.pause(entry["Id"])
    time.sleep(SETTLE_SECONDS)
    now = time.time()
    listed = sorted(client.containers(all=True, filters=filters), key=order)
    inspected = {entry["Id"]: trimmed(client.inspect_container(entry["Id"])) for entry in listed}
    stream.close()
    version = client.version()
    return {
        "now": now,
        "engine": {"Version": version["Version"], "ApiVersion": version["ApiVersion"]},
        "list": [{name: value for name, value in entry.items() if name != "NetworkSettings"} for entry in listed],
        "inspect": inspected,
        "events": [
            {**event, "Actor": {"ID": event["Actor"]["ID"]}}
            for event in events
            if not event["Action"].startswith("exec_")
        ],
    }


def main() -> int:
    """Write the recording to the file that the command line names."""
    target = Path(sys.argv[1])
    client = docker.APIClient(version="auto", **docker.utils.kwargs_from_env())
    with tempfile.TemporaryDirectory() as folder:
        services = {name: service(parts) for name, parts in SERVICES.items()}
        Path(folder, "compose.yaml").write_text(json.dumps({"services": services}))
        compose = ["docker", "compose", "--project-name", PROJECT, "--project-directory", folder]
        try:
            subprocess.run([*compose, "create", "--pull", "never"], check=True)
            found = record(client)
        finally:
            subprocess.run([*compose, "down", "--volumes", "--timeout", "1"], check=False)
        text = json.dumps(found, indent=1, sort_keys=True).replace(folder, "/srv/recording")
    target.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
