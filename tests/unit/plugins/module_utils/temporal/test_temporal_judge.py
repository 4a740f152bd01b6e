"""Temporal: what its client really printed, and the judge."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import ExecResult
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import (
    Answer,
    Cli,
    Connection,
    NoAnswer,
    Trouble,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.judge import judge, verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import Settings, Snapshot, Worker
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.observe import duration, queue
from fake_engine import FakeEngine

RECORDED = Path(__file__).parent / "recorded"
SETTINGS = Settings({"main": ("workflow", "activity")}, 90.0, 300.0, 3, True)


def text(name: str) -> str:
    return (RECORDED / name).read_text(encoding="utf-8")


def recorded(name: str) -> Answer:
    return Answer(json.loads(text(name)))


MAIN = queue("main", recorded("task-queue-main.json"))
PID, HOST = MAIN.pollers[0].identity.split("@")
NOW = MAIN.pollers[0].seen_at + 20
ATTRIBUTES: dict[str, Any] = recorded("search-attributes.json").data
WORKER = Worker("x-postiz-1", HOST, NOW - 1000, frozenset({1, int(PID)}))
SOUND = Snapshot(
    now=NOW,
    address="temporal:7233",
    namespace="default",
    cluster=recorded("cluster-health.json"),
    described_namespace=recorded("namespace.json"),
    queues=(MAIN,),
    sweeper=recorded("sweeper.json"),
    attributes=recorded("search-attributes.json"),
    workflows=(),
    workers=(WORKER,),
    sql_visibility=False,
    cron_enabled=True,
    excluded_queues=frozenset(),
)


def codes(snapshot: Snapshot, settings: Settings = SETTINGS) -> list[str]:
    return [finding.code for finding in judge(snapshot, settings)]


def test_a_sound_cluster() -> None:
    assert codes(SOUND) == []
    assert verdict(judge(SOUND, SETTINGS)) is Verdict.HEALTHY


@pytest.mark.parametrize(
    "worker",
    [
        replace(WORKER, hostname="another"),
        replace(WORKER, pids=frozenset({1})),
        replace(WORKER, started_at=NOW),
    ],
    ids=["another container", "a dead process", "seen before the container started"],
)
def test_a_poller_counts_only_if_its_process_lives(worker: Worker) -> None:
    assert codes(replace(SOUND, workers=(worker,))) == ["worker-not-polling", "worker-not-polling"]


def test_a_poller_that_was_not_seen_for_long_is_gone() -> None:
    assert codes(replace(SOUND, now=NOW + 100)) == ["worker-not-polling", "worker-not-polling"]
    assert codes(replace(SOUND, now=NOW + 100), replace(SETTINGS, fresh_seconds=200.0)) == []


def test_every_replica_must_poll() -> None:
    deaf = Worker("x-postiz-2", "another", NOW - 1000, frozenset({7}))
    findings = judge(replace(SOUND, workers=(WORKER, deaf)), SETTINGS)
    assert [finding.code for finding in findings] == ["worker-not-polling"] * 2
    assert "x-postiz-2" in findings[0].evidence
    assert "x-postiz-1" not in findings[0].evidence


def test_processes_that_cannot_be_looked_at_are_believed_by_their_host_name() -> None:
    assert codes(replace(SOUND, workers=(replace(WORKER, pids=None),))) == []


def test_a_provider_s_queue_and_one_that_is_left_out() -> None:
    nobody = queue("nobody", recorded("task-queue-nobody.json"))
    settings = replace(SETTINGS, queues={**SETTINGS.queues, "nobody": ("activity",)})
    snapshot = replace(SOUND, queues=(MAIN, nobody))
    assert codes(snapshot, settings) == ["queue-not-polled"]
    assert codes(replace(snapshot, excluded_queues=frozenset({"nobody"})), settings) == []


def test_nothing_above_is_judged_when_the_frontend_does_not_serve() -> None:
    away = Answer(None, Trouble.UNREACHABLE, "connection refused")
    assert codes(replace(SOUND, cluster=away, queues=())) == ["temporal-unreachable"]
    assert codes(replace(SOUND, cluster=Answer({"status": "NOT_SERVING"}))) == ["temporal-not-serving"]
    missing = Answer(None, Trouble.NAMESPACE_NOT_FOUND, "")
    assert codes(replace(SOUND, described_namespace=missing, workers=())) == ["namespace-missing"]


@pytest.mark.parametrize("trouble", [Trouble.NO_CLIENT, Trouble.MALFORMED])
def test_what_cannot_be_asked_is_unknown(trouble: Trouble) -> None:
    findings = judge(replace(SOUND, cluster=Answer(None, trouble, "x")), SETTINGS)
    assert verdict(findings) is Verdict.UNKNOWN


def test_the_sweeper() -> None:
    missing = replace(SOUND, sweeper=Answer(None, Trouble.NOT_FOUND))
    assert codes(missing) == ["sweeper-missing"]
    assert "RUN_CRON" in judge(replace(missing, cron_enabled=False), SETTINGS)[0].evidence
    assert codes(missing, replace(SETTINGS, need_sweeper=False)) == []
    ended = json.loads(text("sweeper.json"))
    ended["workflowExecutionInfo"]["status"] = "WORKFLOW_EXECUTION_STATUS_FAILED"
    assert codes(replace(SOUND, sweeper=Answer(ended))) == ["sweeper-failed"]
    trying = {**json.loads(text("sweeper.json")), "pendingActivities": [{"attempt": 3}]}
    assert codes(replace(SOUND, sweeper=Answer(trying))) == ["sweeper-failing"]
    assert verdict(judge(replace(SOUND, sweeper=Answer(trying)), SETTINGS)) is Verdict.HEALTHY


def test_workflow_tasks_that_fail_again_and_again() -> None:
    stuck = {
        "workflowExecutionInfo": {"execution": {"workflowId": "post_a"}, "type": {"name": "postWorkflowV109"}},
        "pendingWorkflowTask": {"attempt": 7},
    }
    (finding,) = judge(replace(SOUND, workflows=(Answer(stuck),)), SETTINGS)
    assert finding.code == "workflow-tasks-failing"
    assert "post_a (postWorkflowV109, attempt 7)" in finding.evidence
    stuck["pendingWorkflowTask"]["attempt"] = 2
    assert codes(replace(SOUND, workflows=(Answer(stuck),))) == []


def test_the_limit_of_search_attributes_is_seen_before_it_kills() -> None:
    custom = {name: kind for name, kind in ATTRIBUTES["customAttributes"].items() if name.startswith("Custom")}
    before = Answer({"customAttributes": custom})
    assert codes(replace(SOUND, attributes=before, sql_visibility=True)) == ["search-attribute-limit"]
    assert codes(replace(SOUND, attributes=before)) == ["search-attribute-missing"]
    empty = Answer({"customAttributes": {}})
    assert codes(replace(SOUND, attributes=empty, sql_visibility=True)) == ["search-attribute-missing"]


def test_a_backlog_is_a_warning() -> None:
    waiting = replace(MAIN, backlog={"workflow": 3}, backlog_seconds={"workflow": 301.0})
    assert codes(replace(SOUND, queues=(waiting,))) == ["task-queue-backlog"]
    assert codes(replace(SOUND, queues=(replace(waiting, backlog={"workflow": 0}),))) == []


def test_durations() -> None:
    assert duration("1h2m3.5s") == pytest.approx(3723.5)
    assert duration("86400s") == 86400
    assert duration("250ms") == pytest.approx(0.25)
    assert duration("") == 0
    assert MAIN.pollers[0].seen_at == parse_time(
        json.loads(text("task-queue-main.json"))["pollers"][0]["lastAccessTime"]
    )


class Container(FakeEngine):
    """The client's container: answers each command of the script with the next of its outputs."""

    def __init__(self, outputs: list[tuple[str, str, int]], finished: bool = True) -> None:
        self.outputs, self.finished, self.script = outputs, finished, ""

    def execute(self, _identifier: str, argv: list[str], _timeout: float) -> ExecResult:
        self.script = argv[2]
        marker = self.script.split("printf '%s%s%s' ")[1].split()[0]
        out = "".join(f"{stdout}{marker}{code}{marker}" for stdout, _stderr, code in self.outputs)
        err = "".join(f"{stderr}{marker}" for _stdout, stderr, _code in self.outputs)
        return ExecResult(0 if self.finished else None, out.encode(), err.encode())


def ask(outputs: list[tuple[str, str, int]], commands: int, **more: Any) -> tuple[Answer, ...]:
    engine = Container(outputs, **more)
    return Cli(engine, "1", Connection("temporal:7233", "default"), 5).ask([["workflow", "list"]] * commands)


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("workflow-not-found.txt", Trouble.NOT_FOUND),
        ("namespace-not-found.txt", Trouble.NAMESPACE_NOT_FOUND),
        ("unreachable.txt", Trouble.UNREACHABLE),
        ("no-such-host.txt", Trouble.UNREACHABLE),
    ],
)
def test_what_the_client_really_says_when_it_fails(name: str, trouble: Trouble) -> None:
    (answer,) = ask([("", text(name), 1)], 1)
    assert answer.trouble is trouble
    assert answer.problem


@pytest.mark.parametrize(
    "message",
    [
        "failed reaching server: rpc error: code = Unauthenticated desc = unexpected HTTP status code: 401 (Unauthorized)",
        "failed reaching server: connection error: desc = transport: authentication handshake failed: tls: failed to verify "
        "certificate: x509: certificate signed by unknown authority",
    ],
)
def test_a_key_or_a_certificate_that_is_refused_is_no_network_problem(message: str) -> None:
    (answer,) = ask([("", f'time=x level=ERROR msg="{message}"', 1)], 1)
    assert answer.trouble is Trouble.REFUSED
    assert [item.code for item in judge(replace(SOUND, cluster=answer), SETTINGS)] == ["temporal-refused"]


def test_a_client_that_was_ended_at_its_deadline_does_not_blame_the_network() -> None:
    (answer,) = ask([("", 'time=x level=ERROR msg="program interrupted"', 1)], 1)
    assert answer.trouble is Trouble.DEADLINE


def test_answers_come_in_their_order_with_their_own_errors() -> None:
    first, second, third = ask([('{"a": 1}', "a warning", 0), ("", "msg=x", 124), ("{oops", "", 0)], 3)
    assert first.data == {"a": 1}
    assert second.trouble is Trouble.DEADLINE
    assert third.trouble is Trouble.MALFORMED


def test_a_client_that_did_not_come_so_far() -> None:
    first, second = ask([('{"a": 1}', "", 0)], 2, finished=False)
    assert first.ok
    assert second.trouble is Trouble.DEADLINE
    with pytest.raises(NoAnswer):
        ask([], 1, finished=False)


def test_words_are_quoted_and_the_api_key_is_no_argument() -> None:
    engine = Container([("{}", "", 0)])
    connection = Connection("t:1", "default", tls=True, tls_ca_path="/ca file", api_key_path="/run/key")
    Cli(engine, "1", connection, 5).ask([["workflow", "describe", "-w", "a'; rm -rf /"]])
    assert "'a'\"'\"'; rm -rf /'" in engine.script
    assert "--tls-ca-path '/ca file'" in engine.script
    assert engine.script.startswith("TEMPORAL_API_KEY=$(cat /run/key); export TEMPORAL_API_KEY\n")
