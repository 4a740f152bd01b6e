#!/usr/bin/env python3
"""Make the checkout's own environment: ``.cache/venv``, ``.cache/collections``. Quick when nothing changed.

``environment.py demo`` installs what ``make demo`` needs, ``environment.py dev`` what ``make test`` needs besides.
Needs Python 3.11 or later and nothing else; on Debian, as root, a missing ``python3-venv`` is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = REPOSITORY / "requirements"
CACHE = REPOSITORY / ".cache"
VENV = CACHE / "venv"
COLLECTIONS = CACHE / "collections" / "ansible_collections"
SETS = {"demo": ("demo",), "dev": ("demo", "dev")}
FROM_WHEEL = ("community/docker", "community/library_inventory_filtering_v1")
MINIMUM = (3, 11)


def fail(message: str) -> None:
    """Say what is missing and how to get it; no traceback."""
    sys.exit(f"error: {message}")


def say(text: str) -> None:
    """One line of progress."""
    print(f"environment: {text}", flush=True)


def run(*command: str | Path, **more: str) -> None:
    """Run a program quietly; show what it said when it fails."""
    done = subprocess.run(
        [str(word) for word in command], env={**os.environ, **more}, text=True, capture_output=True, check=False
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="", file=sys.stderr)
        fail(f"`{' '.join(str(word) for word in command[:4])} …` ended with {done.returncode}; its output is above")


def require_venv_support() -> None:
    """Debian keeps ensurepip in a package of its own."""
    if importlib.util.find_spec("ensurepip"):
        return
    if os.geteuid() or not shutil.which("apt-get"):
        fail(
            "this Python cannot make virtual environments; install its venv package (Debian: apt install python3-venv)"
        )
    say("installing python3-venv")
    run("apt-get", "update", "-q", DEBIAN_FRONTEND="noninteractive")
    run("apt-get", "install", "-qy", "--no-install-recommends", "python3-venv", DEBIAN_FRONTEND="noninteractive")


def fingerprint(name: str, *files: Path) -> str:
    """Changes when the pinned packages, the interpreter or the checkout's path change."""
    parts = [name, sys.version, sys.base_prefix, str(REPOSITORY), *(path.read_text() for path in files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """The stamp is written last, so an interrupted installation is done again."""
    return stamp.is_file() and stamp.read_text() == wanted


def install_packages(requirement_set: str) -> None:
    """A virtual environment with the pinned packages of the set."""
    base = fingerprint("python")
    if not is_current(VENV / ".python", base):
        require_venv_support()
        say("making .cache/venv")
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys._base_executable, "-m", "venv", VENV)
        (VENV / ".python").write_text(base)
    for name in SETS[requirement_set]:
        file = REQUIREMENTS / f"{name}.txt"
        stamp, wanted = VENV / f".{name}", fingerprint(name, REQUIREMENTS / "demo.txt", file)
        if is_current(stamp, wanted):
            continue
        say(f"installing the packages of requirements/{name}.txt")
        since = time.monotonic()
        run(VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", file)
        stamp.write_text(wanted)
        say(f"done in {time.monotonic() - since:.0f} s")


def install_collections() -> None:
    """Unpack the few collections in use from the pinned wheel: a second, where installing all of it takes a minute."""
    file = REQUIREMENTS / "collections.txt"
    stamp, wanted = COLLECTIONS / ".unpacked", fingerprint("collections", file)
    if is_current(stamp, wanted):
        return
    say("fetching collections: " + ", ".join(name.replace("/", ".") for name in FROM_WHEEL))
    downloads = CACHE / "downloads" / "wheels"
    shutil.rmtree(downloads, ignore_errors=True)
    pip = (VENV / "bin" / "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(*pip, "--only-binary=:all:", "--dest", downloads, "--requirement", file)
    prefixes = tuple(f"ansible_collections/{name}/" for name in FROM_WHEEL)
    for prefix in prefixes:
        shutil.rmtree(COLLECTIONS.parent / prefix, ignore_errors=True)
    for wheel in downloads.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(COLLECTIONS.parent, [name for name in archive.namelist() if name.startswith(prefixes)])
    shutil.rmtree(downloads)
    stamp.write_text(wanted)


def link_checkout() -> None:
    """Ansible finds the checkout under the collection's name, wherever it was cloned to."""
    link = COLLECTIONS / "selfhost" / "postiz"
    target = Path(os.path.relpath(REPOSITORY, link.parent))
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target, target_is_directory=True)


def main() -> None:
    """Bring the environment to the state that the requirements describe."""
    if len(sys.argv) != 2 or sys.argv[1] not in SETS:
        fail(f"usage: {sys.argv[0]} {'|'.join(SETS)}")
    if sys.version_info < MINIMUM:
        fail(f"Python 3.11 or later is needed, this is {sys.version.split()[0]}; use `make PYTHON=…`")
    install_packages(sys.argv[1])
    install_collections()
    link_checkout()


if __name__ == "__main__":
    main()
