# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two files beside a release: its manifest, and the list of its entries. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any, Dict, Iterable, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
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
    rows = (
        [entry.kind.value, entry.mode, entry.owner, entry.group, entry.size, entry.digest or entry.target, entry.name]
        for entry in entries
    )
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


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


def make(tree: Tree, image: ImageFacts, origin: Origin, created: str) -> Tuple[Manifest, str]:
    """The manifest of a tree, and the text of its list."""
    text = list_text(tree.entries)
    return Manifest(tree.build_id, image, origin, tree.files, tree.size, list_digest(text), created), text


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
        return Manifest(image=image, origin=Origin(exclude=exclude, **origin), **whole)
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
