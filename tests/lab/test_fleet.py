"""Two servers behind SSH, as a user who needs sudo: provisioned together, upgraded one after the other, lost in the middle."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import upgrades
from labkit import hosts, posts, provision, registry, removal, social
from labkit.faults import repair
from labkit.hosts import Host
from labkit.paths import INVENTORY
from labkit.stack import Stack
from labkit.verbs.registry import fill
from labkit.waiting import wait_for
from upgrades import Play, Played

PLANTED = "planted-fleet-password-77c1"
COMMON: Mapping[str, object] = {
    "upgrade_wait_timeout": 90,
    "upgrade_soak": 3,
    "stack_postgres_password": PLANTED,
    "backup_env": "excluded",
}
PORTS = {"canary": (4185, 4186, 8186), "second": (4187, 4188, 8188)}


@dataclass(frozen=True)
class Fleet:
    """Servers and their stacks, in the order of the inventory."""

    hosts: dict[str, Host]
    stacks: dict[str, Stack]
    inventory: Path

    def play(self, playbook: str, tag: str, *words: str, **more: object) -> Play:
        target = {"stack_postiz_image": registry.image(tag), **more}
        return Play(self.stacks["canary"], playbook, target, *words, inventory=self.inventory)

    def played(self, playbook: str, tag: str, *words: str, **more: object) -> Played:
        return self.play(playbook, tag, *words, **more).played()

    @property
    def running(self) -> list[str]:
        """Versions, in order."""
        return [upgrades.running(stack) for stack in self.stacks.values()]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Both run v1."""
    client = provision.prepare()
    fill(client)
    client.images.pull(registry.image("v1.0.0"))
    hosts.prepare(client)
    folder = tmp_path_factory.mktemp("fleet")
    key = hosts.make_key(folder)
    found = {name: Host(client, f"postiz-fleet-{name}", ports[0], key) for name, ports in PORTS.items()}
    stacks = {name: Stack(client, f"postiz-fleet-{name}") for name in PORTS}
    described = {
        name: {
            **host.variables,
            **COMMON,
            "ansible_become": True,
            "stack_port": PORTS[name][1],
            "stack_temporal_ui_port": PORTS[name][2],
            "postiz_project": stacks[name].project,
            "postiz_dir": str(stacks[name].folder),
        }
        for name, host in found.items()
    }
    inventory = folder / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"children": {"lab_images": {"hosts": described}}}}))
    (folder / "group_vars").symlink_to(INVENTORY / "group_vars")
    try:
        for host in found.values():
            host.start()
        yield Fleet(found, stacks, inventory)
    finally:
        for host in found.values():
            host.lose()
        if not os.environ.get("LAB_KEEP"):
            for stack in stacks.values():
                removal.remove_stack(stack, volumes=True)
            registry.remove(client)


@pytest.fixture(scope="module", autouse=True)
def _provisioned(fleet: Fleet) -> None:
    seen = fleet.played("provision", "v1.0.0")
    assert seen.code == 0, seen.text[-4000:]
    for stack in fleet.stacks.values():
        repair.wait_works(stack)


def test_the_playbooks_work_by_ssh_and_sudo(fleet: Fleet) -> None:
    again = fleet.played("provision", "v1.0.0")
    assert again.code == 0, again.text[-4000:]
    assert again.text.count("changed=0") == 2, again.text[-600:]
    for playbook in ("health", "backup", "recover"):
        seen = fleet.played(playbook, "v1.0.0")
        assert seen.code == 0, seen.text[-4000:]
    assert all(list((stack.folder / "backups").iterdir()) for stack in fleet.stacks.values())


@pytest.mark.parametrize("playbook", ["health", "provision", "upgrade", "backup", "recover"])
def test_a_user_who_may_nothing_is_told_so(fleet: Fleet, playbook: str) -> None:
    before = {container.id for stack in fleet.stacks.values() for container in stack.containers().values()}
    seen = fleet.played(playbook, "v2.0.0", "--extra-vars", '{"ansible_become": false}')
    assert seen.code == 2
    assert "Traceback" not in seen.text
    assert "become: true" in one_line(seen.text), seen.text[-3000:]
    assert {container.id for stack in fleet.stacks.values() for container in stack.containers().values()} == before


def test_check_mode_of_the_whole_fleet(fleet: Fleet) -> None:
    seen = fleet.played("upgrade", "v2.0.0", "--check")
    assert seen.code == 0, seen.text[-4000:]
    assert seen.text.count("upgrade v1.0.0 -> v2.0.0") == 2
    assert fleet.running == ["v1.0.0", "v1.0.0"]


def test_a_canary_that_fails_is_back_and_the_others_are_untouched(fleet: Fleet) -> None:
    others = {container.id for container in fleet.stacks["second"].containers().values()}
    scheduled = [posts.schedule(stack, seconds=seconds) for stack in fleet.stacks.values() for seconds in (5, 40)]
    seen = fleet.played("upgrade", "v2.0.1-backend")
    assert seen.code == 2
    assert "and release 1 runs again with its data. First cause:" in one_line(seen.text)
    turned = next(entry for entry in upgrades.journal(fleet.stacks["canary"]) if entry["event"] == "turned")
    assert "http://localhost:3000/" in turned["cause"]
    assert "second" not in seen.text.rpartition("PLAY RECAP")[2]
    assert fleet.running == ["v1.0.0", "v1.0.0"]
    assert {container.id for container in fleet.stacks["second"].containers().values()} == others
    assert upgrades.journal(fleet.stacks["second"]) == []
    published(fleet, scheduled)


def test_a_host_that_is_lost_in_the_middle_ends_the_roll_out_and_is_carried_on(fleet: Fleet) -> None:
    """Its power fails while its containers are made anew. They are the engine's, so only what ran on the host is gone."""
    canary, second = fleet.stacks.values()
    scheduled = [posts.schedule(stack, seconds=seconds) for stack in fleet.stacks.values() for seconds in (5, 60)]
    play = fleet.play("upgrade", "v2.0.0")
    wait_for(
        "new containers announced", lambda: upgrades.is_open(canary) and "recreate" in upgrades.steps(canary), 180, 0.1
    )
    fleet.hosts["canary"].lose()
    lost = play.played()
    assert lost.code != 0
    assert "unreachable=1" in lost.text
    assert "second" not in lost.text.rpartition("PLAY RECAP")[2]
    assert upgrades.journal(second) == []

    away = fleet.played("upgrade", "v2.0.0")
    assert away.code != 0
    assert "unreachable=1" in away.text
    assert upgrades.journal(second) == []

    fleet.hosts["canary"].start()
    seen = fleet.played("upgrade", "v2.0.0")
    assert seen.code == 0, seen.text[-4000:]
    assert "an interrupted upgrade is carried on" in one_line(seen.text)
    assert fleet.running == ["v2.0.0", "v2.0.0"]
    published(fleet, scheduled)

    again = fleet.played("upgrade", "v2.0.0")
    assert again.code == 0
    assert again.text.count("changed=0") == 2


def test_the_whole_fleet_goes_back(fleet: Fleet) -> None:
    seen = fleet.played("rollback", "v1.0.0", "-vvv", upgrade_serial=2)
    assert seen.code == 0, seen.text[-4000:]
    assert fleet.running == ["v1.0.0", "v1.0.0"]
    assert PLANTED not in seen.text


def one_line(text: str) -> str:
    """The terminal folds long lines."""
    return " ".join(text.split())


def published(fleet: Fleet, scheduled: list[str]) -> None:
    """Every post became visible, and once."""
    stacks = [stack for stack in fleet.stacks.values() for _ in range(2)]
    pairs = list(zip(stacks, scheduled, strict=True))
    wait_for("every post", lambda: all(posts.read(stack, post).state == "PUBLISHED" for stack, post in pairs), 180)
    assert social.judge(social.ledger(), scheduled).sound
