"""What a fault is: it breaks the real thing in the real way, can show that it bit, and can be healed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from labkit.stack import Stack


@dataclass(frozen=True)
class Options:
    """What a person allowed a fault to do to the machine."""

    restart_engine: bool = False


class Fault(ABC):
    """One way to break a stack. The docstring's first line says what is broken."""

    name: ClassVar[str]
    breaks: ClassVar[str]
    how: ClassVar[str]
    healed_by: ClassVar[str]

    def __init__(self, stack: Stack, options: Options | None = None) -> None:
        self.stack = stack
        self.options = options or Options()

    def check(self) -> None:  # noqa: B027  # most faults may be applied anywhere
        """Raise LabError where this fault must not be applied here; nothing is changed."""

    @abstractmethod
    def apply(self) -> None:
        """Break it; returns once it is broken."""

    @abstractmethod
    def symptom(self) -> str:
        """What now shows that it is broken; '' where nothing shows it."""

    @abstractmethod
    def heal(self) -> None:
        """Make the stack whole again; returns once it is."""
