"""The oldest and the newest supported ansible-core against the lab's stack.

Each gets a virtual environment of its own below ``.cache/compat`` and must read every playbook, then find nothing to do
on a stack that is as it should be: once in check mode, once for real. Where this machine's Python does not suit, the
same happens in a container of another Debian release that shares the checkout and the engine.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tree import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tests" / "lab"))

from labkit import clientsettings, compose

CACHE = REPOSITORY / ".cache" / "compat"
INVENTORY = REPOSITORY / "tests" / "lab" / "inventory"
CONTAINER = "postiz-lab/ansible:trixie"
COMPOSE_THERE = "/usr/local/lib/docker/cli-plugins/docker-compose"
SOCKET = "/var/run/docker.sock"
RECAP = re.compile(r"^\S+\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Core:
    """A release of ansible-core: its requirements file, and the Pythons (3.x) that it supports."""

    name: str
    pythons: range


CORES = (Core("oldest", range(10, 13)), Core("newest", range(12, 15)))


def container_prefix() -> list[str]:
    """Run a program in the other Debian, with this checkout, engine and package-client settings."""
    binds = [f"{REPOSITORY}:{REPOSITORY}", f"{SOCKET}:{SOCKET}", f"{compose.program()}:{COMPOSE_THERE}:ro"]
    binds += [f"{path}:{mount['bind']}:ro" for path, mount in clientsettings.builder_mounts().items()]
    environment = {**clientsettings.builder_environment(), **ansible_environment()}
    environment = {name: value for name, value in environment.items() if not value.startswith("/cache/")}
    words = ["docker", "run", "--rm", "--init", "--network", "host", "--workdir", str(REPOSITORY)]
    words += [word for bind in binds for word in ("--volume", bind)]
    words += [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    return [*words, "--label", "selfhost.postiz.lab=true", CONTAINER]


def ansible_environment() -> dict[str, str]:
    """Ansible's own variables as the Makefile sets them, without colours."""
    given = {name: value for name, value in os.environ.items() if name.startswith(("ANSIBLE_", "LAB_"))}
    return {**given, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}


def run(prefix: list[str], *words: str) -> str:
    """Output of a program here or in the container; ends the whole run when it fails."""
    environment = {**os.environ, **ansible_environment()}
    done = subprocess.run(
        [*prefix, *words], cwd=REPOSITORY, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        sys.exit(f"error: `{' '.join(words)}` ended with {done.returncode}")
    return done.stdout


def environment_of(core: Core, prefix: list[str]) -> Path:
    """The virtual environment of one release; made again when its requirements or its Python changed."""
    requirements = REPOSITORY / "requirements" / f"{core.name}.txt"
    python = "python3" if prefix else sys._base_executable
    wanted = hashlib.sha256(f"{requirements.read_text()}{python}{bool(prefix)}".encode()).hexdigest()
    folder, stamp = CACHE / core.name, CACHE / core.name / ".requirements"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        run(prefix, python, "-m", "venv", str(folder))
        run(prefix, str(folder / "bin" / "pip"), "install", "--quiet", "--requirement", str(requirements))
        stamp.write_text(wanted)
    return folder / "bin"


def require_no_change(core: Core, prefix: list[str], play: tuple[str, ...]) -> None:
    """The stack is as it should be, so no release of ansible-core may find something to do."""
    recap = RECAP.findall(output := run(prefix, *play))
    if not recap or any(number != "0" for host in recap for number in host):
        print(output)
        sys.exit(f"error: {core.name}: changed or failed on an unchanged stack")


def main() -> None:
    """Both releases, each with every playbook."""
    for core in CORES:
        here = sys.version_info.minor in core.pythons
        prefix = [] if here else container_prefix()
        programs = environment_of(core, prefix)
        version = run(prefix, str(programs / "ansible"), "--version").splitlines()[0]
        print(f"{core.name}: {version} {'here' if here else 'in a container of ' + CONTAINER}", flush=True)
        play = (str(programs / "ansible-playbook"), "--inventory", str(INVENTORY))
        for playbook in sorted((REPOSITORY / "playbooks").glob("*.yml")):
            run(prefix, *play, "--syntax-check", str(playbook))
            print(f"{core.name}: {playbook.name} is read", flush=True)
        provision = str(REPOSITORY / "playbooks" / "provision.yml")
        require_no_change(core, prefix, (*play, "--check", provision))
        require_no_change(core, prefix, (*play, provision))
        print(f"{core.name}: provision finds nothing to do, in check mode and for real", flush=True)


if __name__ == "__main__":
    main()
