"""One look through all layers, and Temporal's own gate; what they say of each fault is in test_faults.py."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import modules
import pytest
import yaml
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from contract import disagreements
from docker.models.containers import Container
from labkit import pm2, posts
from labkit.faults import repair
from labkit.stack import Stack
from labkit.temporal import SWEEP, Temporal
from labkit.waiting import wait_for
from modules import Result
from shared import PROJECT, VARIABLES

LOOKS = 50
SETTLE_SECONDS = 20


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return VARIABLES


def look(stack: Stack, **parameters: Any) -> Result:
    """One look without a quiet window, unless something else is said."""
    given = {"timeout": 0, "fail_on_unhealthy": False, "settle_seconds": 0, **parameters}
    return modules.run("stack_health", project=stack.project, **given)


def ask(stack: Stack, **parameters: Any) -> Result:
    """Temporal alone."""
    given = {"timeout": 0, "fail_on_unhealthy": False, **parameters}
    return modules.run("temporal_health", project=stack.project, **given)


def test_a_sound_stack_is_never_called_anything_else(stack: Stack) -> None:
    result = look(stack)
    assert result.values["verdict"] == "healthy"
    assert result.values["first_cause"] == ""
    # The rest in this process: Python's start would be half of the time.
    given = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    request = parse({**given, "project": stack.project, "timeout": 0.0, "settle_seconds": 0.0, "sample": 0})
    for number in range(1, LOOKS):
        layers, seconds = gate.wait(connect, request, Clock())
        found = gate.result(layers, request, seconds)
        assert found.verdict is Verdict.HEALTHY, f"look {number}: {found.report}"


def test_containers_of_any_name(stack: Stack) -> None:
    renamed = {service: stack.container(service) for service in ("postiz", "postiz-postgres", "temporal-admin-tools")}
    for service, container in renamed.items():
        container.rename(f"somebody-s-{service}")
    try:
        assert look(stack).values["verdict"] == "healthy"
    finally:
        for service, container in renamed.items():
            container.rename(f"{stack.project}-{service}-1")


@pytest.mark.parametrize(
    ("parameters", "code", "verdict"),
    [
        ({"namespace": "nope"}, "namespace-missing", "unhealthy"),
        ({"address": "temporal:1"}, "temporal-unreachable", "unhealthy"),
        ({"address": "no-such-host:7233"}, "temporal-unreachable", "unhealthy"),
        ({"cli_service": "postiz"}, "temporal-cli-missing", "unknown"),
    ],
)
def test_what_cannot_be_asked(stack: Stack, parameters: dict[str, str], code: str, verdict: str) -> None:
    result = ask(stack, **parameters)
    assert result.codes == [code]
    assert result.values["verdict"] == verdict
    assert result.seconds < 20


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("#!/bin/sh\necho '{\"status\": SERV'\n", "temporal-answer-malformed"),
        ("#!/bin/sh\nsleep 600\n", "temporal-slow"),
    ],
)
def test_a_client_that_goes_wrong(stack: Stack, script: str, code: str) -> None:
    """The client of the container is another program for a moment."""
    service = "temporal-admin-tools"
    path = stack.run(service, "sh", "-c", "command -v temporal").text.strip()

    def as_root(words: str) -> None:
        assert stack.container(service).exec_run(["sh", "-c", words, script], user="root").exit_code == 0

    as_root(f"mv {path} {path}.real && printf '%s' \"$0\" > {path} && chmod 755 {path}")
    try:
        result = ask(stack, deadline=1)
        assert result.codes == [code]
        assert result.values["verdict"] != "healthy"
        assert result.seconds < 20
    finally:
        as_root(f"mv {path}.real {path}")


def test_without_the_admin_tools_the_server_s_own_client_is_asked(stack: Stack) -> None:
    stack.container("temporal-admin-tools").stop(timeout=1)
    try:
        assert ask(stack).values["verdict"] == "healthy"
        nobody = ask(stack, cli_service="temporal-admin-tools")
        assert nobody.codes == ["temporal-cli-missing"]
        assert nobody.values["verdict"] == "unknown"
        assert disagreements("temporal_health", nobody.values) == []
    finally:
        repair.start_service(stack, "temporal-admin-tools")


def test_overdue_posts_are_counted(stack: Stack) -> None:
    fresh, *_ = posts.insert(stack, overdue=600)
    lost, *_ = posts.insert(stack, overdue=2 * 3600)
    old, *_ = posts.insert(stack, overdue=5 * 86400)
    try:
        result = look(stack)
        assert set(result.codes) == {"posts-overdue", "posts-older-than-sweep"}
        assert result.finding("posts-overdue")["evidence"].startswith("1 posts")
        assert result.values["verdict"] == "unhealthy"
        assert look(stack, skip=["posts"]).values["verdict"] == "healthy"
    finally:
        stack.change('DELETE FROM "Post" WHERE id = ANY(%s)', [fresh, lost, old])


# By now the quiet window of the last start is over: the PM2 gate alone would wait for it.
@pytest.mark.parametrize("module", ["compose_health", "pm2_health", "temporal_health", "stack_health"])
def test_the_examples_run_as_they_stand(stack: Stack, tmp_path: Path, module: str) -> None:
    text = str(importlib.import_module(f"{modules.PREFIX}.{module}").EXAMPLES)
    text = text.replace("project: postiz\n", f"project: {stack.project}\n").replace("/opt/postiz", str(stack.folder))
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": yaml.safe_load(text)}]
    tmp_path.joinpath("examples.yml").write_text(yaml.safe_dump(play))
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", tmp_path / "examples.yml"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok={len(play[0]['tasks'])} " in done.stdout
    assert re.search("(are|is) healthy", done.stdout)


def test_a_boot_is_settling_and_then_healthy_before_the_window_ends(stack: Stack) -> None:
    stack.container("postiz").restart(timeout=repair.GRACE_SECONDS)
    began = time.monotonic()
    seen: list[str] = []
    apps: list[str] = []
    while time.monotonic() - began < 90 and {*seen[-1:], *apps[-1:]} != {"healthy"}:
        seen.append(look(stack, settle_seconds=150).values["verdict"])
        asked = {"timeout": 0, "fail_on_unhealthy": False, "settle_seconds": SETTLE_SECONDS}
        apps.append(modules.run("pm2_health", project=stack.project, **asked).values["verdict"])
    for verdicts in (seen, apps):
        assert set(verdicts) == {"settling", "healthy"}, verdicts
        assert verdicts[0] == "settling"
        assert verdicts[-1] == "healthy"
    assert time.monotonic() - began < 90


@pytest.fixture
def second(stack: Stack) -> Iterator[Container]:
    """One more container of Postiz, as `docker compose up --scale postiz=2` makes it; it publishes no port."""
    first = stack.container("postiz")
    config = first.attrs["Config"]
    labels = {**first.labels, "com.docker.compose.container-number": "2"}
    networks = list(first.attrs["NetworkSettings"]["Networks"])
    made = stack.client.containers.create(
        first.attrs["Image"],
        config["Cmd"],
        entrypoint=config["Entrypoint"],
        name=f"{stack.project}-postiz-2",
        environment=config["Env"],
        labels=labels,
        network=networks[0],
        volumes=first.attrs["HostConfig"]["Binds"],
        restart_policy=first.attrs["HostConfig"]["RestartPolicy"],
        healthcheck=config["Healthcheck"],
    )
    try:
        for name in networks[1:]:
            stack.client.networks.get(name).connect(made)
        made.start()
        yield made
    finally:
        made.remove(force=True, v=True)


def test_each_replica_must_poll(stack: Stack, second: Container) -> None:
    early = ask(stack)
    assert "worker-not-polling" in early.codes
    assert second.name in early.finding("worker-not-polling")["evidence"]
    assert f"{stack.project}-postiz-1" not in early.finding("worker-not-polling")["evidence"]
    wait_for("its pollers", lambda: ask(stack).codes == [], repair.BOOT_SECONDS, pause=2)
    whole = wait_for("health", lambda: (found := look(stack)).values["verdict"] == "healthy" and found, 60)
    apps = next(layer for layer in whole.values["layers"] if layer["layer"] == "pm2")
    assert [item["container"] for item in apps["details"]["containers"]] == [f"{stack.project}-postiz-1", second.name]
    second.stop(timeout=5)
    assert "exited" in look(stack).codes


def test_pollers_of_a_dead_container_do_not_count(stack: Stack, temporal: Temporal) -> None:
    stack.container("postiz").kill()
    try:
        result = ask(stack)
        assert result.codes[0] == "worker-not-polling"
        assert temporal.pollers(), "they are still listed"
        assert "no container of Postiz runs" in result.values["findings"][0]["evidence"]
        apps = modules.run("pm2_health", project=stack.project, timeout=0, fail_on_unhealthy=False)
        assert apps.codes == ["exited"]
    finally:
        repair.start_service(stack, "postiz")
        repair.wait_works(stack)
    wait_for("living pollers", lambda: ask(stack).codes == [], 30)


def test_an_app_that_ends_again_and_again_is_told_by_rate(stack: Stack) -> None:
    def end_backend() -> None:
        for process in pm2.workers(pm2.processes(stack), "backend"):
            stack.run("postiz", "sh", "-c", f"kill -s KILL {process.pid}", check=False)

    for _ in range(5):
        wait_for("a backend", lambda: pm2.workers(pm2.processes(stack), "backend"), 30)
        end_backend()
        time.sleep(1)
    try:
        assert "app-crash-loop" in wait_for("codes", lambda: look(stack).codes, 20)
    finally:
        # The start of the container begins a new count.
        repair.restart_postiz(stack)


def begin(stack: Stack, **environment: str) -> None:
    """Make the container of Postiz anew with other variables; do not wait for anything."""
    override = stack.folder / "override.yaml"
    override.write_text(yaml.safe_dump({"services": {"postiz": {"environment": environment}}}))
    files = ["--file", str(stack.folder / "compose.yaml"), "--file", str(override)]
    command = ["docker", "compose", "--project-name", stack.project, "--project-directory", str(stack.folder), *files]
    subprocess.run([*command, "up", "--detach", "--no-deps", "--pull", "never", "postiz"], check=True)
    override.unlink()


def compiling(stack: Stack) -> bool:
    """Whether the orchestrator is online and has not come so far as to listen."""
    app = pm2.apps(stack).get("orchestrator")
    return app is not None and app.status == "online" and not pm2.listens(stack, 3002)


def test_a_start_with_a_compile_phase_and_without_the_sweeper(stack: Stack, temporal: Temporal) -> None:
    temporal.terminate(SWEEP)
    assert wait_for("its end", lambda: ask(stack).codes, 20) == ["sweeper-failed"]
    assert ask(stack, sweeper=False).codes == []
    words = ("temporal", "workflow", "delete", "--workflow-id", SWEEP, "--address", "temporal:7233")
    stack.run("temporal-admin-tools", *words)
    begin(stack, RUN_CRON="", LAB_COMPILE_SECONDS="15", LAB_QUEUES="x", EXCLUDE_QUEUE="tiktok, instagram")
    try:
        wait_for("the compile phase", lambda: compiling(stack), 60, pause=0.2)
        assert look(stack, settle_seconds=150).values["verdict"] == "settling"
        stack.run("postiz", "pm2", "restart", "orchestrator")
        hasty = wait_for(
            "the ghost", lambda: (found := look(stack, settle_seconds=150)).codes[:1] == ["ghost-process"] and found, 20
        )
        assert hasty.values["verdict"] == "unhealthy", "certain, in spite of the quiet window"
        assert "holds no port" in hasty.values["first_cause"]
        stack.container("postiz").restart(timeout=repair.GRACE_SECONDS)
        wait_for("the compile phase", lambda: compiling(stack), 60, pause=0.2)
        assert look(stack, settle_seconds=150).values["verdict"] == "settling"
        repair.wait_works(stack)
        missing = wait_for("its end", lambda: (found := ask(stack)).codes == ["sweeper-missing"] and found, 60)
        assert "RUN_CRON is not set" in missing.finding("sweeper-missing")["evidence"]
        assert "set RUN_CRON=true" in missing.finding("sweeper-missing")["remedy"]
        queues = {"main": ["workflow", "activity"], "tiktok": ["activity"], "mastodon": ["activity"]}
        (unpolled,) = ask(stack, queues=queues, sweeper=False).values["findings"]
        assert unpolled["code"] == "queue-not-polled"
        assert "mastodon" in unpolled["evidence"], "tiktok is left out on purpose"
        wait_for("health", lambda: look(stack, sweeper=False).values["verdict"] == "healthy", 30)
    finally:
        begin(stack)
        repair.wait_works(stack)
    wait_for("the sweeper", lambda: ask(stack).codes == [], 60)
