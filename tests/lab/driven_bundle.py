"""Run frontend_bundle's own operation, and end this process with SIGKILL after a given step.

usage: python driven_bundle.py STEP [PAUSE], the module's parameters as a line of JSON on standard input. STEP counts from 1;
a run that has fewer steps ends by itself, and prints their number, the seconds that it took and whether it changed anything.
Each step is told on standard error. After the step that is named PAUSE, it waits for another line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.operations import run
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError


def main() -> int:
    """The exit code is 0 for a run that came to its end, 1 for one that told an error."""
    last = int(sys.argv[1])
    pause = sys.argv[2] if len(sys.argv) > 2 else ""
    given: dict[str, Any] = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        print(name, file=sys.stderr, flush=True)
        if name == pause:
            sys.stdin.readline()
        if len(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = connect()
    wanted = parse({**given, **json.loads(sys.stdin.readline())}, False)
    since = time.monotonic()
    try:
        outcome = run(engine, wanted, Clock(), step)
    except StackError as problem:
        print(json.dumps({"error": str(problem)}))
        return 1
    seconds = time.monotonic() - since
    print(json.dumps({"steps": len(steps), "seconds": seconds, "changed": outcome.changed, **outcome.payload}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
