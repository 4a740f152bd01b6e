"""What several faults break or heal alike."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime

from docker.errors import APIError

from labkit import pm2
from labkit.errors import LabError
from labkit.stack import Stack
from labkit.temporal import FRESH_SECONDS, Poller, Temporal, parse_time
from labkit.waiting import wait_for

BOOT_SECONDS = 180.0
GRACE_SECONDS = 15
"""Used up only without the boot guard: PID 1 is then a shell that heeds no SIGTERM."""
API_BODY = "App is running!"
APP_PORTS = (3000, 3002, 4200)


def api_status(stack: Stack) -> int:
    """HTTP status of ``/api/``; 0 where nothing answers."""
    try:
        with urllib.request.urlopen(f"{stack.url()}/api/", timeout=5) as answer:
            return int(answer.status) if answer.read().decode() == API_BODY else 0
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, LabError):
        return 0


def works(stack: Stack) -> bool:
    """Whether all apps listen, the API answers and the orchestrator that runs now polls ``main``.

    nginx is asked last: each of its workers keeps an app away for ten seconds after the app refused it, and whoever asks
    it during a boot leaves an API that answers here and is 502 to the next one.
    """
    try:
        return pm2.listen(stack, APP_PORTS) and api_status(stack) == 200 and bool(polling(stack))
    except (LabError, APIError):
        return False


def polling(stack: Stack, queue: str = "main", kind: str = "workflow") -> tuple[Poller, ...]:
    """Pollers that belong to a living orchestrator: entries of dead ones stay listed for minutes."""
    alive = {str(process.pid) for process in pm2.workers(pm2.processes(stack), "orchestrator")}
    since = parse_time(stack.container("postiz").attrs["State"]["StartedAt"])
    age = (datetime.now(UTC) - since).total_seconds()
    found = Temporal(stack).fresh_pollers(queue, kind, min(age, FRESH_SECONDS))
    return tuple(poller for poller in found if poller.identity.partition("@")[0] in alive)


def wait_works(stack: Stack, seconds: float = BOOT_SECONDS) -> None:
    """Wait until Postiz serves and polls."""
    wait_for("Postiz serving and polling", lambda: works(stack), seconds, pause=1)


def start_service(stack: Stack, service: str) -> None:
    """Start a stopped service and wait for its health check."""
    container = stack.container(service)
    if container.status == "paused":
        container.unpause()
    elif container.status != "running":
        container.start()
    stack.wait_healthy(service)


def restart_postiz(stack: Stack) -> None:
    """A new set of processes in the same container, the way that leaves no ghosts, until work flows."""
    stack.container("postiz").restart(timeout=GRACE_SECONDS)
    wait_works(stack)


def end_group(stack: Stack, group: int) -> None:
    """Kill a process group of the Postiz container. dash takes a group after ``-s KILL --``, not after ``-KILL --``."""
    stack.run("postiz", "sh", "-c", f"kill -s KILL -- -{group}", check=False)


def start_afresh(stack: Stack, app: str) -> None:
    """End every process of an app, those that PM2 lost too, then have PM2 start it."""
    stack.run("postiz", "pm2", "stop", app)
    for process in pm2.workers(pm2.processes(stack), app):
        end_group(stack, process.group)
    stack.run("postiz", "pm2", "start", app)
