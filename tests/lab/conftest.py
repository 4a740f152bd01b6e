"""Each file of tests names its own stack: a fixture ``project`` and, where it differs from the role's own, ``variables``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from labkit import faults, images, provision, removal, social
from labkit.faults import repair
from labkit.stack import Stack
from labkit.temporal import Temporal


@pytest.fixture(scope="module")
def variables() -> Mapping[str, object]:
    """The role's variables of this file's stack."""
    return {}


@pytest.fixture(scope="module")
def needed_images() -> tuple[str, ...]:
    """Images beyond those of the stack."""
    return ()


@pytest.fixture(scope="module")
def stack(project: str, variables: Mapping[str, object], needed_images: tuple[str, ...]) -> Iterator[Stack]:
    """The running stack of this file; removed at the end unless LAB_KEEP is set."""
    client = provision.prepare()
    images.ensure(client, needed_images)
    running = provision.provision(client, project, variables)
    repair.wait_works(running)
    yield running
    if not os.environ.get("LAB_KEEP"):
        removal.remove_stack(running, volumes=True)


@pytest.fixture(scope="module")
def temporal(stack: Stack) -> Temporal:
    """The stack's Temporal."""
    return Temporal(stack)


@pytest.fixture
def whole_again(stack: Stack) -> Iterator[None]:
    """No test leaves a fault or a channel that refuses to the next one."""
    yield
    social.behave_well()
    for name in faults.on_record(stack):
        faults.heal(faults.named(name, stack))
