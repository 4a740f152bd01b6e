"""Build what is missing: tools in builder containers, images through the engine's own builder.

The host needs Python and an engine. Every result is known by the hash of what it was made from:
tools in ``.cache/lab/tools/<name>-<hash>``, images by the label ``selfhost.postiz.lab.hash``.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, Any

import docker
from docker.errors import BuildError, ContainerError, DockerException, ImageNotFound

from labkit import base, catalog, clientsettings
from labkit.catalog import Image, Tool
from labkit.errors import LabError
from labkit.graph import UNPACKED, Node, closure, folder_hash, graph
from labkit.paths import DOWNLOADS, HASH_LABEL, IMAGES, LAB, LABEL, LOGS, TOOLS
from labkit.progress import Progress

WORKERS = 2


def source_folder(name: str) -> Path:
    """Folder of an image's sources; Postiz and the social network are programs of their own."""
    return (LAB if name.split("/")[0] in ("postiz", "social") else IMAGES) / name


def load_graph() -> dict[str, Node]:
    """The build graph of this checkout on this machine."""
    names = {item.folder for item in (*catalog.TOOLS, *catalog.IMAGES)}
    folders = {name: folder_hash(source_folder(name)) for name in names}
    return graph(catalog.TOOLS, catalog.IMAGES, folders, {catalog.BASE: base.salt()})


def present(client: docker.DockerClient, nodes: dict[str, Node]) -> frozenset[str]:
    """Names of nodes whose result, of exactly this hash, is there."""
    labels = {
        tag: summary["Labels"].get(HASH_LABEL)
        for summary in client.api.images(filters={"label": f"{LABEL}=true"})
        for tag in summary["RepoTags"] or ()
    }
    found = {name for name, node in nodes.items() if isinstance(node.source, Image) and labels.get(name) == node.hash}
    tools = {name for name, node in nodes.items() if isinstance(node.source, Tool) and tool_folder(node).is_dir()}
    return frozenset(found | tools)


def tool_folder(node: Node) -> Path:
    """Where a tool's artefacts lie once they are complete."""
    return TOOLS / f"{node.name}-{node.hash}"


def ensure(client: docker.DockerClient, wanted: tuple[str, ...] = catalog.SHIPPED, force: bool = False) -> int:
    """Build what is missing of ``wanted``; returns how many steps that took."""
    nodes = load_graph()
    unknown = [name for name in wanted if name not in nodes]
    if unknown:
        raise LabError(f"no such image: {', '.join(unknown)}. Known: {', '.join(sorted(nodes))}")
    there = present(client, nodes)
    order = closure(nodes, wanted, there - frozenset(wanted) if force else there)
    if not order:
        return 0
    with Progress(len(order)) as progress:
        _run(client, nodes, order, progress)
    return len(order)


def _run(client: docker.DockerClient, nodes: dict[str, Node], order: list[Node], progress: Progress) -> None:
    todo = {node.name: node for node in order}
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        while todo or running:
            busy = set(running.values())
            ready = [n for n in todo.values() if not any(need in todo or need in busy for need in n.needs)]
            for node in ready[: WORKERS - len(running)]:
                del todo[node.name]
                running[pool.submit(_make, client, nodes, node, progress)] = node.name
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                running.pop(future)
                try:
                    future.result()
                except BaseException:
                    todo.clear()
                    raise


def _make(client: docker.DockerClient, nodes: dict[str, Node], node: Node, progress: Progress) -> None:
    source = node.source
    progress.start(node.name, source.doing if isinstance(source, Tool) else "building")
    log = LOGS / f"{node.name.replace('/', '-').replace(':', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("wb") as stream:
            if isinstance(source, Tool):
                _make_tool(client, node, source, stream)
            elif source.name == catalog.BASE:
                base.build(client, source_folder(source.folder), node.hash, stream)
            else:
                _make_image(client, nodes, node, source, stream)
    except (DockerException, OSError) as error:
        progress.finish(node.name, failed=True)
        lines = log.read_text(errors="replace").splitlines()[-20:]
        detail = "\n".join(f"    {line}" for line in lines)
        raise LabError(f"{node.name} could not be made: {_short(error)}\n{detail}\n  whole log: {log}") from error
    except LabError:
        progress.finish(node.name, failed=True)
        raise
    progress.finish(node.name)


def _short(error: Exception) -> str:
    if isinstance(error, ContainerError):
        return f"its builder ended with exit code {error.exit_status}"
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__


def _make_tool(client: docker.DockerClient, node: Node, tool: Tool, log: IO[bytes]) -> None:
    final = tool_folder(node)
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for folder in (partial, DOWNLOADS):
        folder.mkdir(parents=True, exist_ok=True)
    container = client.containers.create(
        tool.image,
        ["bash", "-euo", "pipefail", "/src/fetch.sh", *tool.arguments],
        environment={**clientsettings.builder_environment(), "OUT": "/out", "OWNER": f"{os.getuid()}:{os.getgid()}"},
        volumes={
            **clientsettings.builder_mounts(),
            str(source_folder(tool.folder)): {"bind": "/src", "mode": "ro"},
            str(partial): {"bind": "/out", "mode": "rw"},
            str(DOWNLOADS): {"bind": "/cache", "mode": "rw"},
        },
        labels={LABEL: "true"},
        init=True,
    )
    try:
        container.start()
        for chunk in container.logs(stream=True, follow=True):
            log.write(chunk)
        status = container.wait()["StatusCode"]
        if status:
            raise ContainerError(container, status, "fetch.sh", tool.image, b"")
    finally:
        container.remove(force=True, v=True)
    for old in TOOLS.glob(f"{node.name}-{'?' * 16}"):
        shutil.rmtree(old, ignore_errors=True)
    partial.rename(final)


def _make_image(
    client: docker.DockerClient, nodes: dict[str, Node], node: Node, image: Image, log: IO[bytes]
) -> None:
    folders = {need: tool_folder(nodes[need]) for need in image.tools}
    with tempfile.TemporaryFile() as context:
        folder = source_folder(image.folder)
        _pack(context, folder, folders)
        context.seek(0)
        settings = clientsettings.build_arguments((folder / "Dockerfile").read_text())
        build(client, context, image.name, node.hash, {**settings, **image.arguments}, log)


def build(
    client: docker.DockerClient, context: IO[bytes], name: str, content_hash: str, arguments: dict[str, str], log: IO[bytes]
) -> None:
    """Build ``name`` from a tar stream with a Dockerfile in it; raises BuildError with the engine's word."""
    lines = client.api.build(
        fileobj=context,
        custom_context=True,
        tag=name,
        rm=True,
        forcerm=True,
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


def _pack(stream: IO[bytes], folder: Path, tools: dict[str, Path]) -> None:
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
