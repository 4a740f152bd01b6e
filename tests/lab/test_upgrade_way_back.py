"""The way back that a broken release brings about, killed at each of its steps, then run once more: `make upgrade-kills`.

As in test_upgrade_kills.py. The release's workers publish and its backend never listens, so posts go out through a release
whose databases are then left behind: each must be visible once all the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

import docker
import pytest
import upgrades
from labkit import posts, registry
from labkit.faults import repair
from labkit.stack import Stack
from labkit.waiting import wait_for
from test_upgrade import PLANTED, client, wait_once
from test_upgrade_kills import BACK, KILL_ALL, LATEST_SECONDS, QUICK, SEED, WAYS, killed
from upgrades import Play

__all__ = ["client"]

PORTS = {"stack_port": 4166, "stack_temporal_ui_port": 8166, "stack_postgres_password": PLANTED}
BROKEN = {
    **PORTS,
    "stack_postiz_image": registry.image("v2.0.1-backend"),
    "upgrade_wait_timeout": 45,
    "upgrade_soak": 3,
}
CASES = (
    [(step, way) for way in WAYS for step in BACK]
    if KILL_ALL
    else [(step, WAYS[number % len(WAYS)]) for number, step in enumerate(BACK)]
)


@pytest.fixture(scope="module")
def project() -> str:
    return "postiz-way-back"


@pytest.fixture(scope="module")
def variables(client: docker.DockerClient) -> Mapping[str, object]:
    client.images.pull(registry.image("v1.0.0"))
    return {**PORTS, "stack_postiz_image": registry.image("v1.0.0")}


@pytest.mark.parametrize(("step", "way"), CASES)
@pytest.mark.usefixtures("client")
def test_the_next_run_is_back_with_all_data(stack: Stack, step: str, way: str) -> None:
    moment = random.Random(f"{SEED} {step} {way}").uniform(0, QUICK.get(step, LATEST_SECONDS))
    print(f"\n{step}, {way}: killed after {moment:.2f} s (UPGRADE_SEED={SEED})", flush=True)
    scheduled = [posts.schedule(stack, seconds=seconds) for seconds in (2, 45, 100)]
    wait_for("published", lambda: posts.read(stack, scheduled[0]).state == "PUBLISHED", 60)
    play = killed(stack, "upgrade", BROKEN, step, way, moment)
    if way == "host":
        assert play.played().code == 2
    if upgrades.is_open(stack):
        since = time.monotonic()
        again = Play(stack, "upgrade", BROKEN).played()
        print(f"  finished after {time.monotonic() - since:.0f} s", flush=True)
        assert again.code == 2, again.text[-4000:]
        assert "First cause:" in again.text
        assert PLANTED not in again.text
    assert upgrades.running(stack) == "v1.0.0"
    entry = upgrades.journal(stack)[-1]
    assert (entry["event"], entry["result"]) == ("closed", "returned")
    repair.wait_works(stack)
    wait_once(stack, scheduled)
