"""Run a module of the collection for real, as Ansible would on a host, and hand back what it returned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.paths import COLLECTIONS, REPOSITORY

PREFIX = "ansible_collections.selfhost.postiz.plugins.modules"


@dataclass(frozen=True)
class Result:
    """`text` is everything that the process printed."""

    failed: bool
    values: dict[str, Any]
    text: str
    seconds: float

    @property
    def codes(self) -> list[str]:
        """Codes of the findings, in their order."""
        return [finding["code"] for finding in self.values.get("findings", [])]

    def finding(self, code: str) -> dict[str, str]:
        """The first finding of a code."""
        return next(finding for finding in self.values["findings"] if finding["code"] == code)


class Running:
    """A module that runs."""

    def __init__(
        self,
        name: str,
        parameters: dict[str, Any],
        environment: dict[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
    ) -> None:
        self._since = time.monotonic()
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", f"{PREFIX}.{name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(Path(COLLECTIONS)), **(environment or {})},
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": parameters}))
        self.process.stdin.close()
        self.process.stdin = None

    def result(self, seconds: float = 300) -> Result:
        """Wait for it; a process that prints no JSON result is an error of the test."""
        text, _ = self.process.communicate(timeout=seconds)
        try:
            values = json.loads(text)
        except ValueError as error:
            raise AssertionError(f"no result, but: {text[-2000:]}") from error
        return Result(bool(values.get("failed")), values, text, time.monotonic() - self._since)


def run(
    name: str, environment: dict[str, str] | None = None, wrapper: tuple[str, ...] = (), /, **parameters: Any
) -> Result:
    """Run it to its end; `wrapper` is a command that runs it, for another user's rights."""
    return Running(name, parameters, environment, wrapper).result()
