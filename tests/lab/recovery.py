"""A recovery as a person would run it, and what the engine, the record and the ledger say of it afterwards."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit import faults, posts
from labkit.faults import repair
from labkit.faults.machine import start_all_at_once
from labkit.paths import INVENTORY, REPOSITORY
from labkit.stack import PROJECT_LABEL, Stack

SETTLE_SECONDS = 20
"""Of the miniature, which boots within ten to fifteen seconds."""
TOUCHES = ("die", "kill", "stop", "pause", "restart", "destroy")
READING = ("exec_", "health_status", "archive-path", "top")
GROUP_ENDED = "kill -s "


@dataclass(frozen=True)
class Recovery:
    """One run of the playbook. `values` is the report that it wrote, empty without one."""

    code: int
    text: str
    seconds: float
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def rungs(self) -> list[str]:
        """The steps that it took."""
        return [step["rung"] for step in self.values["steps"]]

    @property
    def changed(self) -> int:
        """Tasks that changed something, out of the recap."""
        return int(self.text.rpartition("changed=")[2].split()[0])


class Play:
    """`recover.yml` that runs; `kill` ends all its processes without a chance to tidy."""

    def __init__(self, stack: Stack, folder: Path, *arguments: str, playbook: str = "recover", **given: object) -> None:
        self.mark = f"LAB_RECOVER={secrets.token_hex(8)}"
        self._since = time.monotonic()
        name, _, value = self.mark.partition("=")
        folder.mkdir(exist_ok=True)
        self.report = folder / f"report-{secrets.token_hex(4)}.json"
        variables = {
            "postiz_project": stack.project,
            "postiz_dir": str(stack.folder),
            "recover_state_directory": str(folder / "state"),
            "recover_settle_seconds": SETTLE_SECONDS,
            "recover_cooldown": 5,
            "recover_wait": 120,
            "recover_report_file": str(self.report),
            "posts_burst_resume_in": 20,
            **given,
        }
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(INVENTORY), *arguments]
        command += [str(REPOSITORY / "playbooks" / f"{playbook}.yml"), "--extra-vars", json.dumps(variables)]
        self.process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self) -> str:
        """SIGKILL to each process that carries the mark; what it had printed."""
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    os.kill(int(path.parent.name), signal.SIGKILL)
        return self.process.communicate()[0]

    def end(self, seconds: float = 500) -> Recovery:
        """Wait for it."""
        text = self.process.communicate(timeout=seconds)[0]
        print(text)
        values = json.loads(self.report.read_text()) if self.report.is_file() else {}
        return Recovery(self.process.returncode, text, time.monotonic() - self._since, values)


def recover(stack: Stack, folder: Path, *arguments: str, **given: object) -> Recovery:
    """Run it to its end."""
    return Play(stack, folder, *arguments, **given).end()


@contextmanager
def broken(stack: Stack, name: str, heal: bool = False) -> Iterator[None]:
    """Apply a fault that recovery shall heal; it is healed by the lab if the test fails, or where `heal` says so."""
    fault = faults.named(name, stack)
    try:
        if name == "engine-restart":
            # A restart of the whole engine would end what else runs on this machine, so it is played.
            start_all_at_once(stack)
        else:
            fault.apply()
        yield
    except BaseException:
        mend(stack, name)
        raise
    if heal:
        mend(stack, name)


def mend(stack: Stack, name: str) -> None:
    """As the lab heals it."""
    if name != "engine-restart":
        faults.named(name, stack).heal()
    for service in stack.containers():
        repair.start_service(stack, service)
    repair.wait_works(stack)


def due_at(stack: Stack, deadline: float, number: int, names: tuple[str, ...]) -> list[str]:
    """So many posts that all fall due at one moment, over several channels; scheduled well before it."""
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda one: posts.schedule(stack, deadline - time.time(), names[one % len(names)]), range(number))
        )
    assert time.time() < deadline - 3, "too slow to prove anything"
    return found


def record(folder: Path) -> list[dict[str, Any]]:
    """The events that the run left on the host."""
    path = folder / "state" / "record.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@dataclass(frozen=True)
class Act:
    """Something that happened to the container of Postiz."""

    at: float
    action: str


@dataclass
class Watched:
    """`acts` is filled when the block ends."""

    acts: list[Act] = field(default_factory=list)

    def inside_the_quiet_window(self, seconds: float) -> list[tuple[Act, Act]]:
        """Pairs of a start and of an act that came too early after it."""
        found = []
        started: Act | None = None
        for act in self.acts:
            touched = act.action in TOUCHES or act.action.startswith("group")
            if started and touched and act.at - started.at < seconds:
                found.append((started, act))
            if act.action in ("start", "group ended"):
                started = act
        return found


@contextmanager
def engine_events(stack: Stack, service: str = "postiz") -> Iterator[Watched]:
    """What the engine tells of the container of Postiz while the block runs."""
    found = Watched()
    filters: dict[str, Any] = {"type": "container", "label": [f"{PROJECT_LABEL}={stack.project}"]}
    # A live stream: the engine remembers no more than its last 256 events, and health checks make three each.
    stream = stack.client.api.events(filters=filters, decode=True)
    reader = threading.Thread(target=_read, args=(stream, service, found), daemon=True)
    reader.start()
    try:
        yield found
    finally:
        time.sleep(0.5)
        stream.close()


def _read(stream: Iterable[dict[str, Any]], service: str, found: Watched) -> None:
    ended = False
    with suppress(Exception):  # the stream is closed while it is read
        for event in stream:
            if event["Actor"]["Attributes"].get("com.docker.compose.service") != service:
                continue
            action, at = str(event["Action"]), event["timeNano"] / 1e9
            if action.startswith("exec_create") and GROUP_ENDED in action:
                # TERM and KILL of one group are one act.
                if not ended:
                    found.acts.append(Act(at, "group ended"))
                ended = True
            elif not action.startswith(READING):
                found.acts.append(Act(at, action))
                ended = False
