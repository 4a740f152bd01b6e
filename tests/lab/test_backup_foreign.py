"""Backup and restore of a stack that others made: `-f base.yml -f prod.yml`, and one PostgreSQL for Postiz and Temporal."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import foreign
import pytest
import yaml
from conftest import Running
from labkit import posts, removal, social
from labkit.faults import repair
from labkit.stack import PROJECT_LABEL, Stack
from labkit.temporal import Temporal
from labkit.waiting import wait_for
from upgrades import Play, Played

pytestmark = pytest.mark.usefixtures("whole_again")

HOUR = 3600.0
FILES = ("-f", "base.yml", "-f", "prod.yml")
DATABASE = "postiz-postgres"


@pytest.fixture(scope="module")
def project() -> str:
    return "postiz-backup-source"


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return {"stack_port": 4167, "stack_temporal_ui_port": 8167}


def arrange(folder: Path) -> None:
    """Two files of their own names, and Temporal's databases on Postiz' server."""
    whole = yaml.safe_load((folder / "docker-compose.yaml").read_text())
    services = whole["services"]
    del services["temporal-postgresql"]
    own = services[DATABASE]["environment"]
    services["temporal"]["environment"] |= {
        "POSTGRES_SEEDS": DATABASE,
        "POSTGRES_USER": own["POSTGRES_USER"],
        "POSTGRES_PWD": own["POSTGRES_PASSWORD"],
    }
    services["temporal"]["depends_on"] = [DATABASE]
    # Not the other way round: Temporal listens on one address only.
    services[DATABASE]["networks"] = sorted({*services["temporal"]["networks"], *services[DATABASE]["networks"]})
    ports = {name: {"ports": services[name].pop("ports")} for name in ("postiz", "temporal-ui")}
    (folder / "docker-compose.yaml").unlink()
    (folder / "base.yml").write_text(yaml.safe_dump(whole))
    (folder / "prod.yml").write_text(yaml.safe_dump({"services": ports}))


@pytest.fixture(scope="module")
def theirs(
    stack: Stack, running_stack: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, Path]]:
    """The only stack that runs then."""
    folder = foreign.write(stack, tmp_path_factory.mktemp("theirs") / "stack")
    arrange(folder)
    running_stack.remove()
    found = Stack(stack.client, foreign.PROJECT)
    try:
        foreign.run(folder, *FILES, "up", "-d")
        repair.wait_works(found)
        yield found, folder
    finally:
        removal.remove_stack(found, volumes=True)
        for volume in found.client.volumes.list(filters={"label": f"{PROJECT_LABEL}={foreign.PROJECT}"}):
            volume.remove()


def play(theirs: tuple[Stack, Path], playbook: str, backups: Path, **more: object) -> Play:
    stack, folder = theirs
    given = {
        "postiz_dir": str(folder),
        "backup_directory": str(backups),
        "backup_env": "plain",
        "restore_directory": str(backups),
        # Nobody has made a sweeper of this one wait.
        "health_sweeper": False,
        **more,
    }
    return Play(stack, playbook, given)


def played(theirs: tuple[Stack, Path], playbook: str, backups: Path, **more: object) -> Played:
    return play(theirs, playbook, backups, **more).played()


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[Path]:
    """A file system that is soon full."""
    folder.mkdir()
    options = f"size={kibibytes}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, timeout=30)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=30)


def test_one_database_goes_back_and_temporals_stays(theirs: tuple[Stack, Path], tmp_path: Path) -> None:
    stack, _folder = theirs
    backups = tmp_path / "backups"
    kept = posts.schedule(stack, HOUR)
    seen = played(theirs, "backup", backups)
    assert seen.code == 0, seen.text[-4000:]
    lost = posts.schedule(stack, HOUR)
    wait_for("its workflow", lambda: Temporal(stack).status(f"post_{lost}") == "RUNNING", 60, 1)
    parts = {"restore_parts": ["database"]}
    # Volumes made anew would take Temporal's databases along.
    refused = played(theirs, "restore", backups, restore_accept_loss=True, **parts)
    assert refused.code == 2
    assert "backup-other-databases" in refused.text
    assert stack.state("postiz")[0] == "running"
    asked = played(theirs, "restore", backups, restore_volumes="kept", **parts)
    assert asked.code == 2
    assert "restore_accept_loss" in asked.text
    assert lost in posts.states(stack, (lost,))

    given = {"restore_volumes": "kept", "restore_accept_loss": True, **parts}
    # Killed once all is in place and Postiz stands still: the next run just starts it.
    running = play(theirs, "restore", backups, **given)
    wait_for("all in place", lambda: "TASK [selfhost.postiz.restore : Start Postiz]" in running.text, 240, 0.05)
    running.kill()
    done = played(theirs, "restore", backups, **given)
    assert done.code == 0, done.text[-4000:]
    repair.wait_works(stack)
    assert set(posts.states(stack, (kept, lost))) == {kept}
    assert Temporal(stack).status(f"post_{kept}") == "RUNNING"
    assert sum(path.name.endswith("before-restore") for path in backups.iterdir()) == 1
    assert social.published(lost) == 0


def test_a_disk_that_is_full_at_the_safety_backup_leaves_all_as_it_was(
    theirs: tuple[Stack, Path], tmp_path: Path
) -> None:
    stack, _folder = theirs
    before = {container.id for container in stack.containers().values()}
    kept = posts.schedule(stack, HOUR)
    with small_disk(tmp_path / "small", 1 << 20) as backups:
        seen = played(theirs, "backup", backups)
        assert seen.code == 0, seen.text[-4000:]
        fill = backups / "fill"
        with fill.open("wb") as stream:
            free = subprocess.run(
                ["df", "--output=avail", "-k", str(backups)], capture_output=True, text=True, check=True
            )
            stream.write(b"\0" * (int(free.stdout.split()[-1]) * 1024 - 100 * 1024))
        refused = played(theirs, "restore", backups, restore_accept_loss=True)
        assert refused.code == 2
        assert "nothing was restored. Postiz runs as before" in " ".join(refused.text.split())
        assert len([path for path in backups.iterdir() if path.is_dir() and not path.name.startswith(".")]) == 1
    repair.wait_works(stack)
    assert {container.id for container in stack.containers().values()} == before
    assert posts.read(stack, kept).state == "QUEUE"


def test_a_wiped_host_gets_its_files_and_is_started_from_them(theirs: tuple[Stack, Path], tmp_path: Path) -> None:
    stack, folder = theirs
    backups = tmp_path / "backups"
    due = posts.schedule(stack, 3)
    later = posts.schedule(stack, 150)
    wait_for("it is out", lambda: social.published(due) == 1, 60)
    seen = played(theirs, "backup", backups)
    assert seen.code == 0, seen.text[-4000:]
    foreign.run(folder, *FILES, "down", "--volumes")
    for path in folder.iterdir():
        if path.name.endswith((".yml", ".env")):
            path.unlink()
    done = played(theirs, "restore", backups)
    assert done.code == 0, done.text[-4000:]
    assert {path.name for path in folder.iterdir()} >= {"base.yml", "prod.yml", ".env"}
    labels = stack.container("postiz").labels
    assert labels["com.docker.compose.project.config_files"] == f"{folder}/base.yml,{folder}/prod.yml"
    assert posts.read(stack, due).state == "PUBLISHED"
    wait_for("what was scheduled goes out", lambda: social.published(later) == 1, 240)
    assert social.judge(social.ledger(), (due, later)).sound
