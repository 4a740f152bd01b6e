# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporal's own command line client, inside the stack's container that has it. The only I/O of this package.

Several commands go into one exec: starting an exec costs more than a command. Each has a deadline of its own, by the
client (`--command-timeout`) and by `timeout` around it, should the client hang.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
from dataclasses import dataclass
from enum import Enum
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    ContainerGone,
    ContainerNotRunning,
    StackError,
)

# The shell's own time, and what `timeout` needs to end a client that hangs.
_GRACE_SECONDS = 4


class Trouble(str, Enum):
    """Why a command gave no answer."""

    NONE = ""
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    DEADLINE = "deadline"
    NAMESPACE_NOT_FOUND = "namespace-not-found"
    NOT_FOUND = "not-found"
    NO_CLIENT = "no-client"
    MALFORMED = "malformed"
    CRASHED = "crashed"
    FAILED = "failed"


@dataclass(frozen=True)
class Connection:
    """How to reach the server. Paths are inside the container of the client; the key itself is in no argument."""

    address: str
    namespace: str
    tls: bool = False
    tls_ca_path: str = ""
    tls_cert_path: str = ""
    tls_key_path: str = ""
    api_key_path: str = ""

    def arguments(self) -> List[str]:
        """Options of every command."""
        found = ["--address", self.address]
        if self.tls:
            found.append("--tls")
        for name in ("tls_ca_path", "tls_cert_path", "tls_key_path"):
            value = getattr(self, name)
            if value:
                found += [f"--{name.replace('_', '-')}", value]
        return found


@dataclass(frozen=True)
class Answer:
    """`data` is the parsed JSON, None with a trouble; `problem` is the client's last message, without secrets."""

    data: Any
    trouble: Trouble = Trouble.NONE
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is data."""
        return self.trouble is Trouble.NONE


class NoAnswer(StackError):
    """The container of the client gave nothing back at all."""


class ClientStopped(NoAnswer):
    """The container of the client stands still, since a moment ago."""


# In Temporal's own words, whatever keeps its state; also of an execution, and of its history. A proxy's "not found" is none.
NO_WORKFLOW = re.compile(
    r"workflow( execution\w*)?( history)? not found|operation Get\w*Execution encountered not found", re.IGNORECASE
)
_PATTERNS: Tuple[Tuple[Trouble, re.Pattern[str]], ...] = (
    (Trouble.NAMESPACE_NOT_FOUND, re.compile(r"namespace \S+ is not found", re.IGNORECASE)),
    (Trouble.REFUSED, re.compile(r"Unauthenticated|PermissionDenied|x509:|tls: |certificate", re.IGNORECASE)),
    (
        Trouble.UNREACHABLE,
        re.compile(
            r"failed reaching server|connection refused|no such host|host not found|no children to pick from|"
            r"Unavailable|connection reset|unexpected HTTP status code",
            re.IGNORECASE,
        ),
    ),
    (Trouble.NOT_FOUND, NO_WORKFLOW),
    (Trouble.DEADLINE, re.compile(r"deadline exceeded|i/o timeout|timed out|program interrupted", re.IGNORECASE)),
)
_MESSAGE = re.compile(r'msg="((?:[^"\\]|\\.)*)"')
_TIMED_OUT = (124, 137, 143)
_NO_SUCH_PROGRAM = (126, 127)


class Cli:
    """The client in one container."""

    def __init__(self, engine: Engine, identifier: str, connection: Connection, deadline_seconds: int) -> None:
        self._engine = engine
        self._identifier = identifier
        self._connection = connection
        self._deadline = deadline_seconds

    def ask(self, commands: Sequence[Sequence[str]], first_decides: bool = False) -> Tuple[Answer, ...]:
        """One answer for each command (words after `temporal`), in their order. Raises NoAnswer.

        With `first_decides`, a failure of the first command is the answer to all: no other one is run.
        """
        marker = f"--{secrets.token_hex(8)}--"
        lines = [self._guarded(words, marker) for words in commands]
        script = "\n".join((lines[0], *(("[ $code -eq 0 ] || exit 0",) if first_decides else ()), *lines[1:]))
        if self._connection.api_key_path:
            script = f"TEMPORAL_API_KEY=$(cat {shlex.quote(self._connection.api_key_path)}); export TEMPORAL_API_KEY\n{script}"
        seconds = len(commands) * (self._deadline + _GRACE_SECONDS) + _GRACE_SECONDS
        try:
            answer = self._engine.execute(self._identifier, ["sh", "-c", script], seconds)
        except (ContainerGone, ContainerNotRunning) as problem:
            raise ClientStopped("The client's container stopped meanwhile.", "look at its state and log.") from problem
        outputs = answer.stdout.decode(errors="replace").split(marker)
        errors = answer.stderr.decode(errors="replace").split(marker)
        if answer.timed_out and len(outputs) <= 1:
            raise NoAnswer(f"Nothing came back from the client within {seconds} s.", "look at the load of the host.")
        answers = tuple(_answer(number, outputs, errors) for number in range(len(commands)))
        return (answers[0],) * len(commands) if first_decides and not answers[0].ok else answers

    def _guarded(self, words: Sequence[str], marker: str) -> str:
        whole = ["temporal", *words, *self._connection.arguments(), "--namespace", self._connection.namespace]
        whole += ["--command-timeout", f"{self._deadline}s", "-o", "json"]
        command = " ".join(shlex.quote(word) for word in whole)
        # The exit code stands between two markers of standard output.
        return (
            f"timeout -k 1 {self._deadline + 2} {command}; code=$?; printf '%s%s%s' {marker} $code {marker}; "
            f"printf '%s' {marker} >&2"
        )


def _answer(number: int, outputs: List[str], errors: List[str]) -> Answer:
    # Text, code, text, code, …, rest.
    if len(outputs) <= 2 * number + 1:
        return Answer(None, Trouble.DEADLINE, "the client did not come so far in time")
    text, code = outputs[2 * number], int(outputs[2 * number + 1] or 1)
    error = errors[number] if number < len(errors) else ""
    if code:
        return Answer(None, *_trouble(code, error or text))
    try:
        return Answer(json.loads(text)) if text.strip() else Answer({})
    except ValueError:
        return Answer(None, Trouble.MALFORMED, f"the client printed something that is no JSON ({len(text)} characters)")


def _trouble(code: int, error: str) -> Tuple[Trouble, str]:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    messages = [match.group(1) for line in lines if "ERROR" in line for match in _MESSAGE.finditer(line)]
    problem = (messages or lines or [f"exit code {code}"])[-1][:300]
    if any(line.startswith("panic:") for line in lines):
        return Trouble.CRASHED, next(line for line in lines if line.startswith("panic:"))[:300]
    if code in _NO_SUCH_PROGRAM:
        return Trouble.NO_CLIENT, problem
    if code in _TIMED_OUT:
        return Trouble.DEADLINE, f"the client was ended at its deadline (exit code {code})"
    return next((kind for kind, pattern in _PATTERNS if pattern.search(problem)), Trouble.FAILED), problem


def text_at(data: Any, *path: str) -> str:
    """A text deep inside of an answer; empty where something on the way is missing or of another kind."""
    found: Optional[Any] = data
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return str(found) if isinstance(found, (str, int, float)) else ""


def list_at(data: Any, name: str) -> List[Dict[str, Any]]:
    """A list of objects inside of an answer; the client prints null for an empty one."""
    found = data.get(name) if isinstance(data, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
