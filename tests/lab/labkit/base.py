"""The lab's Debian: from debootstrap on a Debian host, otherwise from an image that can be had."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO

import docker
from docker.errors import DockerException

from labkit import catalog, clientsettings, engine
from labkit.build import build_image
from labkit.errors import LabError
from labkit.paths import LAB_CACHE, LABEL

SUITE = "bookworm"
ROOTFS = "postiz-lab/rootfs:bookworm"
PULLED = "debian:bookworm-slim"
PACKAGES = "ca-certificates,libstdc++6,tzdata"
REMOVED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/info")


def salt() -> str:
    """Everything outside the repository that the base image depends on."""
    certificates = [path.read_text(errors="replace") for path in clientsettings.extra_certificates()]
    mirror = clientsettings.debian_mirror()
    given = os.environ.get("LAB_BASE_IMAGE", "")
    return "\0".join([_recipe(), given, repr(mirror), *clientsettings.apt_settings(), *certificates])


def _recipe() -> str:
    return repr((SUITE, PACKAGES, REMOVED))


def build(client: docker.DockerClient, folder: Path, content_hash: str, log: IO[bytes]) -> None:
    """Build ``postiz-lab/base``: the root file system, the mirror and the machine's authorities."""
    with tempfile.TemporaryFile() as context:
        _pack(context, folder)
        context.seek(0)
        arguments = {**clientsettings.proxies(), "ROOT": _root(client, log)}
        build_image(client, context, catalog.BASE, content_hash, arguments, log)


def _pack(context: IO[bytes], folder: Path) -> None:
    """The build context: the Dockerfile, and the machine's settings beside it."""
    with tarfile.open(fileobj=context, mode="w") as archive:
        archive.add(folder / "Dockerfile", arcname="Dockerfile")
        _add(archive, "settings/ca/.keep", b"")
        for number, path in enumerate(clientsettings.extra_certificates()):
            _add(archive, f"settings/ca/{number:02d}-{path.stem}.crt", path.read_bytes())
        _add(archive, "settings/apt/95machine", ("\n".join(clientsettings.apt_settings()) + "\n").encode())
        sources = _sources()
        if sources:
            _add(archive, "settings/sources/sources.list", sources.encode())


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(data))


def _sources() -> str:
    mirror = clientsettings.debian_mirror()
    lines = [f"deb {mirror.main} {SUITE} main"] if mirror.main else []
    if mirror.main and mirror.security:
        lines.append(f"deb {mirror.security} {SUITE}-security main")
    return "".join(f"{line}\n" for line in lines)


def _root(client: docker.DockerClient, log: IO[bytes]) -> str:
    given = os.environ.get("LAB_BASE_IMAGE")
    if given:
        return given
    if os.getuid() == 0 and engine.on_debian():
        if not shutil.which("debootstrap"):
            engine.apt_update()
            engine.apt_install("debootstrap")
        _import(client, _debootstrap(log))
        return ROOTFS
    try:
        client.images.pull(PULLED)
    except DockerException as error:
        raise LabError(
            f"no Debian to build the lab on: {PULLED} cannot be pulled ({error}), and debootstrap needs root on a "
            "Debian host. Run as root on Debian, or name an image that this engine has: LAB_BASE_IMAGE=…"
        ) from error
    return PULLED


def _debootstrap(log: IO[bytes]) -> Path:
    archive = LAB_CACHE / f"rootfs-{SUITE}-{hashlib.sha256(_recipe().encode()).hexdigest()[:16]}.tar"
    if archive.is_file():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rootfs-", dir=archive.parent) as scratch:
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, scratch]
        mirror = clientsettings.debian_mirror().main
        environment = {**os.environ, **clientsettings.proxies()}
        done = subprocess.run(
            command + ([mirror] if mirror else []), stdout=log, stderr=subprocess.STDOUT, check=False, env=environment
        )
        if done.returncode:
            raise LabError(f"debootstrap ended with exit code {done.returncode}; its output: {log.name}")
        for name in REMOVED:
            shutil.rmtree(Path(scratch, name), ignore_errors=True)
            Path(scratch, name).mkdir(parents=True, exist_ok=True)
        partial = archive.with_suffix(".partial")
        subprocess.run(
            [
                "tar",
                "--numeric-owner",
                "--exclude=./dev/*",
                "--exclude=./proc/*",
                "-C",
                scratch,
                "-cf",
                str(partial),
                ".",
            ],
            check=True,
        )
        partial.rename(archive)
    return archive


def _import(client: docker.DockerClient, archive: Path) -> None:
    repository, tag = ROOTFS.split(":")
    changes = [
        'CMD ["bash"]',
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"LABEL {LABEL}=true",
    ]
    client.api.import_image_from_file(str(archive), repository=repository, tag=tag, changes=changes)
