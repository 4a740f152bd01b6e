# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two files beside a release: its manifest, and the list of its entries. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    Bridge,
    Bridged,
    Entry,
    ImageFacts,
    Kind,
    Manifest,
    Origin,
    Tree,
)

VERSION = 1
_SHORT = 12


def list_text(entries: Iterable[Entry]) -> str:
    """One line of JSON for each entry; names that are no UTF-8 come through."""
    return "".join(_line(_row(entry)) for entry in entries)


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def _row(entry: Entry) -> List[Any]:
    detail = entry.digest or entry.target
    return [entry.kind.value, entry.mode, entry.owner, entry.group, entry.size, detail, entry.name]


def bridge_text(bridge: Bridge) -> str:
    """A line about all of it, then one for each entry, which begins with its release."""
    head = _line({"sources": bridge.sources, "complete": bridge.complete})
    return head + "".join(_line([item.source, *_row(item.entry)]) for item in bridge.items)


def parse_bridge(text: str) -> Bridge:
    """Raises ValueError."""
    try:
        head, *rows = (json.loads(line) for line in text.splitlines())
        items = tuple(Bridged(source, _entry(row)) for source, *row in rows)
        return Bridge(tuple(head["sources"]), bool(head["complete"]), items)
    except (TypeError, KeyError) as problem:
        raise ValueError(str(problem)) from problem


def parse_list(text: str) -> Tuple[Entry, ...]:
    """Raises ValueError."""
    return tuple(_entry(json.loads(line)) for line in text.splitlines())


def _entry(row: Any) -> Entry:
    kind_name, mode, owner, group, size, detail, name = row
    kind = Kind(kind_name)
    link = kind is Kind.LINK
    return Entry(name, kind, mode, owner, group, size, "" if link else detail, detail if link else "")


def list_digest(text: str) -> str:
    """The digest of the tree."""
    return hashlib.sha256(text.encode()).hexdigest()


def make(
    tree: Tree, image: ImageFacts, origin: Origin, created: str, sources: Optional[Mapping[str, str]] = None
) -> Tuple[Manifest, str]:
    """The manifest of a tree, and the text of its list."""
    text = list_text(tree.entries)
    told = tuple(sorted((sources or {}).items()))
    return Manifest(tree.build_id, image, origin, tree.files, tree.size, list_digest(text), created, told), text


def head_text(manifest: Manifest) -> str:
    """The file beside the release."""
    return json.dumps({"version": VERSION, **asdict(manifest)}, indent=1) + "\n"


def parse_head(text: str) -> Manifest:
    """Raises ValueError."""
    try:
        whole: Dict[str, Any] = json.loads(text)
        if whole.pop("version") != VERSION:
            raise ValueError("another version")
        image = ImageFacts(**whole.pop("image"))
        origin = whole.pop("origin")
        exclude = tuple(origin.pop("exclude"))
        sources = tuple((str(path), str(digest)) for path, digest in whole.pop("sources", ()))
        return Manifest(image=image, origin=Origin(exclude=exclude, **origin), sources=sources, **whole)
    except (TypeError, KeyError, AttributeError) as problem:
        raise ValueError(str(problem)) from problem


def release_name(manifest: Manifest, taken: Iterable[str]) -> str:
    """Build id and the start of the image's digest, or of the tree's; numbered where the name is taken."""
    digest = manifest.image.identifier.rpartition(":")[2] or manifest.tree_digest
    name = f"{manifest.build_id}-{digest[:_SHORT]}"
    used = set(taken)
    number = 2
    found = name
    while found in used:
        found = f"{name}-{number}"
        number += 1
    return found
