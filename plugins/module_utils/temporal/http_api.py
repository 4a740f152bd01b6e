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
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar
from urllib.parse import quote, urlencode

from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import list_at, text_at
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    NOT_TOLD,
    Start,
    Trail,
    Workflow,
    Workflows,
    WorkflowsFailed,
    parse_trail,
    parse_workflow,
)

PORT = 7243
WORKERS = 4
_PAGE = 500
_RUNNING_POSTS = 'WorkflowId STARTS_WITH "post_" AND ExecutionStatus="Running"'
_TRIES = 2

Value = TypeVar("Value")
Item = TypeVar("Item")


class HttpWorkflows(Workflows):
    """See `Workflows`. `deadline_seconds` is for each call."""

    def __init__(self, host: str, port: int, namespace: str, deadline_seconds: float) -> None:
        self._where = (host, port)
        self._base = f"/api/v1/namespaces/{quote(namespace, safe='')}"
        self._deadline = deadline_seconds
        self._local = threading.local()

    def answers(self) -> bool:
        """Whether there is such an API, and it knows the namespace."""
        try:
            return self._call("GET", "")[0] == 200
        except WorkflowsFailed:
            return False

    def describe(self, identifiers: Sequence[str]) -> Mapping[str, Optional[Workflow]]:
        return dict(zip(identifiers, self._many(self._describe, identifiers)))

    def trails(self, workflows: Sequence[Workflow]) -> Mapping[str, Trail]:
        found = self._many(self._trail, workflows)
        return {workflow.identifier: trail for workflow, trail in zip(workflows, found)}

    def running_posts(self, limit: int) -> Tuple[Tuple[str, ...], int]:
        found: List[str] = []
        token = ""
        while len(found) < limit:
            options = {"query": _RUNNING_POSTS, "pageSize": str(min(_PAGE, limit - len(found)))}
            page = self._good("GET", "/workflows", {**options, **({"nextPageToken": token} if token else {})})
            found += [text_at(item, "execution", "workflowId") for item in list_at(page, "executions")]
            token = text_at(page, "nextPageToken")
            if not token:
                break
        count = text_at(self._good("GET", "/workflow-count", {"query": _RUNNING_POSTS}), "count")
        return tuple(found), max(len(found), int(count) if count.isdecimal() else 0)

    def terminate(self, workflow: Workflow, reason: str) -> bool:
        body = {
            "reason": reason,
            "workflowExecution": {"workflowId": workflow.identifier, "runId": workflow.run},
        }
        status, data = self._call("POST", f"/workflows/{quote(workflow.identifier, safe='')}/terminate", body=body)
        if status not in (200, 404):
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
        if status == 404:
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
            if status == 404:
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

    def _good(self, method: str, path: str, options: Optional[Mapping[str, str]] = None) -> Dict[str, Any]:
        status, data = self._call(method, path, options)
        if status != 200 or not isinstance(data, dict):
            raise _refused("answer", status, data)
        return data

    def _many(self, ask: Callable[[Item], Value], items: Sequence[Item]) -> List[Value]:
        if len(items) < 2:
            return [ask(item) for item in items]
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            return list(pool.map(ask, items))

    def _call(
        self, method: str, path: str, options: Optional[Mapping[str, str]] = None, body: Any = None
    ) -> Tuple[int, Any]:
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


def _bare(event: Mapping[str, Any]) -> Dict[str, Any]:
    kept = {name: event[name] for name in ("eventType", "eventTime") if name in event}
    for name, inner in (
        ("activityTaskScheduledEventAttributes", "activityType"),
        ("timerStartedEventAttributes", "startToFireTimeout"),
    ):
        attributes = event.get(name)
        if isinstance(attributes, dict):
            kept[name] = {inner: attributes.get(inner)}
    return kept


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
