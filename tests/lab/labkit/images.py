"""What the lab builds is known by the hash of what it is made from; ``ensure`` makes what is missing.

Tools lie in ``.cache/lab/tools/<name>-<hash>``; images carry their hash in the label ``selfhost.postiz.lab.hash``.
"""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker

from labkit import base, catalog
from labkit.catalog import Image, Tool
from labkit.errors import LabError
from labkit.graph import Node, closure, folder_hash, graph
from labkit.paths import HASH_LABEL, LABEL
from labkit.progress import Progress
from labkit.work import Work, source_folder, tool_folder


def load_graph() -> dict[str, Node]:
    """The build graph of this checkout on this machine."""
    folders = {tool.folder for tool in catalog.TOOLS} | {image.folder for image in catalog.IMAGES}
    hashes = {name: folder_hash(source_folder(name)) for name in folders}
    return graph(catalog.TOOLS, catalog.IMAGES, hashes, {catalog.BASE: base.salt()})


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


def ensure(client: docker.DockerClient, wanted: tuple[str, ...] = catalog.SHIPPED, force: bool = False) -> int:
    """Make what is missing of ``wanted`` (with ``force`` all of it); returns how many steps that took."""
    nodes = load_graph()
    unknown = [name for name in wanted if name not in nodes]
    if unknown:
        raise LabError(f"no such image: {', '.join(unknown)}. Known: {', '.join(sorted(nodes))}")
    forced = frozenset(wanted) if force else frozenset()
    if not forced and not closure(nodes, wanted, present(client, nodes)):
        return 0
    with _alone():
        order = closure(nodes, wanted, present(client, nodes) - forced)
        if order:
            with Progress(len(order)) as progress:
                Work(client, nodes, progress, forced).run(order)
            # What had a name before this; images that a container runs on stay.
            client.images.prune(filters={"dangling": True, "label": f"{LABEL}=true"})
        return len(order)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait for another ``lab`` that is making images, of whichever checkout: they share the engine's names."""
    with (Path(tempfile.gettempdir()) / f"{LABEL}.images.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another lab that is making images…", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
