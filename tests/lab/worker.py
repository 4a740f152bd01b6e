"""The worker of a stack, taken away and brought back without restarting the container."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labkit import pm2
from labkit.faults import repair
from labkit.stack import Stack
from labkit.waiting import wait_for

APP = "orchestrator"


def stop(stack: Stack) -> None:
    """No process of the orchestrator lives afterwards; the backend still takes posts."""
    stack.run("postiz", "pm2", "stop", APP)
    for process in pm2.workers(pm2.processes(stack), APP):
        repair.end_group(stack, process.group)
    wait_for("no orchestrator", lambda: not pm2.workers(pm2.processes(stack), APP), 20)


def start(stack: Stack) -> None:
    """It polls again afterwards."""
    stack.run("postiz", "pm2", "start", APP)
    wait_for("pollers", lambda: repair.polling(stack), 90)


@contextmanager
def away(stack: Stack) -> Iterator[None]:
    """Without a worker for a while."""
    stop(stack)
    try:
        yield
    finally:
        start(stack)
