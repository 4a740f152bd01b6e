# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Compose makes of a project's files, and whether its container was made of the same, but for mount and image."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.stack.drift import LABEL_CONFIG_HASH, parse_hashes
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.host import compose_version, version_tuple

LABEL_VERSION = "com.docker.compose.version"
_SECONDS = 60


@dataclass(frozen=True)
class Files:
    """What Compose gets: the files in their order, and environment files besides `.env`."""

    project: str
    directory: str
    files: Tuple[str, ...]
    environment_files: Tuple[str, ...] = ()

    def ask(self, words: Sequence[str], more: str = "") -> str:
        """The answer of `docker compose config`, with another file on top; empty if it cannot answer."""
        command = ["docker", "compose", "--project-name", self.project, "--project-directory", self.directory]
        for name in self.files:
            command += ["--file", name]
        for name in self.environment_files:
            command += ["--env-file", name]
        if more:
            command += ["--file", "-"]
        try:
            answer = subprocess.run(
                [*command, "config", *words], input=more, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return answer.stdout if answer.returncode == 0 else ""


@dataclass(frozen=True)
class Service:
    """A service as the files say it; of its environment, only names may be shown."""

    image: str
    environment: Mapping[str, str] = field(repr=False)
    volumes: Tuple[Mapping[str, Any], ...]

    def source(self, target: str) -> str:
        """What it mounts there; empty if nothing."""
        return next((str(item.get("source") or "") for item in self.volumes if item.get("target") == target), "")


def read(files: Files, service: str) -> Optional[Service]:
    """None if Compose cannot tell."""
    try:
        entry = json.loads(files.ask(["--format", "json"]))["services"][service]
        environment = {name: str(value) for name, value in (entry.get("environment") or {}).items()}
        return Service(str(entry.get("image") or ""), environment, tuple(entry.get("volumes") or ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def as_made(service: str, now: Service, image: str, source: str, target: str) -> str:
    """A Compose file that gives a service the image of its container, and what that has mounted at `target`, if anything."""
    lines: List[str] = [f"services:\n  {json.dumps(service)}:\n"]
    # A container whose image lost its name has only an identifier, which no Compose file says.
    if not image.startswith("sha256:"):
        lines.append(f"    image: {_text(image)}\n")
    if source and source != now.source(target):
        # Compose puts it in the place of what the files mount there.
        added = {"type": "bind", "source": source, "target": target, "bind": {"create_host_path": False}}
        lines.append(f"    volumes: {_text([added])}\n")
    elif not source and now.source(target):
        rest = [item for item in now.volumes if item.get("target") != target]
        lines.append(f"    volumes: !override {_text(rest)}\n")
    return "".join(lines) if len(lines) > 1 else ""


def _text(value: Any) -> str:
    return json.dumps(value).replace("$", "$$")


@dataclass(frozen=True)
class Pending:
    """What recreating would apply besides. `sure` is False if only another release of Compose may be the reason."""

    text: str = ""
    sure: bool = True


def pending(
    files: Files, service: str, now: Service, labels: Mapping[str, str], environment: Mapping[str, str], made: str
) -> Pending:
    """`made` is of `as_made`. Nothing if Compose cannot tell."""
    recorded = labels.get(LABEL_CONFIG_HASH, "")
    found = parse_hashes(files.ask(["--hash", service], made)).get(service, "")
    if not recorded or not found or recorded == found:
        return Pending()
    names = sorted(name for name, value in now.environment.items() if environment.get(name) != value)
    text = f"the environment variables {', '.join(names)}" if names else "settings besides image and mount"
    sure = bool(names) or version_tuple(compose_version()) == version_tuple(labels.get(LABEL_VERSION, ""))
    return Pending(text, sure)
