# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers, volumes and networks, made and removed through the `docker` SDK."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, Mapping, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.lifecycle import EngineLifecycle, NewContainer
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed


class DockerLifecycle(EngineLifecycle):
    """See `EngineLifecycle`. `failures` are the exceptions of the SDK, `not_found` the one of them for a 404."""

    def __init__(self, client: Any, failures: Any, not_found: Any) -> None:
        self._client = client
        self._failures = failures
        self._not_found = not_found

    @contextmanager
    def _asking(self, question: str) -> Iterator[None]:
        try:
            yield
        except self._failures as problem:
            reason = str(getattr(problem, "explanation", None) or problem).rstrip(".")
            raise EngineFailed(
                f"The engine could not {question}: {reason}.", "look at the engine's own log."
            ) from problem

    def create(self, wanted: NewContainer) -> str:
        mounts = [
            # NoCopy: a volume shall hold only what is put into it.
            {"Type": "bind", "Source": item.source, "Target": item.target}
            if item.bind
            else {"Type": "volume", "Source": item.source, "Target": item.target, "VolumeOptions": {"NoCopy": True}}
            for item in wanted.mounts
        ]
        with self._asking("make a container"):
            made: Dict[str, Any] = self._client.create_container(
                wanted.image,
                list(wanted.command) or None,
                labels=dict(wanted.labels),
                environment=dict(wanted.environment),
                host_config=self._client.create_host_config(network_mode=wanted.network, mounts=mounts),
            )
        return str(made["Id"])

    def remove(self, identifier: str) -> None:
        with self._asking("remove a container"):
            try:
                self._client.remove_container(identifier, v=True, force=True)
            except self._not_found:
                return

    def create_volume(self, name: str, driver: str, options: Mapping[str, str], labels: Mapping[str, str]) -> str:
        with self._asking(f"make the volume {name}"):
            made = self._client.create_volume(name, driver, dict(options), dict(labels))
        return str(made["Mountpoint"])

    def remove_volume(self, name: str) -> None:
        with self._asking(f"remove the volume {name}"):
            try:
                self._client.remove_volume(name)
            except self._not_found:
                return

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        with self._asking(f"make the network {name}"):
            self._client.create_network(name, driver="bridge", internal=True, labels=dict(labels))

    def networks(self, label: str) -> Sequence[str]:
        with self._asking("list its networks"):
            return tuple(str(entry["Name"]) for entry in self._client.networks(filters={"label": label}))

    def remove_network(self, name: str) -> None:
        with self._asking(f"remove the network {name}"):
            try:
                self._client.remove_network(name)
            except self._not_found:
                return
