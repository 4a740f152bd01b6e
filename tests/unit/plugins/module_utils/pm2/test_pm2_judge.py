"""PM2's apps: the judge, and what of a cumulative log is of now. Process tables are those of the real start chain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2 import logs
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.judge import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.model import App, Log, Process, Settings, Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.processes import ghosts
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_795_521_900.0
STARTED = NOW - 400
SETTINGS = Settings(
    ("backend", "frontend", "orchestrator"),
    {"backend": 3000, "frontend": 4200, "orchestrator": 3002},
    5000,
    150.0,
    3,
    300.0,
    False,
)
MB = 1_000_000


def tree(name: str, pid: int, command: str, memory: int = 92 * MB) -> tuple[Process, ...]:
    """pnpm, sh, dotenv, node: all in the group of the first."""
    folder = f"/app/apps/{name}"
    return (
        Process(pid, 56, pid, "S", STARTED, 104 * MB, folder, "node /usr/local/bin/pnpm"),
        Process(pid + 1, pid, pid, "S", STARTED, 2 * MB, folder, "sh -c dotenv -e ../../.env -- node"),
        Process(pid + 2, pid + 1, pid, "S", STARTED, 56 * MB, folder, "node dotenv-cli/cli.js -e ../../.env"),
        Process(pid + 3, pid + 2, pid, "S", STARTED, memory, folder, command),
    )


BACKEND = tree("backend", 110, "node ./dist/apps/backend/src/main.js")
FRONTEND = tree("frontend", 120, "next-server (v16.3.1)")
ORCHESTRATOR = tree("orchestrator", 130, "node ./dist/apps/orchestrator/src/main.js")
OUTSIDE = (
    Process(1, 0, 1, "S", STARTED, MB, "/app", "sh -c nginx && pnpm run pm2"),
    Process(22, 1, 22, "S", STARTED, MB, "/app", "nginx: master process nginx"),
    Process(56, 1, 56, "S", STARTED, 69 * MB, "/app", "PM2 v7.0.4: God Daemon (/root/.pm2)"),
)
APPS = tuple(
    App(name, number, pid, "online", STARTED, 0, 0)
    for number, (name, pid) in enumerate({"backend": 110, "frontend": 120, "orchestrator": 130}.items())
)
SOUND = Snapshot(
    container="x-postiz-1",
    hostname="abc",
    container_started_at=STARTED,
    now=NOW,
    probe="host",
    daemon="ok",
    daemon_problem="",
    apps=APPS,
    processes=(*OUTSIDE, *BACKEND, *FRONTEND, *ORCHESTRATOR),
    listeners={
        5000: frozenset({22}),
        3000: frozenset({113}),
        4200: frozenset({123}),
        3002: frozenset({133}),
    },
    logs={},
    daemon_log=None,
)


def codes(snapshot: Snapshot, settings: Settings = SETTINGS) -> list[str]:
    return [finding.code for finding in judge(snapshot, settings).findings]


def without(snapshot: Snapshot, port: int) -> Snapshot:
    return replace(snapshot, listeners={key: value for key, value in snapshot.listeners.items() if key != port})


def test_a_sound_container() -> None:
    assert codes(SOUND) == []
    assert judge(SOUND, SETTINGS).verdict is Verdict.HEALTHY


def test_the_quiet_window_of_the_youngest_app() -> None:
    young = replace(SOUND, apps=(replace(APPS[0], online_since=NOW - 50), *APPS[1:]))
    judged = judge(without(young, 3000), SETTINGS)
    assert judged.verdict is Verdict.SETTLING
    assert judged.settling_seconds == 100
    assert judge(young, replace(SETTINGS, pollers_seen=True)).verdict is Verdict.HEALTHY
    assert judge(without(young, 3000), replace(SETTINGS, pollers_seen=True)).verdict is Verdict.UNHEALTHY


def test_a_ghost_is_certain_also_in_the_quiet_window() -> None:
    old = tuple(replace(item, group=90, pid=item.pid - 40, parent=item.parent - 40) for item in ORCHESTRATOR[1:])
    haunted = replace(
        SOUND,
        processes=(*SOUND.processes, *old),
        listeners={**SOUND.listeners, 3002: frozenset({93})},
        apps=(*APPS[:2], replace(APPS[2], online_since=NOW - 5)),
    )
    judged = judge(haunted, SETTINGS)
    assert judged.verdict is Verdict.UNHEALTHY
    assert [finding.code for finding in judged.findings] == ["ghost-process", "port-held-by-ghost"]
    assert "pid 93 (group 90, 400 s old, holds port 3002)" in judged.findings[0].evidence


@pytest.mark.parametrize(
    "stranger",
    [
        Process(500, 0, 500, "S", NOW, MB, "/app/apps/backend", "bash"),
        Process(501, 500, 500, "S", NOW, MB, "/app/apps/backend", "node repl"),
        Process(37, 20, 1, "S", NOW, MB, "/app/apps/backend", "node /usr/local/bin/pnpm run pm2"),
        Process(600, 1, 90, "Z", NOW, 0, "/app/apps/backend", ""),
    ],
)
def test_neither_a_person_nor_the_start_nor_a_zombie_is_a_ghost(stranger: Process) -> None:
    leader = Process(500, 0, 500, "S", NOW, MB, "/app/apps/backend", "bash")
    assert ghosts(replace(SOUND, processes=(*SOUND.processes, leader, stranger)), "backend") == ()


def test_hung_at_start_is_not_just_silent() -> None:
    hung = tree("backend", 110, "node ./dist/apps/backend/src/main.js", 81 * MB)
    quiet = replace(without(SOUND, 3000), processes=(*OUTSIDE, *hung, *FRONTEND, *ORCHESTRATOR))
    assert codes(quiet) == ["hung-at-start"]
    big = tree("backend", 110, "node ./dist/apps/backend/src/main.js", 300 * MB)
    assert codes(replace(quiet, processes=(*OUTSIDE, *big, *FRONTEND, *ORCHESTRATOR))) == ["not-listening"]
    talks = Log(10, NOW, "> a@1 start /app\n> dotenv\n" + "".join(f"line {number}\n" for number in range(5)))
    assert codes(replace(quiet, logs={"backend": {"out": talks}})) == ["not-listening"]


def test_a_kill_for_lack_of_memory_is_a_warning_and_the_cause_of_an_app_that_stays_away() -> None:
    survived = judge(replace(SOUND, oom_kills=2), SETTINGS)
    assert [(item.code, item.severity.value) for item in survived.findings] == [("oom-killed", "warning")]
    assert survived.verdict is Verdict.HEALTHY
    away = judge(replace(without(SOUND, 3002), oom_kills=1), SETTINGS)
    assert away.findings[0].code == "oom-killed"
    assert away.verdict is Verdict.UNHEALTHY
    assert "1 of its processes" in away.findings[0].evidence


def test_a_dead_daemon() -> None:
    dead = replace(SOUND, daemon="dead", apps=())
    judged = judge(dead, SETTINGS)
    assert [finding.code for finding in judged.definite] == ["pm2-daemon-missing"]
    assert "backend (pid 113), frontend (pid 123), orchestrator (pid 133)" in judged.definite[0].evidence
    booting = replace(dead, processes=OUTSIDE, container_started_at=NOW - 10)
    assert judge(booting, SETTINGS).verdict is Verdict.SETTLING
    assert judge(replace(booting, container_started_at=NOW - 200), SETTINGS).verdict is Verdict.UNHEALTHY
    assert codes(replace(SOUND, daemon="failed", apps=())) == ["pm2-no-answer"]


def test_apps_that_are_not_there_or_not_online() -> None:
    assert codes(replace(SOUND, apps=APPS[1:])) == ["ghost-process", "app-missing"]
    stopped = replace(APPS[0], status="errored", pid=0, restarts=16)
    gone = replace(without(SOUND, 3000), apps=(stopped, *APPS[1:]), processes=(*OUTSIDE, *FRONTEND, *ORCHESTRATOR))
    assert codes(gone) == ["app-not-online"]


def test_a_boot_guard_that_waits_is_told() -> None:
    waiting = Process(9, 1, 1, "S", NOW, MB, "/app", "node /boot-guard/wait-for-temporal.js")
    assert codes(replace(SOUND, daemon="missing", apps=(), processes=(*OUTSIDE[:1], waiting))) == ["boot-guard-waiting"]


PM2_LOG = """\
2026-11-24T11:57:00: PM2 log: App [backend:1] exited with code [1] via signal [SIGINT]
2026-11-24T11:57:04: PM2 log: App [backend:1] exited with code [1] via signal [SIGINT]
2026-11-24T11:57:05: PM2 log: App [orchestrator:0] exited with code [1] via signal [SIGINT]
2026-11-24T11:57:06: PM2 log: Stopping app:backend id:1
2026-11-24T11:57:06: PM2 log: App [backend:1] exited with code [0] via signal [SIGINT]
2026-11-24T11:57:10: PM2 log: App [backend:1] exited with code [1] via signal [SIGINT]
"""


def test_ends_are_counted_within_a_window_and_only_those_of_the_app_itself() -> None:
    last = parse_time("2026-11-24T11:57:10Z")
    assert last is not None
    log = Log(1, last + 0.4, PM2_LOG)
    assert logs.exits(log, "backend", last - 60) == 3
    assert logs.exits(log, "backend", last - 7) == 2
    assert logs.exits(log, "orchestrator", last - 60) == 1
    assert logs.exits(None, "backend", 0) == 0
    east = replace(log, changed_at=log.changed_at - 5.5 * 3600)
    assert logs.exits(east, "backend", last - 5.5 * 3600 - 7) == 2


def test_a_crash_loop_is_a_rate() -> None:
    lines = "".join(
        f"2026-11-24T11:5{minute}:0{second}: PM2 log: App [backend:1] exited with code [1] via signal [SIGINT]\n"
        for minute in range(5, 8)
        for second in (1, 4)
    )
    last = parse_time("2026-11-24T11:57:04Z")
    assert last is not None
    looping = replace(SOUND, now=last + 1, container_started_at=last - 1000, daemon_log=Log(1, last, lines))
    aged = replace(looping, apps=tuple(replace(app, online_since=last - 500) for app in APPS))
    assert codes(aged) == ["app-crash-loop"]
    assert codes(replace(aged, now=last + 1000)) == []
    counter_only = replace(SOUND, apps=(replace(APPS[0], restarts=99), *APPS[1:]))
    assert codes(counter_only) == []


ERRORS = """\
2026-11-24T11:50:00.000Z [INFO] old
Error: listen EADDRINUSE: address already in use :::3000
2026-11-24T11:58:00.000Z [INFO] new
"""


def test_only_lines_newer_than_the_start_count() -> None:
    start = parse_time("2026-11-24T11:57:00Z")
    assert start is not None
    assert logs.since_time(Log(1, start + 100, ERRORS), start) == ("2026-11-24T11:58:00.000Z [INFO] new",)
    assert logs.since_time(Log(1, start - 1, ERRORS), start) == ()
    cut = ERRORS.rsplit("2026", 1)[0]
    assert logs.since_time(Log(1, start + 1, cut), start) == (
        "Error: listen EADDRINUSE: address already in use :::3000",
    )
    out = "EADDRINUSE\n ELIFECYCLE  Command failed.\n\n> postiz-backend@1.0.0 start /app/apps/backend\n> dotenv -e x\n\nup\n"
    assert logs.since_banner(Log(1, start, out)) == ("up",)


def test_an_old_line_is_no_finding_and_a_new_one_is_a_warning() -> None:
    old = Log(1, STARTED - 10, "Error: listen EADDRINUSE\n")
    new = replace(old, changed_at=NOW)
    assert codes(replace(SOUND, logs={"backend": {"error": old}})) == []
    warned = replace(SOUND, logs={"backend": {"error": new}})
    assert codes(warned) == ["app-log"]
    assert judge(warned, SETTINGS).verdict is Verdict.HEALTHY


@given(st.sets(st.sampled_from([3000, 3002, 4200, 5000])), st.sampled_from(["ok", "dead", "missing", "failed"]))
def test_healthy_means_that_every_port_is_listened_on(missing: set[int], daemon: str) -> None:
    listeners = {port: pids for port, pids in SOUND.listeners.items() if port not in missing}
    judged = judge(replace(SOUND, listeners=listeners, daemon=daemon), SETTINGS)
    assert (judged.verdict is Verdict.HEALTHY) == (not missing and daemon == "ok")
