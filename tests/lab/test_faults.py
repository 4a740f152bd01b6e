"""Each fault of the lab, applied once, and what every gate says of it: the message that an operator would have wanted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import modules
import pytest
from contract import disagreements
from labkit import faults, pm2
from labkit.faults import repair
from labkit.paths import INVENTORY, REPOSITORY
from labkit.stack import Stack
from labkit.temporal import Temporal
from labkit.waiting import stays, wait_for
from modules import Result
from shared import PROJECT, SECRET_NAMES, VARIABLES

SETTLE_SECONDS = 20
API = {"service": "postiz", "path": "/api/", "body": "App is running!"}
ELSEWHERE = {"engine-restart": "tests/lab/test_engine_restart.py: it restarts every container of the machine"}


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return VARIABLES


def containers(stack: Stack) -> Result:
    """The container gate, with the API."""
    return modules.run("compose_health", project=stack.project, timeout=0, fail_on_unhealthy=False, http=[API])


def apps(stack: Stack, **parameters: Any) -> Result:
    """The PM2 gate, without a quiet window unless something else is said."""
    given = {"timeout": 0, "fail_on_unhealthy": False, "settle_seconds": 0, **parameters}
    return modules.run("pm2_health", project=stack.project, **given)


def everything(stack: Stack, **parameters: Any) -> Result:
    """All layers, likewise."""
    given = {"timeout": 0, "fail_on_unhealthy": False, "settle_seconds": 0, **parameters}
    return modules.run("stack_health", project=stack.project, **given)


@dataclass(frozen=True)
class Told:
    """Codes of the container gate and of the PM2 gate; component, code, evidence and remedy of the first cause.

    None: what the container gate sees depends on the moment.
    """

    containers: set[str] | None
    apps: set[str]
    component: str
    code: str
    evidence: str
    remedy: str


TOLD = {
    "silent-worker": Told(
        set(), set(), "orchestrator", "worker-not-polling", "no living process of", "restart the Postiz container"
    ),
    "ghost-orchestrator": Told(
        set(),
        {"ghost-process", "port-held-by-ghost"},
        "orchestrator",
        "ghost-process",
        "holds port 3002) belongs to no app that PM2 manages",
        "Never `pm2 restart`",
    ),
    "port-collision": Told(
        {"http-502"}, {"port-held-by-ghost"}, "backend", "port-held-by-ghost", "stranger", "docker restart"
    ),
    "backend-502": Told(
        {"http-502"}, {"not-listening"}, "backend", "not-listening", "nothing listens on port 3000", "docker restart"
    ),
    "hung-at-start": Told(
        {"http-502"}, {"hung-at-start"}, "backend", "hung-at-start", "and its log is silent", "docker restart"
    ),
    "temporal-down": Told(
        {"exited"}, set(), "temporal", "exited", "ended with exit code 137 (killed)", "find out who killed it"
    ),
    "database-down": Told(
        {"exited"}, set(), "postiz-postgres", "exited", "ended with exit code 137", "find out who killed it"
    ),
    "elasticsearch-down": Told(
        {"exited"}, set(), "temporal-elasticsearch", "exited", "ended with exit code 137", "find out who killed it"
    ),
    "oom-kill": Told(
        None,
        {"oom-killed"},
        f"{PROJECT}-postiz-1",
        "oom-killed",
        "the kernel killed",
        "give the container or its host more",
    ),
    # Last: its health checks that hang end late, and what comes after would see them fail.
    "slow-temporal": Told(
        None, set(), "temporal", "temporal-slow", "no answer at temporal:7233", "look at the load of its host"
    ),
}


def test_every_fault_is_here() -> None:
    assert {kind.name for kind in faults.ALL} == set(TOLD) | set(ELSEWHERE)


def silent_worker(_: Stack, whole: Result) -> None:
    others = {layer["verdict"] for layer in whole.values["layers"] if layer["layer"] not in ("temporal", "posts")}
    assert others == {"healthy"}, "everything else looks green"


def ghost(stack: Stack, _: Result) -> None:
    lost = {item.pid for item in pm2.ghosts(pm2.processes(stack), pm2.apps(stack).values())}
    told = apps(stack, settle_seconds=1000)
    assert told.values["verdict"] == "unhealthy", "certain, also in the quiet window"
    assert any(f"pid {pid} " in told.finding("ghost-process")["evidence"] for pid in lost)
    wait_for("a rate", lambda: "app-crash-loop" in apps(stack, restarts_allowed=2).codes, 180, pause=2)
    polling = {poller.identity.partition("@")[0] for poller in Temporal(stack).fresh_pollers()}
    assert polling & {str(pid) for pid in lost}, "it keeps polling"
    assert everything(stack).values["verdict"] == "unhealthy", "although somebody polls"


def backend_502(stack: Stack, _: Result) -> None:
    assert stays(lambda: repair.api_status(stack) == 502, 5)
    assert pm2.apps(stack)["backend"].status == "online"


def hung(stack: Stack, _: Result) -> None:
    assert pm2.apps(stack)["backend"].restarts == 0
    assert apps(stack, settle_seconds=1000).values["verdict"] == "settling"
    wait_for("its code", lambda: "hung-at-start" in everything(stack, settle_seconds=SETTLE_SECONDS).codes, 120)


def not_judged_above(_: Stack, whole: Result) -> None:
    judged = {layer["layer"]: layer["judged"] for layer in whole.values["layers"]}
    assert not judged["pm2"]
    assert not judged["temporal"]


MORE: dict[str, Callable[[Stack, Result], None]] = {
    "silent-worker": silent_worker,
    "ghost-orchestrator": ghost,
    "backend-502": backend_502,
    "hung-at-start": hung,
    "temporal-down": not_judged_above,
    "database-down": not_judged_above,
    "elasticsearch-down": not_judged_above,
}


@pytest.fixture
def settled(stack: Stack) -> None:
    """What the fault before has left behind has held for a while."""
    assert not modules.run("stack_health", project=stack.project, timeout=240, settle_seconds=0).failed


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("name", TOLD)
def test_fault(stack: Stack, broken: Callable[[str], str], name: str) -> None:
    told = TOLD[name]
    broken(name)
    assert name in faults.on_record(stack)
    if told.containers == set():
        # A fault made by a short absence leaves a health check that has failed a moment ago.
        wait_for("the containers to have settled", lambda: not containers(stack).codes, 60)

    def told_yet(found: Result) -> bool:
        # A slow Temporal answers now and then within the time that it has; an app that the kernel kills again and again
        # works for a while between two kills, and other things are told first then.
        if found.values["verdict"] != "healthy" and told.containers is None and found.codes[:1] != [told.code]:
            print(found.values["report"])
            return False
        return bool(found.values["verdict"] != "healthy")

    whole = wait_for("its verdict", lambda: told_yet(found := everything(stack)) and found, 180)
    print(f"\n--- {name}\n{whole.values['report']}")
    lower = containers(stack)
    print(f"\n{lower.values['report']}")
    inside = apps(stack)
    print(f"\n{inside.values['report']}")
    assert whole.values["verdict"] != "healthy"
    first = whole.values["findings"][0]
    assert (first["code"], first["component"]) == (told.code, told.component)
    assert told.evidence in first["evidence"]
    assert told.remedy in first["remedy"]
    lines = whole.values["report"].splitlines()
    assert lines[1].startswith(f"First cause: {told.component}")
    assert lines[-1] == f"Do next: {first['remedy']}"
    if told.containers is not None:
        assert set(lower.codes) >= told.containers
        assert bool(lower.codes) == bool(told.containers)
    assert set(inside.codes) >= told.apps
    for module, result in (("stack_health", whole), ("compose_health", lower), ("pm2_health", inside)):
        assert disagreements(module, result.values) == []
        leaks = [key for key, value in secrets(stack).items() if value in result.text]
        assert leaks == []
    MORE.get(name, lambda *_: None)(stack, whole)


def secrets(stack: Stack) -> dict[str, str]:
    """Secret values of the environments, by service and name."""
    return {
        f"{service} {name}": value
        for service in ("postiz", "postiz-postgres", "temporal", "temporal-postgresql")
        for name, value in stack.environment(service).items()
        if any(word in name for word in SECRET_NAMES) and len(value) > 8
    }


def test_the_lab_forgets_a_healed_fault(stack: Stack) -> None:
    assert secrets(stack), "or no test above has looked for a leak"
    assert faults.on_record(stack) == ()


@pytest.mark.usefixtures("settled")
def test_the_playbook_tells_cause_and_remedy_and_writes_its_report(
    stack: Stack, broken: Callable[[str], str], tmp_path: Path
) -> None:
    broken("elasticsearch-down")
    report = tmp_path / "report.json"
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", INVENTORY, REPOSITORY / "playbooks/health.yml"]
    command += ["-e", json.dumps({"postiz_project": stack.project, "health_report_file": str(report)})]
    since = time.monotonic()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 2
    failure = " ".join(done.stdout.rpartition("Fail unless work flows")[2].split())
    assert f"{stack.project} is unhealthy: work does not flow." in failure
    assert "temporal-elasticsearch ended with exit code 137" in failure
    assert "Do next: find out who killed it" in failure
    assert json.loads(report.read_text())["verdict"] == "unhealthy"
    assert report.stat().st_mode & 0o777 == 0o600
    assert time.monotonic() - since < 90
