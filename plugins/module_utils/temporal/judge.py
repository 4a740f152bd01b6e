# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Temporal cluster against what Postiz needs of it. Pure: the time is in the snapshot."""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import (
    Finding,
    Verdict,
    error,
    errors_of,
    warning,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Answer, Trouble, list_at, text_at
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.model import (
    MOST_TEXT_ATTRIBUTES,
    NEEDED_ATTRIBUTES,
    SWEEPER,
    TEXT,
    Poller,
    Queue,
    Settings,
    Snapshot,
    Worker,
)

SERVING = "SERVING"
MAIN = "main"
_RESTART = "make sure that Temporal serves, then restart the Postiz container and wait for its pollers."


def verdict(findings: Tuple[Finding, ...]) -> Verdict:
    """What could not be asked is unknown."""
    errors = errors_of(findings)
    if not errors:
        return Verdict.HEALTHY
    unsure = ("temporal-cli-missing", "temporal-answer-malformed")
    return Verdict.UNKNOWN if all(finding.code in unsure for finding in errors) else Verdict.UNHEALTHY


def judge(snapshot: Snapshot, settings: Settings) -> Tuple[Finding, ...]:
    """First cause first: nothing is said of what stands above something that does not hold."""
    obstacle = blocked(snapshot)
    if obstacle:
        return (obstacle,)
    found: List[Finding] = [*_attributes(snapshot), *_queues(snapshot, settings)]
    if settings.need_sweeper:
        found += _sweeper(snapshot, settings)
    found += _workflows(snapshot, settings)
    return (*errors_of(found), *(finding for finding in found if finding not in errors_of(found)))


def blocked(snapshot: Snapshot) -> Optional[Finding]:
    """Why nothing can be asked of Temporal, if so."""
    cluster = snapshot.cluster
    where = f"at {snapshot.address}"
    if not cluster.ok:
        return _no_answer(cluster, where)
    status = text_at(cluster.data, "status")
    if status != SERVING:
        evidence = f"the frontend {where} says {status or 'nothing'}."
        return error("temporal-not-serving", "temporal", evidence, "ask compose_health who is to blame.")
    namespace = snapshot.described_namespace
    if namespace.trouble in (Trouble.NAMESPACE_NOT_FOUND, Trouble.NOT_FOUND):
        evidence = f"the cluster {where} serves, and has no namespace {snapshot.namespace!r}."
        remedy = (
            f"correct the name, or make it: temporal operator namespace create -n {snapshot.namespace} --retention 24h"
        )
        return error("namespace-missing", "temporal", evidence, remedy)
    if not namespace.ok:
        return _no_answer(namespace, where)
    return None


def _no_answer(answer: Answer, where: str) -> Finding:
    if answer.trouble is Trouble.NO_CLIENT:
        evidence = f"the container has no temporal client ({answer.problem})."
        return error("temporal-cli-missing", "temporal", evidence, "name a service that has it (cli_service).")
    if answer.trouble in (Trouble.MALFORMED, Trouble.CRASHED):
        return error("temporal-answer-malformed", "temporal", f"{answer.problem}.", "look at the client's version.")
    if answer.trouble is Trouble.DEADLINE:
        evidence = f"no answer {where} in time ({answer.problem})."
        return error("temporal-slow", "temporal", evidence, "look at the load of its host and at its database.")
    if answer.trouble is Trouble.REFUSED:
        evidence = f"the frontend {where} refuses this client ({answer.problem})."
        remedy = "look at the API key (api_key_path) and the certificates (tls_ca_path, tls_cert_path, tls_key_path)."
        return error("temporal-refused", "temporal", evidence, remedy)
    evidence = f"nothing serves {where} ({answer.problem})."
    return error("temporal-unreachable", "temporal", evidence, "ask compose_health who is to blame.")


def _attributes(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.attributes.ok:
        return
    custom = snapshot.attributes.data.get("customAttributes") if isinstance(snapshot.attributes.data, dict) else None
    known = custom if isinstance(custom, dict) else {}
    missing = [name for name in NEEDED_ATTRIBUTES if name not in known]
    if not missing:
        return
    texts = sorted(name for name, kind in known.items() if kind == TEXT)
    room = MOST_TEXT_ATTRIBUTES - len(texts)
    if snapshot.sql_visibility and room < len(missing):
        evidence = (
            f"PostgreSQL visibility takes {MOST_TEXT_ATTRIBUTES} search attributes of type Text; {', '.join(texts)} hold "
            f"{len(texts)}, and Postiz still needs {', '.join(missing)}: its backend would not start."
        )
        remedy = "remove the samples (temporal operator search-attribute remove --name CustomStringField --name CustomTextField)."
        yield error("search-attribute-limit", "temporal", evidence, remedy)
        return
    evidence = f"missing: {', '.join(missing)}. Every start of a post's workflow fails without them."
    yield error(
        "search-attribute-missing", "temporal", evidence, "restart the Postiz container: its backend makes them."
    )


def living(poller: Poller, snapshot: Snapshot, fresh_seconds: float) -> Optional[Worker]:
    """The living container that a poller belongs to; None for what is left of a dead one.

    The identity is `pid@hostname`. Entries stay listed for minutes after their process is gone, and a crash loop
    leaves dozens of them with the right host name: so the pid must live, too.
    """
    pid, _separator, hostname = poller.identity.partition("@")
    for worker in snapshot.workers:
        if worker.hostname == hostname and pid.isdecimal():
            alive = worker.pids is None or int(pid) in worker.pids
            fresh = snapshot.now - poller.seen_at <= fresh_seconds and poller.seen_at >= worker.started_at
            return worker if alive and fresh else None
    return None


def _queues(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    for queue in snapshot.queues:
        if queue.name in snapshot.excluded_queues:
            continue
        if not queue.answer.ok:
            yield _no_answer(queue.answer, f"at {snapshot.address} for the task queue {queue.name}")
            continue
        for kind in settings.queues[queue.name]:
            yield from _polled(queue, kind, snapshot, settings)
        yield from _backlog(queue, settings)


def _polled(queue: Queue, kind: str, snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    listed = [poller for poller in queue.pollers if poller.kind == kind]
    polling = {
        worker.container for worker in (living(item, snapshot, settings.fresh_seconds) for item in listed) if worker
    }
    deaf = sorted(worker.container for worker in snapshot.workers if worker.container not in polling)
    if not deaf and snapshot.workers:
        return
    left = f"still listed, though dead: {len(listed)}" if listed else "none is listed"
    who = ", ".join(deaf) or "no container of Postiz runs, and nothing"
    evidence = f"no living process of {who} polls the task queue {queue.name} for {kind} tasks; {left}."
    code = "worker-not-polling" if queue.name == MAIN else "queue-not-polled"
    yield error(code, "orchestrator", evidence, _RESTART)


def _backlog(queue: Queue, settings: Settings) -> Iterator[Finding]:
    for kind, age in sorted(queue.backlog_seconds.items()):
        if age > settings.backlog_seconds and queue.backlog.get(kind):
            evidence = (
                f"{queue.backlog[kind]} {kind} tasks wait in the task queue {queue.name}, the oldest for {age:.0f} s."
            )
            yield warning("task-queue-backlog", "orchestrator", evidence, "look whether its workers live and keep up.")


def _sweeper(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    answer = snapshot.sweeper
    if answer.trouble is Trouble.NOT_FOUND:
        why = "" if snapshot.cron_enabled else " RUN_CRON is not set, so Postiz never starts it."
        remedy = (
            "restart the Postiz container."
            if snapshot.cron_enabled
            else "set RUN_CRON=true for Postiz, recreate its container."
        )
        evidence = f"the workflow {SWEEPER} does not exist: nothing brings back posts whose workflow is lost.{why}"
        yield error("sweeper-missing", "orchestrator", evidence, remedy)
        return
    if not answer.ok:
        yield _no_answer(answer, f"at {snapshot.address} for the workflow {SWEEPER}")
        return
    status = text_at(answer.data, "workflowExecutionInfo", "status").replace("WORKFLOW_EXECUTION_STATUS_", "")
    if status != "RUNNING":
        evidence = f"the workflow {SWEEPER} is {status or 'in no known state'}; nothing starts it again by itself."
        yield error("sweeper-failed", "orchestrator", evidence, "restart the Postiz container: its backend starts it.")
        return
    attempts = _activity_attempts(answer)
    if attempts >= settings.failing_attempts:
        evidence = f"its activity is being tried for the {attempts}th time; after the third failure the workflow ends for good."
        yield warning("sweeper-failing", "orchestrator", evidence, "look at the database of Postiz.")


def _activity_attempts(answer: Answer) -> int:
    attempts = (text_at(item, "attempt") for item in list_at(answer.data, "pendingActivities"))
    return max((int(text) for text in attempts if text.isdecimal()), default=0)


def _workflows(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    failing = []
    for answer in (snapshot.sweeper, *snapshot.workflows):
        if answer.ok:
            attempt = text_at(answer.data, "pendingWorkflowTask", "attempt")
            if attempt.isdecimal() and int(attempt) >= settings.failing_attempts:
                kind = text_at(answer.data, "workflowExecutionInfo", "type", "name")
                name = text_at(answer.data, "workflowExecutionInfo", "execution", "workflowId")
                failing.append(f"{name} ({kind}, attempt {attempt})")
    if failing:
        evidence = f"workflow tasks fail again and again, as after a downgrade: {', '.join(failing[:5])}."
        remedy = "go back to the newer release, or end these workflows and let their posts be started anew."
        yield error("workflow-tasks-failing", "orchestrator", evidence, remedy)
