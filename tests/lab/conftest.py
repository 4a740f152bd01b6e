"""Each file of tests names its stack: a fixture ``project`` and, where it differs from the role's own, ``variables``.

Files that name the same one share it: the next file finds it running. It is removed when another one is named, or at the
end, unless LAB_KEEP is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
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


class Running:
    """The one stack of this session that runs."""

    def __init__(self) -> None:
        self.stack: Stack | None = None

    def remove(self) -> None:
        """Remove it, unless it shall be kept."""
        if self.stack is not None and not os.environ.get("LAB_KEEP"):
            removal.remove_stack(self.stack, volumes=True)
        self.stack = None


@pytest.fixture(scope="session")
def running_stack() -> Iterator[Running]:
    """What is removed at the end."""
    found = Running()
    yield found
    found.remove()


@pytest.fixture(scope="module")
def stack(
    project: str, variables: Mapping[str, object], needed_images: tuple[str, ...], running_stack: Running
) -> Stack:
    """The running stack of this file."""
    if running_stack.stack is not None and running_stack.stack.project != project:
        running_stack.remove()
    client = provision.prepare()
    images.ensure(client, needed_images)
    running_stack.stack = Stack(client, project)
    provision.provision(client, project, variables)
    repair.wait_works(running_stack.stack)
    return running_stack.stack


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


@pytest.fixture
def broken(stack: Stack) -> Iterator[Callable[[str], str]]:
    """Apply a fault; it is healed at the end."""
    applied = []

    def apply(name: str) -> str:
        fault = faults.named(name, stack)
        applied.append(fault)
        return faults.apply(fault)

    yield apply
    for fault in applied:
        faults.heal(fault)
    repair.wait_works(stack)
