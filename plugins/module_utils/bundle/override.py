# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What frontend_mount does: the mount of a bundle in the Compose files of a stack, whoever wrote them."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import composed, origins
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import ImageFacts
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.mounts import (
    is_mount_of,
    looks_stored,
    mount_source,
    release_at,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import PATH
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine, ImageConfig, Mount
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import error
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.layout import COMPOSE_FILE, MANAGED

ARGUMENT_SPEC: Dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "service": {"type": "str", "default": "postiz"},
    "source": {"type": "path", "required": True},
    "path": {"type": "str", "default": PATH},
    "state": {"type": "str", "choices": ["present", "verified", "absent"], "default": "present"},
    "accept_pending": {"type": "bool", "default": False},
}

_FILES = "com.docker.compose.project.config_files"
_ENVIRONMENT_FILES = "com.docker.compose.project.environment_file"
_OWN = "compose.override.yaml"
# What Compose finds by itself, in a project's directory.
_DEFAULT = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = ("compose.override.yml", _OWN, "docker-compose.override.yml", "docker-compose.override.yaml")


@dataclass(frozen=True)
class Request:
    """`source` is a bundle's link `current`; what is mounted at `path` is that of the image beside it, see `Store`."""

    project: str
    service: str
    source: str
    path: str
    state: str
    check_mode: bool
    accept_pending: bool = False


def parse(params: Mapping[str, Any], check_mode: bool) -> Request:
    """Raises BadInput."""
    if not os.path.isabs(params["source"]):
        raise BadInput(
            f"source is {params['source']!r}, which is no absolute path.", "give the path of the bundle's link."
        )
    return Request(
        project=params["project"],
        service=params["service"],
        source=os.path.normpath(params["source"]),
        path=params["path"],
        state=params["state"],
        check_mode=check_mode,
        accept_pending=params["accept_pending"],
    )


@dataclass(frozen=True)
class _Stack:
    """Files as Compose got them, without an override of this module."""

    directory: str
    files: Tuple[str, ...]
    environment_files: Tuple[str, ...]
    managed: bool
    override: str


def run(engine: Engine, wanted: Request) -> Outcome:
    """Raises Refused, BadInput, StackError."""
    container = origins.container_of(engine, wanted.project, wanted.service)
    stack = _stack(container)
    before = _read(stack.override)
    own = before if before is not None and MANAGED in before.partition("\n")[0] else None
    names = (*stack.files, stack.override) if own is not None and not stack.managed else stack.files
    present = tuple(name for name in names if os.path.isfile(name))
    files = composed.Files(wanted.project, stack.directory, present, stack.environment_files)
    now = composed.read(files, wanted.service) if present else None
    image = engine.image(now.image) if now is not None and now.image else None
    configured = _configured(now, wanted) if now is not None else _mounted(container, wanted)
    if wanted.state == "verified":
        _refuse_mix(wanted, now, image)
    after = own if wanted.state == "verified" else None
    if wanted.state == "present" and not stack.managed:
        identifier = image.identifier if image is not None else container.image_identifier
        after = _text(wanted, mount_source(wanted.source, identifier))
    if after is not None and own is None:
        if configured:
            # Somebody added the lines, as the refusal says. A container may have what its files have lost.
            after = None
        else:
            _check(wanted, stack)
    warnings = () if wanted.state == "verified" else _pending(engine, wanted, container, files, now)
    changed = own != after and not stack.managed
    if changed and not wanted.check_mode:
        _place(stack.override, after)
    used = after is not None or (own is not None and not changed)
    payload = {
        "directory": stack.directory,
        "files": [*stack.files, *([stack.override] if used and not stack.managed else [])],
        "environment_files": list(stack.environment_files),
        "managed": stack.managed,
        "mounted": _mounted(container, wanted),
        "image": container.image,
        "image_id": container.image_identifier,
        "configured_image": now.image if now else "",
        "configured_image_id": image.identifier if image is not None else "",
        "configured": configured,
        "configured_source": now.source(wanted.path) if now is not None and configured else "",
        "container": container.name,
        "container_id": container.identifier,
        "running": container.state == "running",
    }
    headers = {"before_header": stack.override, "after_header": stack.override}
    diff = {**headers, "before": own or "", "after": after or ""} if changed else None
    return Outcome(changed, payload, diff, warnings)


def _pending(
    engine: Engine,
    wanted: Request,
    container: Container,
    files: composed.Files,
    now: Optional[composed.Service],
) -> Tuple[str, ...]:
    """Recreating a container applies everything that its files say by now. Warnings; raises Refused."""
    if now is None or wanted.accept_pending:
        return ()
    there = next((mount for mount in container.mounts if mount.destination == wanted.path), None)
    source = "" if there is None else there.source if there.kind == "bind" else now.source(wanted.path)
    made = composed.as_made(wanted.service, now, container.image, source, wanted.path)
    environment = engine.detail(container.identifier).environment
    found = composed.pending(files, wanted.service, now, container.labels, environment, made)
    evidence = f"its Compose files say something else by now than {container.name} was made of: {found.text}."
    if found.text and found.sure:
        remedy = (
            "apply or take back these changes first, or accept that they come with it (frontend_accept_pending: true)."
        )
        raise Refused((error("frontend-changes-pending", wanted.project, evidence, remedy),))
    if found.text:
        return (f"Another release of Compose made {container.name}, so it may be that {evidence}",)
    return ()


def _stack(container: Container) -> _Stack:
    directory = container.directory
    listed = [os.path.join(directory, item) for item in container.labels.get(_FILES, "").split(",") if item]
    override = os.path.join(directory, _OWN)
    files = tuple(item for item in listed if item != override or MANAGED not in (_read(item) or MANAGED))
    heading = _read(os.path.join(directory, COMPOSE_FILE)) or ""
    managed = files == (os.path.join(directory, COMPOSE_FILE),) and _is_managed(heading)
    environment = tuple(item for item in container.labels.get(_ENVIRONMENT_FILES, "").split(",") if item)
    return _Stack(directory, files, environment, managed, override)


def _is_managed(text: str) -> bool:
    return any(MANAGED in line for line in text.splitlines()[:3])


def _mounted(container: Container, wanted: Request) -> bool:
    return any(_is_mine(mount, wanted) for mount in container.mounts)


def _is_mine(mount: Mount, wanted: Request) -> bool:
    return mount.destination == wanted.path and is_mount_of(mount.source, wanted.source)


def _configured(now: composed.Service, wanted: Request) -> bool:
    return is_mount_of(now.source(wanted.path), wanted.source)


def _refuse_mix(wanted: Request, now: Optional[composed.Service], image: Optional[ImageConfig]) -> None:
    """Whether the engine would start the service with a frontend of its image, by what its files say. Raises Refused."""
    source = now.source(wanted.path) if now is not None else ""
    if now is None or not source or not looks_stored(source):
        return
    remedy = "run the playbook selfhost.postiz.patch_frontend, which makes one for the image that the files name."
    if not os.path.exists(source):
        evidence = f"the Compose files mount {source}, which is not there: the engine would refuse to start it."
        raise Refused((error("bundle-missing", wanted.service, evidence, remedy),))
    release = release_at(source)
    made_for = release.manifest.image if release is not None else ImageFacts()
    if image is not None and made_for.identifier and made_for.identifier != image.identifier:
        evidence = f"the Compose files name {now.image}, and mount a build for {made_for.name or made_for.identifier}."
        raise Refused((error("bundle-image-mismatch", wanted.service, evidence, remedy),))


def _text(wanted: Request, mounted: str) -> str:
    source, target = (json.dumps(path.replace("$", "$$"), ensure_ascii=False) for path in (mounted, wanted.path))
    return (
        f"# {MANAGED}, role frontend: with frontend_state absent this file is removed.\n"
        f"services:\n  {json.dumps(wanted.service)}:\n    volumes:\n{_lines(source, target)}"
    )


def _lines(source: str, target: str) -> str:
    lines = ("- type: bind", f"  source: {source}", f"  target: {target}", "  bind:", "    create_host_path: false")
    return "".join(f"      {line}\n" for line in lines)


def _check(wanted: Request, stack: _Stack) -> None:
    """The file must be one that Compose finds by itself, else the next `docker compose up` would lose the mount."""
    reason = ""
    names: List[str] = [os.path.basename(item) for item in stack.files]
    others = [name for name in _OVERRIDES if os.path.lexists(os.path.join(stack.directory, name))]
    if not stack.files:
        reason = f"nothing says which Compose files {wanted.project} was made of"
    elif not all(os.path.isfile(item) for item in stack.files):
        reason = f"its Compose file {stack.files[0]} is not on this host"
    elif (
        any(os.path.dirname(item) != stack.directory for item in stack.files)
        or len(names) > 1
        or names[0] not in _DEFAULT
    ):
        reason = f"{wanted.project} was started with files of its own choice: {', '.join(stack.files)}"
    elif others:
        reason = f"{os.path.join(stack.directory, others[0])} is there already"
    if reason:
        source, target = (
            json.dumps(path.replace("$", "$$"), ensure_ascii=False) for path in (wanted.source, wanted.path)
        )
        remedy = (
            f"add these lines to the service {wanted.service} in your Compose file, then start this again; there is no need"
            f" to run Compose before, this does it once the bundle is there:\n    volumes:\n{_lines(source, target)}"
        )
        raise Refused((error("frontend-not-mountable", wanted.project, f"{reason}.", remedy.rstrip("\n")),))


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def _place(path: str, text: Optional[str]) -> None:
    with file_errors(os.path.dirname(path)):
        if text is None:
            os.unlink(path)
            return
        staged = f"{path}.{secrets.token_hex(4)}"
        try:
            with open(
                os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "w", encoding="utf-8"
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.rename(staged, path)
        except BaseException:
            os.unlink(staged)
            raise
