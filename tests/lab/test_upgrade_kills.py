"""Upgrades and rollbacks killed at every step of their journal, then run once more: `make upgrade-kills`.

A moment after a step was announced, SIGKILL ends Ansible and every module that it runs (as a power cut does), or Ansible alone
(what it began on the host goes on until it is done), or what runs on the host alone. One more run of the same playbook must
end at a consistent release: every post visible once, none lost, the journal closed, the image the recorded one.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping

import pytest
import upgrades
from labkit import posts, registry, social
from labkit.faults import repair
from labkit.stack import Stack
from labkit.waiting import wait_for
from test_upgrade import VARIABLES, client, project, variables, wait_once
from upgrades import Play

__all__ = ["client", "project", "variables"]

FORWARD = ("prepare", "files", "guard", "stop", "backup", "recreate", "prove")
BACK = ("back-stop", "back-backup", "back-files", "back-restore", "back-guard", "back-recreate", "back-prove")
STEPS = [step for pair in zip(FORWARD, BACK, strict=True) for step in pair]
# Which kill a step gets; all three with UPGRADE_KILLS=all.
WAYS = ("all", "controller", "host")
KILL_ALL = os.environ.get("UPGRADE_KILLS") == "all"
CASES = (
    [(step, way) for way in WAYS for step in STEPS]
    if KILL_ALL
    else [(step, WAYS[number // 2 % 2]) for number, step in enumerate(STEPS)]
)
WANTED = {**VARIABLES, "stack_postiz_image": registry.image("v2.0.0"), "upgrade_soak": 2}
SEED = int(os.environ.get("UPGRADE_SEED", "0")) or random.randrange(10**6)
LATEST_SECONDS = 3.0
# These are over within a second, and the next one begins.
QUICK = {"stop": 0.7, "backup": 0.5, "back-stop": 0.7, "back-backup": 0.5}


def killed(stack: Stack, playbook: str, wanted: Mapping[str, object], step: str, way: str, moment: float) -> Play:
    """Start it, and kill it so many seconds after the step was announced."""
    old = len(upgrades.journal(stack)) and upgrades.journal(stack)[0]["run"]
    play = Play(stack, playbook, wanted)

    def announced() -> bool:
        entries = upgrades.journal(stack)
        if play.process.poll() is not None:
            raise AssertionError(f"ended before {step}: {play.played().text[-3000:]}")
        return bool(entries) and entries[0]["run"] != old and step in upgrades.steps(stack)

    try:
        wait_for(f"{step} announced", announced, 300, 0.05)
    except BaseException:
        # What it goes on with is no matter of the next case.
        play.kill()
        raise
    time.sleep(moment)
    if way == "all":
        play.kill()
    elif way == "controller":
        play.kill_controller()
    else:
        wait_for("something on the host killed", play.kill_modules, 30, 0.02)
    return play


def standing(stack: Stack, back: bool) -> None:
    """What a case begins with, whatever the one before ended with."""
    if upgrades.running(stack) != ("v2.0.0" if back else "v1.0.0"):
        done = Play(stack, "upgrade" if back else "rollback", WANTED).played()
        assert done.code == 0, done.text[-4000:]


@pytest.mark.parametrize(("step", "way"), CASES)
@pytest.mark.usefixtures("client")
def test_the_next_run_finishes(stack: Stack, step: str, way: str) -> None:
    back = step in BACK
    standing(stack, back)
    moment = random.Random(f"{SEED} {step} {way}").uniform(0, QUICK.get(step, LATEST_SECONDS))
    print(f"\n{step}, {way}: killed after {moment:.2f} s (UPGRADE_SEED={SEED})", flush=True)
    playbook = "rollback" if back else "upgrade"
    scheduled = [posts.schedule(stack, seconds=seconds) for seconds in (2, 20, 300)]
    if back:
        # What is published before the way back begins must not go out again.
        wait_for("published", lambda: posts.read(stack, scheduled[0]).state == "PUBLISHED", 60)
    play = killed(stack, playbook, WANTED, step, way, moment)
    # A step that is tried again, as Compose's, ends the run of its own accord; else it goes back, or waits for the next run.
    if way != "host" or play.played().code != 0:
        since = time.monotonic()
        again = Play(stack, playbook, WANTED).played()
        print(f"  finished after {time.monotonic() - since:.0f} s", flush=True)
        assert again.code == 0, again.text[-4000:]
    assert upgrades.running(stack) == ("v1.0.0" if back else "v2.0.0")
    assert upgrades.journal(stack)[-1]["event"] == "closed"
    repair.wait_works(stack)
    if back:
        # Made after the backup that came back: published once before, or never; told by the end of the rollback.
        assert social.published(scheduled[0]) == 1
        assert all(social.published(post) <= 1 for post in scheduled)
        assert all(post in told(stack) for post in scheduled)
    else:
        wait_once(stack, scheduled[:2])


def told(stack: Stack) -> str:
    """What the restore wrote beside the newest backup of what was left."""
    found = sorted((stack.folder / "backups").glob("*-before-rollback/settled.json"))
    return found[-1].read_text() if found else ""
