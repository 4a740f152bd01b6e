"""One image through the engine's own builder, from a context of its files and the results of its tools."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import docker
from docker.errors import BuildError, ImageNotFound

from labkit.graph import UNPACKED
from labkit.paths import HASH_LABEL, LABEL


def build_image(
    client: docker.DockerClient,
    context: IO[bytes],
    name: str,
    content_hash: str,
    arguments: dict[str, str],
    log: IO[bytes],
    again: bool = False,
) -> None:
    """Build ``name`` from a tar stream with a Dockerfile in it; raises BuildError with the engine's word.

    ``again``: without the engine's layer cache.
    """
    lines = client.api.build(
        fileobj=context,
        custom_context=True,
        tag=name,
        rm=True,
        forcerm=True,
        nocache=again,
        decode=True,
        labels={LABEL: "true", HASH_LABEL: content_hash},
        buildargs=arguments,
    )
    for text in _messages(lines, name):
        log.write(text.encode())
    try:
        client.images.get(name)
    except ImageNotFound as error:
        raise BuildError(f"the engine reported no error, yet {name} is not there", iter(())) from error


def _messages(lines: Iterator[dict[str, Any]], name: str) -> Iterator[str]:
    for line in lines:
        if "error" in line:
            raise BuildError(f"{name}: {line['error'].strip()}", iter(()))
        yield str(line.get("stream", ""))


def pack(stream: IO[bytes], folder: Path, tools: dict[str, Path]) -> None:
    """Tar of the build context: the image's files, and each tool's folder under its own name."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if UNPACKED & set(Path(entry.name).parts):
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = 0
        return entry

    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name, filter=plain)
        for name, path in tools.items():
            archive.add(path, arcname=name, filter=plain)
