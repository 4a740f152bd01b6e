# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of frontend_bundle, checked beyond what an argument spec can say. Raises BadInput."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Limits
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

PATH = "/app/apps/frontend/.next"
# Postiz: answers 200 without a session, and asks no backend.
PAGE = "http://127.0.0.1:4200/auth/login"
PREVIOUS = "previous"

ARGUMENT_SPEC: Dict[str, Any] = {
    "dest": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "verified", "proven", "absent"], "default": "present"},
    "image": {"type": "str"},
    "project": {"type": "str"},
    "service": {"type": "str", "default": "postiz"},
    "prebuilt": {"type": "path"},
    "release": {"type": "str"},
    "path": {"type": "str", "default": PATH},
    "exclude": {"type": "list", "elements": "str", "default": ["cache"]},
    "foreign_links": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
    "keep": {"type": "int", "default": 3},
    "bridge": {"type": "int", "default": 2},
    "force": {"type": "bool", "default": False},
    "max_bytes": {"type": "int", "default": 4 << 30},
    "max_files": {"type": "int", "default": 200000},
    "min_free_bytes": {"type": "int", "default": 256 << 20},
    "lock_timeout": {"type": "float", "default": 600.0},
    "fail_on_mismatch": {"type": "bool", "default": True},
    "page": {"type": "str", "default": PAGE},
    "page_timeout": {"type": "float", "default": 0.0},
    "failed": {"type": "str"},
}


_SOURCES = (
    ["image"],
    ["project"],
    ["prebuilt"],
    ["release"],
    ["image", "project"],
    ["image", "prebuilt"],
    ["project", "prebuilt"],
    ["image", "project", "prebuilt"],
    ["project", "release"],
    ["image", "release"],
    ["image", "project", "release"],
)


@dataclass(frozen=True)
class Request:
    """Empty texts are options that were not given."""

    dest: str
    state: str
    image: str
    project: str
    service: str
    prebuilt: str
    path: str
    exclude: Tuple[str, ...]
    foreign_links: bool
    keep: int
    force: bool
    limits: Limits
    lock_seconds: float
    fail_on_mismatch: bool
    check_mode: bool
    bridge: int = 0
    release: str = ""
    page: str = PAGE
    page_seconds: float = 0.0
    failed: str = ""


def parse(params: Mapping[str, Any], check_mode: bool) -> Request:
    """Raises BadInput with the parameter's name."""
    for name, least in (
        ("keep", 1),
        ("bridge", 0),
        ("page_timeout", 0),
        ("max_bytes", 1),
        ("max_files", 1),
        ("min_free_bytes", 0),
        ("lock_timeout", 0),
    ):
        if params[name] < least:
            raise BadInput(f"{name} is {params[name]}, which is less than {least}.", f"give {name} from {least}.")
    dest = params["dest"]
    if not os.path.isabs(dest) or os.path.normpath(dest) == "/":
        raise BadInput(
            f"dest is {dest!r}, which is no folder of its own.", "give an absolute path, of a folder just for it."
        )
    path = params["path"]
    if not path.startswith("/") or posixpath.normpath(path) != path or path == "/":
        raise BadInput(f"path is {path!r}, which is no clean absolute path.", f"give one such as {PATH}.")
    sources = [name for name in ("image", "project", "prebuilt", "release") if params[name]]
    if params["state"] == "present" and sources not in _SOURCES:
        given = " and ".join(sources) or "none of them"
        remedy = (
            "give image, project, prebuilt or release; with prebuilt, image may say for which image it was built;"
            " beside the others, project may say which container shall serve it."
        )
        raise BadInput(f"A bundle comes from one source, and given is {given}.", remedy)
    if params["image"] and params["release"] not in (None, "", PREVIOUS):
        raise BadInput(
            f"The release {params['release']} has its own image, and image says another one besides.",
            f"leave image out, or give release: {PREVIOUS}, for the last release of that image.",
        )
    if (params["state"] == "proven" or params["page_timeout"] > 0) and not params["project"]:
        raise BadInput("Nothing serves the bundle without a project.", "give project, or use state verified.")
    return Request(
        dest=os.path.normpath(dest),
        state=params["state"],
        image=params["image"] or "",
        project=params["project"] or "",
        service=params["service"],
        prebuilt=params["prebuilt"] or "",
        path=path,
        exclude=tuple(_excluded(entry) for entry in params["exclude"]),
        foreign_links=params["foreign_links"] == "keep",
        keep=params["keep"],
        force=params["force"],
        limits=Limits(params["max_bytes"], params["max_files"], params["min_free_bytes"]),
        lock_seconds=params["lock_timeout"],
        fail_on_mismatch=params["fail_on_mismatch"],
        check_mode=check_mode,
        bridge=params["bridge"],
        release=params["release"] or "",
        page=params["page"],
        page_seconds=params["page_timeout"],
        failed=params["failed"] or "",
    )


def _excluded(entry: str) -> str:
    clean = entry.rstrip("/")
    if not clean or posixpath.normpath(clean) != clean or clean.startswith(("/", "..")) or clean == ".":
        raise BadInput(f"exclude has {entry!r}, which is no path below the bundle.", "give paths such as cache.")
    return clean
