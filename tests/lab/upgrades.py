"""Upgrades of a lab stack through the playbooks, as a person would run them, and killed in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.paths import INVENTORY, REPOSITORY
from labkit.stack import Stack

PLAY_SECONDS = 600


@dataclass(frozen=True)
class Played:
    """What a play ended with."""

    code: int
    text: str
    seconds: float

    @property
    def changed(self) -> int:
        """Tasks that changed something, of the one host."""
        return int(self.text.rpartition("changed=")[2].split()[0])


class Play:
    """A playbook on one stack of the lab; in a session of its own, so that all of it can be killed."""

    def __init__(
        self,
        stack: Stack,
        playbook: str,
        variables: Mapping[str, object],
        *words: str,
        inventory: Path | None = None,
    ) -> None:
        named = {} if inventory is not None else {"postiz_project": stack.project, "postiz_dir": str(stack.folder)}
        extra = {**named, **variables}
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *(
                "-i",
                str(inventory or INVENTORY),
                str(REPOSITORY / "playbooks" / f"{playbook}.yml"),
                "--extra-vars",
                json.dumps(extra),
            ),
            *words,
        ]
        self._since = time.monotonic()
        with tempfile.NamedTemporaryFile("wb", prefix="play-", suffix=".log", delete=False) as stream:
            self._output = Path(stream.name)
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._output.read_text(errors="replace")

    def played(self, seconds: float = PLAY_SECONDS) -> Played:
        """Its end."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        text = self.text
        self._output.unlink()
        return Played(self.process.returncode, text, time.monotonic() - self._since)

    def kill(self) -> None:
        """SIGKILL for Ansible and every module that it runs: each worker of Ansible is a session of its own."""
        # Those that have lost their parent are found no more: the parent stands still first.
        os.kill(self.process.pid, signal.SIGSTOP)
        for pid in (*descendants(self.process.pid), self.process.pid):
            _end(pid)
        self.process.wait()

    def kill_controller(self) -> None:
        """SIGKILL for Ansible alone: what it has begun on the host goes on until it is done."""
        os.kill(self.process.pid, signal.SIGSTOP)
        for pid in descendants(self.process.pid):
            if "ansible-playbook" in _command(pid):
                _end(pid)
        _end(self.process.pid)
        self.process.wait()

    def kill_modules(self) -> bool:
        """SIGKILL for what runs on the host; Ansible sees a module that died. False if nothing ran."""
        pids = [pid for pid in descendants(self.process.pid) if "ansible-playbook" not in _command(pid)]
        for pid in pids:
            _end(pid)
        return bool(pids)


def descendants(pid: int) -> list[int]:
    """Processes below this one."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [found for child in below for found in (int(child), *descendants(int(child)))]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def journal(stack: Stack) -> list[dict[str, Any]]:
    """Entries of the stack's journal, the whole ones."""
    try:
        text = (stack.folder / "state" / "upgrade" / "journal.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]


def steps(stack: Stack) -> list[str]:
    """Steps that began in the newest journal, in their order."""
    return [entry["step"] for entry in journal(stack) if entry["event"] == "started"]


def running(stack: Stack) -> str:
    """What Postiz of the stack calls itself."""
    return stack.environment("postiz")["NEXT_PUBLIC_VERSION"]


def is_open(stack: Stack) -> bool:
    """Whether the newest journal is not closed."""
    entries = journal(stack)
    return bool(entries) and entries[-1]["event"] != "closed"
