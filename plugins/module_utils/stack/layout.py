# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a stack: what they shall contain, and how the change is shown without a secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import asdict, dataclass, field
from typing import Callable, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.mounts import mount_source
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import ImageConfig
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import envfile, transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import StackParameters
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secret_sources import RECORD, Kept
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import (
    POSTGRES_PASSWORD,
    Fingerprint,
    SecretEvidence,
    choose,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.transaction import FileChange, WantedFile

COMPOSE_FILE = "compose.yaml"
# In the heading of the compose file and of .env.
MANAGED = "Managed by selfhost.postiz"
ENTRYPOINT_MARK = "@IMAGE_ENTRYPOINT@"
COMMAND_MARK = "@IMAGE_COMMAND@"
# A line with the path of a frontend bundle on the host, and with the place of its mount.
_FRONTEND_MARK = re.compile(r'^( *)@FRONTEND_BUNDLE (".*?") (".*?")@\n', re.MULTILINE)

# Prefix of the user's variables in .env: Compose prefers the caller's environment, where OPENAI_API_KEY may be set.
ENVIRONMENT_PREFIX = "STACK_ENV_"


@dataclass(frozen=True)
class LayoutParameters:
    """`compose` contains the marks instead of the image's entrypoint and command; `files` are more files by path."""

    stack: StackParameters
    compose: str
    dynamic_config: str
    boot_guard_files: Mapping[str, str] = field(repr=False)


def wanted_files(
    wanted: LayoutParameters, kept: Kept, evidence: Tuple[SecretEvidence, ...], image: Optional[ImageConfig]
) -> Tuple[WantedFile, ...]:
    """Every file, `.env` first: an interrupted placement must never lose a new secret."""
    chosen = {item.kind.env_file_name: choose(item) for item in evidence}
    return (
        WantedFile(".env", envfile.render(_env(wanted.stack, chosen)), 0o600, secret=True),
        WantedFile(RECORD, _record(wanted.stack.project, kept, evidence, chosen), 0o600, secret=True),
        WantedFile(os.path.join("dynamicconfig", "development-sql.yaml"), wanted.dynamic_config, 0o644),
        *(
            WantedFile(os.path.join("boot-guard", name), content, 0o755 if name.endswith(".sh") else 0o644)
            for name, content in sorted(wanted.boot_guard_files.items())
        ),
        WantedFile(COMPOSE_FILE, compose_text(wanted.compose, image), 0o644),
    )


def frontend_bundle(template: str) -> str:
    """Path of the frontend bundle that shall be mounted if it is there; empty if none shall."""
    found = _FRONTEND_MARK.search(template)
    return str(json.loads(found[2])) if found else ""


def _mount(mark: re.Match[str], image: Optional[ImageConfig]) -> str:
    """A stack can be made before there is a bundle: it then serves the image's own frontend.

    The mount is the image's own, also where its release is still to come: without one, the engine refuses to start Postiz.
    """
    current, path = json.loads(mark[2]), json.loads(mark[3])
    if not os.path.exists(current):
        return ""
    mounted = mount_source(current, image.identifier if image is not None else "")
    source, target = (json.dumps(text.replace("$", "$$")) for text in (mounted, path))
    lines = ("- type: bind", f"  source: {source}", f"  target: {target}", "  bind:", "    create_host_path: false")
    return "".join(f"{mark[1]}{line}\n" for line in lines)


def compose_text(template: str, image: Optional[ImageConfig]) -> str:
    """The compose file, with the image's own entrypoint and command, and the frontend's mount, in the places of the marks."""
    template = _FRONTEND_MARK.sub(lambda mark: _mount(mark, image), template)
    if image is None:
        return template
    return template.replace(ENTRYPOINT_MARK, _words(image.entrypoint)).replace(COMMAND_MARK, _words(image.command))


def comparable(written: str, template: str) -> Tuple[str, str]:
    """A compose file as it lies there, and what shall take its place, of an image that need not be on the host yet.

    Which image's link of a frontend is mounted follows from the image, so both say the same there.
    """
    plain = compose_text(template, None).replace(ENTRYPOINT_MARK, "''").replace(COMMAND_MARK, "''")
    current = frontend_bundle(template)
    links = re.escape(os.path.dirname(json.dumps(current.replace("$", "$$")))) + r'/images/[0-9a-f]+"'
    named = json.dumps(current.replace("$", "$$"))
    return (re.sub(links, lambda _found: named, written) if current else written), plain


def _words(words: Tuple[str, ...]) -> str:
    """Items of a YAML flow sequence; `$` is doubled because Compose interpolates."""
    return ", ".join(json.dumps(word.replace("$", "$$")) for word in words)


def _env(stack: StackParameters, chosen: Mapping[str, str]) -> Dict[str, str]:
    password = quote(chosen[POSTGRES_PASSWORD.env_file_name], safe="")
    url = f"postgresql://{POSTGRES_PASSWORD.user}:{password}@{POSTGRES_PASSWORD.service}:5432/{POSTGRES_PASSWORD.database}"
    extra = {ENVIRONMENT_PREFIX + name: value for name, value in sorted(stack.environment.items())}
    return {**chosen, "STACK_DATABASE_URL": url, **extra}


def _record(project: str, kept: Kept, evidence: Tuple[SecretEvidence, ...], chosen: Mapping[str, str]) -> str:
    fingerprints = {}
    for item in evidence:
        secret = chosen[item.kind.env_file_name]
        former = kept.fingerprints.get(item.kind.option)
        fingerprints[item.kind.option] = asdict(former if former and item.recorded else Fingerprint.of(secret))
    return json.dumps({"project": project, "fingerprints": fingerprints}, indent=2, sort_keys=True) + "\n"


def differences(changes: Tuple[FileChange, ...]) -> List[Dict[str, str]]:
    """One `diff` entry for each file."""
    return [
        {
            "before_header": change.wanted.path,
            "after_header": change.wanted.path,
            "before": _shown(change, change.before, change.old_mode),
            "after": _shown(change, change.wanted.content, change.wanted.mode),
        }
        for change in changes
    ]


def _shown(change: FileChange, content: Optional[str], mode: Optional[int]) -> str:
    if content is None:
        return ""
    heading = "" if change.old_mode in (None, change.wanted.mode) else f"mode: {mode or 0:04o}\n"
    if not change.wanted.secret:
        return heading + content
    if change.wanted.path == ".env":
        return heading + _names_only(content, change)
    return heading + "<fingerprints of secrets>\n"


def _names_only(content: str, change: FileChange) -> str:
    """Each name with a word about its value: which ones change, never what they are."""
    try:
        before = envfile.parse(change.before or "")
    except envfile.MalformedEnvFile:
        before = {}
    wanted = envfile.parse(change.wanted.content)
    shown = envfile.parse(content) if content == change.wanted.content else before
    lines = []
    for name in shown:
        same = before.get(name) == wanted.get(name)
        lines.append(f"{name}=<secret{'' if same else ', old' if shown is before else ', new'}>\n")
    return "".join(lines)


def validator(directory: str) -> Callable[[Mapping[str, str]], None]:
    """A check of staged files by Compose itself; raises StackError with Compose's own words."""

    def validate(staged: Mapping[str, str]) -> None:
        compose = staged.get(COMPOSE_FILE, os.path.join(directory, COMPOSE_FILE))
        env = staged.get(".env", os.path.join(directory, ".env"))
        command = ["docker", "compose", "--project-directory", directory, "--env-file", env, "-f", compose]
        answer = subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise StackError(
                f"Compose refuses the new compose file, so the old one stays: {answer.stderr.strip()}.",
                "correct the variable that it names.",
            )

    return validate


def replaced_files(changes: Tuple[FileChange, ...]) -> Tuple[WantedFile, ...]:
    """Copies of files that somebody else wrote: the way back for a stack that is adopted."""
    return tuple(
        WantedFile(change.wanted.path + ".replaced", change.before, 0o600, secret=True)
        for change in changes
        if change.wanted.path in (".env", COMPOSE_FILE) and change.before and MANAGED not in change.before
    )


def place(directory: str, changes: Tuple[FileChange, ...], validate: Callable[[Mapping[str, str]], None]) -> None:
    """Stage, validate, then place all files; a refusal leaves everything as it was."""
    with transaction.alone(directory):
        # Two first runs would each have made secrets of their own.
        if transaction.changes(directory, tuple(change.wanted for change in changes)) != changes:
            raise StackError(
                f"Another run has placed files in {directory} since this one looked; nothing was changed.", "run again."
            )
        transaction.finish_interrupted(directory)
        staged = transaction.stage(directory, (*replaced_files(changes), *(change.wanted for change in changes)))
        try:
            validate(staged)
        except Exception:
            transaction.discard(directory)
            raise
        transaction.commit(directory, staged)
