"""Run stuck_posts' own operation, and end this process with SIGKILL after a given step.

usage: python killed_repair.py STEP [pause], the module's parameters as a line of JSON on standard input. STEP counts from
1; a run that has fewer steps ends by itself and prints their number. Each step is told on standard error. With `pause`, it
waits for another line after the first step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.operations import repair
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import ACT_SPEC, parse_act


def main() -> int:
    """The exit code is 0 for a run that came to its end."""
    last = int(sys.argv[1])
    given: dict[str, Any] = {name: entry.get("default") for name, entry in ACT_SPEC.items()}
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        print(name, file=sys.stderr, flush=True)
        if len(steps) == 1 and "pause" in sys.argv:
            sys.stdin.readline()
        if len(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    repair(connect(), parse_act({**given, **json.loads(sys.stdin.readline())}, False), Clock(), step)
    print(len(steps))
    return 0


if __name__ == "__main__":
    sys.exit(main())
