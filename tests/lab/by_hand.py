"""The runbook of a person at night, as a script that thinks no more than the runbook does.

Look at PM2, read the logs, hunt ghosts; start what does not run; stop Postiz, sleep 5, start it, do not touch anything for
the quiet window; look again, and begin anew if it was in vain.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

from labkit.faults import repair
from labkit.stack import Stack
from recovery import SETTLE_SECONDS

TRIES = 2


@dataclass(frozen=True)
class ByHand:
    """`commands` counts what a person has to type, `flows` whether work flows at the end."""

    seconds: float
    commands: int
    flows: bool


def run(stack: Stack) -> ByHand:
    """All of it."""
    since = time.monotonic()
    postiz = str(stack.container("postiz").name)
    commands = 0

    def command(*words: str) -> str:
        nonlocal commands
        commands += 1
        return subprocess.run(["docker", *words], capture_output=True, text=True, check=False).stdout

    flows = False
    for _ in range(TRIES):
        listed = command("ps", "-a", "--format", "{{.Names}} {{.State}}", "--filter", f"name={stack.project}")
        command("exec", postiz, "pm2", "list")
        command("logs", "--tail", "200", postiz)
        command("exec", postiz, "sh", "-c", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done")
        stopped = [line.split()[0] for line in listed.splitlines() if not line.endswith("running")]
        for name in sorted(stopped):
            command("start", name)
        for name in stopped:
            _until_healthy(stack, name)
        command("stop", postiz)
        time.sleep(5)
        command("start", postiz)
        time.sleep(SETTLE_SECONDS)
        command("exec", postiz, "pm2", "list")
        flows = repair.works(stack)
        if flows:
            break
    return ByHand(time.monotonic() - since, commands, flows)


def _until_healthy(stack: Stack, name: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = stack.client.containers.get(name).attrs["State"]
        if state.get("Health", {}).get("Status", "healthy") == "healthy":
            return
        time.sleep(1)
