"""PM2's view of the Postiz container, and the process table beside it (the image has no ``ps``)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.errors import LabError
from labkit.stack import Stack

APPS = ("backend", "frontend", "orchestrator")
PROCESS_TABLE = """
import os
for name in os.listdir('/proc'):
    if name.isdigit():
        try:
            command = open(f'/proc/{name}/cmdline', 'rb').read().replace(b'\\0', b' ').decode(errors='replace').strip()
            fields = open(f'/proc/{name}/stat').read().rpartition(')')[2].split()
            pages = open(f'/proc/{name}/statm').read().split()[1]
        except OSError:
            continue
        print(name, fields[1], fields[2], int(pages) * os.sysconf('SC_PAGE_SIZE'), fields[0], command, sep='\\t')
"""


@dataclass(frozen=True)
class App:
    """One entry of ``pm2 jlist``."""

    name: str
    pid: int
    status: str
    restarts: int
    memory: int


@dataclass(frozen=True)
class Process:
    """One process of the container; ``memory`` is its resident set in bytes."""

    pid: int
    parent: int
    group: int
    memory: int
    state: str
    command: str


def parse_apps(text: str) -> tuple[App, ...]:
    """Apps out of ``pm2 jlist``, which may print a banner before its JSON."""
    start = text.find("[{") if "[{" in text else text.rfind("[]")
    if start < 0:
        raise LabError(f"pm2 jlist printed no list: {text.strip()[-300:]}")
    return tuple(
        App(
            entry["name"],
            int(entry["pid"]),
            entry["pm2_env"]["status"],
            int(entry["pm2_env"]["restart_time"]),
            int(entry["monit"]["memory"]),
        )
        for entry in json.loads(text[start:])
    )


def parse_processes(text: str) -> tuple[Process, ...]:
    """Processes out of the lines of PROCESS_TABLE."""
    rows = (line.split("\t", 5) for line in text.splitlines() if line.count("\t") == 5)
    return tuple(Process(int(r[0]), int(r[1]), int(r[2]), int(r[3]), r[4], r[5]) for r in rows)


def apps(stack: Stack) -> dict[str, App]:
    """PM2's apps by name; empty while PM2 has none."""
    return {app.name: app for app in parse_apps(stack.run("postiz", "pm2", "jlist").text)}


def processes(stack: Stack) -> tuple[Process, ...]:
    """The process table of the Postiz container."""
    return parse_processes(stack.run("postiz", "python3", "-c", PROCESS_TABLE).text)


def is_app(process: Process, name: str) -> bool:
    """Whether this is the process that does the work of an app, not one of its wrappers."""
    if process.state == "Z" or not process.command:
        return False
    if name == "frontend":
        return process.command.startswith("next-server")
    words = process.command.split()
    return words[0] == "node" and words[-1].endswith(f"dist/apps/{name}/src/main.js") and "dotenv" not in words[1]


def workers(table: Iterable[Process], name: str) -> tuple[Process, ...]:
    """The working processes of an app: one on a sound stack."""
    return tuple(process for process in table if is_app(process, name))


def ghosts(table: Iterable[Process], managed: Iterable[App]) -> tuple[Process, ...]:
    """Working processes whose group PM2 does not know any more."""
    groups = {app.pid for app in managed}
    return tuple(p for p in table if any(is_app(p, name) for name in APPS) and p.group not in groups)


def chain(table: Iterable[Process], app: App) -> tuple[Process, ...]:
    """PM2's child and its descendants, outermost first."""
    members = {process.pid: process for process in table}
    found = [members[app.pid]] if app.pid in members else []
    for process in found:
        found.extend(child for child in members.values() if child.parent == process.pid)
    return tuple(found)


def listens(stack: Stack, port: int) -> bool:
    """Whether something in the Postiz container listens on a port."""
    return stack.run("postiz", "ss", "-Hltn", f"sport = :{port}").text.strip() != ""


def listen(stack: Stack, ports: Iterable[int]) -> bool:
    """Whether something in the Postiz container listens on each of these ports."""
    table = stack.run("postiz", "ss", "-Hltn").text
    found = {fields[3].rpartition(":")[2] for fields in map(str.split, table.splitlines()) if len(fields) > 3}
    return found >= {str(port) for port in ports}
