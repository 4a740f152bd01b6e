"""frontend_bundle beside what people use instead, in one run, on two shapes of a compiled frontend.

Real shape: 674 MB in 1,051 files, of which 505 MB are the build cache. Small files: 600 MB in 12,000 files, no cache. Each
figure is the wall time of a whole process: the module's own includes Python's start, its manifest with the digest of each
file, and bringing everything to the disk, which the others leave to chance.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import modules
import pytest
from labkit import engine
from labkit.paths import MADE

BASE = "postiz-lab/base:bookworm"
PATH = "/app/apps/frontend/.next"
ROUNDS = 3
MIN_TIMES_FASTER = 2.0
# Twice the same thing differs by so much on a machine with neighbours.
NOISE = 1.1

# Of incompressible bytes: fill FOLDER BYTES_OF_EACH NUMBER.
FILL = """fill() { mkdir -p "$1"; head -c "$(($2 * $3))" /dev/urandom | split -a 4 -b "$2" - "$1/chunk-"; }"""
REAL = """
fill cache/webpack/client-production 25250000 20
fill server/chunks 218000 700
fill static/chunks 45600 329
"""
SMALL = "for folder in $(seq 120); do fill static/chunks/$folder 50000 100; done"


def dockerfile(commands: str) -> str:
    script = f"set -eu; {FILL}; cd {PATH}; printf bench-build >BUILD_ID; {'; '.join(commands.strip().splitlines())}"
    return f"FROM {BASE}\nWORKDIR {PATH}\nRUN bash -c {shell_word(script)}\n"


def shell_word(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@contextlib.contextmanager
def shape(client: docker.DockerClient, commands: str) -> Iterator[tuple[str, str]]:
    """An image, without a name, and a running container of it."""
    built = subprocess.run(
        ["docker", "build", "--quiet", "--force-rm", *(f"--label={k}={v}" for k, v in MADE.items()), "-"],
        input=dockerfile(commands),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "DOCKER_BUILDKIT": "0"},
    )
    image = built.stdout.split()[-1]
    container = client.containers.run(image, ["sleep", "infinity"], init=True, detach=True, labels=MADE)
    try:
        yield image, container.id
    finally:
        container.remove(force=True, v=True)
        client.images.remove(image, force=True)


def module(image: str, _container: str, folder: Path) -> None:
    result = modules.run("frontend_bundle", dest=str(folder / "bundle"), image=image)
    assert not result.failed, result.values["msg"]
    assert result.values["extracted"]


def copy(_image: str, container: str, folder: Path) -> None:
    subprocess.run(["docker", "cp", "--quiet", f"{container}:{PATH}", str(folder)], check=True, timeout=120)


def pipe(_image: str, container: str, folder: Path) -> None:
    sending = subprocess.Popen(
        ["docker", "exec", container, "tar", "-C", PATH, "-cf", "-", "."], stdout=subprocess.PIPE
    )
    subprocess.run(["tar", "-C", str(folder), "-xf", "-"], stdin=sending.stdout, check=True, timeout=120)
    assert sending.wait(10) == 0


WAYS: dict[str, Callable[[str, str, Path], None]] = {
    "frontend_bundle": module,
    "docker cp": copy,
    "docker exec tar | tar -x": pipe,
}


def measure(image: str, container: str, folder: Path) -> dict[str, float]:
    """Medians of interleaved rounds, after one that warms the page cache.

    Nothing is removed before the end: for minutes, ext4 steps over each inode that was freed, one by one, whenever it makes
    another one, which then takes longer than all that is measured here.
    """
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    try:
        for number in range(ROUNDS + 1):
            for index, (way, take) in enumerate(WAYS.items()):
                place = folder / f"taken-{number}-{index}"
                place.mkdir()
                # Else one way pays for bringing the bytes of the one before it to the disk.
                subprocess.run(["sync", "-f", str(folder)], check=True)
                since = time.monotonic()
                take(image, container, place)
                if number:
                    seconds[way].append(time.monotonic() - since)
                assert any(place.rglob("BUILD_ID"))
    finally:
        for place in folder.glob("taken-*"):
            shutil.rmtree(place)
    for way, found in seconds.items():
        print(f"  {way:26} {statistics.median(found):5.2f} s ({min(found):.2f} to {max(found):.2f})")
    return {way: statistics.median(found) for way, found in seconds.items()}


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return engine.ensure()


def test_real_shape(client: docker.DockerClient, tmp_path: Path) -> None:
    with shape(client, REAL) as (image, container):
        print("\n674 MB in 1,051 files, of which 505 MB are the cache")
        found = measure(image, container, tmp_path)
    for other in ("docker cp", "docker exec tar | tar -x"):
        assert found["frontend_bundle"] * MIN_TIMES_FASTER <= found[other], other


def test_small_files(client: docker.DockerClient, tmp_path: Path) -> None:
    with shape(client, SMALL) as (image, container):
        print("\n600 MB in 12,000 files")
        found = measure(image, container, tmp_path)
    assert found["frontend_bundle"] <= found["docker cp"] * NOISE
