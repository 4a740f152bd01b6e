"""Run the operation of frontend_bundle, or of frontend_build, and end this process with SIGKILL after a given step.

usage: python driven_bundle.py STEP [PAUSE], the module's parameters as a line of JSON on standard input; with patches among
them, it is frontend_build. STEP is a number from 1 on, or a step's name. A run that does not come to it ends by itself, and
prints the number of its steps, the seconds that it took and whether it changed anything.

Each step is told on standard error. After the step that is named PAUSE, it waits for another line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import build, build_parameters
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.operations import run
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError


def whole(specification: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The parameters, with the module's defaults."""
    return {**{name: entry.get("default") for name, entry in specification.items()}, **given}


def main() -> int:
    """The exit code is 0 for a run that came to its end, 1 for one that told an error."""
    last = sys.argv[1]
    pause = sys.argv[2] if len(sys.argv) > 2 else ""
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        print(name, file=sys.stderr, flush=True)
        if name == pause:
            sys.stdin.readline()
        if last in (name, str(len(steps))):
            os.kill(os.getpid(), signal.SIGKILL)

    engine = connect()
    given = json.loads(sys.stdin.readline())
    since = time.monotonic()
    try:
        if "patches" in given:
            outcome = build.run(
                engine, build_parameters.parse(whole(build_parameters.ARGUMENT_SPEC, given), False), Clock(), step
            )
        else:
            outcome = run(engine, parse(whole(ARGUMENT_SPEC, given), False), Clock(), step)
    except StackError as problem:
        print(json.dumps({"error": str(problem)}))
        return 1
    seconds = time.monotonic() - since
    print(json.dumps({"steps": len(steps), "seconds": seconds, "changed": outcome.changed, **outcome.payload}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
