"""Run an operation of the backup modules, and end this process with SIGKILL after a given step.

usage: python driven_backup.py OPERATION STEP [PAUSE], the module's parameters as a line of JSON on standard input. OPERATION is
backup, restore or drill. STEP counts from 1; a run that has fewer steps ends by itself and prints its result with their
number. Each step is told on standard error. After the step that is named PAUSE, it waits for another line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    drill,
    drill_parameters,
    operations,
    parameters,
    restore,
    restore_parameters,
    tools,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError

OPERATIONS: dict[str, tuple[Any, Any]] = {
    "backup": (operations.backup, parameters),
    "restore": (restore.restore, restore_parameters),
    "drill": (drill.drill, drill_parameters),
}


def main() -> int:
    """The exit code is 0 for a run that came to its end, 1 for one that told an error."""
    operation, wanted = OPERATIONS[sys.argv[1]]
    last = int(sys.argv[2])
    pause = sys.argv[3] if len(sys.argv) > 3 else ""
    given: dict[str, Any] = {name: entry.get("default") for name, entry in wanted.ARGUMENT_SPEC.items()}
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        print(name, file=sys.stderr, flush=True)
        if name == pause:
            sys.stdin.readline()
        if len(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    request = wanted.parse({**given, **json.loads(sys.stdin.readline())}, False)
    try:
        outcome = operation(tools.Tools(connect(), connect, Clock(), step), request)
    except StackError as problem:
        print(json.dumps({"error": str(problem)}))
        return 1
    print(json.dumps({"steps": len(steps), "changed": outcome.changed, **outcome.payload}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
