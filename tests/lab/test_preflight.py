"""What the role refuses, on this machine and its engine: the reason, the remedy, all at once, and nothing changed."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import modules
import pytest
from contract import disagreements
from labkit import engine, social
from labkit.paths import INVENTORY, MADE, REPOSITORY
from modules import Result

PROJECT = "postiz-preflight"
NOBODY = 12345
GOOD: dict[str, Any] = {
    "project": PROJECT,
    "postiz_image": "postiz-lab/postiz:v1",
    "url": "https://postiz.example.org",
    "dynamic_config": "{}",
    "min_free_bytes": 1,
    "min_memory_bytes": 1,
}
PLANTED = "planted-preflight-secret"


@dataclass(frozen=True)
class Case:
    """What is wrong, and what must be said of it."""

    code: str
    evidence: str
    remedy: str
    given: dict[str, Any] = field(default_factory=dict)


CASES = {
    "url": Case("url-malformed", "'postiz.example.org' does not start with", "https://", {"url": "postiz.example.org"}),
    "url with slash": Case("url-malformed", "ends with a slash", "https://", {"url": "https://a.example.org/"}),
    "project": Case("project-name-invalid", "'Postiz!'", "lower-case letters", {"project": "Postiz!"}),
    "dynamic config missing": Case(
        "dynamic-config-missing",
        "no such file",
        "stack_dynamic_config_file",
        {"dynamic_config": None, "dynamic_config_source": "/nowhere/config.yaml"},
    ),
    "dynamic config is no YAML": Case("dynamic-config-invalid", "at line 1", "write", {"dynamic_config": "a: [1"}),
    "port of a container": Case(
        "port-taken",
        f"the container {social.NAME} publishes it",
        "stack_port",
        {"ports": [{"service": "postiz", "address": "127.0.0.1", "port": social.PORT}]},
    ),
    "image that nobody has": Case(
        "image-not-pullable",
        "The image cannot be had",
        "load the image",
        {"images": ["postiz-lab/no-such-image:1"]},
    ),
    "image that may not be pulled": Case(
        "image-not-pullable",
        "stack_pull is never",
        "load the image",
        {"images": ["postiz-lab/no-such-image:1"], "pull": "never"},
    ),
    "memory": Case("memory-low", "MiB are wanted", "stack_visibility: postgresql", {"min_memory_bytes": 10**15}),
    "a variable of the role": Case(
        "environment-invalid",
        "JWT_SECRET is managed by the role",
        "set stack_jwt_secret",
        {"environment": json.dumps({"JWT_SECRET": PLANTED})},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    """An engine, and a container that publishes a port."""
    social.ensure(engine.ensure())


def judge(directory: Path, environment: dict[str, str] | None = None, /, *wrapper: str, **given: Any) -> Result:
    """Run the preflight; nothing in the directory may be touched by it."""
    before = sorted(directory.rglob("*"))
    result = modules.run("stack_preflight", environment, wrapper, **{**GOOD, "directory": str(directory), **given})
    assert sorted(directory.rglob("*")) == before
    assert "Traceback" not in result.text
    return result


def refused(result: Result, case: Case) -> None:
    """It failed for this reason and no other."""
    print(result.values.get("msg"))
    assert result.failed
    assert result.codes == [case.code], result.text
    finding = result.finding(case.code)
    assert case.evidence in finding["evidence"]
    assert case.remedy in finding["remedy"]
    assert finding["evidence"] in result.values["msg"]
    assert PLANTED not in result.text
    assert disagreements("stack_preflight", result.values) == []


def test_a_good_host(tmp_path: Path) -> None:
    result = judge(tmp_path)
    assert not result.failed, result.text
    assert disagreements("stack_preflight", result.values) == []


@pytest.mark.parametrize("name", CASES)
def test_refusal(tmp_path: Path, name: str) -> None:
    refused(judge(tmp_path, **CASES[name].given), CASES[name])


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    result = judge(tmp_path, url="x", min_free_bytes=10**15, images=["postiz-lab/no-such-image:1"], pull="never")
    assert set(result.codes) == {"url-malformed", "image-not-pullable", "disk-low"}
    assert result.values["msg"].startswith(f"{len(result.codes)} problems found, nothing was changed:")


def test_a_port_of_a_process(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = judge(tmp_path, ports=[{"service": "postiz", "address": "127.0.0.1", "port": port}])
    refused(result, Case("port-taken", f"(pid {os.getpid()})", "choose another port"))


@pytest.mark.parametrize(("content", "words"), [("A=1\nno pair\n", "line 2 is not NAME=VALUE"), (None, "directory")])
def test_an_env_file_that_cannot_be_used(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / ".env"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    refused(judge(tmp_path), Case("env-file-unreadable", words, "restore it from a backup"))


def test_no_engine(tmp_path: Path) -> None:
    result = judge(tmp_path, {"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    refused(result, Case("engine-unreachable", "unix:///nowhere/docker.sock: No such file", "systemctl start docker"))


def test_no_engine_is_a_warning_to_a_bare_host_in_check_mode(tmp_path: Path) -> None:
    result = judge(tmp_path, {"DOCKER_HOST": "unix:///nowhere/docker.sock"}, _ansible_check_mode=True)
    assert not result.failed
    assert result.finding("engine-unreachable")["severity"] == "warning"
    assert disagreements("stack_preflight", result.values) == []


def test_an_engine_that_refuses_this_user(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("engine") / "engine.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o600)
        # Root passes every mode; without its capabilities it does not, once the socket belongs to somebody else.
        os.chown(path, NOBODY, NOBODY)
        wrapper = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
        result = judge(tmp_path, {"DOCKER_HOST": f"unix://{path}"}, *wrapper)
    refused(result, Case("engine-permission-denied", "refuses this user", "become: true"))


class OldEngine(http.server.BaseHTTPRequestHandler):
    """An engine of 2019, as far as anybody asks it."""

    def do_GET(self) -> None:
        body = json.dumps({"Version": "19.03.15", "ApiVersion": "1.40", "MinAPIVersion": "1.12"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def old_engine() -> Iterator[str]:
    """Its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OldEngine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_engine_that_is_too_old(tmp_path: Path, old_engine: str) -> None:
    result = judge(tmp_path, {"DOCKER_HOST": old_engine})
    refused(result, Case("engine-too-old", "speaks API 1.40, and 1.41 (Docker 20.10) is the oldest", "upgrade"))


GATES = ("compose_health", "pm2_health", "temporal_health", "stack_health")


@pytest.mark.parametrize("module", GATES)
def test_a_gate_that_cannot_ask_the_engine_is_unknown(module: str, old_engine: str) -> None:
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    for environment, code in ((nowhere, "engine-unreachable"), ({"DOCKER_HOST": old_engine}, "engine-too-old")):
        result = modules.run(module, environment, project="x", timeout=0, fail_on_unhealthy=False)
        assert not result.failed
        assert result.values["verdict"] == "unknown"
        assert result.codes == [code]
        assert result.values["report"].splitlines()[-1] == f"Do next: {result.finding(code)['remedy']}"
        assert disagreements(module, result.values) == []
        assert modules.run(module, environment, project="x", timeout=1).failed, "unknown is never healthy"


@pytest.mark.parametrize(
    ("script", "case"),
    [
        ("exit 1", Case("compose-missing", "does not work here", "docker-compose-plugin")),
        ("echo 2.17.3", Case("compose-too-old", "Compose is 2.17.3, and 2.18.0 is the oldest", "upgrade the Compose")),
    ],
)
def test_compose(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, script: str, case: Case) -> None:
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    refused(judge(tmp_path, {"PATH": f"{folder}:{os.environ['PATH']}"}), case)


@pytest.fixture
def old_volume() -> Iterator[None]:
    """Data of a stack of this name, of which nothing else is left."""
    client = engine.ensure()
    labels = {**MADE, "com.docker.compose.project": PROJECT}
    volume = client.volumes.create(f"{PROJECT}_postgres-volume", labels=labels)
    yield
    volume.remove()


@pytest.mark.usefixtures("old_volume")
def test_data_whose_secrets_are_known_nowhere(tmp_path: Path) -> None:
    result = judge(tmp_path)
    assert result.codes == ["secret-unknown", "secret-unknown"]
    assert {item["component"] for item in result.values["findings"]} == {"stack_postgres_password", "stack_jwt_secret"}
    assert "would lock the data out" in result.values["findings"][0]["remedy"]
    given = judge(tmp_path, postgres_password=PLANTED, jwt_secret=f"{PLANTED}-too")
    assert not given.failed, given.text
    assert PLANTED not in given.text


def test_a_choice_that_the_role_does_not_know(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", INVENTORY, "playbooks/provision.yml"]
    command += ["-e", json.dumps({"postiz_project": PROJECT, "postiz_dir": str(tmp_path), "stack_visibility": "mysql"})]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "value of stack_visibility must be one of: elasticsearch, postgresql, got: mysql" in done.stdout
    assert list(tmp_path.iterdir()) == []
