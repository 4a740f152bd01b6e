"""Servers of a fleet: each is reached by SSH as a user who needs sudo, and has its own processes, files and /tmp.

They share this machine's engine and network, and the folder of the lab's stacks, which the engine binds into containers.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from labkit import catalog, compose, engine, images
from labkit.errors import LabError
from labkit.paths import MADE, STACKS
from labkit.waiting import wait_for

USER = "deploy"
IMAGE = catalog.HOST
START_SECONDS = 30
_SOCKET = "/var/run/docker.sock"
_PLUGIN = "/usr/local/lib/docker/cli-plugins/docker-compose"
_OPTIONS = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ControlPersist=15s"


@dataclass(frozen=True)
class Host:
    """One server. `key` is the file of the private key."""

    client: DockerClient
    name: str
    port: int
    key: Path

    @property
    def variables(self) -> dict[str, object]:
        """How Ansible reaches it."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": _OPTIONS,
        }

    def start(self) -> None:
        """It answers afterwards. One that was lost comes back with nothing of what ran."""
        self.lose()
        STACKS.mkdir(parents=True, exist_ok=True)
        binds = {
            str(STACKS): {"bind": str(STACKS), "mode": "rw"},
            _SOCKET: {"bind": _SOCKET, "mode": "rw"},
            str(compose.program()): {"bind": _PLUGIN, "mode": "ro"},
        }
        public = self.key.with_suffix(".pub").read_text().strip()
        self.client.containers.run(
            IMAGE,
            [str(self.port), public],
            name=self.name,
            labels=MADE,
            volumes=binds,
            network_mode="host",
            init=True,
            detach=True,
        )
        wait_for(f"SSH of {self.name}", self._answers, START_SECONDS, 0.2)

    def lose(self) -> None:
        """As if its power had failed: every process ends, and nobody answers."""
        try:
            container: Container = self.client.containers.get(self.name)
        except NotFound:
            return
        container.remove(force=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def make_key(folder: Path) -> Path:
    """A new key for this run."""
    key = folder / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return key


def prepare(client: DockerClient) -> None:
    """The image, and an SSH client on this machine."""
    if shutil.which("ssh-keygen") is None:
        if os.getuid() != 0 or not engine.on_debian():
            raise LabError("the commands `ssh` and `ssh-keygen` are missing. Install OpenSSH's client.")
        engine.apt_update()
        engine.apt_install("openssh-client")
    images.ensure(client, (IMAGE,))
