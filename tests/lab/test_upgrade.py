"""Upgrades that work, upgrades that do not, and the way back, with a registry and real pulls.

What a test leaves is what the next one begins with: first v1 runs, then v2, which the broken releases do not replace.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
import upgrades
from labkit import posts, provision, registry, social
from labkit.errors import LabError
from labkit.faults import repair
from labkit.paths import INVENTORY, MADE
from labkit.stack import Stack
from labkit.verbs.registry import fill
from labkit.waiting import wait_for
from upgrades import Play, Played

PROJECT = "postiz-upgrade"
VARIABLES: Mapping[str, object] = {
    "stack_port": 4165,
    "stack_temporal_ui_port": 8165,
    "upgrade_wait_timeout": 90,
    "upgrade_soak": 3,
}
NO_SERVER = "postiz-lab-test/postgres:17-no-server"
PLANTED = "planted-upgrade-password-5d1e"


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    """An engine beside a registry that has every release."""
    found = provision.prepare()
    fill(found)
    yield found
    if not os.environ.get("LAB_KEEP"):
        registry.remove(found)


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables(client: docker.DockerClient) -> Mapping[str, object]:
    client.images.pull(registry.image("v1.0.0"))
    return {**VARIABLES, "stack_postiz_image": registry.image("v1.0.0"), "stack_postgres_password": PLANTED}


def wanted(tag: str, **more: object) -> dict[str, object]:
    return {**VARIABLES, "stack_postgres_password": PLANTED, "stack_postiz_image": registry.image(tag), **more}


def upgrade(stack: Stack, tag: str, *words: str, **more: object) -> Played:
    return Play(stack, "upgrade", wanted(tag, **more), *words).played()


def rollback(stack: Stack, tag: str, *words: str, **more: object) -> Played:
    return Play(stack, "rollback", wanted(tag, **more), *words).played()


def stepping(stack: Stack, step: str) -> None:
    wait_for(f"{step} announced", lambda: step in upgrades.steps(stack) and upgrades.is_open(stack), 180, 0.1)


def wait_once(stack: Stack, scheduled: list[str]) -> None:
    """Every post becomes visible, and is so once."""
    wait_for(
        "every post published",
        lambda: all(posts.read(stack, post).state == "PUBLISHED" for post in scheduled),
        180,
    )
    assert social.judge(social.ledger(), scheduled).sound


def test_check_mode_says_all_and_changes_nothing(stack: Stack) -> None:
    before = {container.id for container in stack.containers().values()}
    seen = upgrade(stack, "v2.0.0", "--check", "-vvv")
    assert seen.code == 0, seen.text
    assert "upgrade v1.0.0 -> v2.0.0" in seen.text
    assert "services.postiz.image" in seen.text
    assert {container.id for container in stack.containers().values()} == before
    assert upgrades.journal(stack) == []
    assert PLANTED not in seen.text
    assert "Workflows that run: " in seen.text
    assert "1 missingPostWorkflow" in seen.text


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        # Its files on the volume are of PostgreSQL 17.
        ({"stack_postgres_image": "postiz-lab/postgres:16"}, "upgrade-postgresql-major"),
        ({"stack_jwt_secret": "another-jwt-secret-of-32-characters-or-more"}, "jwt-secret"),
    ],
)
def test_what_cannot_work_is_refused_before_anything(stack: Stack, other: dict[str, object], reason: str) -> None:
    before = {container.id for container in stack.containers().values()}
    seen = upgrade(stack, "v2.0.0", **other)
    assert seen.code == 2
    assert reason in seen.text
    assert upgrades.journal(stack) == []
    assert {container.id for container in stack.containers().values()} == before


def test_a_database_that_cannot_be_dumped_stops_it_before_anything(stack: Stack) -> None:
    database = stack.container("postiz-postgres")
    database.stop()
    try:
        seen = upgrade(stack, "v2.0.0", upgrade_from_unhealthy=True)
    finally:
        database.start()
        repair.wait_works(stack)
    assert seen.code == 2
    assert "backup-uncovered" in seen.text
    assert upgrades.journal(stack) == []
    assert upgrades.running(stack) == "v1.0.0"


def test_a_host_that_fails_stops_the_roll_out(stack: Stack, tmp_path: Path) -> None:
    """The canary has no stack of this collection; the second host stays untouched."""
    lab = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    ports = {"stack_port": 4174, "stack_temporal_ui_port": 8174}
    hosts = {
        "canary": {**lab, **ports, "postiz_project": "postiz-upgrade-none", "postiz_dir": str(tmp_path / "none")},
        "second": {**lab, **VARIABLES, "postiz_project": stack.project, "postiz_dir": str(stack.folder)},
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"children": {"lab_images": {"hosts": hosts}}}}))
    (tmp_path / "group_vars").symlink_to(INVENTORY / "group_vars")
    target = {"stack_postiz_image": registry.image("v2.0.0")}
    seen = Play(stack, "upgrade", target, inventory=inventory).played()
    assert seen.code == 2
    assert "upgrade-no-stack" in seen.text
    assert "second" not in seen.text.rpartition("PLAY RECAP")[2]
    assert upgrades.journal(stack) == []


def test_a_registry_that_is_away_stops_it_before_anything(client: docker.DockerClient, stack: Stack) -> None:
    client.containers.get(registry.NAME).stop()
    try:
        seen = upgrade(stack, "v2.0.0")
    finally:
        registry.ensure(client)
    assert seen.code == 2
    assert "registry" in seen.text
    assert upgrades.journal(stack) == []
    assert upgrades.running(stack) == "v1.0.0"


def test_an_upgrade_and_once_more(client: docker.DockerClient, stack: Stack) -> None:
    scheduled = [posts.schedule(stack, seconds=seconds) for seconds in (5, 25, 45, 90)]
    play = Play(stack, "upgrade", wanted("v2.0.0"), "-vvv")
    wait_for("the plan", lambda: "TASK [selfhost.postiz.upgrade : Show the plan]" in play.text, 60)
    try:
        # The tag moves between the plan and the pull: what was planned is pulled, by its digest.
        registry.push(client, f"{provision.REPOSITORY_OF_POSTIZ}:broken-backend", "v2.0.0")
        registry.forget(client, registry.image("v2.0.0"))
        seen = play.played()
    finally:
        registry.push(client, f"{provision.REPOSITORY_OF_POSTIZ}:v2", "v2.0.0")
    assert seen.code == 0, seen.text[-4000:]
    assert upgrades.running(stack) == "v2.0.0"
    assert upgrades.steps(stack) == ["prepare", "files", "guard", "stop", "backup", "recreate", "prove"]
    assert "without an answer of the API was" in seen.text
    assert PLANTED not in seen.text
    wait_once(stack, scheduled)
    again = upgrade(stack, "v2.0.0")
    assert again.code == 0, again.text
    assert again.changed == 0
    assert again.seconds < 15


@pytest.mark.parametrize("words", [("--check",), ()])
def test_an_inventory_that_still_has_the_older_image_starts_nothing(stack: Stack, words: tuple[str, ...]) -> None:
    before = {container.id for container in stack.containers().values()}
    seen = Play(stack, "provision", wanted("v1.0.0"), *words).played()
    assert seen.code == 2
    assert "upgrade-goes-back" in seen.text
    assert "is v1.0.0, older than v2.0.0, which is there" in " ".join(seen.text.split())
    assert {container.id for container in stack.containers().values()} == before
    assert PLANTED not in seen.text


@pytest.mark.parametrize(
    ("tag", "cause"),
    [
        ("v2.0.1-backend", "http://localhost:3000/"),
        ("v2.0.1-schema", "postiz"),
    ],
)
def test_a_broken_release_costs_one_failed_play(stack: Stack, tag: str, cause: str) -> None:
    scheduled = [posts.schedule(stack, seconds=seconds) for seconds in (4, 30, 200)]
    rows = stack.rows('SELECT count(*) FROM "Post"')
    seen = upgrade(stack, tag)
    assert seen.code == 2
    assert upgrades.running(stack) == "v2.0.0"
    first_cause = next(entry["cause"] for entry in upgrades.journal(stack) if entry["event"] == "turned")
    assert cause in first_cause
    # The terminal folds long lines.
    assert first_cause.split()[:3] == seen.text.rpartition("First cause:")[2].split()[:3]
    assert stack.rows('SELECT count(*) FROM "Post"') == rows
    entry = upgrades.journal(stack)[-1]
    assert (entry["event"], entry["result"]) == ("closed", "returned")
    repair.wait_works(stack)
    wait_once(stack, scheduled)


def test_a_release_whose_database_server_does_not_start(client: docker.DockerClient, stack: Stack) -> None:
    """What is left behind cannot be dumped by it: the server of the release before does that, on the same volume."""
    client.images.build(
        fileobj=io.BytesIO(b'FROM postiz-lab/postgres:17\nENTRYPOINT ["false"]\n'), tag=NO_SERVER, labels=MADE, rm=True
    )
    server = stack.container("postiz-postgres").image
    scheduled = [posts.schedule(stack, seconds=seconds) for seconds in (4, 30, 200)]
    target = {"stack_postgres_image": NO_SERVER, "upgrade_pull": "never"}
    try:
        # Killed while the server of before is started for that.
        play = Play(stack, "upgrade", wanted("v2.0.0", **target))
        stepping(stack, "back-files")
        time.sleep(0.6)
        play.kill()
        seen = upgrade(stack, "v2.0.0", **target)
    finally:
        client.images.remove(NO_SERVER, force=True)
    assert seen.code == 2
    assert "run it again for that" not in " ".join(seen.text.split())
    assert "postiz-postgres" in next(entry["cause"] for entry in upgrades.journal(stack) if entry["event"] == "turned")
    entry = upgrades.journal(stack)[-1]
    assert (entry["event"], entry["result"]) == ("closed", "returned")
    assert stack.container("postiz-postgres").image == server
    assert upgrades.steps(stack).index("back-files") < upgrades.steps(stack).index("back-restore")
    (left,) = [item for item in upgrades.journal(stack) if (item["event"], item.get("step")) == ("done", "back-backup")]
    assert Path(left["info"]["back-backup"], "manifest.json").is_file()
    repair.wait_works(stack)
    wait_once(stack, scheduled)


def test_a_post_made_meanwhile_and_one_that_fell_due_are_accounted_for(stack: Stack) -> None:
    """The workers of the release never poll: what falls due meanwhile goes out after the way back, what is made is told."""
    fell = posts.schedule(stack, seconds=60)
    play = Play(stack, "upgrade", wanted("v2.0.1-workers"), "-vvv")
    stepping(stack, "prove")
    made = wait_for("a post made", lambda: _made(stack), 90)
    seen = play.played()
    assert seen.code == 2
    assert PLANTED not in seen.text
    assert "polls the task queue" in next(
        item["cause"] for item in upgrades.journal(stack) if item["event"] == "turned"
    )
    assert upgrades.running(stack) == "v2.0.0"
    told = settled(stack)
    assert [item["id"] for item in told["left"]] == [made]
    assert made in seen.text
    assert not stack.rows('SELECT id FROM "Post" WHERE id = %s', made)
    assert (fell in told["unsent"], told["held"]) == (True, [])
    repair.wait_works(stack)
    wait_once(stack, [fell])


def _made(stack: Stack) -> str:
    try:
        return posts.schedule(stack, seconds=3600)
    except LabError:
        return ""


def settled(stack: Stack) -> dict[str, Any]:
    """What the newest way back did with posts."""
    found = sorted((stack.folder / "backups").glob("*-failed-release/settled.json"))
    return dict(json.loads(found[-1].read_text()))


def test_a_release_that_crashes_after_a_minute_goes_back_and_a_second_run_meanwhile_is_refused(stack: Stack) -> None:
    scheduled = [posts.schedule(stack, seconds=seconds) for seconds in (45, 75)]
    play = Play(stack, "upgrade", wanted("v2.0.1-crash", upgrade_soak=90))
    stepping(stack, "stop")
    second = upgrade(stack, "v2.0.1-crash")
    assert second.code == 2
    assert "is under way since" in second.text
    assert "its last step" in " ".join(second.text.split())
    seen = play.played()
    assert seen.code == 2
    first_cause = next(entry["cause"] for entry in upgrades.journal(stack) if entry["event"] == "turned")
    assert first_cause.startswith("backend: it started anew within")
    assert "organizationId" in first_cause
    assert upgrades.running(stack) == "v2.0.0"
    assert list((stack.folder / "state" / "releases").glob("failed-*/*.log"))
    repair.wait_works(stack)
    wait_once(stack, scheduled)


def test_a_disk_that_is_full_while_dumping_costs_no_data(stack: Stack, tmp_path: Path) -> None:
    before = {container.id for container in stack.containers().values()}
    room = tmp_path / "backups"
    room.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(room)], check=True)
    try:
        play = Play(stack, "upgrade", wanted("v2.0.1-backend", upgrade_backup_dir=str(room)))
        wait_for("a dump begun", lambda: list(room.glob("*.partial")), 120, 0.01)
        with contextlib.suppress(OSError), (room / "filler").open("wb") as stream:
            while True:
                stream.write(bytes(1 << 20))
        seen = play.played()
        assert [path.name for path in room.iterdir() if "-before-upgrade" in path.name] == []
    finally:
        subprocess.run(["umount", "--lazy", str(room)], check=True)
    assert seen.code == 2
    assert "backup-no-space" in next(entry["cause"] for entry in upgrades.journal(stack) if entry["event"] == "turned")
    assert "back-restore" not in upgrades.steps(stack)
    assert {container.id for container in stack.containers().values()} == before
    repair.wait_works(stack)


def test_a_damaged_backup_is_said_before_anything_is_stopped(stack: Stack) -> None:
    record = json.loads((stack.folder / "state" / "releases" / "0001" / "release.json").read_text())
    dump = next(Path(record["backup"]).glob("databases/*postiz*.dump"))
    whole = dump.read_bytes()
    before, closed = {container.id for container in stack.containers().values()}, upgrades.journal(stack)
    dump.write_bytes(whole[: len(whole) // 2])
    try:
        seen = rollback(stack, "v2.0.0", rollback_to=1)
    finally:
        dump.write_bytes(whole)
    assert seen.code == 2
    assert "backup-not-verified" in seen.text
    assert {container.id for container in stack.containers().values()} == before
    assert upgrades.journal(stack) == closed


def test_a_tag_that_moves_changes_nothing_of_the_plan(client: docker.DockerClient, stack: Stack) -> None:
    """The tag of what runs now stands for another image: an upgrade, by digest, and the way back finds the old one."""
    repository = provision.REPOSITORY_OF_POSTIZ
    registry.push(client, f"{repository}:broken-workers", "v2.0.0")
    registry.forget(client, registry.image("v2.0.0"))
    try:
        seen = upgrade(stack, "v2.0.0")
    finally:
        registry.push(client, f"{repository}:v2", "v2.0.0")
    assert seen.code == 2
    assert "v2.0.0 -> " in seen.text
    assert upgrades.running(stack) == "v2.0.0"
    repair.wait_works(stack)


@contextlib.contextmanager
def pruned(client: docker.DockerClient, name: str) -> Iterator[None]:
    """An image that is gone from the engine, with all its names; the lab's own are given back afterwards."""
    image = client.images.get(name)
    names = list(image.tags)
    for each in names:
        registry.forget(client, each)
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get(image.id)
    try:
        yield
    finally:
        found = client.images.pull(registry.image("v1.0.0"))
        for each in names:
            found.tag(each)


def test_an_interrupted_rollback_is_finished_by_an_upgrade_that_then_says_so(stack: Stack) -> None:
    play = Play(stack, "rollback", wanted("v2.0.0", rollback_to=1))
    stepping(stack, "back-restore")
    play.kill()
    told = upgrade(stack, "v2.0.0", "--check")
    assert "Asked for is" in " ".join(told.text.split())
    assert upgrades.is_open(stack)
    seen = upgrade(stack, "v2.0.0")
    assert seen.code == 2
    text = " ".join(seen.text.split())
    assert "The interrupted rollback to release 1 was finished" in text
    assert f"Asked for was {registry.image('v2.0.0')}: run it again for that" in text
    assert upgrades.running(stack) == "v1.0.0"
    again = upgrade(stack, "v2.0.0")
    assert again.code == 0, again.text[-4000:]
    assert upgrades.running(stack) == "v2.0.0"


def test_back_on_request_says_what_would_be_lost(client: docker.DockerClient, stack: Stack) -> None:
    """Its image was pruned since, with all its names: it is pulled by the digest of the record."""
    published = posts.schedule(stack, seconds=2)
    wait_once(stack, [published])
    told = rollback(stack, "v2.0.0", "--check")
    assert told.code == 0, told.text
    assert "back to release" in told.text
    changes = f"services.postiz.image: {registry.image('v2.0.0')} -> {registry.image('v1.0.0')}"
    assert changes in " ".join(told.text.split())
    assert "this would be lost" in " ".join(told.text.split())
    assert upgrades.running(stack) == "v2.0.0"
    with pruned(client, f"selfhost-postiz/{stack.project}:0001-postiz"):
        seen = rollback(stack, "v2.0.0")
    assert seen.code == 0, seen.text[-4000:]
    assert upgrades.running(stack) == "v1.0.0"
    assert social.published(published) == 1
    again = rollback(stack, "v2.0.0")
    assert again.code == 0, again.text[-4000:]
    assert "runs already: a rollback brought it back" in " ".join(again.text.split())
    assert upgrades.running(stack) == "v1.0.0"


def test_bad_input_is_refused(stack: Stack) -> None:
    seen = rollback(stack, "v1.0.0", rollback_to=77)
    assert seen.code == 2
    assert "no release 77" in seen.text
    seen = upgrade(stack, "v9.9.9")
    assert seen.code == 2
    assert "v9.9.9" in seen.text
    records = stack.folder / "state" / "releases"
    content = json.loads((records / "0001" / "release.json").read_text())
    assert content["version"] == "v1.0.0"
