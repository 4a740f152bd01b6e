"""The container gate on real containers: small projects, made for one breakage each."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import modules
import pytest
from contract import disagreements
from labkit import compose, engine, images
from labkit.paths import MADE
from modules import Result, Running

BASE = "postiz-lab/base:bookworm"
SMALL = "postiz-gate-small"
OTHER = "postiz-gate-other"
PLANTED = "planted-gate-secret-41c7"
FOREVER = "trap exit TERM; while :; do sleep 1; done"
PROBE_PARTS = {"interval": "1s", "timeout": "2s", "retries": 2, "start_period": "0s"}


def service(script: str = FOREVER, check: str = "", **more: Any) -> dict[str, Any]:
    """A service of the small projects; `check` is a shell command."""
    found: dict[str, Any] = {
        "image": BASE,
        "command": ["sh", "-c", script],
        "labels": MADE,
        "environment": {"API_TOKEN": PLANTED},
        "stop_grace_period": "1s",
        "restart": "unless-stopped",
        **more,
    }
    if check:
        found["healthcheck"] = {"test": ["CMD-SHELL", check], **PROBE_PARTS}
    return found


class Proxy:
    """The engine's socket at another address, so that one client can lose the engine while all others keep it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "engine.sock"
        self._engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        self._server: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.environment = {"DOCKER_HOST": f"unix://{self.path}"}

    def start(self) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.path))
        self._server.listen()
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def cut(self) -> None:
        """What a client sees when the engine is stopped."""
        assert self._server is not None
        self._server.close()
        self.path.unlink()
        for side in self._open:
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            engine_side = socket.socket(socket.AF_UNIX)
            engine_side.connect(self._engine)
            self._open += [client, engine_side]
            for pair in ((client, engine_side), (engine_side, client)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


class Small:
    """A small Compose project."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    def compose(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["docker", "compose", "--project-name", self.name, "--project-directory", str(self.folder), *words]
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=120)

    def write(self, services: dict[str, Any]) -> None:
        self.folder.joinpath("compose.yaml").write_text(json.dumps({"services": services}))

    def up(self, services: dict[str, Any], check: bool = True) -> None:
        self.write(services)
        self.compose("up", "--detach", "--quiet-pull", check=check)

    def gate(self, **parameters: Any) -> Result:
        return modules.run("compose_health", project=self.name, **{"timeout": 30, **parameters})

    def waiting(self, environment: dict[str, str] | None = None, **parameters: Any) -> Running:
        return Running("compose_health", {"project": self.name, "timeout": 60, **parameters}, environment)


@pytest.fixture(scope="module", autouse=True)
def _lab() -> None:
    """Engine, Compose and the one image that the small projects need."""
    client = engine.ensure()
    compose.ensure()
    images.ensure(client, (BASE,))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    """A small project with nothing in it."""
    found = Small(SMALL, tmp_path)
    yield found
    found.compose("down", "--volumes", "--timeout", "1", "--remove-orphans", check=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A small project that is well."""
    found = Small(f"{SMALL}-well", tmp_path_factory.mktemp("well"))
    found.up({"web": service(check="true"), "plain": service()})
    assert not found.gate().failed
    yield found
    found.compose("down", "--timeout", "1", check=False)


def healthy_after(seconds: float) -> str:
    """A health check that fails, then succeeds."""
    return f"test -e /tmp/ok || {{ test $(($(date +%s) - $(stat -c %Y /proc/1))) -ge {seconds:g} && touch /tmp/ok; }}"


def test_all_kinds_of_expectations_are_derived_and_met(small: Small) -> None:
    small.up(
        {
            "checked": service(check="true", depends_on={"migrate": {"condition": "service_completed_successfully"}}),
            "migrate": service("exit 0", restart="no"),
            "lonely-one-shot": service("exit 0", restart="no"),
            "plain": service(),
            "scaled": service(check="true", scale=2),
        }
    )
    result = small.gate(stable_for=2)
    assert not result.failed, result.text
    found = [(item["service"], item["expectation"]) for item in result.values["services"]]
    assert sorted(found) == [
        ("checked", "healthy"),
        ("lonely-one-shot", "completed"),
        ("migrate", "completed"),
        ("plain", "running"),
        ("scaled", "healthy"),
        ("scaled", "healthy"),
    ]
    assert result.values["changed"] is False
    assert PLANTED not in result.text
    assert disagreements("compose_health", result.values) == []


BREAKAGES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str, str]] = {
    "one-shot fails": (
        {"migrate": service(f"echo 'P1001: bad {PLANTED}' >&2; exit 3", restart="no")},
        {"services": {"migrate": "completed"}},
        "exited",
        "ended with exit code 3",
        "look at the database first",
    ),
    "ends by itself": (
        {"worker": service("echo 'JavaScript heap out of memory'; exit 134", restart="no")},
        {"services": {"worker": "running"}},
        "exited",
        "used up the memory",
        "give it more memory",
    ),
    "crash loop": (
        {"worker": service("echo 'listen EADDRINUSE: address already in use :::3000'; exit 1")},
        {"restarts_allowed": 2},
        "crash-loop",
        "A port inside the container is held",
        "restart the container",
    ),
    "unhealthy": (
        {"web": service(check=f"echo password authentication failed for user {PLANTED}; false")},
        {"timeout": 6},
        "unhealthy",
        "The database refuses the password",
        "ALTER USER",
    ),
    "starts too long": (
        {"web": {**service(), "healthcheck": {"test": ["CMD", "false"], "interval": "1s", "start_period": "300s"}}},
        {"timeout": 4},
        "starting-too-long",
        "has not become healthy",
        "read its log",
    ),
    "no health check and restarted a moment ago": (
        {"plain": service()},
        {"timeout": 0, "stable_for": 60},
        "no-healthcheck-unstable",
        "has no health check",
        "wait",
    ),
    "log that cannot be read": (
        {"plain": service("exit 1", restart="no", logging={"driver": "none"})},
        {"services": {"plain": "running"}},
        "exited",
        "ended with exit code 1",
        "read its log",
    ),
    "killed for memory": (
        {"worker": service("sleep 3; tail /dev/zero", mem_limit="16m", restart="no")},
        {"services": {"worker": "running"}, "stable_for": 20},
        "oom-killed",
        "was killed for lack of memory",
        "give it or the host more memory",
    ),
    "killed by hand": (
        {"worker": service("kill -9 $$$$", restart="no", init=True)},
        {"services": {"worker": "running"}},
        "exited",
        "ended with exit code 137 (killed)",
        "find out who killed it",
    ),
    "one of two replicas": (
        {"web": service(check='case "$$(hostname -i)" in *[02468]) true;; *) false;; esac', scale=2)},
        {"timeout": 6},
        "unhealthy",
        "it (postiz-gate-small-web-",
        "read its health checks",
    ),
    "image missing": (
        {"web": service(check="true"), "worker": {"image": "postiz-lab/no-such-image:1", "labels": MADE}},
        {"project_src": ".", "services": {"web": "ignored"}},
        "image-missing",
        "its image postiz-lab/no-such-image:1 is not on this host",
        "docker compose pull",
    ),
    "still runs": (
        {"migrate": service(restart="no")},
        {"services": {"migrate": "completed"}, "timeout": 2},
        "not-completed",
        "shall end with 0",
        "wait for it",
    ),
    "shall be absent": (
        {"plain": service()},
        {"services": {"plain": "absent"}, "timeout": 0},
        "unexpected-container",
        "shall have no container",
        "remove the container",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_breakage(small: Small, name: str) -> None:
    services, parameters, code, evidence, remedy = BREAKAGES[name]
    small.up(services, check=False)
    if "project_src" in parameters:
        small.compose("up", "--detach", "--pull", "never", "web", check=False)
        parameters = {**parameters, "project_src": str(small.folder)}
    result = small.gate(**parameters)
    print(f"\n--- {name}\n{result.values['report']}")
    assert result.failed
    assert result.codes == [code], result.values["report"]
    finding = result.values["findings"][0]
    assert evidence in finding["evidence"]
    assert remedy in finding["remedy"]
    assert result.values["verdict"] == "unhealthy"
    assert result.values["msg"] == result.values["report"]
    assert PLANTED not in result.text
    assert disagreements("compose_health", result.values) == []


def test_a_settled_outcome_ends_the_wait(small: Small) -> None:
    small.up({"worker": service("sleep 1; exit 1", restart="no", depends_on=[])}, check=False)
    result = small.gate(services={"worker": "running"}, timeout=60)
    assert result.seconds < 15
    assert "waiting longer cannot help" in result.values["report"]


def test_a_crash_that_ends_well_is_tolerated(small: Small) -> None:
    script = "test -e /data/second && { trap exit TERM; while :; do sleep 1; done; }; touch /data/second; exit 1"
    small.up({"worker": service(script, check="true", tmpfs=[], volumes=["/data"])})
    result = small.gate(stable_for=2)
    assert not result.failed, result.text
    assert result.values["services"][0]["anonymous_volumes"] == ["/data"]


def test_paused(small: Small) -> None:
    small.up({"web": service(check="true")})
    small.gate()
    small.compose("pause")
    result = small.gate(timeout=2)
    small.compose("unpause")
    assert result.codes == ["paused"]
    assert f"docker unpause {SMALL}-web-1" in result.finding("paused")["remedy"]


def test_a_port_that_belongs_to_another(small: Small) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        small.up({"web": service(ports=[f"127.0.0.1:{port}:80"])}, check=False)
        result = small.gate(timeout=20)
    assert result.codes == ["not-started"]
    assert "published port belongs to somebody else" in result.values["findings"][0]["evidence"]
    assert result.seconds < 10


def test_the_first_cause_comes_first(small: Small) -> None:
    small.up(
        {
            "app": service(check="true", depends_on={"middle": {"condition": "service_healthy"}}),
            "middle": service(check="true", depends_on={"base": {"condition": "service_healthy"}}),
            "base": service("echo No space left on device; sleep 600", check="false"),
        },
        check=False,
    )
    result = small.gate(timeout=1)
    assert [item["component"] for item in result.values["findings"]] == ["base", "middle", "app"]
    assert (
        "app was never started, because middle was never started, because base is unhealthy" in result.values["report"]
    )
    assert "free space" in result.values["findings"][0]["remedy"]
    assert [item["service"] for item in result.values["culprits"]] == ["base"]
    everyone = small.gate(timeout=0, evidence="all")
    assert len(everyone.values["culprits"]) == 3
    assert small.gate(timeout=0, evidence="none").values["culprits"] == []


def test_what_starts_with_memory_ends_with_an_app_that_was_never_started(small: Small) -> None:
    small.up(
        {
            "postiz": service(check="true", depends_on={"temporal": {"condition": "service_healthy"}}),
            "temporal": service(
                "echo Waiting for Elasticsearch to start up.; " + FOREVER,
                check="false",
                depends_on=["temporal-elasticsearch"],
            ),
            "temporal-elasticsearch": service("sleep 3; tail /dev/zero", mem_limit="16m", restart="no"),
        },
        check=False,
    )
    result = small.gate(services={"temporal-elasticsearch": "running"})
    print(f"\n--- chain\n{result.values['report']}")
    assert result.values["first_cause"].startswith(
        "postiz was never started, because temporal is unhealthy, because temporal-elasticsearch "
    )
    # An engine of 20.10 may forget that it was for memory, unless somebody watched.
    assert result.codes[0] in ("oom-killed", "exited")
    assert [item["component"] for item in result.values["findings"]] == ["temporal-elasticsearch", "temporal", "postiz"]
    assert result.seconds < 10


def test_a_kill_for_memory_that_the_container_survives_is_a_warning(small: Small) -> None:
    script = f"(sleep 3; tail /dev/zero); {FOREVER}"
    small.up({"worker": service(script, check=healthy_after(7), mem_limit="16m")})
    result = small.gate()
    assert not result.failed, result.text
    assert [(item["code"], item["severity"]) for item in result.values["findings"]] == [("oom-killed", "warning")]


def test_missing_containers_are_known_from_the_compose_file(small: Small) -> None:
    small.up({"web": service(check="true", scale=2), "idle": service(check="true")})
    subprocess.run(["docker", "rm", "--force", f"{SMALL}-web-2", f"{SMALL}-idle-1"], check=True, capture_output=True)
    assert not small.gate(timeout=5).failed
    result = small.gate(timeout=0, project_src=str(small.folder))
    assert result.codes == ["missing-container", "missing-container"]
    texts = {item["component"]: item["evidence"] for item in result.values["findings"]}
    assert texts == {"idle": "it has no container.", "web": "it has 1 of 2 containers."}
    small.compose("down", "--timeout", "1")
    assert set(small.gate(timeout=0, project_src=str(small.folder)).codes) == {"missing-container"}
    unknown = small.gate(timeout=0)
    assert unknown.failed
    assert "has no container on this engine" in unknown.values["msg"]


def test_a_container_recreated_during_the_wait_is_followed(small: Small) -> None:
    small.up({"web": service(check="false")})
    waiting = small.waiting()
    time.sleep(2)
    small.up({"web": service(check="true")})
    result = waiting.result()
    assert not result.failed, result.text
    assert result.values["waited_seconds"] > 1


def test_a_gap_between_two_containers_does_not_open_the_gate(small: Small) -> None:
    small.up({"web": service(check="true"), "slow": service(check=healthy_after(8))})
    waiting = small.waiting(timeout=12)
    time.sleep(2)
    subprocess.run(["docker", "rm", "--force", f"{SMALL}-web-1"], check=True, capture_output=True)
    result = waiting.result()
    assert result.codes == ["missing-container"], result.values["report"]
    assert "was removed while this was watched" in result.finding("missing-container")["evidence"]


def test_the_engine_goes_away_and_comes_back_during_the_wait(small: Small, tmp_path: Path) -> None:
    small.up({"web": service("touch /run/no; " + FOREVER, check="test ! -e /run/no")})
    proxy = Proxy(tmp_path)
    proxy.start()
    waiting = small.waiting(proxy.environment, stable_for=1)
    time.sleep(3)
    proxy.cut()
    small.compose("exec", "web", "rm", "/run/no")
    time.sleep(3)
    assert waiting.process.poll() is None
    proxy.start()
    result = waiting.result()
    assert not result.failed, result.text
    assert result.values["waited_seconds"] > 5


def test_an_engine_that_stays_away_is_unknown(small: Small, tmp_path: Path) -> None:
    small.up({"web": service(check="false")})
    proxy = Proxy(tmp_path)
    proxy.start()
    waiting = small.waiting(proxy.environment, timeout=6)
    time.sleep(2)
    proxy.cut()
    result = waiting.result()
    assert result.values["verdict"] == "unknown"
    assert result.codes == ["engine-unreachable"]
    assert 5.5 < result.values["waited_seconds"] < 7.5
    assert disagreements("compose_health", result.values) == []


def test_a_socket_that_refuses_this_user(small: Small, tmp_path: Path) -> None:
    proxy = Proxy(tmp_path)
    proxy.start()
    proxy.path.chmod(0o600)
    # Root passes every mode; without its capabilities it does not, once the socket belongs to somebody else.
    os.chown(proxy.path, 12345, 12345)
    wrapper = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    result = modules.run("compose_health", proxy.environment, wrapper, project=small.name, timeout=5)
    assert result.values["verdict"] == "unknown"
    assert result.codes == ["engine-permission-denied"]
    assert "become: true" in result.values["report"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"project": "no-such-project"}, f"Projects that have: .*{SMALL}"),
        ({"services": {"wep": "running"}}, "has no service 'wep'. Did you mean: web"),
        ({"http": [{"service": "wep"}]}, "has no service 'wep'. Did you mean: web"),
        ({"services": {"plain": "healthy"}}, "has no health check"),
        ({"services": {"plain": "absent"}, "http": [{"service": "plain"}]}, "to be absent by services, and to answer"),
        ({"timeout": -1}, "timeout is -1"),
        ({"project_src": "/nowhere"}, "could not read /nowhere"),
        ({"http": [{}]}, "one of the following is required: url, service"),
        ({"http": [{"url": "http://a/", "service": "web"}]}, "mutually exclusive"),
    ],
)
def test_input_that_cannot_be_meant(running: Small, parameters: dict[str, Any], words: str) -> None:
    result = modules.run("compose_health", **{"project": running.name, "timeout": 20, **parameters})
    assert result.failed
    assert re.search(words, result.values["msg"]), result.values["msg"]
    assert result.seconds < 5
    assert "Traceback" not in result.text


def test_what_compose_cannot_read_is_told_without_secrets(small: Small) -> None:
    secret = "planted-compose-secret"
    small.write({"web": service(ports=["${API_TOKEN}:80"])})
    small.folder.joinpath(".env").write_text(f"API_TOKEN={secret}\n")
    result = small.gate(project_src=str(small.folder))
    assert result.failed
    assert "Compose could not read" in result.values["msg"]
    assert secret not in result.text


def test_services_of_profiles_that_are_off_are_not_missed(small: Small) -> None:
    services = {"web": service(check="true", scale="${REPLICAS}"), "debug": service(profiles=["debug"])}
    small.folder.joinpath(".env").write_text("REPLICAS=2\n")
    small.up(services)
    assert not small.gate(project_src=str(small.folder)).failed
    subprocess.run(["docker", "rm", "--force", f"{SMALL}-web-1"], check=True, capture_output=True)
    assert small.gate(project_src=str(small.folder), timeout=0).codes == ["missing-container"]


def test_two_projects_with_the_same_service_names(small: Small, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = Small(OTHER, folder)
    try:
        small.up({"web": service(check="true")})
        other.up({"web": service(check="false")})
        assert not small.gate().failed
        assert other.gate(timeout=4).codes == ["unhealthy"]
    finally:
        other.compose("down", "--timeout", "1", check=False)


def test_flapping_must_hold(small: Small) -> None:
    small.up({"web": service("touch /run/ok; " + FOREVER, check="test -e /run/ok")})
    assert not small.gate().failed
    small.compose("exec", "web", "rm", "/run/ok")
    time.sleep(4)
    waiting = small.waiting(stable_for=4)
    time.sleep(1)
    small.compose("exec", "web", "touch", "/run/ok")
    since = time.monotonic()
    result = waiting.result()
    assert not result.failed, result.text
    assert time.monotonic() - since > 4


SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = int(self.path.strip('/') or 200)
        self.send_response(code); self.send_header('X-Host', self.headers['Host']); self.end_headers()
        self.wfile.write(b'App is running!')
    def log_message(self, *a): pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def server() -> Iterator[int]:
    """A small HTTP server that answers with the status in its path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([os.environ.get("PYTHON", "python3"), "-c", SERVER, str(port)])
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port
    process.send_signal(signal.SIGTERM)
    process.wait()


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        (
            "200",
            {"body": "App is running!", "headers": {"X-Host": "stack.example.org"}, "host": "stack.example.org"},
            "",
        ),
        ("502", {}, "http-502"),
        ("404", {}, "http-status"),
        ("404", {"status": [404]}, ""),
        ("200", {"body": "something else"}, "http-body"),
        ("200", {"headers": {"X-None": "a"}}, "http-header"),
    ],
)
def test_endpoints(running: Small, server: int, path: str, options: dict[str, Any], code: str) -> None:
    endpoint = {"url": f"http://127.0.0.1:{server}/{path}", **options}
    result = running.gate(timeout=1, stable_for=1, http=[endpoint])
    assert result.codes == ([code] if code else []), result.text


def test_endpoints_that_do_not_answer(running: Small) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert running.gate(timeout=1, http=[{"url": url, "timeout": 0.5}]).codes == ["http-timeout"]
    assert running.gate(timeout=1, http=[{"url": url}]).codes == ["http-refused"]
    assert running.gate(timeout=1, http=[{"service": "web"}]).codes == ["http-refused"]
