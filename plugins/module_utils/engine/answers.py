# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's own dictionaries, as snapshots. Pure."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    ContainerDetail,
    HealthProbe,
    Mount,
    PublishedPort,
    Volume,
)


def container(entry: Mapping[str, Any]) -> Container:
    """An entry of the list of containers."""
    return Container(
        identifier=entry["Id"],
        name=(entry.get("Names") or ["/"])[0].lstrip("/"),
        image=entry.get("Image", ""),
        state=entry.get("State", ""),
        status=entry.get("Status", ""),
        labels=entry.get("Labels") or {},
        ports=tuple(_ports(entry.get("Ports") or [])),
        mounts=tuple(
            Mount(
                mount.get("Type", ""),
                mount.get("Name", ""),
                mount.get("Destination", ""),
                mount.get("Source", ""),
                bool(mount.get("RW", True)),
            )
            for mount in entry.get("Mounts") or []
        ),
        image_identifier=entry.get("ImageID", ""),
        networks=tuple((entry.get("NetworkSettings") or {}).get("Networks") or ()),
    )


def _ports(entries: List[Mapping[str, Any]]) -> Iterator[PublishedPort]:
    for entry in entries:
        if entry.get("PublicPort"):
            yield PublishedPort(entry.get("IP", ""), entry["PublicPort"], entry.get("PrivatePort", 0))


def volume(entry: Mapping[str, Any]) -> Volume:
    """An entry of the list of volumes."""
    return Volume(
        entry["Name"],
        entry.get("Labels") or {},
        entry.get("Driver") or "local",
        entry.get("Options") or {},
        entry.get("Mountpoint") or "",
    )


def detail(entry: Mapping[str, Any]) -> ContainerDetail:
    """An inspection of one."""
    state = entry.get("State") or {}
    health = state.get("Health") or {}
    probes = health.get("Log") or []
    config = entry.get("Config") or {}
    host = entry.get("HostConfig") or {}
    pairs = (pair.partition("=") for pair in config.get("Env") or [])
    networks = ((entry.get("NetworkSettings") or {}).get("Networks") or {}).values()
    return ContainerDetail(
        environment={name: value for name, _separator, value in pairs},
        # A container whose image's check was disabled says "none" on some engines, and nothing on others.
        health="" if health.get("Status") == "none" else health.get("Status", ""),
        health_output=(probes[-1].get("Output") or "").strip() if probes else "",
        exit_code=state.get("ExitCode", 0),
        restarts=entry.get("RestartCount", 0),
        oom_killed=bool(state.get("OOMKilled")),
        started_at=state.get("StartedAt", ""),
        error=state.get("Error", ""),
        address=next((network["IPAddress"] for network in networks if network.get("IPAddress")), ""),
        state=state.get("Status", ""),
        finished_at=state.get("FinishedAt", ""),
        hostname=config.get("Hostname", ""),
        pid=state.get("Pid", 0),
        restart_policy=(host.get("RestartPolicy") or {}).get("Name") or "no",
        has_healthcheck=((config.get("Healthcheck") or {}).get("Test") or ["NONE"]) != ["NONE"],
        probes=tuple(
            HealthProbe(probe.get("End", ""), probe.get("ExitCode", 0), (probe.get("Output") or "").strip())
            for probe in probes
        ),
        terminal=bool(config.get("Tty") or config.get("OpenStdin")),
        exposes_ports=bool(config.get("ExposedPorts")),
        log_driver=(host.get("LogConfig") or {}).get("Type", ""),
        stop_seconds=10 if config.get("StopTimeout") is None else config["StopTimeout"],
    )
