"""Restarting an engine that no service manager keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from labkit.errors import LabError
from labkit.faults import machine
from labkit.waiting import wait_for

PROGRAM = "import time; print('started', flush=True); time.sleep(3)"


def test_a_detached_engine_gets_its_own_command_line_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, record = tmp_path / "dockerd.log", tmp_path / "docker.pid"
    with log.open("ab") as stream:
        first = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=stream)
    record.write_text(str(first.pid))
    monkeypatch.setattr(machine, "ENGINE_PID", record)
    wait_for("its first start", lambda: log.read_text() == "started\n", 10, 0.05)

    engine = machine.running_engine()
    assert engine == machine.EngineProcess(first.pid, (sys.executable, "-c", PROGRAM), str(log))
    machine.restart_detached(engine)

    assert first.wait() != 0
    wait_for("its second start", lambda: log.read_text() == "started\nstarted\n", 10, 0.05)


def test_an_engine_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ENGINE_PID", tmp_path / "docker.pid")
    with pytest.raises(LabError, match="must run here"):
        machine.running_engine()
