"""The work itself: tools in builder containers, images through the engine's builder, two things at a time.

The host needs Python and an engine; compilers and package clients run in the builders.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO

import docker
from docker.errors import DockerException
from docker.models.containers import Container
from requests.exceptions import RequestException

from labkit import base, catalog, clientsettings
from labkit.build import build_image, pack
from labkit.catalog import Image, Tool
from labkit.errors import LabError
from labkit.graph import Node, urgency
from labkit.paths import DOWNLOADS, IMAGES, LAB, LOGS, MADE, TOOLS
from labkit.progress import Progress

WORKERS = 2
LOG_TAIL = 20


def source_folder(name: str) -> Path:
    """Folder of an image's sources; Postiz and the social network are programs of their own."""
    return (LAB if name.split("/")[0] in ("postiz", "social") else IMAGES) / name


def tool_folder(node: Node) -> Path:
    """Where a tool's artefacts lie once they are complete."""
    return TOOLS / f"{node.name}-{node.hash}"


def log_file(name: str) -> Path:
    """The whole output of the last time that ``name`` was made."""
    return LOGS / f"{name.removeprefix('postiz-lab/').replace('/', '-').replace(':', '-')}.log"


class Work:
    """One run through missing nodes."""

    def __init__(
        self, client: docker.DockerClient, nodes: dict[str, Node], progress: Progress, forced: frozenset[str]
    ) -> None:
        self.client = client
        self.nodes = nodes
        self.progress = progress
        self.forced = forced
        self.builders: set[Container] = set()

    def run(self, order: list[Node]) -> None:
        """Make all nodes of ``order``; the longest chain of what is left goes first."""
        seconds = urgency(self.nodes)
        todo = {node.name: node for node in sorted(order, key=lambda node: -seconds[node.name])}
        running: dict[Future[None], str] = {}
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                while todo or running:
                    unfinished = {*todo, *running.values()}
                    ready = [node for node in todo.values() if unfinished.isdisjoint(node.needs)]
                    for node in ready[: WORKERS - len(running)]:
                        del todo[node.name]
                        running[pool.submit(self._make, node)] = node.name
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        running.pop(future)
                        future.result()
            except BaseException:
                self._stop_builders()
                raise

    def _stop_builders(self) -> None:
        for builder in tuple(self.builders):
            with contextlib.suppress(DockerException):
                builder.kill()

    def _make(self, node: Node) -> None:
        self.progress.start(node.name, node.source.doing if isinstance(node.source, Tool) else "building")
        try:
            with _explained(node.name) as log:
                if isinstance(node.source, Tool):
                    self._make_tool(node, node.source, log)
                elif node.name == catalog.BASE:
                    base.build(self.client, source_folder(node.source.folder), node.hash, log)
                else:
                    self._make_image(node, node.source, log)
        except LabError:
            self.progress.finish(node.name, failed=True)
            raise
        self.progress.finish(node.name)

    def _make_tool(self, node: Node, tool: Tool, log: IO[bytes]) -> None:
        final = tool_folder(node)
        partial = final.with_name(f".{final.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        for folder in (partial, DOWNLOADS):
            folder.mkdir(parents=True, exist_ok=True)
        builder = self.client.containers.create(
            tool.image,
            ["bash", "-c", 'bash /src/fetch.sh "$@" && chown -R "$OWNER" /out', "fetch.sh", *tool.arguments],
            environment={
                **clientsettings.builder_environment(),
                "OUT": "/out",
                "OWNER": f"{os.getuid()}:{os.getgid()}",
            },
            volumes={
                **clientsettings.builder_mounts(),
                str(source_folder(tool.folder)): {"bind": "/src", "mode": "ro"},
                str(partial): {"bind": "/out", "mode": "rw"},
                str(DOWNLOADS): {"bind": "/cache", "mode": "rw"},
            },
            labels=MADE,
            init=True,
        )
        self.builders.add(builder)
        try:
            _run_to_end(builder, log)
        finally:
            self.builders.discard(builder)
            builder.remove(force=True, v=True)
        for old in TOOLS.glob(f"{node.name}-{'[0-9a-f]' * len(node.hash)}"):
            shutil.rmtree(old, ignore_errors=True)
        partial.rename(final)

    def _make_image(self, node: Node, image: Image, log: IO[bytes]) -> None:
        folder = source_folder(image.folder)
        arguments = {**clientsettings.build_arguments((folder / "Dockerfile").read_text()), **image.arguments}
        with tempfile.TemporaryFile() as context:
            pack(context, folder, {need: tool_folder(self.nodes[need]) for need in image.tools})
            context.seek(0)
            again = node.name in self.forced
            build_image(self.client, context, image.name, node.hash, arguments, log, again)


def _run_to_end(builder: Container, log: IO[bytes]) -> None:
    builder.start()
    for chunk in builder.logs(stream=True, follow=True):
        log.write(chunk)
        log.flush()
    status = builder.wait()["StatusCode"]
    if status:
        raise LabError(f"its builder ended with exit code {status}")


@contextlib.contextmanager
def _explained(name: str) -> Iterator[IO[bytes]]:
    """The log of ``name``; a failure becomes one LabError that carries its last lines and its path."""
    path = log_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as log:
            yield log
    except (LabError, DockerException, RequestException, OSError) as error:
        tail = "".join(f"    {line}\n" for line in path.read_text(errors="replace").splitlines()[-LOG_TAIL:])
        raise LabError(f"{name} could not be made: {error}\n{tail}  whole log: {path}") from error
