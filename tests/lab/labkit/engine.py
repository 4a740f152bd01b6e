"""The Docker Engine of the lab: whichever answers; on Debian as root, one from its packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from labkit.errors import LabError
from labkit.paths import LAB_CACHE

Client = docker.DockerClient
PACKAGES = ("docker.io", "iptables", "debootstrap")
START_SECONDS = 60
PID_FILES = (("/run/docker.pid", "dockerd"), ("/run/docker/containerd/containerd.pid", "containerd"))
CALL_SECONDS = 600
"""The engine answers some calls only when the work is done: importing a root file system, for one."""


def ensure() -> Client:
    """A client of an engine that answers; installs and starts one where that is possible."""
    client = _answering()
    if client is not None:
        return client
    endpoint = os.environ.get("DOCKER_HOST")
    if endpoint:
        raise LabError(f"no engine answers at DOCKER_HOST={endpoint}. Start it, or unset DOCKER_HOST.")
    if shutil.which("dockerd") is None:
        _install()
    _start()
    return _wait()


def _answering() -> Client | None:
    try:
        client = docker.from_env(timeout=CALL_SECONDS)
        client.ping()
    except (DockerException, RequestException) as error:
        if "PermissionError" in str(error):
            raise LabError(
                "the engine's socket may not be used by this user. Add the user to the group docker, or run as root."
            ) from error
        return None
    return client


def on_debian() -> bool:
    """Whether packages can be installed here with apt-get, from Debian."""
    release = Path("/etc/os-release")
    return release.is_file() and "ID=debian" in release.read_text().splitlines() and shutil.which("apt-get") is not None


def _install() -> None:
    if os.getuid() != 0 or not on_debian():
        raise LabError(
            "no Docker Engine answers, and only root on Debian can be given one. "
            "Install Docker Engine (20.10 or later) with Compose v2, start it, and run this again."
        )
    apt_update()
    apt_install(*packages())


def packages() -> tuple[str, ...]:
    """Debian packages of an engine; from Debian 13 on the command line client is a package of its own."""
    known = subprocess.run(["apt-cache", "show", "docker-cli"], capture_output=True, check=False).returncode == 0
    return (*PACKAGES, "docker-cli") if known else PACKAGES


def apt_update() -> None:
    """Fetch package lists with the machine's own apt settings; one unreachable source of several is no obstacle."""
    _apt("update")


def apt_install(*names: str) -> None:
    """Install Debian packages, after `apt_update`."""
    print(f"installing {', '.join(names)} (Debian packages)…", flush=True)
    if _apt("install", "-y", "--no-install-recommends", *names):
        raise LabError(f"apt-get could not install {' '.join(names)}; its output: {_apt_log()}")


def _apt(*words: str) -> int:
    _apt_log().parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _apt_log().open("ab") as log:
        command = ["apt-get", *words]
        return subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False).returncode


def _apt_log() -> Path:
    return LAB_CACHE / "log" / "apt.log"


def _start() -> None:
    if os.getuid() != 0:
        raise LabError("no Docker Engine answers, and only root can start it. Start it: systemctl start docker")
    print("starting the Docker Engine…", flush=True)
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "start", "docker"], check=False)
        return
    _forget_stale_pids()
    LAB_CACHE.mkdir(parents=True, exist_ok=True)
    with _log().open("ab") as stream:
        subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True)


def _forget_stale_pids() -> None:
    """An engine that was killed leaves pid files, and takes any process that has the number now for itself."""
    for name, program in PID_FILES:
        file = Path(name)
        if not file.is_file():
            continue
        command = Path("/proc", file.read_text().strip() or "none", "cmdline")
        # A zombie has no command line any more.
        if not command.is_file() or program.encode() not in command.read_bytes().split(b"\0")[0]:
            file.unlink()


def _log() -> Path:
    return LAB_CACHE / "dockerd.log"


def _wait() -> Client:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        client = _answering()
        if client is not None:
            return client
        time.sleep(0.5)
    source = _log() if _log().is_file() else "journalctl -u docker"
    raise LabError(f"the Docker Engine did not answer within {START_SECONDS} seconds of its start; see {source}")
