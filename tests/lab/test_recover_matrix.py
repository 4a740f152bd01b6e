"""Every fault of the lab, healed by one command, beside the runbook done by hand in the same run: `make recover-matrix`.

Writes the table of docs/recover.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import by_hand
import foreign
import pytest
from conftest import Running
from labkit import faults, posts, removal, social
from labkit.faults import repair
from labkit.faults.machine import start_all_at_once
from labkit.paths import LAB_CACHE
from labkit.stack import PROJECT_LABEL, Stack
from labkit.temporal import Temporal
from labkit.waiting import wait_for
from recovery import SETTLE_SECONDS, Play, Recovery, broken, due_at, engine_events, mend, record, recover
from shared import CHANNELS, RECOVER_PROJECT, RECOVER_VARIABLES

pytestmark = pytest.mark.usefixtures("whole_again")

PERSON = "person"
PATIENCE = 200
"""Activities that failed while the database was away are tried again after two minutes."""
RESULTS = LAB_CACHE / "recover-matrix.md"


@pytest.fixture(scope="module")
def project() -> str:
    return RECOVER_PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return RECOVER_VARIABLES


@dataclass(frozen=True)
class Expected:
    """The steps that are least, and how it ends. `by_hand` is False where the runbook knows nothing."""

    rungs: tuple[tuple[str, ...], ...]
    ends: str = "nothing"
    code: str = ""


EXPECTED = {
    "silent-worker": Expected((("end_process_group",),)),
    "ghost-orchestrator": Expected((("end_process_group",),)),
    "port-collision": Expected((("restart_container",),)),
    "backend-502": Expected((("end_process_group",),)),
    "hung-at-start": Expected((("end_process_group",),)),
    "temporal-down": Expected((("start_service",),)),
    "database-down": Expected((("start_service",), ("start_service", "restore_sweeper"))),
    "elasticsearch-down": Expected((("start_service",),)),
    "oom-kill": Expected((("restart_container",), ())),
    # All containers at once, Postiz first: what the engine does after a reboot. The boot guard may be enough.
    "engine-restart": Expected(((),)),
    "slow-temporal": Expected(((),), PERSON, "temporal-slow"),
}


LEFT = ("oom-kill", "slow-temporal")
"""What recovery cannot take away: a limit of memory, and of the processor."""


def told(done: Recovery) -> str:
    """Its steps, for the table."""
    return ", ".join(f"`{rung}`" for rung in done.rungs) or ("a person" if done.code else "none")


ROWS: list[tuple[str, ...]] = []


@pytest.fixture(scope="module")
def table() -> Iterator[Callable[..., None]]:
    """Collects rows, and prints them at the end."""

    def add(name: str, done: Recovery, hand: by_hand.ByHand) -> None:
        outcome = f"{hand.seconds:.0f} s" if hand.flows else f"in vain, {hand.seconds:.0f} s"
        ROWS.append((name, told(done), f"{done.seconds:.0f} s", outcome, str(hand.commands)))

    yield add
    rows = [("fault", "steps", "recover", "by hand", "commands"), *ROWS]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    print(f"\n{text}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text + "\n")


def asleep(stack: Stack, due: list[str]) -> list[str]:
    """Their workflows sleep: what a worker was reading when it died is tried again after ten minutes only, by Postiz' limit."""
    temporal = Temporal(stack)
    for post in due:
        wait_for("a sleeping workflow", lambda post=post: temporal.asleep(f"post_{post}"), 20, 0.1)
    return due


def test_every_fault_is_here() -> None:
    assert {kind.name for kind in faults.ALL} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_fault(stack: Stack, tmp_path: Path, name: str, table: Callable[..., None]) -> None:
    wanted = EXPECTED[name]
    due = asleep(stack, [posts.schedule(stack, 14 + number, "x") for number in range(3)])
    with broken(stack, name, heal=name in LEFT):
        with engine_events(stack) as watched:
            done = recover(stack, tmp_path)
        assert tuple(done.rungs) in wanted.rungs, done.rungs
        assert watched.inside_the_quiet_window(SETTLE_SECONDS) == []
        if wanted.ends == PERSON:
            assert done.code == 2
            assert done.values["decision"] == PERSON
            assert done.values["findings"][0]["code"] == wanted.code
            assert watched.acts == []
        else:
            assert done.code == 0
            assert done.values["verdict"] == "healthy"
    repair.wait_works(stack)
    wait_for("the posts", lambda: all(posts.read(stack, post).state == "PUBLISHED" for post in due), PATIENCE, 1)
    assert social.judge(social.ledger(), due).sound
    with broken(stack, name, heal=name in LEFT):
        hand = by_hand.run(stack)
        if not hand.flows and name not in LEFT:
            mend(stack, name)
    table(name, done, hand)


def test_oom_and_a_ghost(stack: Stack, tmp_path: Path) -> None:
    """Two faults that happen together: a kill for lack of memory, and a restart by PM2 that was meant to help."""
    due = posts.schedule(stack, 30)
    with broken(stack, "oom-kill", heal=True), broken(stack, "ghost-orchestrator"), engine_events(stack) as watched:
        done = recover(stack, tmp_path)
        works = repair.works(stack)
    assert watched.inside_the_quiet_window(SETTLE_SECONDS) == []
    assert done.values["decision"] in ("nothing", "close", PERSON, "quarantine")
    assert (done.code == 0) == works
    ROWS.append(("oom-kill and ghost-orchestrator", told(done), f"{done.seconds:.0f} s", "", ""))
    wait_for("the post", lambda: posts.read(stack, due).state == "PUBLISHED", PATIENCE, 1)
    assert social.published(due) == 1


def test_engine_restart_and_a_silent_worker(stack: Stack, tmp_path: Path) -> None:
    due = posts.schedule(stack, 45)
    start_all_at_once(stack)
    wait_for("Postiz up", lambda: repair.works(stack), 180, 1)
    with broken(stack, "silent-worker"), engine_events(stack) as watched:
        done = recover(stack, tmp_path)
        assert done.code == 0
    assert watched.inside_the_quiet_window(SETTLE_SECONDS) == []
    ROWS.append(("engine-restart and silent-worker", told(done), f"{done.seconds:.0f} s", "", ""))
    wait_for("the post", lambda: posts.read(stack, due).state == "PUBLISHED", PATIENCE, 1)
    assert social.published(due) == 1


BACKLOG = 200
PER_MINUTE = 30
LAG = 2


def test_temporal_down_with_a_backlog(stack: Stack, tmp_path: Path) -> None:
    """No burst: of each channel no more than the rate in any minute, each post exactly once."""
    names = CHANNELS[:4]
    deadline = time.time() + 90
    due = due_at(stack, deadline, BACKLOG, names)
    with broken(stack, "temporal-down"):
        time.sleep(max(deadline + 1 - time.time(), 0))
        with engine_events(stack) as watched:
            done = recover(stack, tmp_path, recover_burst_per_minute=PER_MINUTE)
        assert done.code == 0
    assert done.rungs == ["start_service"]
    assert done.values["steps"][0]["spread"]
    assert [act.action for act in watched.acts] == ["pause", "unpause"]
    ROWS.append((f"temporal-down, {BACKLOG} posts overdue", told(done), f"{done.seconds:.0f} s", "", ""))
    minutes = BACKLOG / len(names) / PER_MINUTE
    wait_for("all published", lambda: _published(stack, due), minutes * 60 + 90, 1)
    assert social.judge(social.ledger(), due).sound
    for name in names:
        mine = [post for number, post in enumerate(due) if names[number % 4] == name]
        moments = sorted(posts.published_at(post) for post in mine)
        most = max(sum(0 <= (other - one).total_seconds() < 60 for other in moments) for one in moments)
        assert most <= PER_MINUTE + LAG, (name, most)


def _published(stack: Stack, due: list[str]) -> bool:
    return set(posts.states(stack, tuple(due)).values()) == {"PUBLISHED"}


def begun(_: Stack, folder: Path) -> bool:
    return any(event["event"] == "begun" for event in record(folder))


def touched(stack: Stack, folder: Path) -> bool:
    return begun(stack, folder) and stack.state("postiz")[0] in ("exited", "paused")


def spread(_: Stack, folder: Path) -> bool:
    return any(event["event"] == "spread" for event in record(folder))


def ended(_: Stack, folder: Path) -> bool:
    return any(event["event"] == "ended" for event in record(folder))


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("silent-worker", begun),
        ("silent-worker", ended),
        ("port-collision", begun),
        ("port-collision", touched),
        ("port-collision", ended),
        ("temporal-down", begun),
        ("temporal-down", touched),
        ("temporal-down", spread),
        ("temporal-down", ended),
    ],
)
def test_killed(stack: Stack, tmp_path: Path, name: str, moment: Callable[[Stack, Path], bool]) -> None:
    """A run that is killed: the next one goes on, and every post goes out exactly once."""
    due = asleep(stack, [posts.schedule(stack, 14, "x") for _ in range(8)])
    with broken(stack, name):
        time.sleep(5)
        play = Play(stack, tmp_path, recover_burst_per_minute=60)
        wait_for("the moment", lambda: moment(stack, tmp_path) or play.process.poll() is not None, 150, 0.02)
        assert play.process.poll() is None, "too late to prove anything"
        play.kill()
        with engine_events(stack) as watched:
            done = recover(stack, tmp_path, recover_burst_per_minute=60)
        assert done.code == 0
        assert len({event["number"] for event in record(tmp_path) if event["event"] == "begun"}) == 1
        assert record(tmp_path)[-1]["event"] == "closed"
        assert watched.inside_the_quiet_window(SETTLE_SECONDS) == []
    wait_for("the posts", lambda: _published(stack, due), PATIENCE, 1)
    assert social.judge(social.ledger(), due).sound


@pytest.fixture
def foreign_stack(stack: Stack, running_stack: Running, tmp_path: Path) -> Iterator[tuple[Stack, Path]]:
    """The only stack that runs then."""
    folder = foreign.write(stack, tmp_path / "theirs")
    running_stack.remove()
    foreign.run(folder, "up", "-d")
    theirs = Stack(stack.client, foreign.PROJECT)
    yield theirs, folder
    removal.remove_stack(theirs, volumes=True)
    # The rescue's own: of a later run it would be somebody's data.
    for volume in stack.client.volumes.list(filters={"label": f"{PROJECT_LABEL}={foreign.PROJECT}"}):
        volume.remove()


def test_a_stack_that_others_made(foreign_stack: tuple[Stack, Path], tmp_path: Path) -> None:
    """Last: it takes the place of the shared stack. Other names, no boot guard, anonymous volumes."""
    theirs, folder = foreign_stack
    # Made without waiting for Temporal: either Postiz serves by chance, or it is the first fault to be healed.
    given = {"recover_sweeper": False, "postiz_dir": "/nonexistent"}
    first = recover(theirs, tmp_path, **given)
    assert first.code == 0
    ROWS.append(("foreign stack, first start", ", ".join(first.rungs) or "none", f"{first.seconds:.0f} s", "", ""))
    post = posts.schedule(theirs, 3600)
    volume = next(mount["Name"] for mount in theirs.container("temporal-postgresql").attrs["Mounts"])
    for name, rungs in (("silent-worker", ["end_process_group"]), ("database-down", ["start_service"])):
        with broken(theirs, name):
            done = recover(theirs, tmp_path / name, **given)
            assert done.code == 0
        assert done.rungs == rungs
        assert done.values["posts_directory"].endswith("posts")
    # One step is Compose's, which needs the project's own files.
    theirs.container("postiz").remove(force=True)
    hidden = (folder / "docker-compose.yaml").rename(folder / "hidden")
    without = recover(theirs, tmp_path / "gone", **given)
    assert without.code == 2
    assert without.values["decision"] == "quarantine"
    assert "docker-compose.yaml is not on this host any more" in without.values["reason"]
    hidden.rename(folder / "docker-compose.yaml")
    done = recover(theirs, tmp_path / "gone", recover_lift_quarantine=True, **given)
    assert done.code == 0
    assert done.rungs == ["recreate_container"]
    # Compose hands anonymous volumes on, unless it is told not to.
    foreign.run(folder, "up", "-d", "--force-recreate", "--no-deps", "temporal-postgresql")
    theirs.wait_healthy("temporal-postgresql")
    assert volume == next(mount["Name"] for mount in theirs.container("temporal-postgresql").attrs["Mounts"])
    wait_for("its workflow", lambda: Temporal(theirs).status(f"post_{post}") == "RUNNING", 60, 1)
    override = folder / "docker-compose.override.yaml"
    # Out of the anonymous volume, killed on the way, and once more.
    play = Play(theirs, tmp_path / "rescue", playbook="rescue_volumes", **given)
    wait_for("the copy", lambda: theirs.state("postiz")[0] == "exited", 120, 0.02)  # its first process heeds no SIGTERM
    play.kill()
    # Once more between its file and the switch: what stands still is not started on the old volume.
    play = Play(theirs, tmp_path / "rescue", playbook="rescue_volumes", **given)
    wait_for("its file", override.is_file, 120, 0.02)
    play.kill()
    half = recover(theirs, tmp_path / "half", **given)
    assert (half.code, half.values["decision"]) == (2, PERSON)
    assert "rescue_volumes" in half.values["reason"]
    assert theirs.state("temporal-postgresql")[0] == "exited"
    assert Play(theirs, tmp_path / "rescue", playbook="rescue_volumes", **given).end().code == 0
    named = next(mount["Name"] for mount in theirs.container("temporal-postgresql").attrs["Mounts"])
    assert named == f"{foreign.PROJECT}_temporal-postgres-data"
    assert Temporal(theirs).status(f"post_{post}") == "RUNNING"
    assert theirs.client.volumes.get(volume), "the old one stays"
    again = Play(theirs, tmp_path / "rescue", playbook="rescue_volumes", **given).end()
    assert again.changed == 0
    foreign.run(folder, "up", "-d", "--force-recreate", "--no-deps", "temporal-postgresql")
    assert named == next(mount["Name"] for mount in theirs.container("temporal-postgresql").attrs["Mounts"])
    # A database that is gone with its container would begin empty.
    theirs.container("temporal-postgresql").remove(force=True)
    refused = recover(theirs, tmp_path / "lost", **given)
    assert refused.code == 2
    assert refused.values["decision"] == PERSON
    assert "temporal-postgresql" not in theirs.containers()
    assert "dangling" in refused.values["reason"]
