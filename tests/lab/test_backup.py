"""Backup, restore and drill on a running stack: whole, killed at every step, full, damaged, and nothing published twice."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import contract
import modules
import pytest
from labkit import posts, social
from labkit.faults import repair
from labkit.paths import COLLECTIONS, INVENTORY, MADE, REPOSITORY
from labkit.stack import Stack
from labkit.temporal import Temporal
from labkit.waiting import stays, wait_for
from modules import Result
from upgrades import Play

pytestmark = pytest.mark.usefixtures("whole_again")

PASSPHRASE = f"planted-{secrets.token_hex(8)}"
PLANTED = f"planted-{secrets.token_hex(8)}"
POSTGRES = ("postiz-postgres", "temporal-postgresql")
HOUR = 3600.0
# Of a post whose publishing was delayed by a pause or a start.
PUBLISH_SECONDS = 60.0


@pytest.fixture(scope="module")
def project() -> str:
    return "postiz-backup"


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return {"stack_port": 4161, "stack_temporal_ui_port": 8161}


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "backups")


def make(stack: Stack, directory: str, **parameters: Any) -> Result:
    given = {"env": "encrypted", "passphrase": PASSPHRASE, "lock_timeout": 0, **parameters}
    return modules.run("stack_backup", project=stack.project, directory=directory, **given)


def made(stack: Stack, directory: str, **parameters: Any) -> dict[str, Any]:
    result = make(stack, directory, **parameters)
    assert not result.failed, result.values["msg"]
    return result.values


def plan(stack: Stack, directory: str, **parameters: Any) -> Result:
    given = {"project_directory": str(stack.folder), "lock_timeout": 0, **parameters}
    return modules.run("stack_restore", project=stack.project, directory=directory, **given)


class Driven:
    """An operation that is told step by step, and may be killed or held at one."""

    def __init__(self, operation: str, parameters: dict[str, Any], step: int = 0, pause: str = "") -> None:
        script = Path(__file__).with_name("driven_backup.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), operation, str(step), *([pause] if pause else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(COLLECTIONS))},
        )
        self.tell(json.dumps(parameters))

    def tell(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_step(self, name: str) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.strip() == name:
                return
        raise AssertionError(f"no step {name}")

    def end(self, seconds: float = 120) -> dict[str, Any] | None:
        """Its result, None if it was killed."""
        text, told = self.process.communicate(timeout=seconds)
        if self.process.returncode < 0:
            return None
        assert text, told
        found = json.loads(text)
        assert isinstance(found, dict)
        return found


def backup_parameters(stack: Stack, directory: str, **parameters: Any) -> dict[str, Any]:
    return {"project": stack.project, "directory": directory, "env": "plain", "lock_timeout": 5.0, **parameters}


def names(directory: str) -> list[str]:
    return sorted(path.name for path in Path(directory).iterdir() if not path.name.startswith("."))


def paused(stack: Stack) -> list[str]:
    return [service for service, container in stack.containers().items() if container.status == "paused"]


def dumps(stack: Stack) -> int:
    """Sessions of a backup on both servers."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'selfhost.postiz.backup.%'"
    users = (("postiz-postgres", "postiz-user", "postiz-db-local"), ("temporal-postgresql", "temporal", "temporal"))
    return sum(
        int(stack.run(service, "psql", "-U", user, "-d", database, "-Atc", query).text)
        for service, user, database in users
    )


# Backup


def test_backup_is_whole_private_and_tells_the_truth(stack: Stack, directory: str) -> None:
    posts.schedule(stack, HOUR, children=1)
    check = make(stack, directory, _ansible_check_mode=True, _ansible_diff=True)
    assert not check.failed, check.values["msg"]
    assert check.values["changed"]
    assert not Path(directory).exists()
    values = made(stack, directory)
    assert contract.disagreements("stack_backup", values) == []
    assert contract.disagreements("stack_backup", check.values) == []
    folder = Path(values["backup"])
    for path in (Path(directory), *folder.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest == values["manifest"]
    counted = {item["name"]: item["rows"] for item in manifest["databases"]}
    assert counted["postiz-db-local"]["public.Post"] == stack.rows('SELECT count(*) FROM "Post"')[0][0]
    assert counted["temporal"]["public.executions"] >= 1
    assert {item["key"] for item in manifest["volumes"]} == {
        "postiz-uploads",
        "postiz-config",
        "temporal-elasticsearch-data",
    }
    assert "volume:postiz-redis-data" in {item["name"] for item in manifest["exclusions"]}
    assert values["paused_seconds"] < 2
    assert manifest["consistency"] == "paused"
    env = (stack.folder / ".env").read_bytes()
    command = ["openssl", "enc", "-d", "-aes-256-cbc", "-pbkdf2", "-iter", "600000", "-md", "sha256", "-pass", "stdin"]
    opened = subprocess.run(
        [*command, "-in", str(folder / "env.enc")], input=PASSPHRASE.encode(), capture_output=True, check=True
    )
    assert opened.stdout == env
    with tarfile.open(folder / "config.tar") as tar:
        assert "compose.yaml" in tar.getnames()
        assert ".env" not in tar.getnames()
    assert make(stack, directory, keep=1).values["removed"] == [folder.name]
    secret = {value for value in _secrets(stack) if value}
    texts = [values, check.values, json.dumps(manifest)]
    assert not [value for value in (*secret, PASSPHRASE) for text in texts if value in str(text)]
    assert not paused(stack)
    assert not dumps(stack)


def _secrets(stack: Stack) -> set[str]:
    lines = (line.partition("=")[2].strip('"') for line in (stack.folder / ".env").read_text().splitlines())
    tokens = stack.rows('SELECT token FROM "Integration" UNION SELECT "apiKey" FROM "Organization"')
    return {line for line in lines if len(line) >= 12} | {row[0] for row in tokens if row[0]}


def test_backup_killed_at_every_step(stack: Stack, directory: str) -> None:
    parameters = backup_parameters(stack, directory)
    reached = 0
    for step in range(1, 40):
        result = Driven("backup", parameters, step).end()
        reached = step
        # The second process acts by itself, and at once.
        wait_for("nothing frozen", lambda: not paused(stack), 3, 0.05)
        whole = [name for name in names(directory) if not name.endswith(".partial")]
        if result is not None:
            assert "error" not in result, result
            break
        for name in whole:
            assert (Path(directory) / name / "manifest.json").is_file()
    assert reached > 12
    assert not [name for name in names(directory) if name.endswith(".partial")]
    assert not list(Path(directory).glob(".journal*"))
    assert not dumps(stack)
    left = stack.client.containers.list(all=True, filters={"label": "selfhost.postiz.backup"})
    assert not left


def test_next_run_lets_workers_go_on_when_both_processes_were_killed(stack: Stack, directory: str) -> None:
    run = Driven("backup", backup_parameters(stack, directory), 0, "snapshots")
    run.wait_step("snapshots")
    family = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(run.process.pid)], capture_output=True, text=True, check=True
    )
    for pid in (*family.stdout.split(), str(run.process.pid)):
        os.kill(int(pid), 9)
    run.process.wait()
    assert set(paused(stack)) == {"postiz", "temporal-elasticsearch"}
    values = made(stack, directory)
    assert values["recovered"]
    assert not paused(stack)


def test_pause_has_an_end_even_if_the_run_hangs(stack: Stack, directory: str) -> None:
    run = Driven("backup", backup_parameters(stack, directory, max_pause=1.0), 0, "paused")
    run.wait_step("paused")
    run.tell()  # that of Elasticsearch; the next one is that of the workers
    run.wait_step("paused")
    wait_for("workers go on", lambda: "postiz" not in paused(stack), 5, 0.05)
    run.tell()
    result = run.end()
    assert result is not None
    assert "backup-pause-failed" in result["error"]
    assert not names(directory)
    assert not paused(stack)


def test_two_runs_at_once(stack: Stack, directory: str) -> None:
    run = Driven("backup", backup_parameters(stack, directory), 0, "begun")
    run.wait_step("begun")
    second = make(stack, directory)
    assert second.failed
    assert "Another run" in second.values["msg"]
    run.tell()
    result = run.end()
    assert result is not None
    assert len(names(directory)) == 1


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_disk_full(stack: Stack, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "64m") as disk:
        refused = make(stack, str(disk), min_free_bytes=1 << 30)
        assert refused.codes == ["backup-no-space"]
        assert not names(str(disk))
        run = Driven("backup", backup_parameters(stack, str(disk), min_free_bytes=0), 0, "snapshots")
        run.wait_step("snapshots")
        filler = disk / ".filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(bytes(100 << 20))
        run.tell()
        result = run.end()
        assert result is not None
        assert "backup-no-space" in result["error"]
        assert not names(str(disk))
        assert not paused(stack)
        wait_for("no dump left", lambda: not dumps(stack), 5)


def run_sql(stack: Stack, statement: str, database: str = "postgres") -> None:
    stack.run("postiz-postgres", "psql", "-U", "postiz-user", "-d", database, "-c", statement)


def test_what_nobody_has_decided_about_is_told(stack: Stack, directory: str) -> None:
    labels = {**MADE, "com.docker.compose.project": stack.project, "com.docker.compose.volume": "forgotten"}
    run_sql(stack, 'CREATE DATABASE "another one"')
    run_sql(stack, "CREATE TABLE kept (id int)", "another one")
    database = stack.container("temporal-postgresql")
    volume = stack.client.volumes.create(f"{stack.project}_forgotten", labels=labels)
    database.pause()
    try:
        found = make(stack, directory)
        assert found.codes == ["backup-uncovered"] * 2
        told = {finding["component"] for finding in found.values["findings"]}
        assert told == {"database:temporal-postgresql", "volume:forgotten"}
        assert not names(directory)
        database.unpause()
        chosen = [{"name": "volume:forgotten", "reason": "of an earlier layout"}]
        values = made(stack, directory, exclude=chosen)
        assert chosen[0] in values["manifest"]["exclusions"]
        assert "another one" in {item["name"] for item in values["manifest"]["databases"]}
    finally:
        if "temporal-postgresql" in paused(stack):
            database.unpause()
        volume.remove()
        run_sql(stack, 'DROP DATABASE "another one"')


def test_damage_another_version_another_secret_another_project(stack: Stack, directory: str) -> None:
    values = made(stack, directory)
    whole = Path(values["backup"])
    sound = plan(stack, directory)
    assert not sound.failed, sound.values["msg"]
    assert not sound.values["changed"]
    assert contract.disagreements("stack_restore", sound.values) == []

    def changed(name: str, old: str, new: str) -> str:
        copy = shutil.copytree(whole, whole.with_name(name))
        text = (copy / "manifest.json").read_text()
        assert old in text
        (copy / "manifest.json").write_text(text.replace(old, new))
        return name

    digest = values["manifest"]["jwt_secret"]["digest"]
    assert plan(stack, directory, backup=changed("secret", digest, "00" * 32)).codes == ["jwt-secret-changed"]
    older = plan(stack, directory, backup=changed("older", '"major": 16', '"major": 15'))
    assert older.codes == ["backup-wrong-version"]
    assert "accept_newer_postgresql" in older.values["msg"]
    newer = plan(stack, directory, backup=changed("newer", '"major": 16', '"major": 17'), accept_newer_postgresql=True)
    assert newer.codes == ["backup-wrong-version"]
    other = plan(stack, directory, backup=changed("other", '"project": "postiz-backup"', '"project": "another"'))
    assert other.failed
    assert "'another'" in other.values["msg"]
    dump = whole / values["manifest"]["databases"][0]["file"]
    with dump.open("r+b") as stream:
        stream.truncate(dump.stat().st_size // 2)
    assert plan(stack, directory, backup=whole.name).codes == ["backup-not-verified"]


# Drill


def test_drill_killed_and_whole(stack: Stack, directory: str) -> None:
    made(stack, directory)
    given = {"project": stack.project, "directory": directory, "drill_project": "postiz-backup-drill"}
    assert Driven("drill", {**given, "lock_timeout": 5.0}, 3).end() is None
    label = {"label": "selfhost.postiz.drill"}
    (killed,) = stack.client.containers.list(filters=label)
    networks = killed.attrs["NetworkSettings"]["Networks"]
    assert [stack.client.networks.get(name).attrs["Internal"] for name in networks] == [True]
    result = modules.run("stack_restore_drill", **given)
    assert not result.failed, result.values["msg"]
    assert contract.disagreements("stack_restore_drill", result.values) == []
    assert result.values["rows"]["postiz-postgres/postiz-db-local"] > 0
    assert 0 < result.values["rto_seconds"] < 120
    assert result.values["rpo_seconds"] > 0
    assert not stack.client.containers.list(all=True, filters=label)
    assert not stack.client.volumes.list(filters=label)
    assert not stack.client.networks.list(filters=label)


# Restore


def compose(stack: Stack, *words: str) -> None:
    command = ["docker", "compose", "--project-directory", str(stack.folder), "-p", stack.project, *words]
    subprocess.run(command, check=True, capture_output=True)


def rows(stack: Stack) -> dict[str, str]:
    return dict(stack.rows('SELECT id, to_jsonb(p)::text FROM "Post" p'))


def steps_killed(stack: Stack, directory: str, step: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    """Run one step of a restore, killed after its first, second … until it comes to its end: how often, and its result."""
    given = {"project": stack.project, "directory": directory, "step": step, "lock_timeout": 5.0}
    for number in range(1, 40):
        result = Driven("restore", {**given, "project_directory": str(stack.folder), **parameters}, number).end()
        if result is not None:
            assert "error" not in result, result
            return number - 1, result
    raise AssertionError(f"{step} never ends")


def test_round_trip_onto_wiped_volumes_killed_at_every_step(stack: Stack, temporal: Temporal, directory: str) -> None:
    (text,) = posts.insert(stack, -HOUR)
    stack.change('UPDATE "Post" SET content = %s WHERE id = %s', f"😀 \\ \t ' {PLANTED} {'ä' * 100_000}", text)
    thread = posts.schedule(stack, HOUR, "mastodon", children=2)
    files = (
        "mkdir -p /uploads/2026; head -c 300000 /dev/urandom > /uploads/2026/ü.mp4; ln -sf ü.mp4 /uploads/2026/link;"
    )
    stack.run("postiz", "sh", "-c", files + "chown -R 33:33 /uploads/2026; chmod 640 /uploads/2026/ü.mp4")
    listing = "cd /uploads && find . -printf '%p %m %U:%G %l %s\\n' | sort && find . -type f -exec sha256sum {} +"
    media = stack.run("postiz", "sh", "-c", listing).text
    due = posts.schedule(stack, 12, "x")
    due_before_wipe = posts.schedule(stack, 3, "linkedin")
    wait_for("the first is out", lambda: social.published(due_before_wipe) == 1, PUBLISH_SECONDS)
    before = rows(stack)
    values = made(stack, directory)
    (later,) = posts.insert(stack, -2 * HOUR)
    # What is due goes out on the stack that is lost afterwards, and must not go out again.
    wait_for("it is out", lambda: social.published(due) == 1, PUBLISH_SECONDS)
    future = posts.thread(stack, thread)
    refused = plan(stack, directory)
    assert refused.codes == ["backup-newer-data"]
    assert "1 post made" in refused.values["msg"]
    compose(stack, "down", "--volumes")
    killed: dict[str, int] = {}
    common = {"backup": Path(values["backup"]).name, "passphrase": PASSPHRASE}
    for step in ("files", "volumes"):
        killed[step], _ = steps_killed(stack, directory, step, **common)
    compose(stack, "up", "-d", "--no-deps", "--wait", *POSTGRES)
    killed["databases"], done = steps_killed(stack, directory, "databases", **common)
    assert done["held"] == [due]
    services = [name for name in done["other_services"] if name not in POSTGRES]
    compose(stack, "up", "-d", "--wait", *services)
    killed["workflows"], ended = steps_killed(stack, directory, "workflows", **common)
    # Those that were killed had ended it already, or the one that came to its end did.
    assert {item["id"] for item in ended["ended"]} <= {f"post_{due}"}
    assert (temporal.describe(f"post_{due}") or {})["workflowExecutionInfo"]["status"].endswith("TERMINATED")
    killed["done"], last = steps_killed(stack, directory, "done", **common)
    print(f"killed: {killed}")
    assert sum(killed.values()) >= 12
    after = rows(stack)
    assert later not in after
    assert {post for post in before if before[post] != after.get(post)} == {due}
    listed = temporal.json("workflow", "list", "--query", 'ExecutionStatus="Running"')
    assert f"post_{thread}" in {entry["execution"]["workflowId"] for entry in listed}
    compose(stack, "up", "-d")
    repair.wait_works(stack)
    assert stack.run("postiz", "sh", "-c", listing).text == media
    assert posts.states(stack, (due,)) == {due: "ERROR"}
    # The thread still waits, and goes out once when its time has come.
    assert set(posts.states(stack, future).values()) == {"QUEUE"}
    fresh = posts.schedule(stack, 5, "x")
    wait_for("work flows", lambda: social.published(fresh) == 1, PUBLISH_SECONDS)
    assert social.judge(social.ledger(), (due, due_before_wipe, fresh)).sound
    assert social.published(thread) == 0
    assert last["changed"]


def test_postiz_that_ran_while_a_restore_was_interrupted_publishes_nothing_twice(stack: Stack, directory: str) -> None:
    """Somebody starts it in between: what was known to be unsent by then may have gone out."""
    waits, due = posts.schedule(stack, HOUR, "x"), posts.schedule(stack, 75, "x")
    made(stack, directory, parts=["database", "temporal"])
    given = {
        "restore_directory": directory,
        "restore_parts": ["database", "temporal"],
        "restore_volumes": "kept",
        "restore_accept_loss": True,
    }
    play = Play(stack, "restore", given)
    wait_for("begun", lambda: "TASK [selfhost.postiz.restore : Stop the services that write]" in play.text, 180, 0.05)
    play.kill()
    for service in (*POSTGRES, "postiz-redis", "temporal-elasticsearch", "temporal", "postiz"):
        repair.start_service(stack, service)
    wait_for("it is out", lambda: social.published(due) == 1, 150)
    assert "restore-under-way" in Play(stack, "restart", {}).played().text
    done = Play(stack, "restore", given).played()
    assert done.code == 0, done.text[-4000:]
    repair.wait_works(stack)
    assert posts.read(stack, due).state == "ERROR"
    assert due in done.text
    assert posts.read(stack, waits).state == "QUEUE"
    assert stays(lambda: social.published(due) == 1, 20)


def test_the_role_goes_back_and_carries_what_went_out(stack: Stack, directory: str, tmp_path: Path) -> None:
    scheduled = posts.schedule(stack, 75, "tiktok")
    out = posts.schedule(stack, 4, "x")
    made(stack, directory, parts=["database", "temporal"])
    wait_for("it is out", lambda: social.published(out) == 1, PUBLISH_SECONDS)
    lost = posts.schedule(stack, HOUR, "x")
    phrase = tmp_path / "phrase"
    phrase.write_text(PASSPHRASE)
    extra = {
        "postiz_project": stack.project,
        "postiz_dir": str(stack.folder),
        "restore_directory": directory,
        "restore_parts": ["database", "temporal"],
        "restore_volumes": "kept",
        "restore_accept_loss": True,
        "restore_passphrase_file": str(phrase),
    }
    since = time.monotonic()
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvv", "-i", str(INVENTORY)]
    run = subprocess.run(
        [*command, str(REPOSITORY / "playbooks" / "restore.yml"), "-e", json.dumps(extra)],
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:]
    print(f"restore by the role: {time.monotonic() - since:.0f} s")
    text = run.stdout + run.stderr
    assert not [secret for secret in (*_secrets(stack), PASSPHRASE, PLANTED) if secret in text]
    # The backup that was made on the way knows that it went out: so it is published, with its id.
    found = posts.read(stack, out)
    assert found.state == "PUBLISHED"
    assert found.release
    assert lost not in posts.states(stack, (lost,))
    wait_for("what was scheduled goes out", lambda: social.published(scheduled) == 1, 120)
    assert social.judge(social.ledger(), (scheduled, out)).sound
    assert any(name.endswith("before-restore") for name in names(directory))
