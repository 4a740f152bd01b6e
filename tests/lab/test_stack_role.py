"""The role on a host: runs that are killed, secrets that do not fit, a service that cannot start, the controlled restart."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import modules
import pytest
from conftest import Running
from contract import disagreements
from docker import DockerClient
from labkit import posts, provision, social
from labkit.faults import repair
from labkit.paths import INVENTORY, MADE, REPOSITORY
from labkit.stack import PROJECT_LABEL, SERVICE_LABEL, Stack
from labkit.temporal import Temporal
from labkit.waiting import wait_for

PROJECT = "postiz-role"
VARIABLES: dict[str, object] = {
    "stack_port": 4151,
    "stack_temporal_ui_port": 8151,
    "stack_visibility": "postgresql",
}
PLANTED = "planted-role-secret-90d2"
RECAP = re.compile(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)")


class Play:
    """A playbook that runs; `kill` ends all its processes, those in sessions of their own too, without a chance to tidy."""

    def __init__(self, name: str, stack: Stack, **variables: object) -> None:
        self.mark = f"LAB_PLAY={secrets.token_hex(8)}"
        name_of_mark, _, value = self.mark.partition("=")
        extra = {"postiz_project": PROJECT, "postiz_dir": str(stack.folder), **VARIABLES, **variables}
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(INVENTORY)]
        command += [str(REPOSITORY / "playbooks" / f"{name}.yml"), "--extra-vars", json.dumps(extra)]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), name_of_mark: value}
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def kill(self) -> None:
        """SIGKILL to each process that carries the mark."""
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    os.kill(int(path.parent.name), signal.SIGKILL)
        self.process.communicate()
        assert self.process.returncode == -signal.SIGKILL

    def end(self, succeeds: bool = True) -> str:
        """Its output, on one line, once it has ended as it should."""
        text = self.process.communicate(timeout=400)[0]
        print(text)
        assert (self.process.returncode == 0) == succeeds
        return " ".join(text.split())


@pytest.fixture(scope="module")
def stack(running_stack: Running) -> Iterator[Stack]:
    """A stack that is not there yet; removed at the end."""
    running_stack.remove()
    client = provision.prepare()
    running_stack.stack = Stack(client, PROJECT)
    yield running_stack.stack
    running_stack.remove()


def env_file(stack: Stack) -> str:
    return (stack.folder / ".env").read_text()


def identifiers(stack: Stack) -> dict[str, str]:
    """Container of each service."""
    return {service: str(container.id) for service, container in stack.containers().items()}


def test_runs_that_are_killed_are_finished_by_the_next(stack: Stack) -> None:
    first = Play("provision", stack)
    wait_for("files on their way", lambda: (stack.folder / "state").exists(), 60, 0.005)
    first.kill()
    second = Play("provision", stack)
    wait_for("a database", lambda: "postiz-postgres" in stack.containers(), 60, 0.02)
    second.kill()
    kept = env_file(stack)
    assert "postiz" not in stack.containers() or stack.state("postiz")[0] != "running", (
        "killed too late to prove anything"
    )
    last = Play("provision", stack).end()
    assert "is healthy: work flows" in last
    assert env_file(stack) == kept, "the databases were made with these secrets"
    assert not (stack.folder / "state" / "staged").exists()
    post = posts.schedule(stack, 2)
    wait_for("the post", lambda: posts.read(stack, post).state == "PUBLISHED", 60)
    assert social.published(post) == 1
    again = RECAP.search(Play("provision", stack).end())
    assert again is not None
    assert again.group(2) == "0"


@pytest.mark.parametrize(
    ("name", "code", "remedy"),
    [
        ("stack_postgres_password", "database-password-mismatch", 'ALTER USER "postiz-user" PASSWORD'),
        ("stack_temporal_postgres_password", "database-password-mismatch", 'ALTER USER "temporal" PASSWORD'),
        ("stack_jwt_secret", "jwt-secret-changed", "stack_accept_new_jwt_secret: true"),
    ],
)
def test_a_secret_that_does_not_fit_the_data_is_refused(stack: Stack, name: str, code: str, remedy: str) -> None:
    before = env_file(stack), identifiers(stack)
    text = Play("provision", stack, **{name: PLANTED}).end(succeeds=False)
    assert f"[{code}] {name}:" in text
    assert remedy in text.replace('\\"', '"').replace("''", "'")
    assert "nothing was changed" in text
    assert PLANTED not in text
    assert (env_file(stack), identifiers(stack)) == before


def configure(stack: Stack, **given: Any) -> modules.Result:
    """What the role's files would become, in check mode."""
    parameters = {
        "project": PROJECT,
        "directory": str(stack.folder),
        "postiz_image": "postiz-lab/postiz:v1",
        "compose": (stack.folder / "compose.yaml").read_text(),
        "dynamic_config": (stack.folder / "dynamicconfig/development-sql.yaml").read_text(),
        "_ansible_check_mode": True,
        "_ansible_diff": True,
    }
    return modules.run("stack_config", None, (), **{**parameters, **given})


def test_the_documentation_of_what_the_role_s_modules_return_is_true(stack: Stack) -> None:
    before = env_file(stack)
    result = configure(stack, jwt_secret=PLANTED, accept_new_jwt_secret=True)
    assert result.values["changed"] is True
    assert str(stack.folder / ".env") in result.values["files"]
    assert PLANTED not in result.text
    assert disagreements("stack_config", result.values) == []
    assert env_file(stack) == before


def test_a_new_jwt_secret_is_taken_if_that_is_wanted(stack: Stack) -> None:
    text = Play("provision", stack, stack_jwt_secret=PLANTED, stack_accept_new_jwt_secret=True).end()
    assert "is healthy: work flows" in text
    assert PLANTED not in text
    assert stack.environment("postiz")["JWT_SECRET"] == PLANTED
    assert PLANTED in env_file(stack)


@pytest.fixture
def forgetful(stack: Stack) -> Iterator[None]:
    """A container of the project that keeps its data in an anonymous volume."""
    client: DockerClient = stack.client
    labels = {**MADE, PROJECT_LABEL: PROJECT, SERVICE_LABEL: "forgetful"}
    container = client.containers.run(
        "postiz-lab/base:bookworm", ["sleep", "infinity"], labels=labels, volumes=["/data"], detach=True, init=True
    )
    yield
    container.remove(force=True, v=True)


@pytest.mark.usefixtures("forgetful")
def test_a_restart_that_would_lose_data_is_refused(stack: Stack) -> None:
    before = identifiers(stack)
    text = Play("restart", stack).end(succeeds=False)
    assert "Nothing was changed: forgetful keep their data in anonymous volumes" in text
    assert identifiers(stack) == before
    assert stack.is_up()


def test_the_controlled_restart_brings_everything_down_and_up_in_order(stack: Stack) -> None:
    post = posts.schedule(stack, 3600)
    wait_for("its workflow", lambda: Temporal(stack).status(f"post_{post}") == "RUNNING", 10)
    before = {service: item.attrs["State"]["StartedAt"] for service, item in stack.containers().items()}
    text = Play("restart", stack, stack_jwt_secret=PLANTED).end()
    assert "is healthy: work flows" in text
    after = {service: item.attrs["State"]["StartedAt"] for service, item in stack.containers().items()}
    assert set(after) == set(before)
    assert all(after[service] > before[service] for service in before)
    assert after["temporal-postgresql"] < after["temporal"] < after["postiz"]
    assert posts.read(stack, post).state == "QUEUE", "both databases are what they were"
    assert Temporal(stack).status(f"post_{post}") == "RUNNING"
    repair.wait_works(stack)


def test_a_service_that_cannot_start_is_named_with_its_last_words(stack: Stack) -> None:
    broken = {"stack_redis_image": "postiz-lab/base:bookworm", "stack_wait_timeout": 60}
    text = Play("provision", stack, stack_jwt_secret=PLANTED, **broken).end(succeeds=False)
    assert "First cause: " in text
    assert re.search(r"because postiz-redis|First cause: postiz-redis", text)
    assert "Do next: " in text
    assert PLANTED not in text
