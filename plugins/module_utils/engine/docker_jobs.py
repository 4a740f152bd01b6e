# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away containers through the `docker` SDK."""

from __future__ import annotations

import io
import tarfile
import time
from typing import Any, Callable, Dict, Iterable, Mapping, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.engine import exec_stream
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.jobs import EngineJobs, Job
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, EngineFailed

_NANO = 1_000_000_000
# Of a build that forks without end.
_PROCESSES = 4096
# A running stack comes first: of the processors (it has 1024), and when the kernel has to end something for want of memory.
_PROCESSOR_SHARES = 128
_OUT_OF_MEMORY_FIRST = 1000
_LABEL_PROJECT = "com.docker.compose.project"
_OWN_NETWORKS = ("none", "bridge", "default")


class DockerJobs(EngineJobs):
    """See `EngineJobs`. `failures` are the exceptions of the SDK."""

    def __init__(self, client: Any, failures: Any) -> None:
        self._client = client
        self._failures = failures

    def create(self, job: Job) -> str:
        self._refuse_network(job.network)
        settings: Dict[str, Any] = {
            "network_mode": job.network,
            "init": True,
            "security_opt": ["no-new-privileges"],
            "pids_limit": _PROCESSES,
            "cpu_shares": _PROCESSOR_SHARES,
            "oom_score_adj": _OUT_OF_MEMORY_FIRST,
            "tmpfs": dict.fromkeys(job.scratch, ""),
            "mounts": [
                {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True} for source, target in job.shown
            ],
        }
        if job.memory_bytes:
            # Without swap: a build that swaps takes the host down with it.
            settings.update(mem_limit=job.memory_bytes, memswap_limit=job.memory_bytes)
        if job.cpus:
            settings["nano_cpus"] = int(job.cpus * _NANO)
        try:
            made = self._client.create_container(
                job.image,
                list(job.argv[1:]),
                entrypoint=[job.argv[0]],
                labels=dict(job.labels),
                environment=dict(job.environment),
                working_dir=job.folder,
                # An image's own check would only take memory from the job.
                healthcheck={"Test": ["NONE"]},
                host_config=self._client.create_host_config(**settings),
            )
        except self._failures as problem:
            raise _failed("make a throw-away container", problem) from problem
        identifier = str(made["Id"])
        lost = _lost_limit(made.get("Warnings") or (), job)
        if lost is not None:
            try:
                self._client.remove_container(identifier, v=True, force=True)
            except self._failures as problem:
                raise _failed("remove a throw-away container", problem) from problem
            raise lost
        return identifier

    def _refuse_network(self, name: str) -> None:
        """A stack's network leads to its database."""
        if name in _OWN_NETWORKS:
            return
        try:
            labels = self._client.inspect_network(name).get("Labels") or {}
        except self._failures as problem:
            raise _failed(f"find the network {name}", problem) from problem
        project = labels.get(_LABEL_PROJECT)
        if project:
            remedy = "give none, bridge, or a network that is only for builds."
            raise BadInput(
                f"The network {name} is one of the Compose project {project}, which a build could reach.", remedy
            )

    def put(self, identifier: str, folder: str, files: Mapping[str, bytes]) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, content in sorted(files.items()):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                info.mode = 0o644
                # A build that compares times would take a file of 1970 for one that it has built already.
                info.mtime = int(time.time())
                tar.addfile(info, io.BytesIO(content))
        try:
            self._client.put_archive(identifier, folder, packed.getvalue())
        except self._failures as problem:
            raise _failed("write files into a container", problem) from problem

    def start(self, identifier: str) -> None:
        try:
            self._client.start(identifier)
        except self._failures as problem:
            raise _failed("start a throw-away container", problem) from problem

    def run(self, identifier: str, timeout_seconds: float, tell: Callable[[bytes], None]) -> bool:
        try:
            stream = self._client.attach_socket(identifier, params={"stdout": 1, "stderr": 1, "stream": 1})
            try:
                self._client.start(identifier)
                # The SDK hands out a SocketIO on a local socket, and an SSLSocket on TLS.
                connection = getattr(stream, "_sock", stream)
                if not exec_stream.read(connection, timeout_seconds, 0, tell).finished:
                    return False
            finally:
                stream.close()
            self._client.wait(identifier)
        except self._failures as problem:
            raise _failed("run a throw-away container", problem) from problem
        return True


def _lost_limit(warnings: Iterable[str], job: Job) -> Optional[EngineFailed]:
    """The engine makes a container all the same when the kernel lacks a limit. Without one a build may take the host down."""
    for text in warnings:
        if "discarded" not in text:
            continue
        for name, given, word in (("memory", job.memory_bytes, "memory limit"), ("cpus", job.cpus, "CPU CFS")):
            if given and word in text:
                remedy = f"enable this control group on the host, or build without the limit ({name}: 0)."
                return EngineFailed(f"The engine does not keep the build's limit {name}: {text.rstrip('.')}.", remedy)
    return None


def _failed(question: str, problem: BaseException) -> EngineFailed:
    reason = str(getattr(problem, "explanation", None) or problem).rstrip(".")
    return EngineFailed(f"The engine could not {question}: {reason}.", "look at the engine's own log.")
