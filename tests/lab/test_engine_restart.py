"""The engine of this machine restarts under load: with the boot guard work flows again by itself, without it it does not.

Not part of `make test`, because it restarts the engine and with it every container on it: `make engine-restart`.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from labkit import faults, pm2, posts, provision, social
from labkit.faults import Options, repair
from labkit.stack import Stack
from labkit.waiting import stays, wait_for

PROJECT = "postiz-reboot"
VARIABLES: dict[str, object] = {"stack_port": 4027, "stack_temporal_ui_port": 8091}
LOAD_PROCESSES = 4
LOAD_SECONDS = 60.0
REVIVED_SECONDS = 240.0
POSTS = 60


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return VARIABLES


def _work(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sum(range(10_000))


@contextmanager
def load() -> Iterator[None]:
    """Every core is wanted twice, as while a whole host boots; ends by itself."""
    workers = [multiprocessing.Process(target=_work, args=(LOAD_SECONDS,)) for _ in range(LOAD_PROCESSES)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def restart_engine(stack: Stack) -> str:
    """What showed that it restarted."""
    return faults.apply(faults.named("engine-restart", stack, Options(restart_engine=True)))


def test_with_the_guard_work_flows_again_and_every_post_goes_out_once(stack: Stack) -> None:
    due = [posts.schedule(stack, 2 + number) for number in range(POSTS)]
    with load():
        print(restart_engine(stack))
        since = time.monotonic()
        repair.wait_works(stack, REVIVED_SECONDS)
    print(f"work flows {time.monotonic() - since:.0f} s after the engine answered")
    wait_for(
        "all published",
        lambda: set(posts.states(stack, tuple(due)).values()) == {"PUBLISHED"},
        REVIVED_SECONDS,
        pause=2,
    )
    judgement = social.judge(social.ledger(), due)
    assert judgement.sound, judgement


def test_without_the_guard_everything_is_green_and_nobody_polls(stack: Stack) -> None:
    provision.provision(stack.client, PROJECT, {**VARIABLES, "stack_boot_guard": False})
    repair.wait_works(stack)
    with load():
        print(restart_engine(stack))
        stack.wait_healthy("temporal", REVIVED_SECONDS)
        wait_for("the orchestrator", lambda: pm2.listens(stack, 3002), REVIVED_SECONDS)
    assert stays(lambda: not repair.polling(stack), 20)
    assert pm2.apps(stack)["orchestrator"].status == "online"
    provision.provision(stack.client, PROJECT, VARIABLES)
    repair.wait_works(stack)
