"""Faults of the apps in the Postiz container."""

from __future__ import annotations

from labkit import pm2
from labkit.faults import repair
from labkit.faults.base import Fault
from labkit.waiting import wait_for

BACKEND_PORT = 3000
ORCHESTRATOR_PORT = 3002
HUNG_BYTES = 150_000_000
SETTLE_SECONDS = 180
GIVING_UP_SECONDS = 240
STRANGER = """
const servers = [3000, 3002].map((port) => require('net').createServer((socket) => socket.end()).listen(port));
process.title = 'stranger';
"""


class SilentWorker(Fault):
    """The orchestrator is online and polls nothing."""

    name = "silent-worker"
    breaks = "orchestrator online, /health/status ok, no pollers: posts stay QUEUE"
    how = "stops Temporal, starts the orchestrator (it tries its worker connection once), starts Temporal again"
    healed_by = "restarting the Postiz container while Temporal serves"

    def apply(self) -> None:
        self.stack.container("temporal").stop(timeout=10)
        try:
            repair.start_afresh(self.stack, "orchestrator")
            wait_for("orchestrator listening", lambda: pm2.listens(self.stack, ORCHESTRATOR_PORT), SETTLE_SECONDS)
        finally:
            repair.start_service(self.stack, "temporal")

    def symptom(self) -> str:
        app = pm2.apps(self.stack)["orchestrator"]
        if app.status != "online" or repair.polling(self.stack):
            return ""
        return f"pm2: orchestrator {app.status}, {app.restarts} restarts; pollers on main from its process: none"

    def heal(self) -> None:
        repair.restart_postiz(self.stack)


class GhostOrchestrator(Fault):
    """An orchestrator that PM2 does not know any more holds its port and keeps polling."""

    name = "ghost-orchestrator"
    breaks = (
        "an untracked orchestrator holds 3002 and keeps polling; the tracked one dies on EADDRINUSE again and again"
    )
    how = "pm2 restart orchestrator, in an image without ps: PM2 kills only the outermost wrapper"
    healed_by = "restarting the Postiz container"

    def apply(self) -> None:
        self.stack.run("postiz", "pm2", "restart", "orchestrator")
        wait_for("a ghost", lambda: self.symptom(), SETTLE_SECONDS)

    def symptom(self) -> str:
        found = pm2.ghosts(pm2.processes(self.stack), pm2.apps(self.stack).values())
        return ", ".join(f"pid {process.pid} in group {process.group}: {process.command}" for process in found)

    def heal(self) -> None:
        repair.restart_postiz(self.stack)


class PortCollision(Fault):
    """A stranger holds the ports of the backend and the orchestrator."""

    name = "port-collision"
    breaks = "backend online but not listening (EADDRINUSE caught), orchestrator in a restart loop"
    how = "stops both apps, lets a stranger in the container listen on 3000 and 3002, starts the apps"
    healed_by = "restarting the Postiz container, which ends the stranger"

    def apply(self) -> None:
        for app in ("backend", "orchestrator"):
            self.stack.run("postiz", "pm2", "stop", app)
            for process in pm2.workers(pm2.processes(self.stack), app):
                repair.end_group(self.stack, process.group)
        self.stack.container("postiz").exec_run(["node", "-e", STRANGER], detach=True)
        wait_for("the stranger on 3000", lambda: pm2.listens(self.stack, BACKEND_PORT), 30)
        wait_for("the stranger on 3002", lambda: pm2.listens(self.stack, ORCHESTRATOR_PORT), 30)
        self.stack.run("postiz", "pm2", "start", "backend", "orchestrator")
        wait_for("EADDRINUSE", lambda: self.symptom(), SETTLE_SECONDS)

    def symptom(self) -> str:
        table = pm2.processes(self.stack)
        stranger = next((process for process in table if process.command.startswith("stranger")), None)
        restarts = pm2.apps(self.stack)["orchestrator"].restarts
        status = repair.api_status(self.stack)
        if stranger is None or status == 200 or not restarts:
            return ""
        return (
            f"/api/ answers {status}; pid {stranger.pid} holds 3000 and 3002; orchestrator restarted {restarts} times"
        )

    def heal(self) -> None:
        repair.restart_postiz(self.stack)


class Backend502(Fault):
    """The backend came up without Temporal: it stays alive and never listens."""

    name = "backend-502"
    breaks = "every /api/ call is 502 while pm2 says online and the container is healthy"
    how = "stops Temporal, starts the backend, starts Temporal again"
    healed_by = "starting the backend again while Temporal serves"

    def apply(self) -> None:
        self.stack.container("temporal").stop(timeout=10)
        try:
            before = self._failures()
            repair.start_afresh(self.stack, "backend")
            wait_for("the backend's failure", lambda: self._failures() > before, GIVING_UP_SECONDS)
        finally:
            repair.start_service(self.stack, "temporal")

    def _failures(self) -> int:
        """How often the backend has logged that it reached no Temporal."""
        return self.stack.run("postiz", "cat", "/root/.pm2/logs/backend-error.log", check=False).text.count(
            "UNAVAILABLE"
        )

    def symptom(self) -> str:
        status = repair.api_status(self.stack)
        return f"/api/ answers {status}, pm2: backend {pm2.apps(self.stack)['backend'].status}" if status == 502 else ""

    def heal(self) -> None:
        repair.start_afresh(self.stack, "backend")
        repair.wait_works(self.stack)


class HungAtStart(Fault):
    """A main process stops early for good: online, tiny, silent, not listening."""

    name = "hung-at-start"
    breaks = "backend online with 0 restarts, about 80 MB, a silent log and no listener; /api/ is 502"
    how = "sets the miniature's switch /app/.lab/hang-backend, which holds for one start, and starts the backend"
    healed_by = "killing the hung process group and starting the backend again"
    app = "backend"

    def apply(self) -> None:
        switch = f"/app/.lab/hang-{self.app}"
        self.stack.run("postiz", "sh", "-c", f"mkdir -p /app/.lab && echo 1 > {switch}")
        repair.start_afresh(self.stack, self.app)
        wait_for("the hang", lambda: self.symptom(), SETTLE_SECONDS)

    def symptom(self) -> str:
        working = pm2.workers(pm2.processes(self.stack), self.app)
        if len(working) != 1 or working[0].memory > HUNG_BYTES or pm2.listens(self.stack, BACKEND_PORT):
            return ""
        status = pm2.apps(self.stack)[self.app].status
        return f"pm2: {self.app} {status}; pid {working[0].pid} with {working[0].memory // 10**6} MB; nothing listens on {BACKEND_PORT}"

    def heal(self) -> None:
        self.stack.run("postiz", "rm", "-f", f"/app/.lab/hang-{self.app}")
        repair.start_afresh(self.stack, self.app)
        repair.wait_works(self.stack)
