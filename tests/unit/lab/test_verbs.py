"""The lab's pure parts: parsing what PM2, the process table and Temporal print, and judging the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from labkit import faults, pm2, provision, social, temporal
from labkit.cli import VERBS, main
from labkit.errors import LabError
from labkit.faults.machine import count_kills
from labkit.social import Call
from labkit.table import table
from labkit.verbs.demo import Steps
from labkit.waiting import wait_for

JLIST = json.dumps(
    [
        {
            "name": "orchestrator",
            "pid": 132,
            "pm2_env": {"status": "online", "restart_time": 9},
            "monit": {"memory": 81_000_000},
        }
    ]
)
MAIN = "node --experimental-require-module ./dist/apps/orchestrator/src/main.js"
DOTENV = f"node /app/node_modules/.bin/../dotenv-cli/cli.js -e ../../.env -- {MAIN}"
PROCESSES = "\n".join(
    "\t".join(row)
    for row in (
        ("1", "0", "1", "1000", "S", "sh -c nginx && pnpm run pm2"),
        ("140", "1", "132", "1000", "S", f"sh -c dotenv -e ../../.env -- {MAIN}"),
        ("141", "140", "132", "1000", "S", DOTENV),
        ("150", "141", "132", "80000000", "S", MAIN),
        ("160", "1", "160", "0", "Z", ""),
    )
)


def call(post: str, outcome: str) -> Call:
    return Call("2026-11-24T06:00:00Z", "x", post, 1, "key", outcome)


def test_apps_are_found_behind_a_banner() -> None:
    banner = "[PM2] Spawning PM2 daemon\n[PM2] PM2 Successfully daemonized\n"
    assert pm2.parse_apps(banner + JLIST) == (pm2.App("orchestrator", 132, "online", 9, 81_000_000),)
    assert pm2.parse_apps(banner + "[]\n") == ()
    with pytest.raises(LabError, match="no list"):
        pm2.parse_apps("sh: 1: pm2: not found")


def test_only_the_working_process_counts() -> None:
    processes = pm2.parse_processes(PROCESSES)
    assert [process.pid for process in pm2.workers(processes, "orchestrator")] == [150]
    assert pm2.workers(processes, "backend") == ()


def test_a_ghost_is_in_a_group_that_pm2_does_not_know() -> None:
    processes = pm2.parse_processes(PROCESSES)
    known = pm2.App("orchestrator", 132, "online", 0, 0)
    newer = pm2.App("orchestrator", 999, "online", 1, 0)
    assert pm2.ghosts(processes, [known]) == ()
    assert [ghost.pid for ghost in pm2.ghosts(processes, [newer])] == [150]


def test_pollers_are_null_where_there_are_none() -> None:
    assert temporal.parse_pollers({"pollers": None}, datetime.now(UTC)) == ()


def test_age_of_a_poller() -> None:
    entry = {"identity": "150@abc", "taskQueueType": "workflow", "lastAccessTime": "2026-11-24T06:00:00.123456789Z"}
    now = datetime(2026, 11, 24, 6, 1, 0, 123456, tzinfo=UTC)
    assert temporal.parse_pollers({"pollers": [entry]}, now) == (temporal.Poller("150@abc", "workflow", 60.0),)


def test_judgement() -> None:
    calls = [
        call("a", "refused"),
        call("a", "published"),
        call("b", "published"),
        call("b", "published"),
        call("c", "dropped"),
    ]
    judgement = social.judge([*calls, call("a", "recognised")], ["a", "b", "c"])
    assert judgement == social.Judgement(("a",), ("c",), ("b",))
    assert not judgement.sound
    assert social.judge(calls, ["a"]).sound


def test_variables_are_yaml() -> None:
    assert provision.parse_variables(["a=false", "b=4017", "c=x=y"]) == {"a": False, "b": 4017, "c": "x=y"}
    with pytest.raises(LabError, match="name=value"):
        provision.parse_variables(["stack_port"])


def test_a_stack_needs_only_its_own_release() -> None:
    wanted = provision.stack_images("v2")
    assert "postiz-lab/postiz:v2" in wanted
    assert "postiz-lab/postiz:v1" not in wanted
    assert "postiz-lab/redis:7" in wanted


@pytest.mark.parametrize("text", ["oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "low 0\noom 3\noom_kill 2\n"])
def test_kills_of_both_control_group_versions(text: str) -> None:
    assert count_kills(text) == 2


def test_faults_have_unique_names_and_say_what_they_do() -> None:
    names = [kind.name for kind in faults.ALL]
    assert len(set(names)) == len(names)
    assert all(kind.breaks and kind.how and kind.healed_by for kind in faults.ALL)


def test_waiting_names_what_did_not_come() -> None:
    with pytest.raises(LabError, match="the answer: not within 0 s"):
        wait_for("the answer", lambda: 0, 0)


def test_table_aligns() -> None:
    assert table(("A", "B"), [("long", "x")]) == "A     B\n----  -\nlong  x"


def test_steps_count(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps("one", "two")
    steps.begin()
    steps.begin()
    assert "== 2/2 two" in capsys.readouterr().out
    assert steps.times().startswith("one 0s, two 0s; in all")


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"lab {verb}" in capsys.readouterr().out


def test_fault_list_and_missing_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fault", "--list"]) == 0
    assert "silent-worker" in capsys.readouterr().out
    assert main(["fault"]) == 1
    assert "--list" in capsys.readouterr().err
