"""How people move posts to new times without this collection: one row after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml
from big_table import NAME, Table

_STATEMENT = """UPDATE "Post" SET "publishDate" = '{due}', "updatedAt" = '{stamp}' WHERE id = '{post}'"""
_PLAY_SECONDS = 300


@dataclass(frozen=True)
class Move:
    """New times for a few posts; `stamp` marks the rows that were moved."""

    table: Table
    posts: tuple[str, ...]
    due: datetime
    stamp: datetime

    def statement(self, post: str) -> str:
        """As somebody types it."""
        return _STATEMENT.format(due=self.due.isoformat(), stamp=self.stamp.isoformat(), post=post)


Way = Callable[[Move], float]


def psql_here() -> Path | None:
    """psql of this machine; on Debian the program itself, as what is on PATH is a wrapper that takes longer."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    found = shutil.which("psql")
    return installed[-1] if installed else Path(found) if found else None


def _psql(program: Path, table: Table) -> list[str]:
    where = table.target
    reached = ["--host", where.host, "--port", str(where.port), "--username", where.user, "--dbname", where.database]
    return [str(program), "--no-psqlrc", "--quiet", *reached, "--command"]


def _in_container(table: Table) -> list[str]:
    where = table.target
    return [
        "docker",
        "exec",
        NAME,
        "psql",
        "--quiet",
        "--username",
        where.user,
        "--dbname",
        where.database,
        "--command",
    ]


def _environment(table: Table) -> dict[str, str]:
    return {**os.environ, "PGPASSWORD": table.target.password}


def _processes(move: Move, command: Sequence[str]) -> float:
    environment = _environment(move.table)
    began = time.monotonic()
    for post in move.posts:
        subprocess.run([*command, move.statement(post)], env=environment, check=True, capture_output=True, timeout=60)
    return (time.monotonic() - began) / len(move.posts)


def _connections(move: Move) -> float:
    began = time.monotonic()
    for post in move.posts:
        connection = move.table.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(move.statement(post))
        connection.close()
    return (time.monotonic() - began) / len(move.posts)


def ways(table: Table) -> dict[str, Way]:
    """Each gives the seconds that it takes for one post."""
    found: dict[str, Way] = {"docker exec psql": lambda move: _processes(move, _in_container(table))}
    program = psql_here()
    if program is not None:
        command = _psql(program, table)
        found["psql"] = lambda move: _processes(move, command)
    found["psycopg2, a connection each"] = _connections
    return found


def ansible_tasks(move: Move, folder: Path) -> float:
    """Seconds for each post of a loop in a play; the play's own start is taken off by a run with the first post alone."""
    whole, first = _play(move, folder, move.posts), _play(move, folder, move.posts[:1])
    return (whole - first) / (len(move.posts) - 1)


def _play(move: Move, folder: Path, posts: Sequence[str]) -> float:
    program = psql_here()
    words = _psql(program, move.table) if program else _in_container(move.table)
    task = {
        "ansible.builtin.command": {"argv": [*words, "{{ item }}"]},
        "loop": [move.statement(post) for post in posts],
        "loop_control": {"label": ""},
    }
    playbook = folder / "move.yml"
    playbook.write_text(
        yaml.safe_dump([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}])
    )
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(playbook)]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    began = time.monotonic()
    done = subprocess.run(
        command, env=_environment(move.table), capture_output=True, text=True, timeout=_PLAY_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - began
