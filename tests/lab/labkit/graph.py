"""The build graph: content hashes and the order of work. Pure, apart from reading source files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.catalog import Image, Tool

UNPACKED = frozenset({"fetch", "node_modules", "__pycache__", ".next", "dist"})
"""Folders below an image's sources that are no part of it: its tool's recipe, and what developers leave."""


@dataclass(frozen=True)
class Node:
    """A tool or an image with its content hash and the names of what must exist before it."""

    name: str
    hash: str
    needs: tuple[str, ...]
    source: Tool | Image


def folder_hash(folder: Path) -> str:
    """Hash of the names, modes and bytes of every file below ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not _ignored(p.relative_to(folder))):
        mode = "x" if path.stat().st_mode & 0o100 else "-"
        digest.update(f"{path.relative_to(folder)}\0{mode}\0".encode())
        digest.update(path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def _ignored(relative: Path) -> bool:
    return any(part in UNPACKED for part in relative.parts)


def needs_of(source: Tool | Image) -> tuple[str, ...]:
    """Names that must be there before ``source`` can be made."""
    if isinstance(source, Tool):
        return (source.image,)
    return (*source.parents, *source.tools)


def graph(
    tools: tuple[Tool, ...], images: tuple[Image, ...], folders: Mapping[str, str], salts: Mapping[str, str]
) -> dict[str, Node]:
    """All nodes by name. ``folders``: hash of each source folder; ``salts``: settings that change a node's result.

    A tool's hash covers its own recipe only: what it downloads is pinned there, so that it stays valid
    when the machine's mirror or certificates, and with them every image, change.
    """
    everything: tuple[Tool | Image, ...] = (*tools, *images)
    sources = {item.name: item for item in everything}
    nodes: dict[str, Node] = {}

    def visit(name: str, trail: tuple[str, ...]) -> Node:
        if name in trail:
            raise ValueError("cycle in the build graph: " + " → ".join((*trail, name)))
        if name not in nodes:
            source = sources[name]
            needs = needs_of(source)
            above = [visit(need, (*trail, name)).hash for need in needs]
            parts = [name, salts.get(name, ""), folders[source.folder], repr(source.arguments)]
            parts += needs if isinstance(source, Tool) else above
            nodes[name] = Node(name, hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16], needs, source)
        return nodes[name]

    for name in sources:
        visit(name, ())
    return nodes


def closure(nodes: Mapping[str, Node], wanted: tuple[str, ...], present: frozenset[str]) -> list[Node]:
    """Missing nodes that ``wanted`` needs, parents first; nothing below a present node is visited."""
    order: list[Node] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name in present:
            return
        seen.add(name)
        for need in nodes[name].needs:
            visit(need)
        order.append(nodes[name])

    for name in wanted:
        visit(name)
    return order


def urgency(nodes: Mapping[str, Node]) -> dict[str, int]:
    """Seconds from the start of each node to the end of the last one that waits for it: the longest chain first."""
    waiting: dict[str, list[str]] = {name: [] for name in nodes}
    for node in nodes.values():
        for need in node.needs:
            waiting[need].append(node.name)
    seconds: dict[str, int] = {}

    def visit(name: str) -> int:
        if name not in seconds:
            seconds[name] = nodes[name].source.seconds + max(map(visit, waiting[name]), default=0)
        return seconds[name]

    for name in nodes:
        visit(name)
    return seconds
