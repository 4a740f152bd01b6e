"""A stack of its own for the fidelity tests: upstream's waits are sixty times shorter there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from labkit import faults, images, provision, removal, social
from labkit.faults import repair
from labkit.stack import Stack
from labkit.temporal import Temporal

PROJECT = "postiz-fidelity"
TIME_SCALE = 60
VARIABLES: dict[str, object] = {
    "lab_time_scale": TIME_SCALE,
    "lab_queues": "x,mastodon,threads,bluesky",
    "stack_port": 4017,
    "stack_temporal_ui_port": 8090,
}


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The running stack; removed at the end unless LAB_KEEP is set."""
    client = provision.prepare()
    images.ensure(client, ("postiz-lab/postiz:v2",))
    running = provision.provision(client, PROJECT, VARIABLES)
    repair.wait_works(running)
    yield running
    if not os.environ.get("LAB_KEEP"):
        removal.remove_stack(running, volumes=True)


@pytest.fixture(scope="session")
def temporal(stack: Stack) -> Temporal:
    """The stack's Temporal."""
    return Temporal(stack)


@pytest.fixture(autouse=True)
def whole_again(stack: Stack) -> Iterator[None]:
    """No test leaves a fault or a channel that refuses to the next one."""
    yield
    social.behave_well()
    for name in faults.on_record(stack):
        faults.heal(faults.named(name, stack))
