"""The facts that the collection relies on, each checked on the lab. Destructive tests come last and restore.

That each fault of the lab bites and heals is shown in test_faults.py.
"""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from labkit import faults, pm2, posts, provision, social
from labkit.errors import LabError
from labkit.faults import machine, repair
from labkit.posts import Post
from labkit.stack import Stack
from labkit.temporal import SERVER, SWEEP, Temporal
from labkit.visibility import sql_visibility
from labkit.waiting import stays, wait_for

pytestmark = pytest.mark.usefixtures("whole_again")

PROJECT = "postiz-fidelity"
TIME_SCALE = 60
"""Upstream's waits are sixty times shorter in this stack."""
VARIABLES: dict[str, object] = {
    "lab_time_scale": TIME_SCALE,
    "lab_queues": "x,mastodon,threads,bluesky",
    "stack_port": 4017,
    "stack_temporal_ui_port": 8090,
}
REFUSING = "threads"
WITHOUT_KEYS = "bluesky"
SWEEP_SECONDS = 3600 / TIME_SCALE
ACTIVITY_SECONDS = 1800 / TIME_SCALE
PUBLISH_SECONDS = 30.0
HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return VARIABLES


@pytest.fixture(scope="module")
def needed_images() -> tuple[str, ...]:
    return ("postiz-lab/postiz:v2",)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer here."""

    def redirect_request(self, *_: object) -> None:
        return None


def get(url: str) -> tuple[int, str]:
    """Status, and the body or the target of a redirect."""
    try:
        with urllib.request.build_opener(NoRedirect).open(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location", "")


def ended(stack: Stack, post: str, state: str, seconds: float = PUBLISH_SECONDS) -> Post:
    """The row once it has reached a state."""
    wait_for(f"{post} {state}", lambda: posts.read(stack, post).state == state, seconds)
    return posts.read(stack, post)


@pytest.fixture(scope="module")
def workflow_type(stack: Stack, temporal: Temporal) -> str:
    """This release's type of post workflow."""
    post = posts.schedule(stack, 0)
    return wait_for("a post workflow", lambda: temporal.post_workflow_type(post), 10)


@pytest.fixture
def poke(stack: Stack, temporal: Temporal, workflow_type: str) -> Callable[[str], None]:
    """What the sweep does with one post."""
    channel = posts.channel(stack)
    return lambda post: temporal.poke(post, channel.organization, channel.provider, workflow_type)


# The container


def test_tools_of_the_image(stack: Stack) -> None:
    wanted = "node npm pnpm pm2 nginx python3 bash g++ ss"
    absent = "ps pgrep pkill top curl wget psql redis-cli temporal"
    found = stack.run("postiz", "sh", "-c", f"for name in {wanted} {absent}; do command -v $name; done; true").text
    names = {line.rpartition("/")[2] for line in found.split()}
    assert names == set(wanted.split())


def test_process_chain(stack: Stack) -> None:
    table = pm2.processes(stack)
    assert any(process.command == "sh -c nginx && pnpm run pm2" for process in table)
    managed = pm2.apps(stack)
    assert set(managed) == set(pm2.APPS)
    for name in ("backend", "orchestrator"):
        pnpm, shell, dotenv, node = pm2.chain(table, managed[name])
        assert "pnpm" in pnpm.command
        assert shell.command.startswith("sh -c dotenv -e ../../.env")
        assert "dotenv" in dotenv.command
        assert node.command.endswith(f"dist/apps/{name}/src/main.js")
        assert {process.group for process in (pnpm, shell, dotenv, node)} == {managed[name].pid}


def test_ports(stack: Stack) -> None:
    assert all(pm2.listens(stack, port) for port in (5000, 4200, 3000, 3002))


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/api/", 200, "App is running!"),
        ("/", 307, "/auth"),
        ("/health", 307, "/auth"),
        ("/api/health", 404, ""),
        ("/api/monitor/queue/no-such-queue", 200, "healthy"),
    ],
)
def test_routes(stack: Stack, path: str, status: int, text: str) -> None:
    answer = get(stack.url() + path)
    assert answer[0] == status
    assert text in answer[1]


# Temporal


def test_loopback_of_the_temporal_container_is_refused(stack: Stack) -> None:
    curl = stack.run("temporal", "curl", "-sS", "http://localhost:7233/health", check=False)
    assert curl.code == 7
    without_address = stack.run("temporal", "temporal", "operator", "cluster", "health", check=False)
    assert without_address.code
    # Without IPv6 in the container, its own ::1 cannot even be asked.
    assert re.search(
        r"dial tcp (127\.0\.0\.1|\[::1\]):7233: connect: (connection refused|cannot assign requested address)",
        without_address.text,
    )


def test_pollers_and_sweep(stack: Stack, temporal: Temporal) -> None:
    for queue, kind in (("main", "workflow"), ("main", "activity"), ("x", "activity"), ("mastodon", "activity")):
        assert repair.polling(stack, queue, kind), f"{queue} {kind}"
    assert temporal.pollers("no-such-queue") == ()
    assert temporal.status(SWEEP) == "RUNNING"


def test_search_attributes_are_text(temporal: Temporal) -> None:
    listed = temporal.stack.run(
        *("temporal-admin-tools", "temporal", "operator", "search-attribute", "list", "--address", SERVER)
    )
    kinds = dict(line.split()[:2] for line in listed.text.splitlines() if len(line.split()) >= 2)
    assert kinds["organizationId"] == kinds["postId"] == "Text"


# Posting


def test_scheduled_post_is_published_once_and_its_child_follows(stack: Stack) -> None:
    root = posts.schedule(stack, 3, children=1)
    ids = posts.thread(stack, root)
    assert len(ids) == 2
    for post in ids:
        ended(stack, post, "PUBLISHED")
        assert social.published(post) == 1


def test_poke_publishes_an_overdue_row_once_and_then_spoils_it(
    stack: Stack, temporal: Temporal, poke: Callable[[str], None]
) -> None:
    (post,) = posts.insert(stack, 4 * DAY)
    poke(post)
    release = ended(stack, post, "PUBLISHED").release
    # A workflow that still runs would take the second poke as a signal, and not start anew.
    wait_for("its workflow's end", lambda: temporal.status(f"post_{post}") == "COMPLETED", 30)
    poke(post)
    again = ended(stack, post, "ERROR")
    assert (again.error, again.release) == ("Already posted", release)
    assert "Already posted" in posts.errors(stack, post)
    assert social.published(post) == 1


@pytest.mark.parametrize("state", ["ERROR", "DRAFT", "PUBLISHED"])
def test_poke_destroys_rows_that_are_not_queued(stack: Stack, poke: Callable[[str], None], state: str) -> None:
    (post,) = posts.insert(stack, HOUR, state=state)
    stack.change('UPDATE "Post" SET error = %s WHERE id = %s', "an older text", post)
    poke(post)
    wait_for("Already posted", lambda: posts.read(stack, post).error == "Already posted", PUBLISH_SECONDS)
    assert posts.read(stack, post).state == "ERROR"
    assert social.published(post) == 0


def test_poke_on_a_deleted_row(stack: Stack, poke: Callable[[str], None]) -> None:
    (post,) = posts.insert(stack, HOUR)
    stack.change('UPDATE "Post" SET "deletedAt" = %s WHERE id = %s', posts.now(), post)
    poke(post)
    assert ended(stack, post, "ERROR").error == "No Post"
    assert social.published(post) == 0


def test_sleeping_workflow_ignores_dates_and_pokes_but_not_deletion(
    stack: Stack, temporal: Temporal, poke: Callable[[str], None]
) -> None:
    moved, deleted = posts.schedule(stack, 15), posts.schedule(stack, 15)
    for post in (moved, deleted):
        wait_for("a sleeping workflow", lambda post=post: temporal.asleep(f"post_{post}"), 8)
    stack.change('UPDATE "Post" SET "publishDate" = %s WHERE id = %s', posts.now(), moved)
    stack.change('UPDATE "Post" SET "deletedAt" = %s WHERE id = %s', posts.now(), deleted)
    poke(moved)
    assert stays(lambda: social.published(moved) == 0, 6), "published before its original time"
    ended(stack, moved, "PUBLISHED")
    assert social.published(moved) == 1
    assert ended(stack, deleted, "ERROR").error == "No Post"
    assert social.published(deleted) == 0


def test_terminate_and_poke_honours_a_new_time(stack: Stack, temporal: Temporal, poke: Callable[[str], None]) -> None:
    post = posts.schedule(stack, HOUR)
    # Before it has read the row, it would take the new time itself.
    wait_for("a sleeping workflow", lambda: temporal.asleep(f"post_{post}"), 10)
    stack.change('UPDATE "Post" SET "publishDate" = %s WHERE id = %s', posts.now(), post)
    temporal.terminate(f"post_{post}")
    poke(post)
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1


@pytest.mark.parametrize(
    ("behaviour", "calls", "error"),
    [
        ({"status": 422, "mode": "status"}, 1, '"cause"'),
        ({"error": "html-503"}, 1, '"cause"'),
        ({"status": 500, "mode": "status"}, 4, '"cause"'),
        ({"mode": "drop"}, 5, "Could not confirm the post status"),
        ({"status": 401, "mode": "status"}, 1, '"cause"'),
    ],
    ids=["422", "503", "500", "drop", "401"],
)
def test_refusals(stack: Stack, behaviour: dict[str, object], calls: int, error: str) -> None:
    social.behave(REFUSING, **behaviour)
    post = posts.schedule(stack, 1, REFUSING)
    assert error in (ended(stack, post, "ERROR").error or "")
    entries = social.ledger(post)
    assert len(entries) == calls
    assert len({entry.key for entry in entries}) == 1


# The sweep


def test_sweep_publishes_orphans_and_leaves_old_posts(stack: Stack) -> None:
    root, child = posts.insert(stack, HOUR, children=1)
    (overdue,) = posts.insert(stack, HOUR)
    (old,) = posts.insert(stack, 3 * DAY)
    stack.change('DELETE FROM "Post" WHERE id = %s', root)
    assert posts.read(stack, child).parent is None
    for post in (overdue, child):
        ended(stack, post, "PUBLISHED", SWEEP_SECONDS + PUBLISH_SECONDS)
        assert social.published(post) == 1
    assert posts.read(stack, old).state == "QUEUE"


# What breaks


def test_killed_while_the_network_answers_and_burst(stack: Stack, temporal: Temporal) -> None:
    social.behave(WITHOUT_KEYS, mode="hang", times=1)
    unknown = posts.schedule(stack, 0, WITHOUT_KEYS)
    wait_for("the call", lambda: social.ledger(unknown), PUBLISH_SECONDS, 0.2)
    waiting = [posts.schedule(stack, 4) for _ in range(6)]
    stack.container("postiz").kill()
    time.sleep(6)
    assert posts.read(stack, unknown).state == "QUEUE"
    assert temporal.pending_activities(f"post_{unknown}") == {"finalizePost": "STARTED"}
    stack.container("postiz").start()
    for post in waiting:
        ended(stack, post, "PUBLISHED", repair.BOOT_SECONDS)
    moments = sorted(posts.published_at(post) for post in waiting)
    assert (moments[-1] - moments[0]).total_seconds() < 3, "no burst"
    assert social.judge(social.ledger(), waiting).sound
    ended(stack, unknown, "PUBLISHED", ACTIVITY_SECONDS + PUBLISH_SECONDS)
    calls = social.ledger(unknown)
    assert len(calls) == 2, "sent again once the activity's time is over"
    assert len({call.key for call in calls}) == 1
    assert social.published(unknown) == 2, "a network without keys shows it twice"
    repair.wait_works(stack)


def test_silent_worker(stack: Stack, temporal: Temporal) -> None:
    fault = faults.named("silent-worker", stack)
    assert faults.apply(fault)
    status = "fetch('http://localhost:3002/health/status').then(async (r) => console.log(r.status, await r.text()))"
    wait_for("health", lambda: '200 {"status":"ok"}' in stack.run("postiz", "node", "-e", status, check=False).text, 30)
    assert pm2.apps(stack)["orchestrator"].status == "online"
    assert stack.state("postiz") == ("running", "healthy")
    post = posts.schedule(stack, 0)
    assert stays(lambda: not repair.polling(stack) and social.published(post) == 0, 10)
    assert temporal.status(f"post_{post}") == "RUNNING"
    faults.heal(fault)
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1


def test_ghost_orchestrator(stack: Stack, temporal: Temporal) -> None:
    managed = pm2.apps(stack)["orchestrator"].pid
    (before,) = pm2.workers(pm2.processes(stack), "orchestrator")
    fault = faults.named("ghost-orchestrator", stack)
    assert faults.apply(fault)
    wait_for("EADDRINUSE", lambda: pm2.apps(stack)["orchestrator"].restarts > 1, 60)
    ghosts = {ghost.pid: ghost.group for ghost in pm2.ghosts(pm2.processes(stack), pm2.apps(stack).values())}
    assert ghosts[before.pid] == managed
    assert any(poller.identity.startswith(f"{before.pid}@") for poller in temporal.fresh_pollers())
    post = posts.schedule(stack, 0)
    ended(stack, post, "PUBLISHED")
    assert social.published(post) == 1
    faults.heal(fault)
    assert not pm2.ghosts(pm2.processes(stack), pm2.apps(stack).values())


def test_health_does_not_cover_elasticsearch(stack: Stack, temporal: Temporal) -> None:
    fault = faults.named("elasticsearch-down", stack)
    assert faults.apply(fault)
    assert temporal.serving()
    with pytest.raises(LabError):
        temporal.json("workflow", "list", seconds=5)
    faults.heal(fault)
    wait_for("workflow list", lambda: temporal.json("workflow", "list"), 30)


def test_downgrade_drops_the_newer_column(stack: Stack) -> None:
    columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'Organization'"

    def push(release: str) -> set[str]:
        provision.push_schema(stack, release)
        return {row[0] for row in stack.rows(columns)}

    older, newer = push("v1"), push("v2")
    assert newer > older
    assert push("v1") == older


def test_boot_guard_outlives_a_start_without_order(stack: Stack) -> None:
    due = [posts.schedule(stack, seconds) for seconds in (1, 10, 40)]
    machine.start_all_at_once(stack)
    repair.wait_works(stack, 240)
    for post in due:
        ended(stack, post, "PUBLISHED", 120)
    assert social.judge(social.ledger(), due).sound


def test_without_boot_guard_a_start_without_order_leaves_no_pollers(stack: Stack) -> None:
    provision.provision(stack.client, PROJECT, {**VARIABLES, "stack_boot_guard": False})
    machine.start_all_at_once(stack)
    stack.wait_healthy("temporal", 120)
    wait_for("the orchestrator", lambda: pm2.listens(stack, 3002), 120)
    assert stays(lambda: not repair.polling(stack), 10)
    provision.provision(stack.client, PROJECT, VARIABLES)
    repair.wait_works(stack)


def test_sql_visibility_takes_three_text_attributes(stack: Stack) -> None:
    with sql_visibility(stack.client) as create:
        answers = [create(f"labText{number}") for number in range(4)]
    refused = [text for code, text in answers if code]
    assert refused
    assert "cannot have more than 3 search attribute of type Text" in refused[0]
