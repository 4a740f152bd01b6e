# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What frontend_bundle returns, always in the same shape."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, Iterable, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.changes import Change
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    Bridge,
    ImageFacts,
    Manifest,
    Origin,
    Release,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.verify import Damage
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, sentence

NOTHING = Manifest("", ImageFacts(), Origin("", "", "", ()), 0, 0, "", "")
WHOLE = Damage()
_LISTED = 20


def payload(
    store: Store,
    release: Optional[Release],
    previous: str = "",
    extracted: bool = False,
    switched: bool = False,
    pruned: Tuple[str, ...] = (),
    changes: Iterable[Change] = (),
    findings: Tuple[Finding, ...] = (),
    damage: Damage = WHOLE,
    text: str = "",
    releases: Optional[Tuple[str, ...]] = None,
    bridge: Optional[Bridge] = None,
    served: bool = False,
) -> Dict[str, Any]:
    """`release` is the current one after the run, or what it would be."""
    manifest = release.manifest if release is not None else NOTHING
    name = release.name if release is not None else ""
    bridged = bridge if bridge is not None else store.records.bridge(name) if name else Bridge()
    listed = tuple(item.name for item in store.releases()) if releases is None else releases
    return {
        "folder": store.folder,
        "current": store.current_path,
        "mount": store.image_path(manifest.image.identifier),
        "release": name,
        "previous": previous,
        "releases": list(listed),
        "build_id": manifest.build_id,
        "image": manifest.image.name,
        "image_id": manifest.image.identifier,
        "image_digest": manifest.image.digest,
        "next_version": manifest.image.next_version,
        "files": manifest.files,
        "bytes": manifest.bytes,
        "tree_digest": manifest.tree_digest,
        "created": manifest.created,
        "extracted": extracted,
        "switched": switched,
        "pruned": list(pruned),
        "bridged": bridged.files,
        "bridged_from": list(bridged.sources),
        "proven": bool(name) and store.records.proven(name),
        "served": served,
        "changes": [asdict(change) for change in changes],
        "findings": [finding.as_dict() for finding in findings],
        "missing": list(damage.missing[:_LISTED]),
        "changed_files": list(damage.changed[:_LISTED]),
        "extra": list(damage.extra[:_LISTED]),
        "report": text,
    }


def found_text(name: str, findings: Tuple[Finding, ...]) -> str:
    """The result of a verification."""
    if not findings:
        return f"{name} is whole."
    return "\n".join([f"{name}: {len(findings)} found.", *(f"  - {sentence(item)}" for item in findings)])
