"""Workflows by their ids: what Temporal really answered, over HTTP and through its client, and what it must not do."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import parse_time
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import ExecResult
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal import http_api
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Cli, Connection, Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli_workflows import CliWorkflows
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.http_api import HttpWorkflows
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.trail import NOT_TOLD, Trail, parse_trail
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.workflows import (
    PendingActivity,
    Start,
    Workflow,
    WorkflowsFailed,
    parse_workflow,
)
from fake_engine import FakeEngine

RECORDED = Path(__file__).parent / "recorded"
FORMS = ("http", "cli")
BASE = "/api/v1/namespaces/default"
NOT_FOUND = (404, {"code": 5, "message": "workflow not found for ID: post_none"})
START = Start("p1", "o1", "x", "postWorkflowV109")
RUN = Workflow("post_p1", "run-1", "postWorkflowV109", "RUNNING", 0.0, None)


def recorded(name: str) -> Any:
    return json.loads(RECORDED.joinpath(name).read_text(encoding="utf-8"))


def events(form: str, post: str) -> list[dict[str, Any]]:
    """Newest first, as both forms are handed to the parser."""
    answer = recorded(f"history-{form}-{post}.json")
    found: list[dict[str, Any]] = answer["history"]["events"] if form == "http" else answer["events"][::-1]
    return found


def test_recordings_hold_no_content() -> None:
    texts = [path.read_text(encoding="utf-8") for path in RECORDED.glob("history-*.json")]
    assert len(texts) == 4
    for text in texts:
        assert "(placeholder)" in text
        assert "lab-token" not in text
        assert "content" not in text


@pytest.mark.parametrize("form", FORMS)
def test_a_sleeping_post(form: str) -> None:
    found = parse_workflow(recorded(f"workflow-{form}-sleeping.json"))
    assert found.running
    assert (found.identifier, found.kind, found.status) == ("post_sleeping", "postWorkflowV108", "RUNNING")
    assert (found.closed_at, found.activities, found.task_attempt) == (None, (), 0)
    assert found.run
    trail = parse_trail(events(form, "sleeping"))
    begun = parse_time("2026-11-24T22:26:42.648838121Z")
    assert begun is not None
    assert (trail.publishing, trail.unanswered) == (0, 0)
    assert trail.wakes_at == pytest.approx(begun + 899.690)


@pytest.mark.parametrize("form", FORMS)
def test_a_published_post(form: str) -> None:
    found = parse_workflow(recorded(f"workflow-{form}-published.json"))
    assert not found.running
    assert found.status == "COMPLETED"
    assert found.closed_at == parse_time("2026-11-24T22:26:48.683428492Z")
    # postSocialPending, checkPostStatus, finalizePost, all answered; and startStreak, which is no activity of upstream's.
    assert parse_trail(events(form, "published")) == Trail(4, 0, None)


def test_the_trail_at_every_moment_of_a_real_run() -> None:
    whole = events("http", "published")[::-1]
    told = [parse_trail(whole[count::-1]) for count in range(len(whole))]
    kinds = [event["eventType"].removeprefix("EVENT_TYPE_") for event in whole]
    slept = range(kinds.index("TIMER_STARTED"), kinds.index("TIMER_FIRED"))
    assert [number for number, trail in enumerate(told) if trail.wakes_at is not None] == list(slept)
    assert [trail.publishing for trail in told] == sorted(trail.publishing for trail in told)


def activity_scheduled(name: str, number: int | None = None) -> dict[str, Any]:
    return {
        **({"eventId": str(number)} if number else {}),
        "eventType": "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED",
        "activityTaskScheduledEventAttributes": {"activityType": {"name": name}},
    }


def activity_closed(number: int, kind: str, **more: Any) -> dict[str, Any]:
    word = "".join(part.capitalize() for part in kind.split("_"))
    return {
        "eventType": f"EVENT_TYPE_ACTIVITY_TASK_{kind}",
        f"activityTask{word}EventAttributes": {"scheduledEventId": str(number), **more},
    }


def failed(number: int, kind: str) -> dict[str, Any]:
    return activity_closed(number, "FAILED", failure={"message": "…", "applicationFailureInfo": {"type": kind}})


def timer(length: str, at: str = "1970-01-01T00:01:00Z") -> dict[str, Any]:
    return {
        "eventType": "EVENT_TYPE_TIMER_STARTED",
        "eventTime": at,
        "timerStartedEventAttributes": {"startToFireTimeout": length},
    }


STARTED = {"eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}


@pytest.mark.parametrize(
    ("newest_first", "expected"),
    [
        ([], Trail(0, 0, None)),
        ([timer("2.5s")], Trail(0, 0, 62.5)),
        ([timer("20s"), activity_scheduled("finalizePost")], Trail(1, 1, 80.0)),
        ([activity_scheduled("getPost"), timer("20s")], Trail(0, 0, None)),
        ([{"eventType": "EVENT_TYPE_TIMER_FIRED"}, timer("20s")], Trail(0, 0, None)),
        ([{"eventType": "EVENT_TYPE_TIMER_CANCELED"}, timer("20s")], Trail(0, 0, None)),
        ([{"eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"}, timer("20s")], Trail(0, 0, 80.0)),
        ([timer("soon")], Trail(0, 0, None)),
        ([timer("20s", "then")], Trail(0, 0, None)),
        # What is not known may have published.
        ([{"eventType": None}, {}], Trail(2, 0, None)),
        ([{"eventType": "EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED"}, timer("20s")], Trail(1, 0, None)),
        ([timer("20s"), {"eventType": "EVENT_TYPE_MARKER_RECORDED"}], Trail(1, 0, 80.0)),
        ([timer("20s"), activity_scheduled("sendItSomehow")], Trail(1, 1, 80.0)),
        # Beside a second timer it may wake sooner.
        ([timer("20s"), timer("5s")], Trail(0, 0, None)),
        ([timer("20s"), {"eventType": "EVENT_TYPE_TIMER_FIRED"}, timer("5s")], Trail(0, 0, 80.0)),
        ([activity_scheduled(name) for name in ("postSocial", "postComment", "updatePost")], Trail(2, 1, None)),
    ],
)
def test_trails(newest_first: list[dict[str, Any]], expected: Trail) -> None:
    assert parse_trail([*newest_first, STARTED]) == expected
    # A history that does not go back to the start, or is empty, does not say that nothing was published.
    assert parse_trail(newest_first) == NOT_TOLD


@pytest.mark.parametrize(
    ("newest_first", "unanswered"),
    [
        ([activity_closed(5, "COMPLETED")], 0),
        ([failed(5, "bad_body")], 0),
        ([failed(5, "refresh_token")], 0),
        ([failed(5, "Error")], 1),
        ([activity_closed(5, "FAILED")], 1),
        ([activity_closed(5, "TIMED_OUT")], 1),
        ([activity_closed(5, "CANCELED")], 1),
        ([activity_closed(5, "CANCEL_REQUESTED")], 1),
        ([activity_closed(6, "COMPLETED")], 1),
    ],
)
@pytest.mark.parametrize("name", ["postSocial", "postSocialPending", "finalizePost", "sendItSomehow"])
def test_what_was_sent_without_an_answer(name: str, newest_first: list[dict[str, Any]], unanswered: int) -> None:
    for attempt in (1, 3):
        begun = activity_closed(5, "STARTED", attempt=attempt)
        told = parse_trail([*newest_first, begun, activity_scheduled(name, 5), STARTED])
        ended = newest_first[0] not in (activity_closed(6, "COMPLETED"), activity_closed(5, "CANCEL_REQUESTED"))
        # Of an activity that has not ended, its description tells the attempts.
        assert told == Trail(1, unanswered + (attempt - 1 if ended else 0), None)


def test_what_no_worker_had_was_not_sent() -> None:
    told = parse_trail([activity_closed(5, "TIMED_OUT"), activity_scheduled("finalizePost", 5), STARTED])
    assert told == Trail(1, 0, None)


def test_media_in_several_parts_are_no_loop() -> None:
    """Each part is a call of finalizePost with its answer."""
    parts = [[activity_closed(n, "COMPLETED"), activity_scheduled("finalizePost", n)] for n in (20, 15, 10)]
    assert parse_trail([*(event for part in parts for event in part), STARTED]) == Trail(3, 0, None)


def test_of_a_failure_only_its_kind_is_kept() -> None:
    planted = failed(5, "bad_body")
    planted["activityTaskFailedEventAttributes"]["failure"]["applicationFailureInfo"]["details"] = ["token"]
    kept = http_api._bare(planted)
    assert "token" not in json.dumps(kept)
    assert "…" not in json.dumps(kept, ensure_ascii=False)
    assert parse_trail([kept, activity_scheduled("postSocial", 5), STARTED]) == Trail(1, 0, None)


def test_pending_work() -> None:
    data = recorded("workflow-http-sleeping.json")
    data["pendingActivities"] = [
        {
            "activityType": {"name": "finalizePost"},
            "state": "PENDING_ACTIVITY_STATE_STARTED",
            "attempt": 2,
            "lastWorkerIdentity": "7@host",
            "lastStartedTime": "1970-01-01T00:01:00.500Z",
        },
        {"activityType": {"name": "postSocial"}, "state": "PENDING_ACTIVITY_STATE_SCHEDULED", "attempt": "²"},
    ]
    data["pendingWorkflowTask"] = {"state": "PENDING_WORKFLOW_TASK_STATE_SCHEDULED", "attempt": 4}
    found = parse_workflow(data)
    assert found.activities == (
        PendingActivity("finalizePost", "STARTED", 2, "7@host", 60.5),
        PendingActivity("postSocial", "SCHEDULED", 1, "", 0.0),
    )
    assert [item.started for item in found.activities] == [True, False]
    assert found.task_attempt == 4


@pytest.mark.parametrize("data", [None, [], {}, {"workflowExecutionInfo": None}, {"workflowExecutionInfo": {}}])
def test_a_description_that_is_none(data: Any) -> None:
    with pytest.raises(WorkflowsFailed, match="without its state"):
        parse_workflow(data)


Reply = tuple[int, Any]
Script = Callable[["Asked"], Reply]


class Asked:
    """A request as it arrived."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        self.method = handler.command
        self.path = parts.path.removeprefix(BASE)
        self.options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.body = json.loads(handler.rfile.read(length)) if length else None


class Server:
    """A frontend of Temporal; `script` answers, with text for a body that is no JSON."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Script = lambda _asked: (200, {})
        self.connections = 0
        self.hang_up = False
        self.released = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body in one segment, or each answer waits for a delayed acknowledgement.
            wbufsize = -1

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def answer(self) -> None:
                asked = Asked(self)
                outer.asked.append(asked)
                status, data = outer.script(asked)
                text = data if isinstance(data, str) else json.dumps(data)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
                self.wfile.flush()
                # Without having said so: the client believes that the connection is kept.
                self.close_connection = outer.hang_up

            do_GET = answer  # noqa: N815
            do_POST = answer  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                del arguments

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def workflows(self, deadline: float = 5.0) -> HttpWorkflows:
        return HttpWorkflows("127.0.0.1", self.port, "default", deadline)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        # Not server_close: it would wait for clients that keep their connections.
        self._server.socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """One that ends with the test."""
    found = Server()
    yield found
    found.close()


def described(name: str) -> dict[str, Any]:
    data: dict[str, Any] = recorded("workflow-http-sleeping.json")
    data["workflowExecutionInfo"]["execution"]["workflowId"] = name
    return data


def test_one_connection_is_kept(server: Server) -> None:
    workflows = server.workflows()
    assert workflows.answers()
    server.script = lambda _asked: (200, described("post_p1"))
    for _number in range(3):
        found = workflows.describe(["post_p1"])
        assert found["post_p1"] is not None
    assert [asked.path for asked in server.asked] == ["", *["/workflows/post_p1"] * 3]
    assert server.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(server: Server) -> None:
    workflows = server.workflows()
    server.hang_up = True
    server.script = lambda _asked: (200, described("post_p1"))
    for _number in range(3):
        assert workflows.describe(["post_p1"])["post_p1"] is not None
    assert len(server.asked) == 3
    assert server.connections == 3


def test_many_are_asked_side_by_side_and_keep_their_names(server: Server) -> None:
    def script(asked: Asked) -> Reply:
        name = asked.path.rpartition("/")[2]
        return NOT_FOUND if name == "post_3" else (200, described(name))

    server.script = script
    names = [f"post_{number}" for number in range(20)]
    found = server.workflows().describe(names)
    assert {name: item.identifier if item else None for name, item in found.items()} == {
        name: None if name == "post_3" else name for name in names
    }
    assert server.connections <= 4


def test_ids_are_quoted(server: Server) -> None:
    server.script = lambda _asked: NOT_FOUND
    assert server.workflows().describe(["post_a/b?c"]) == {"post_a/b?c": None}
    assert server.asked[0].path == "/workflows/post_a%2Fb%3Fc"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((500, {"message": "shard is lost"}), r"\(status 500: shard is lost\)"),
        ((503, "<html>bad gateway</html>"), r"\(status 503: no reason given\)"),
        ((403, {"message": "x" * 5000}), r"\(status 403: x{200}\)"),
        ((200, "no JSON"), "without its state"),
        ((200, "[]"), "without its state"),
        ((200, ""), "without its state"),
    ],
    ids=["500", "no JSON", "a long message", "200 without JSON", "a list", "nothing"],
)
def test_a_description_that_fails(server: Server, reply: Reply, message: str) -> None:
    server.script = lambda _asked: reply
    with pytest.raises(WorkflowsFailed, match=message) as failed:
        server.workflows().describe(["post_p1"])
    assert "temporal_health" in failed.value.remedy


GONE = (
    "workflow not found for ID: post_p1",
    "Workflow executionsRow not found.  WorkflowId: post_p1, RunId: run-1",
    "Workflow execution history not found.",
    "workflow history not found",
    "operation GetCurrentExecution encountered not found",
)


@pytest.mark.parametrize("message", GONE)
def test_a_history_that_is_gone_may_have_begun_to_publish(server: Server, message: str) -> None:
    server.script = lambda _asked: (404, {"code": 5, "message": message})
    assert server.workflows().trails([RUN]) == {RUN.identifier: NOT_TOLD}
    assert server.workflows().describe(["post_p1"]) == {"post_p1": None}
    workflows = client(ClientEngine(failing(message), failing(f"failed describing workflow: {message}")))
    assert workflows.trails([RUN]) == {RUN.identifier: NOT_TOLD}
    assert workflows.describe(["post_p1"]) == {"post_p1": None}


def test_an_empty_history_does_not_say_that_nothing_was_published(server: Server) -> None:
    server.script = lambda _asked: (200, {"history": {"events": []}})
    assert server.workflows().trails([RUN]) == {RUN.identifier: NOT_TOLD}
    assert client(ClientEngine((0, '{"events": null}'), (0, ""))).trails([RUN]) == {RUN.identifier: NOT_TOLD}


@pytest.mark.parametrize(
    "reply",
    [
        (404, {"code": 5, "message": "Namespace postiz is not found."}),
        (404, {"code": 5, "message": "Not Found"}),
        (404, "<html>404 Not Found</html>"),
        (404, {}),
    ],
    ids=["no namespace", "no such page", "of a proxy", "nothing"],
)
def test_another_not_found_is_no_workflow_that_is_gone(server: Server, reply: Reply) -> None:
    server.script = lambda _asked: reply
    workflows = server.workflows()
    asks: list[Callable[[], object]] = [
        lambda: workflows.describe(["post_p1"]),
        lambda: workflows.trails([RUN]),
        lambda: workflows.terminate(RUN, "why"),
    ]
    for ask in asks:
        with pytest.raises(WorkflowsFailed, match="status 404"):
            ask()


@pytest.mark.parametrize(
    ("message", "trouble"),
    [
        (
            "failed describing workflow: unexpected HTTP status code received from server: 404 (Not Found); "
            "transport: received unexpected content-type",
            Trouble.UNREACHABLE,
        ),
        (
            "failed reaching server: last connection error: dial tcp: lookup temporal: host not found",
            Trouble.UNREACHABLE,
        ),
        ("lookup temporal: host not found", Trouble.UNREACHABLE),
        ("Namespace postiz is not found.", Trouble.NAMESPACE_NOT_FOUND),
        ("method not found", Trouble.FAILED),
        ("failed describing workflow: workflow not found for ID: post_none", Trouble.NOT_FOUND),
    ],
)
def test_what_was_not_found_is_told_apart(message: str, trouble: Trouble) -> None:
    engine = ClientEngine(failing(message))
    (answer,) = Cli(engine, "client", Connection("temporal:7233", "default"), 5).ask([["workflow", "describe"]])
    assert answer.trouble is trouble


@pytest.mark.parametrize("reply", [(500, {}), (200, "no JSON"), (200, [])])
def test_nothing_else_is_made_up_from_a_failure(server: Server, reply: Reply) -> None:
    server.script = lambda _asked: reply
    workflows = server.workflows()
    with pytest.raises(WorkflowsFailed):
        workflows.trails([RUN])
    with pytest.raises(WorkflowsFailed):
        workflows.running_posts(5)


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (500, 3)])
def test_an_unknown_namespace_is_no_answer(
    server: Server, status: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_api, "_PAUSE_SECONDS", 0.01)
    server.script = lambda _asked: (status, {})
    assert not server.workflows().answers()
    assert len(server.asked) == asked


def test_a_server_that_was_only_busy_is_asked_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_api, "_PAUSE_SECONDS", 0.01)
    answers = iter([(503, {}), (500, {})])
    server.script = lambda _asked: next(answers, (200, {}))
    assert server.workflows().answers()


def test_a_server_that_hangs_is_given_up_at_the_deadline(server: Server) -> None:
    def hang(_asked: Asked) -> Reply:
        server.released.wait(5)
        return 200, {}

    server.script = hang
    since = monotonic()
    with pytest.raises(WorkflowsFailed, match="does not answer: timed out"):
        server.workflows(0.2).describe(["post_p1"])
    assert 0.15 < monotonic() - since < 2
    # What took too long once is not asked for once more.
    assert len(server.asked) == 1


def test_nobody_listens() -> None:
    gone = Server()
    workflows = gone.workflows()
    gone.close()
    with pytest.raises(WorkflowsFailed, match="Connection refused"):
        workflows.describe(["post_p1"])
    assert not workflows.answers()


def test_a_history_in_pages(server: Server) -> None:
    whole = events("http", "published")
    pages = {"": (whole[:20], "two"), "two": (whole[20:40], "three"), "three": (whole[40:], "")}

    def script(asked: Asked) -> Reply:
        page, token = pages[asked.options.get("nextPageToken", "")]
        return 200, {"history": {"events": page}, "nextPageToken": token}

    server.script = script
    assert server.workflows().trails([RUN]) == {"post_p1": Trail(4, 0, None)}
    assert {asked.path for asked in server.asked} == {"/workflows/post_p1/history-reverse"}
    assert {asked.options["execution.runId"] for asked in server.asked} == {"run-1"}
    assert len(server.asked) == 3


def test_running_posts_in_pages(server: Server) -> None:
    pages: Mapping[str, tuple[range, str]] = {"": (range(3), "more"), "more": (range(3, 5), "")}

    def script(asked: Asked) -> Reply:
        if asked.path == "/workflow-count":
            return 200, {"count": "7"}
        numbers, token = pages[asked.options.get("nextPageToken", "")]
        items = [{"execution": {"workflowId": f"post_{number}"}} for number in numbers]
        return 200, {"executions": items, "nextPageToken": token}

    server.script = script
    workflows = server.workflows()
    assert workflows.running_posts(100) == (tuple(f"post_{number}" for number in range(5)), 7)
    assert workflows.running_posts(3) == (("post_0", "post_1", "post_2"), 7)
    assert workflows.running_posts(0) == ((), 7)
    assert server.asked[3].options["pageSize"] == "3"


def test_which_of_many_run(server: Server) -> None:
    """Many names in one question, and never one question for each."""
    names = [f"post_{number}" for number in range(3000)]

    def script(asked: Asked) -> Reply:
        assert asked.options["query"].endswith(' AND ExecutionStatus = "Running"')
        inside = asked.options["query"].partition("(")[2].partition(")")[0].split(", ")
        running = [name.strip('"') for name in inside if int(name.strip('"').partition("_")[2]) % 3]
        half = len(running) // 2
        page, token = (running[half:], "") if "nextPageToken" in asked.options else (running[:half], "more")
        return 200, {
            "executions": [{"execution": {"workflowId": name}} for name in page],
            **({"nextPageToken": token} if token else {}),
        }

    server.script = script
    found = server.workflows().running_among([*names, 'post_"odd"'])
    assert found == {name for number, name in enumerate(names) if number % 3}
    assert len(server.asked) <= 8
    assert max(len(asked.options["query"]) for asked in server.asked) < 20_000
    assert server.workflows().running_among([]) == frozenset()


def test_a_question_beyond_temporal_s_rate_waits_for_its_turn(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([(429, {"message": "namespace rate limit exceeded"})] * 3)
    times: list[float] = []

    def script(_asked: Asked) -> Reply:
        times.append(monotonic())
        return next(answers, (200, {"executions": [{"execution": {"workflowId": "post_1"}}]}))

    server.script = script
    monkeypatch.setattr(http_api, "_WAIT_SECONDS", 0.01)
    assert server.workflows().running_among(["post_1"]) == {"post_1"}
    assert len(server.asked) == 4
    assert [
        after - before > pause for (before, after), pause in zip(pairwise(times), (0.01, 0.02, 0.04), strict=True)
    ] == [True] * 3
    monkeypatch.setattr(http_api, "PATIENCE_SECONDS", 0.05)
    server.script = lambda _asked: (429, {"message": "namespace rate limit exceeded"})
    with pytest.raises(WorkflowsFailed, match="namespace rate limit exceeded"):
        server.workflows().running_among(["post_1"])


def test_half_of_temporal_s_rate_is_left_to_postiz(server: Server) -> None:
    times: list[float] = []

    def script(_asked: Asked) -> Reply:
        times.append(monotonic())
        return 200, {"executions": []}

    server.script = script
    server.workflows().running_among([f"post_{number}" for number in range(12000)])
    assert len(times) == 12
    times.sort()
    assert all(after - before > 0.9 for before, after in zip(times, times[http_api.PER_SECOND :], strict=False))
    assert times[http_api.PER_SECOND - 1] - times[0] < 0.9


def test_what_sleeps_for_some_seconds_more_is_not_waited_for_until_it_wakes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_api, "SHORT_PATIENCE_SECONDS", 0.3)
    server.script = lambda _asked: (429, {"message": "namespace rate limit exceeded"})
    since = monotonic()
    with pytest.raises(WorkflowsFailed, match="namespace rate limit exceeded"):
        server.workflows().terminate(RUN, "why")
    assert monotonic() - since < 2


def test_which_of_many_run_is_not_made_up(server: Server) -> None:
    server.script = lambda _asked: (503, {"message": "no visibility"})
    with pytest.raises(WorkflowsFailed, match="no visibility"):
        server.workflows().running_among(["post_1"])


def test_terminate(server: Server) -> None:
    workflows = server.workflows()
    assert workflows.terminate(RUN, "why")
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/workflows/post_p1/terminate")
    assert asked.body == {"reason": "why", "workflowExecution": {"workflowId": "post_p1", "runId": "run-1"}}
    server.script = lambda _asked: (404, {"message": "workflow execution already completed"})
    assert not workflows.terminate(RUN, "why")
    server.script = lambda _asked: (500, {"message": "no"})
    with pytest.raises(WorkflowsFailed, match="refused to end a workflow"):
        workflows.terminate(RUN, "why")


def test_start(server: Server) -> None:
    server.workflows().start(START)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/workflows/post_p1/signal-with-start/poke")
    assert asked.body == {
        "workflowType": {"name": "postWorkflowV109"},
        "taskQueue": {"name": "main"},
        "workflowIdConflictPolicy": "WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
        "input": [{"taskQueue": "x", "postId": "p1", "organizationId": "o1"}],
        "searchAttributes": {"indexedFields": {"postId": "p1", "organizationId": "o1"}},
    }
    server.script = lambda _asked: (409, {"message": "no"})
    with pytest.raises(WorkflowsFailed, match="refused to start a workflow"):
        server.workflows().start(START)


class ClientEngine(FakeEngine):
    """A container whose client answers the commands of one exec in turn: text on stdout, or an error text."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.words: list[list[str]] = []
        self.execs = 0

    def execute(self, identifier: str, command: list[str], deadline_seconds: float) -> ExecResult:
        assert identifier == "client"
        assert deadline_seconds > 0
        self.execs += 1
        out = err = ""
        for line in command[-1].splitlines():
            words = shlex.split(line.partition("; code=")[0])
            marker = line.rpartition("printf '%s' ")[2].split()[0]
            self.words.append(words[words.index("temporal") + 1 : words.index("--address")])
            code, text = self.answers.pop(0)
            out += f"{'' if code else text}{marker}{code}{marker}"
            err += f"{text if code else ''}{marker}"
        return ExecResult(0, out.encode(), err.encode())


def client(engine: ClientEngine) -> CliWorkflows:
    return CliWorkflows(Cli(engine, "client", Connection("temporal:7233", "default"), 5))


def failing(message: str) -> tuple[int, str]:
    return 1, f'time=2026-11-24T22:26:59.739 level=ERROR msg="{message}"\n'


MISSING = failing("failed describing workflow: workflow not found for ID: post_none")


def test_the_client_describes_many_in_one_exec() -> None:
    engine = ClientEngine((0, json.dumps(recorded("workflow-cli-sleeping.json"))), MISSING)
    found = client(engine).describe(["post_sleeping", "post_none"])
    assert found["post_sleeping"] is not None
    assert found["post_sleeping"].running
    assert found["post_none"] is None
    assert engine.execs == 1
    assert engine.words[1] == ["workflow", "describe", "--workflow-id", "post_none"]


def test_the_client_is_asked_in_batches() -> None:
    text = json.dumps(recorded("workflow-cli-sleeping.json"))
    engine = ClientEngine(*[(0, text)] * 45)
    assert len(client(engine).describe([f"post_{number}" for number in range(45)])) == 45
    assert engine.execs == 3


def test_the_client_tells_a_trail() -> None:
    sleeping = client(ClientEngine((0, json.dumps(recorded("history-cli-sleeping.json"))))).trails([RUN])["post_p1"]
    assert sleeping == parse_trail(events("http", "sleeping"))
    engine = ClientEngine((0, json.dumps(recorded("history-cli-published.json"))))
    assert client(engine).trails([RUN]) == {"post_p1": Trail(4, 0, None)}
    assert engine.words == [["workflow", "show", "--workflow-id", "post_p1", "--run-id", "run-1"]]


def test_the_client_lists() -> None:
    listed = [{"execution": {"workflowId": "post_1"}}, {"execution": {"workflowId": "post_2"}}]
    assert client(ClientEngine((0, json.dumps(listed)), (0, '{"count": "9"}'))).running_posts(2) == (
        ("post_1", "post_2"),
        9,
    )
    assert client(ClientEngine((0, ""), (0, '{"count": "0"}'))).running_posts(2) == ((), 0)


def test_the_client_tells_which_of_many_run() -> None:
    engine = ClientEngine((0, json.dumps([{"execution": {"workflowId": "post_2"}}])))
    assert client(engine).running_among(["post_1", "post_2"]) == {"post_2"}
    assert client(ClientEngine()).running_among([]) == frozenset()
    with pytest.raises(WorkflowsFailed, match="no visibility"):
        client(ClientEngine(failing("no visibility"))).running_among(["post_1"])


@pytest.mark.parametrize("answers", [[(0, "[]"), failing("no visibility")], [failing("no visibility"), (0, "{}")]])
def test_the_client_does_not_make_up_a_number(answers: list[tuple[int, str]]) -> None:
    with pytest.raises(WorkflowsFailed, match="no visibility"):
        client(ClientEngine(*answers)).running_posts(2)


def test_the_client_ends() -> None:
    engine = ClientEngine((0, ""), failing("unable to terminate: workflow execution already completed"), MISSING)
    workflows = client(engine)
    assert [workflows.terminate(RUN, "why") for _number in range(3)] == [True, False, False]
    assert engine.words[0][-2:] == ["--reason", "why"]
    with pytest.raises(WorkflowsFailed, match="connection refused"):
        client(ClientEngine(failing("connection refused"))).terminate(RUN, "why")


def test_the_client_starts() -> None:
    engine = ClientEngine((0, "{}"))
    client(engine).start(START)
    (words,) = engine.words
    assert words[:2] == ["workflow", "signal-with-start"]
    given = dict(pairwise(words))
    assert (given["--type"], given["--task-queue"], given["--signal-name"]) == ("postWorkflowV109", "main", "poke")
    assert given["--id-conflict-policy"] == "UseExisting"
    assert json.loads(given["--input"]) == START.payload()
    assert 'postId="p1"' in words
    with pytest.raises(WorkflowsFailed, match="did not do what it was asked"):
        client(ClientEngine(failing("no"))).start(START)


@pytest.mark.parametrize("text", ["no JSON", "", "[]"])
def test_the_client_prints_something_else(text: str) -> None:
    with pytest.raises(WorkflowsFailed):
        client(ClientEngine((0, text))).describe(["post_p1"])


def test_the_client_s_container_says_nothing() -> None:
    class Silent(ClientEngine):
        def execute(self, identifier: str, command: list[str], deadline_seconds: float) -> ExecResult:
            del identifier, command, deadline_seconds
            return ExecResult(None, b"", b"")

    with pytest.raises(WorkflowsFailed, match="Nothing came back"):
        client(Silent()).describe(["post_p1"])
