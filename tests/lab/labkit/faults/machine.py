"""Faults of the machine: memory and the engine itself."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from labkit import pm2
from labkit.errors import LabError
from labkit.faults import repair
from labkit.faults.base import Fault
from labkit.paths import LAB_CACHE
from labkit.stack import Stack
from labkit.waiting import wait_for

HEADROOM = 48 * 2**20
ALLOCATOR = """
import os, sys, time
victim, taken = sys.argv[1], []
open(f'/proc/{victim}/oom_score_adj', 'w').write('1000')
while os.path.exists(f'/proc/{victim}'):
    taken.append(b'x' * 2**20)
    time.sleep(0.01)
"""
KILLS = "cat /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events 2>/dev/null"
ENGINE_PID = Path("/var/run/docker.pid")
ENGINE_LOG = LAB_CACHE / "dockerd.log"
STOP_SECONDS = 180
"""The engine waits for the longest stop_grace_period of its containers before it ends."""
START_SECONDS = 60
TRIES = 3


class OutOfMemory(Fault):
    """The kernel kills the orchestrator for want of memory."""

    name = "oom-kill"
    breaks = "the kernel kills the orchestrator's process; PM2 starts it again below a limit that is as tight as before"
    how = (
        "lowers the container's memory limit to little more than it uses and allocates the rest; of the processes "
        "the orchestrator is marked as the kernel's choice, as the largest one is on the real thing"
    )
    healed_by = "giving the memory back and restarting the Postiz container"

    def apply(self) -> None:
        for _ in range(TRIES):
            if self._kill():
                return
            # The kernel took PM2 itself, and the container with it.
            self.heal()
            repair.wait_works(self.stack)
        raise LabError(f"the kernel killed something else than the orchestrator, {TRIES} times.")

    def _kill(self) -> bool:
        container = self.stack.container("postiz")
        started = container.attrs["State"]["StartedAt"]

        def ended() -> str:
            if self.stack.container("postiz").attrs["State"]["StartedAt"] != started:
                return "restarted"
            # Between its end and its restart, nothing can be run in it.
            with suppress(APIError, LabError):
                return self.symptom() and "killed"
            return ""

        stats: Any = container.stats(stream=False)
        limit = int(stats["memory_stats"]["usage"]) + HEADROOM
        victim = pm2.workers(pm2.processes(self.stack), "orchestrator")
        if not victim:
            raise LabError("the orchestrator does not run, so there is nothing to kill. See: tests/lab/lab status")
        container.update(mem_limit=limit, memswap_limit=limit)
        with suppress(APIError, LabError):
            self.stack.run("postiz", "python3", "-c", ALLOCATOR, str(victim[0].pid), check=False)
        return bool(wait_for("an out-of-memory kill", ended, 90) == "killed")

    def symptom(self) -> str:
        kills = count_kills(self.stack.run("postiz", "sh", "-c", KILLS, check=False).text)
        restarts = pm2.apps(self.stack)["orchestrator"].restarts
        return f"kills for want of memory: {kills}; pm2: orchestrator restarted {restarts} times" if kills else ""

    def heal(self) -> None:
        everything = int(self.stack.client.info()["MemTotal"])
        self.stack.container("postiz").update(mem_limit=everything, memswap_limit=everything)
        repair.restart_postiz(self.stack)


def count_kills(text: str) -> int:
    """``oom_kill`` out of a control group's memory files, of either version."""
    words = [line.split() for line in text.splitlines()]
    return sum(int(pair[1]) for pair in words if len(pair) == 2 and pair[0] == "oom_kill")


@dataclass(frozen=True)
class EngineProcess:
    """A Docker Engine that runs on this machine without a service manager."""

    pid: int
    command: tuple[str, ...]
    output: str


class EngineRestart(Fault):
    """The engine restarts and starts all containers itself, in no order and without conditions."""

    name = "engine-restart"
    breaks = "all containers start at once: no health condition holds, as after a reboot of the host"
    how = "restarts dockerd: with systemctl, or by ending the detached process and starting its command line again"
    healed_by = "waiting for health, and restarting the Postiz container where it does not work by itself"

    def check(self) -> None:
        if self.stack.client.info().get("LiveRestoreEnabled"):
            raise LabError("the engine has live-restore on: its restart leaves containers alone. Turn that off first.")
        process = None if managed_by_systemd() else running_engine()
        if not self.options.restart_engine and (process is None or Path(process.output) != ENGINE_LOG):
            raise LabError(
                "this engine was not started by the lab, and other containers may run on it. "
                "To restart it all the same: tests/lab/lab fault engine-restart --yes-restart-engine"
            )

    def apply(self) -> None:
        if managed_by_systemd():
            subprocess.run(["systemctl", "restart", "docker"], check=True)
        else:
            restart_detached(running_engine())
        wait_for("the engine", lambda: answers(self.stack), START_SECONDS)

    def symptom(self) -> str:
        starts = sorted(str(c.attrs["State"]["StartedAt"]) for c in self.stack.containers().values())
        postiz = str(self.stack.container("postiz").attrs["State"]["StartedAt"])
        temporal = str(self.stack.container("temporal").attrs["State"]["StartedAt"])
        order = "before" if postiz < temporal else "after"
        return (
            f"containers started between {starts[0][:19]} and {starts[-1][:19]}, postiz {order} temporal"
            if starts
            else ""
        )

    def heal(self) -> None:
        for service, container in self.stack.containers().items():
            if container.attrs["Config"].get("Healthcheck"):
                self.stack.wait_healthy(service, 180)
        if not repair.works(self.stack):
            repair.restart_postiz(self.stack)


def managed_by_systemd() -> bool:
    """Whether services of this machine belong to systemd."""
    return Path("/run/systemd/system").is_dir()


def running_engine() -> EngineProcess:
    """The dockerd of this machine, by its pid file."""
    try:
        pid = int(ENGINE_PID.read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        output = str(Path(f"/proc/{pid}/fd/1").readlink())
    except OSError as error:
        raise LabError(
            f"no engine of this machine can be restarted ({error}); it must run here, and you must be root"
        ) from error
    return EngineProcess(pid, tuple(word.decode() for word in words if word), output)


def restart_detached(engine: EngineProcess) -> None:
    """End dockerd, wait until it is gone, start the same command line with its output where it was."""
    os.kill(engine.pid, signal.SIGTERM)
    wait_for("dockerd's end", lambda: not Path(f"/proc/{engine.pid}").exists() or _is_zombie(engine.pid), STOP_SECONDS)
    target = Path(engine.output) if Path(engine.output).is_file() else ENGINE_LOG
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("ab") as stream:
        subprocess.Popen(
            engine.command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, cwd="/"
        )


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def answers(stack: Stack) -> bool:
    """Whether the engine answers."""
    try:
        return bool(stack.client.ping())
    except (DockerException, RequestException):
        return False


def start_all_at_once(stack: Stack) -> None:
    """What an engine does after a reboot, made worse on purpose: everything ends, Postiz starts first, Temporal last."""
    found = stack.containers()
    for container in found.values():
        container.kill()
    last = ("temporal-postgresql", "temporal-elasticsearch", "temporal", "temporal-admin-tools", "temporal-ui")
    first = ("postiz-postgres", "postiz-redis", "postiz")
    for service in (*first, *last):
        if service == last[0]:
            time.sleep(1)
        if service in found:
            found[service].start()
