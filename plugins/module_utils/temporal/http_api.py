# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporal's own HTTP API (port 7243 of the frontend, since 1.22): a question takes milliseconds, and needs no process.

Connections are kept open, a few side by side.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any, Callable, Deque, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple, TypeVar
from urllib.parse import quote, urlencode

from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import NO_WORKFLOW, list_at, text_at
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import NOT_TOLD, Trail, parse_trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    Start,
    Workflow,
    Workflows,
    WorkflowsFailed,
    askable,
    ended_query,
    parse_listed,
    parse_workflow,
    running_query,
)

PORT = 7243
# How long it is waited for a turn.
PATIENCE_SECONDS = 30.0
SHORT_PATIENCE_SECONDS = 2.0
_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 5.0
# Temporal answers ten questions about visibility in a second, of all who ask: Postiz keeps half of them.
PER_SECOND = 5
# How often it is asked whether there is such an API.
_ASKED = 3
_PAUSE_SECONDS = 0.5
WORKERS = 4
_PAGE = 1000
# Names in one query: its whole text goes into the address of the request. Measured: 500 in 10 ms, 1000 in 50 ms.
_NAMES = 500
_MANY_NAMES = 1000
_TOO_MANY = 429
_RUNNING_POSTS = 'WorkflowId STARTS_WITH "post_" AND ExecutionStatus="Running"'
_TRIES = 2
_ENDED = "already completed"

Value = TypeVar("Value")
Item = TypeVar("Item")


class Turns:
    """Not more than so many in any second, for all threads together."""

    def __init__(self, per_second: int) -> None:
        self._latest: Deque[float] = deque(maxlen=per_second)
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Until it is one's turn. Those that come later stand in line behind the lock."""
        with self._lock:
            if len(self._latest) == self._latest.maxlen:
                time.sleep(max(0.0, self._latest[0] + 1.0 - time.monotonic()))
            self._latest.append(time.monotonic())


class HttpWorkflows(Workflows):
    """See `Workflows`. `deadline_seconds` is for each call."""

    way = "http-api"

    def __init__(self, host: str, port: int, namespace: str, deadline_seconds: float) -> None:
        self._where = (host, port)
        self._base = f"/api/v1/namespaces/{quote(namespace, safe='')}"
        self._deadline = deadline_seconds
        self._local = threading.local()
        self._turns = Turns(PER_SECOND)

    def answers(self) -> bool:
        """Whether there is such an API, and it knows the namespace. A server that is only busy is asked again."""
        for attempt in range(_ASKED):
            if attempt:
                time.sleep(_PAUSE_SECONDS)
            try:
                status = self._call("GET", "", patience=SHORT_PATIENCE_SECONDS)[0]
            except WorkflowsFailed:
                continue
            if status < 500 and status != _TOO_MANY:
                return status == 200
        return False

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Optional[Workflow]]:
        return dict(zip(identifiers, self._many(self._describe, identifiers)))

    def ended_runs(self, identifiers: Sequence[str]) -> Tuple[Workflow, ...]:
        names = askable(identifiers)
        pages = [names[first : first + _NAMES] for first in range(0, len(names), _NAMES)]
        return tuple(workflow for page in self._many(self._ended, pages) for workflow in page)

    def running_among(self, identifiers: Sequence[str]) -> FrozenSet[str]:
        names = askable(identifiers)
        pages = [names[first : first + _MANY_NAMES] for first in range(0, len(names), _MANY_NAMES)]
        return frozenset(name for page in self._many(self._running, pages) for name in page)

    def _running(self, identifiers: Sequence[str]) -> List[str]:
        listed = self._listed(running_query(identifiers), len(identifiers))
        return [text_at(item, "execution", "workflowId") for item in listed]

    def _ended(self, identifiers: Sequence[str]) -> List[Workflow]:
        return [parse_listed(item) for item in self._listed(ended_query(identifiers))]

    def _listed(self, query: str, most: Optional[int] = None) -> List[Mapping[str, Any]]:
        """There cannot be more than `most`: what follows the last of them is not asked for."""
        found: List[Mapping[str, Any]] = []
        token = ""
        while True:
            options = {"query": query, "pageSize": str(_PAGE)}
            page = self._seen("/workflows", {**options, **({"nextPageToken": token} if token else {})})
            found += list_at(page, "executions")
            token = text_at(page, "nextPageToken")
            if not token or (most is not None and len(found) >= most):
                return found

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        found = self._many(self._trail, workflows)
        return {workflow.identifier: trail for workflow, trail in zip(workflows, found)}

    def running_posts(self, limit: int) -> Tuple[Tuple[str, ...], int]:
        found: List[str] = []
        token = ""
        while len(found) < limit:
            options = {"query": _RUNNING_POSTS, "pageSize": str(min(_PAGE, limit - len(found)))}
            page = self._seen("/workflows", {**options, **({"nextPageToken": token} if token else {})})
            found += [text_at(item, "execution", "workflowId") for item in list_at(page, "executions")]
            token = text_at(page, "nextPageToken")
            if not token:
                break
        count = text_at(self._seen("/workflow-count", {"query": _RUNNING_POSTS}), "count")
        return tuple(found), max(len(found), int(count) if count.isdecimal() else 0)

    def terminate(self, workflow: Workflow, reason: str) -> bool:
        body = {
            "reason": reason,
            "workflowExecution": {"workflowId": workflow.identifier, "runId": workflow.run},
        }
        path = f"/workflows/{quote(workflow.identifier, safe='')}/terminate"
        # It was seen to sleep for some more seconds: later than that it may not be ended any more.
        status, data = self._call("POST", path, body=body, patience=SHORT_PATIENCE_SECONDS)
        if status != 200 and not _gone(status, data):
            raise _refused("end a workflow", status, data)
        return status == 200

    def start(self, wanted: Start) -> None:
        body = {
            "workflowType": {"name": wanted.kind},
            "taskQueue": {"name": "main"},
            "workflowIdConflictPolicy": "WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
            "input": [wanted.payload()],
            "searchAttributes": {"indexedFields": wanted.attributes()},
        }
        path = f"/workflows/{quote(wanted.identifier, safe='')}/signal-with-start/poke"
        status, data = self._call("POST", path, body=body)
        if status != 200:
            raise _refused("start a workflow", status, data)

    def _describe(self, identifier: str) -> Optional[Workflow]:
        status, data = self._call("GET", f"/workflows/{quote(identifier, safe='')}")
        if _gone(status, data):
            return None
        if status != 200:
            raise _refused("describe a workflow", status, data)
        return parse_workflow(data)

    def _trail(self, workflow: Workflow) -> Trail:
        events: List[Dict[str, Any]] = []
        token = ""
        path = f"/workflows/{quote(workflow.identifier, safe='')}/history-reverse"
        while True:
            options = {"execution.runId": workflow.run, "maximumPageSize": "200"}
            status, page = self._call("GET", path, {**options, **({"nextPageToken": token} if token else {})})
            if _gone(status, page):
                # Gone since it was described: what it did can no longer be told.
                return NOT_TOLD
            if status != 200 or not isinstance(page, dict):
                raise _refused("tell a history", status, page)
            history = page.get("history")
            # Payloads are dropped at once: they hold the post and its channel's token.
            events += [_bare(event) for event in list_at(history, "events")]
            token = text_at(page, "nextPageToken")
            if not token:
                return parse_trail(events)

    def _seen(self, path: str, options: Mapping[str, str]) -> Dict[str, Any]:
        """A question about visibility, in its turn."""
        self._turns.wait()
        status, data = self._call("GET", path, options)
        if status != 200 or not isinstance(data, dict):
            raise _refused("answer", status, data)
        return data

    def _many(self, ask: Callable[[Item], Value], items: Sequence[Item]) -> List[Value]:
        if len(items) < 2:
            return [ask(item) for item in items]
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            return list(pool.map(ask, items))

    def _call(
        self,
        method: str,
        path: str,
        options: Optional[Mapping[str, str]] = None,
        body: Any = None,
        patience: Optional[float] = None,
    ) -> Tuple[int, Any]:
        """Where Temporal has no turn left it is waited longer each time: Postiz' own questions take theirs from the same."""
        ends = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
        pause = _WAIT_SECONDS
        while True:
            status, data = self._once(method, path, options, body)
            if status != _TOO_MANY or time.monotonic() + pause > ends:
                return status, data
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_WAIT_SECONDS)

    def _once(self, method: str, path: str, options: Optional[Mapping[str, str]], body: Any) -> Tuple[int, Any]:
        url = f"{self._base}{path}" + (f"?{urlencode(options)}" if options else "")
        text = None if body is None else json.dumps(body)
        problem: Exception = HTTPException("no try")
        for _attempt in range(_TRIES):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = HTTPConnection(*self._where, timeout=self._deadline)
                self._local.connection = connection
            try:
                connection.request(method, url, text, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                return answer.status, _json(answer.read())
            except (OSError, HTTPException) as trouble:
                # A kept connection may have been closed meanwhile; every call here may safely be made twice.
                problem = trouble
                connection.close()
                self._local.connection = None
                if isinstance(trouble, socket.timeout):
                    break
        reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        raise WorkflowsFailed(
            f"Temporal's HTTP API at {self._where[0]}:{self._where[1]} does not answer: {reason}.",
            "ask temporal_health what is wrong with it.",
        )


# Of an event's attributes; everything else may hold the post or a token.
_KEPT: Mapping[str, Tuple[str, ...]] = {
    "activityTaskScheduledEventAttributes": ("activityType",),
    "activityTaskStartedEventAttributes": ("scheduledEventId", "attempt"),
    "activityTaskCompletedEventAttributes": ("scheduledEventId",),
    "activityTaskFailedEventAttributes": ("scheduledEventId",),
    "activityTaskTimedOutEventAttributes": ("scheduledEventId",),
    "activityTaskCanceledEventAttributes": ("scheduledEventId",),
    "timerStartedEventAttributes": ("startToFireTimeout",),
}


def _bare(event: Mapping[str, Any]) -> Dict[str, Any]:
    kept: Dict[str, Any] = {name: event[name] for name in ("eventId", "eventType", "eventTime") if name in event}
    for name, inner in _KEPT.items():
        attributes = event.get(name)
        if isinstance(attributes, dict):
            kept[name] = {key: attributes.get(key) for key in inner}
            failure = text_at(attributes, "failure", "applicationFailureInfo", "type")
            if failure:
                kept[name]["failure"] = {"applicationFailureInfo": {"type": failure}}
    return kept


def _gone(status: int, data: Any) -> bool:
    """Whether Temporal itself says that there is no such workflow, or no longer. Not: no such namespace, or no such page."""
    message = text_at(data, "message")
    return status == 404 and (NO_WORKFLOW.search(message) is not None or _ENDED in message)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw.strip() else {}
    except ValueError:
        return None


def _refused(what: str, status: int, data: Any) -> WorkflowsFailed:
    message = text_at(data, "message")[:200] or "no reason given"
    return WorkflowsFailed(
        f"Temporal refused to {what} (status {status}: {message}).", "ask temporal_health what is wrong with it."
    )
