# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest as JSON. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    CONFIG,
    DATABASE,
    PARTS,
    TEMPORAL,
    TEMPORAL_PART,
    Exclusion,
    Manifest,
    SavedDatabase,
    SavedFile,
    SavedVolume,
    Server,
    ServiceImage,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.rules import NOT_CHOSEN
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import Fingerprint

FORMAT = 1
FILE = "manifest.json"


def as_dict(manifest: Manifest) -> Dict[str, Any]:
    """Its JSON form. Files stand beside what they hold, so that a person can read it."""
    found = asdict(manifest)
    for name in ("databases", "volumes"):
        found[name] = [_flat(item) for item in found[name]]
    return {"format": FORMAT, **found, "bytes": manifest.bytes}


def _flat(item: Dict[str, Any]) -> Dict[str, Any]:
    saved = item.pop("saved")
    return {**item, **saved}


def text(manifest: Manifest) -> str:
    """For the file."""
    return json.dumps(as_dict(manifest), indent=2, sort_keys=True) + "\n"


def parse(content: str) -> Manifest:
    """Raises ValueError for what is no manifest of this format."""
    try:
        found = json.loads(content)
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']!r}, and {FORMAT} is known")
        return _manifest(found)
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"it is no manifest ({type(problem).__name__}: {problem})") from problem


def _manifest(found: Mapping[str, Any]) -> Manifest:
    secret = found["jwt_secret"]
    return Manifest(
        project=str(found["project"]),
        label=str(found["label"]),
        name=str(found["name"]),
        taken_at=str(found["taken_at"]),
        finished_at=str(found["finished_at"]),
        consistency=str(found["consistency"]),
        paused_seconds=float(found["paused_seconds"]),
        directory=str(found["directory"]),
        compose_files=tuple(found["compose_files"]),
        version=str(found["version"]),
        service=str(found["service"]),
        temporal_address=str(found["temporal_address"]),
        temporal_namespace=str(found["temporal_namespace"]),
        services=tuple(
            ServiceImage(item["service"], item["image"], item["image_id"], tuple(item["digests"]))
            for item in found["services"]
        ),
        jwt_secret=None if secret is None else Fingerprint(secret["salt"], secret["digest"]),
        servers=tuple(Server(**{**item, "roles": tuple(item["roles"])}) for item in found["servers"]),
        databases=tuple(_database(item) for item in found["databases"]),
        volumes=tuple(_volume(item) for item in found["volumes"]),
        files=tuple(_saved(item) for item in found["files"]),
        env=str(found["env"]),
        exclusions=tuple(Exclusion(item["name"], item["reason"]) for item in found["exclusions"]),
        parts=_parts(found),
    )


def _parts(found: Mapping[str, Any]) -> Tuple[str, ...]:
    """Those that it holds; a manifest of an earlier version of the collection does not say it, but what is in it does."""
    if "parts" in found:
        return tuple(part for part in PARTS if part in found["parts"])
    held = {TEMPORAL_PART if item["kind"] == TEMPORAL else DATABASE for item in found["databases"]}
    # Databases that lie elsewhere leave no trace; those that were not chosen are named.
    not_chosen = any(
        item["name"].startswith("database:") and item["reason"] == NOT_CHOSEN for item in found["exclusions"]
    )
    if held and not not_chosen:
        held = {DATABASE, TEMPORAL_PART}
    held |= {item["part"] for item in found["volumes"]}
    return tuple(part for part in PARTS if part in held or (part == CONFIG and found["files"]))


def _saved(item: Mapping[str, Any]) -> SavedFile:
    name = str(item["file"])
    # It is joined to the backup's folder.
    if name.startswith("/") or ".." in name.split("/") or not name:
        raise ValueError(f"it names the file {name!r}, which lies outside of the backup")
    return SavedFile(name, int(item["bytes"]), str(item["sha256"]))


def _database(item: Mapping[str, Any]) -> SavedDatabase:
    return SavedDatabase(
        service=item["service"],
        name=item["name"],
        kind=item["kind"],
        saved=_saved(item),
        rows={str(table): int(count) for table, count in item["rows"].items()},
        posts={str(state): int(count) for state, count in item["posts"].items()},
        newest_post=item["newest_post"],
    )


def _volume(item: Mapping[str, Any]) -> SavedVolume:
    return SavedVolume(
        key=item["key"],
        name=item["name"],
        service=item["service"],
        destination=item["destination"],
        labels=dict(item["labels"]),
        driver=item["driver"],
        options=dict(item["options"]),
        bind=item["bind"],
        part=item["part"],
        entries=int(item["entries"]),
        saved=_saved(item),
    )
