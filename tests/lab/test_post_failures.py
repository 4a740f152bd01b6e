"""What the social networks refuse, through the real workflow into the database, and what is advised."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contract
import modules
import pytest
from labkit import posts, social
from labkit.stack import Stack
from labkit.waiting import wait_for
from modules import Result
from shared import POSTS_PROJECT, POSTS_VARIABLES

MODULE = "post_failures_info"
NETWORKS = ("x", "tiktok", "instagram", "facebook")
FAIL_SECONDS = 60
ATTEMPTS = 5
DAY = 86400.0
EAA = "EAAB" + "w" * 60 + "7"
ACT = "act.planted1234567890token!4521.e1"
CHECKPOINTED = {
    "error": {
        "message": "Error validating access token: The user has been checkpointed. You cannot access the app till you log in",
        "type": "OAuthException",
        "code": 190,
        "error_subcode": 459,
    }
}
GONE = {
    "error": {
        "message": "Unsupported post request. Object with ID '1784' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation.",
        "type": "GraphMethodException",
        "code": 100,
        "error_subcode": 33,
    }
}


@pytest.fixture(scope="module")
def project() -> str:
    return POSTS_PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return POSTS_VARIABLES


@pytest.fixture(autouse=True)
def nothing_left(stack: Stack) -> Iterator[None]:
    """Each test begins without posts and with channels that work."""
    _forget(stack)
    yield
    _forget(stack)


def _forget(stack: Stack) -> None:
    for network in NETWORKS:
        social.request("DELETE", f"/behaviour/{network}")
    stack.change('UPDATE "Post" SET "deletedAt" = now() AT TIME ZONE \'utc\' WHERE "deletedAt" IS NULL')
    stack.change('UPDATE "Integration" SET "refreshNeeded" = false, disabled = false')
    stack.change('UPDATE "Integration" SET "deletedAt" = now() WHERE name LIKE \'Second %%\'')


def ask(stack: Stack, **parameters: Any) -> Result:
    """What the module returns; its documentation is held to the truth each time."""
    result = modules.run(MODULE, project=stack.project, **parameters)
    if not result.failed:
        assert contract.disagreements(MODULE, result.values) == []
        assert not result.values["changed"]
    return result


def fail(stack: Stack, provider: str, **told: object) -> str:
    """A post that its network refuses; its row in ERROR.

    The social network is one for all stacks of this machine: another one's tests may make every channel well again.
    """
    for _ in range(ATTEMPTS):
        if told:
            social.behave(provider, **told)
        post = posts.schedule(stack, 0, provider)
        wait_for(f"the end of {post}", lambda post=post: posts.read(stack, post).state != "QUEUE", FAIL_SECONDS, 0.3)
        if posts.read(stack, post).state == "ERROR":
            return post
        if not told or provider in social.request("GET", "/behaviour"):
            break
        stack.change('UPDATE "Post" SET "deletedAt" = now() AT TIME ZONE \'utc\' WHERE id = %s', post)
    raise AssertionError(f"{post} was published on {provider}, which was told {told}")


def usable(stack: Stack) -> None:
    stack.change('UPDATE "Integration" SET "refreshNeeded" = false')


def queue(stack: Stack, provider: str, seconds: float, settings: dict[str, object], *media: str) -> str:
    """A row in QUEUE without a workflow."""
    (post,) = posts.insert(stack, -seconds, provider)
    image = json.dumps([{"id": secrets.token_hex(4), "path": path} for path in media])
    stack.change('UPDATE "Post" SET settings = %s, image = %s WHERE id = %s', json.dumps(settings), image, post)
    return post


def second(stack: Stack, provider: str, login: str = "") -> str:
    """One more channel of a network, of the same organization."""
    first = posts.channel(stack, provider)
    identifier = f"lab{secrets.token_hex(11)}"
    stack.change(
        """INSERT INTO "Integration" (id, "internalId", "organizationId", name, "providerIdentifier", type, token,
        "refreshToken", "rootInternalId", "updatedAt") VALUES (%s, %s, %s, %s, %s, 'social', 'none', 'none', %s, now())""",
        identifier,
        secrets.token_hex(6),
        first.organization,
        f"Second {provider}",
        provider,
        login or None,
    )
    return identifier


def code_of(result: Result, post: str) -> str:
    return next(item["code"] for item in result.values["posts"] if item["id"] == post)


ANSWERS = [
    ("tiktok", "tiktok-url-unverified", "media-domain-unverified", "after-repair"),
    ("tiktok", "tiktok-unaudited-client", "app-unaudited", "after-repair"),
    ("tiktok", "tiktok-user-cap", "active-user-cap", "later"),
    ("tiktok", "tiktok-video-pull-failed", "media-unreachable", "after-repair"),
    ("tiktok", "tiktok-too-many-posts", "rate-limited", "later"),
    ("tiktok", "tiktok-rate-limit", "rate-limited", "later"),
    ("tiktok", "tiktok-banned", "account-restricted", "after-repair"),
    ("tiktok", "tiktok-internal", "provider-transient", "look-first"),
    ("tiktok", "tiktok-access-token-invalid", "token-refused", "after-repair"),
    ("instagram", "meta-token-expired", "token-refused", "after-repair"),
    ("instagram", "instagram-media-fetch", "media-unreachable", "after-repair"),
    ("instagram", "instagram-media-timeout", "media-unreachable", "after-repair"),
    ("instagram", "instagram-aspect-ratio", "media-refused", "after-repair"),
    ("instagram", "instagram-daily-limit", "rate-limited", "later"),
    ("instagram", "instagram-blocked", "account-restricted", "look-first"),
    ("instagram", "instagram-spam", "content-refused", "after-repair"),
    ("facebook", "facebook-photo-too-large", "media-refused", "after-repair"),
    ("facebook", "facebook-too-fast", "rate-limited", "later"),
    ("facebook", "facebook-temporary", "provider-transient", "look-first"),
    ("x", "html-503", "provider-transient", "look-first"),
]


def test_each_answer_of_a_network_gives_its_advice(stack: Stack) -> None:
    made = {}
    for provider, error, code, retry in ANSWERS:
        made[fail(stack, provider, error=error)] = (error, code, retry)
        usable(stack)
    result = ask(stack)
    print(result.values["report"])
    told = {item["id"]: (item["code"], item["may_be_live"]) for item in result.values["posts"]}
    assert {post: told[post] for post in made} == {
        post: (code, retry == "look-first") for post, (_error, code, retry) in made.items()
    }
    assert result.values["failed_posts"] == len(ANSWERS)
    # One cause each, whatever the number of its posts.
    assert len({(item["code"], item["component"]) for item in result.values["findings"]}) == len(result.codes)
    assert sum(item["count"] for item in result.values["failures"]) == len(ANSWERS)
    unverified = result.finding("media-domain-unverified")
    assert "verify the media domain" in unverified["remedy"]
    unaudited = result.finding("app-unaudited")
    assert "private" in unaudited["remedy"]
    assert "SELF_ONLY" in unaudited["remedy"]


def test_no_answer_and_what_postiz_says_itself(stack: Stack) -> None:
    unknown = fail(stack, "x", mode="drop")
    unauthorized = fail(stack, "x", mode="status", status=401)
    refreshed = fail(stack, "x")
    usable(stack)
    stack.change('UPDATE "Integration" SET disabled = true WHERE "providerIdentifier" = %s', "facebook")
    disabled = fail(stack, "facebook")
    result = ask(stack)
    codes = {post: code_of(result, post) for post in (unknown, unauthorized, refreshed, disabled)}
    assert codes == {
        unknown: "outcome-unknown",
        unauthorized: "token-refused",
        refreshed: "channel-refresh-needed",
        disabled: "channel-disabled",
    }
    assert result.finding("outcome-unknown")["retry"] == "look-first"


def test_a_live_post_is_never_to_be_scheduled_again(stack: Stack) -> None:
    live = fail(stack, "x", error="html-503")
    lost = fail(stack, "tiktok", error="tiktok-banned")
    stack.change('UPDATE "Post" SET "releaseId" = %s WHERE id = %s', "17", live)
    stack.change('UPDATE "Post" SET error = %s WHERE id = %s', "Already posted", lost)
    result = ask(stack)
    assert code_of(result, live) == "post-live-but-error"
    assert result.finding("post-live-but-error")["retry"] == "never"
    # Its row lost its text; "Errors" still knows.
    assert code_of(result, lost) == "account-restricted"
    stack.change('DELETE FROM "Errors" WHERE "postId" = %s', lost)
    assert code_of(ask(stack), lost) == "outcome-unknown"


def test_an_identity_checkpoint_is_one_finding(stack: Stack) -> None:
    facebook = fail(stack, "facebook", mode="status", status=400, body=CHECKPOINTED)
    instagram = fail(stack, "instagram", mode="status", status=400, body=GONE)
    stack.change('UPDATE "Integration" SET "refreshNeeded" = true WHERE "providerIdentifier" = %s', "instagram")
    effects = [fail(stack, "instagram") for _ in range(5)]
    other = second(stack, "instagram")
    stack.change('UPDATE "Post" SET "integrationId" = %s WHERE id = ANY(%s)', other, effects[3:])
    usable(stack)
    due = queue(stack, "instagram", 3600, {}, "https://media.example.org/a.mp4")
    result = ask(stack)
    print(result.values["report"])
    happened = [item for item in result.values["findings"] if not item["predicted"]]
    assert [item["code"] for item in happened] == ["identity-checkpoint"]
    assert happened[0]["count"] == 7
    assert happened[0]["component"] == "meta"
    assert len(happened[0]["channels"]) == 3
    assert {code_of(result, post) for post in (facebook, instagram, *effects)} == {"identity-checkpoint"}
    assert any("facebook.com" in step for step in happened[0]["steps"])
    (foreseen,) = [item for item in result.values["findings"] if item["predicted"]]
    assert (foreseen["code"], foreseen["posts"]) == ("identity-checkpoint", [due])
    # The channel publishes again: over.
    social.request("DELETE", "/behaviour/instagram")
    published = posts.schedule(stack, 0, "instagram")
    wait_for("a published post", lambda: posts.read(stack, published).state == "PUBLISHED", FAIL_SECONDS, 0.3)
    # The API gave it the beginning of this minute, which was before the last failure.
    stack.change('UPDATE "Post" SET "publishDate" = %s WHERE id = %s', posts.now(), published)
    assert [item for item in ask(stack).values["findings"] if item["predicted"]] == []


def test_one_object_that_is_gone_is_only_suspected(stack: Stack) -> None:
    fail(
        stack,
        "instagram",
        mode="status",
        status=400,
        body={"error": {"code": 100, "error_subcode": 33, "message": "No"}},
    )
    expired = fail(stack, "tiktok", error="tiktok-access-token-invalid")
    result = ask(stack)
    assert "suspected" in result.finding("identity-checkpoint")["evidence"]
    assert result.finding("identity-checkpoint")["retry"] == "look-first"
    assert code_of(result, expired) == "token-refused"


def test_queued_posts_that_cannot_succeed(stack: Stack) -> None:
    good, public = "https://media.example.org/uploads/a.mp4", {"privacy_level": "PUBLIC_TO_EVERYONE"}
    private = {"privacy_level": "SELF_ONLY"}
    expected = {
        queue(stack, "tiktok", 3600, private, "https://media.example.org/a.mov"): "media-not-mp4",
        queue(stack, "tiktok", 3601, private): "media-not-mp4",
        queue(stack, "tiktok", 3602, private, "https://elsewhere.example.com/a.mp4"): "media-domain-unverified",
        queue(stack, "tiktok", 3603, public, good): "app-unaudited",
        queue(stack, "tiktok", 3604, {}, good): "app-unaudited",
        queue(stack, "instagram", 3605, {}, "http://media.example.org/a.jpg"): "media-unreachable",
        queue(stack, "facebook", 3606, {}, "https://10.1.2.3/a.jpg"): "media-unreachable",
        queue(stack, "facebook", 3607, {}, "https://postiz:5000/a.jpg"): "media-unreachable",
    }
    sound = {
        queue(stack, "tiktok", 3608, private, good),
        queue(
            stack, "tiktok", 3609, private, "https://cdn.media.example.org/a.jpg", "https://media.example.org/b.webp"
        ),
        queue(stack, "instagram", 3610, {}, good),
        queue(stack, "x", 3611, {}, "http://10.1.2.3/a.png"),
    }
    later = queue(stack, "tiktok", 30 * DAY, private)
    result = ask(stack, unaudited_channels=["tiktok"], verified_domains=["media.example.org"])
    print(result.values["report"])
    told = {item["id"]: item["code"] for item in result.values["posts"]}
    assert told == expected
    assert not sound & set(told)
    assert all(item["predicted"] for item in result.values["posts"])
    assert result.values["predicted"] == len(expected)
    assert result.values["failed_posts"] == 0
    assert result.values["window"]["later_queued"] == 1
    assert [item["id"] for item in result.values["posts"]] == list(expected), "soonest first"
    due = {item["id"]: item["publish_date"] for item in result.values["posts"]}
    for post in expected:
        assert due[post] == posts.read(stack, post).due.isoformat(timespec="seconds") + "Z"
    undeclared = ask(stack)
    assert set(undeclared.codes) == {"media-not-mp4", "media-unreachable"}
    assert ask(stack, horizon=0).values["predicted"] == 0
    assert code_of(ask(stack, posts=[later]), later) == "media-not-mp4"


def test_what_is_foreseen_can_be_held(stack: Stack, tmp_path: Path) -> None:
    bad = posts.schedule(stack, 3600, "tiktok")
    good = posts.schedule(stack, 3600, "x")
    foreseen = [item["id"] for item in ask(stack).values["posts"] if item["predicted"]]
    assert foreseen == [bad]
    held = modules.run(
        "stuck_posts",
        project=stack.project,
        undo_directory=str(tmp_path),
        posts=foreseen,
        actions={"scheduled": "hold"},
    )
    assert not held.failed, held.text
    assert posts.states(stack, (bad, good)) == {bad: "DRAFT", good: "QUEUE"}
    assert ask(stack).values["predicted"] == 0


def test_planted_secrets_are_nowhere(stack: Stack) -> None:
    body = {"error": {"code": 77, "message": f"strange {EAA}", "access_token": "hunter2", "note": f"token={ACT}"}}
    strange = fail(stack, "facebook", mode="status", status=400, body=body)
    words = f"Odd failure, Authorization: Bearer {ACT} https://host.example/x?access_token={EAA}"
    plain, *_ = posts.insert(stack, 60, "x", state="ERROR")
    stack.change('UPDATE "Post" SET error = %s, content = %s WHERE id = %s', words, "planted-content-4711", plain)
    stack.change('UPDATE "Errors" SET body = %s WHERE "postId" = %s', '{"token":"planted-body-4711"}', strange)
    result = ask(stack)
    assert code_of(result, strange) == "provider-error-unknown"
    tokens = {row[0] for row in stack.rows('SELECT token FROM "Integration"')} - {"none"}
    tokens |= {row[0] for row in stack.rows('SELECT "refreshToken" FROM "Integration"')} - {"none"}
    password = stack.environment("postiz-postgres")["POSTGRES_PASSWORD"]
    jwt = stack.environment("postiz")["JWT_SECRET"]
    assert tokens
    planted = {EAA, ACT, "hunter2", "planted-body-4711", "planted-content-4711", password, jwt, *tokens}
    assert not [value for value in planted if value in result.text]
    assert "strange" in result.text, "the rest of the evidence is there"


def test_the_bounds_are_told_and_the_list_is_limited(stack: Stack) -> None:
    made = [posts.insert(stack, 60, "x", state="ERROR")[0] for _ in range(30)]
    stack.change('UPDATE "Post" SET error = %s WHERE id = ANY(%s)', "Refresh channel needed", made)
    old = made[:12]
    stack.change('UPDATE "Post" SET "updatedAt" = "updatedAt" - interval \'30 days\' WHERE id = ANY(%s)', old)
    result = ask(stack, limit=5)
    assert result.values["failed_posts"] == 18
    assert result.values["window"]["earlier_failed"] == 12
    assert len(result.values["posts"]) == 5
    assert result.finding("channel-refresh-needed")["count"] == 18
    assert "12 failed before that" in result.values["report"]
    assert ask(stack, since=40 * DAY).values["failed_posts"] == 30
    assert ask(stack, posts=old).values["failed_posts"] == 12
    channel = posts.channel(stack, "x")
    assert ask(stack, channels=[channel.id], organizations=[channel.organization]).values["failed_posts"] == 18
    assert ask(stack, providers=["tiktok"]).values["failed_posts"] == 0


def test_five_thousand_in_bounded_memory(stack: Stack) -> None:
    channel = posts.channel(stack, "instagram")
    stack.change(
        """INSERT INTO "Post" (id, state, "publishDate", "organizationId", "integrationId", content, "group", error,
        "creationMethod", "updatedAt")
        SELECT 'labmany' || n, 'ERROR', now() AT TIME ZONE 'utc', %s, %s, 'x', 'labmany',
        '{"cause":{"details":[{"json":"' || repeat('x', 20000) || '"}],"failure":{"message":"Media fetch failed"}}}',
        'API', now() AT TIME ZONE 'utc' FROM generate_series(1, 5000) n""",
        channel.organization,
        channel.id,
    )
    try:
        result = ask(stack)
        assert result.finding("media-unreachable")["count"] == 5000
        assert len(result.values["posts"]) == 100
        # 100 MB of texts went through: within a limit of memory that could not hold them.
        limited = modules.run(MODULE, None, ("prlimit", f"--data={100 * 2**20}"), project=stack.project)
        assert limited.values["failed_posts"] == 5000
        print(f"5,000 failures: {result.seconds:.1f} s")
    finally:
        stack.change('DELETE FROM "Post" WHERE "group" = %s', "labmany")


BAD = [
    ({"project": "nope"}, "no container on this engine"),
    ({"service": "nope"}, "no container of the service"),
    ({"since": -1}, "since is -1"),
    ({"horizon": 1e18}, "horizon is 1e+18"),
    ({"statement_timeout": 0}, "statement_timeout is 0"),
    ({"limit": -1}, "limit is -1"),
    ({"database_host": "127.0.0.1", "database_port": 1}, "cannot be used"),
    ({"channels": ["nope"]}, "none with the id nope"),
    ({"organizations": ["nope"]}, "none with the id nope"),
    ({"posts": [""]}, "posts has an empty entry"),
    ({"verified_domains": ["http://media.example.org"]}, "neither a domain nor a prefix"),
]


@pytest.mark.parametrize(("parameters", "words"), BAD, ids=[words for _parameters, words in BAD])
def test_bad_input(stack: Stack, parameters: dict[str, Any], words: str) -> None:
    result = modules.run(MODULE, **{"project": stack.project, **parameters})
    assert result.failed
    assert words in result.values["msg"]
    assert "Traceback" not in result.text


def test_an_unknown_network_or_post_is_told(stack: Stack) -> None:
    result = ask(stack, providers=["tictoc"], unaudited_channels=["tictoc"])
    assert not result.failed
    assert len(result.values["warnings"]) == 2
    assert "no post here has the id nobody" in str(ask(stack, posts=["nobody"]).values["warnings"])


def test_another_release_s_tables(stack: Stack) -> None:
    stack.change('ALTER TABLE "Integration" RENAME COLUMN "refreshNeeded" TO "refreshNeededNot"')
    try:
        result = ask(stack)
        assert result.failed
        assert "refreshNeeded" in result.values["msg"]
        assert "This release's database is not as expected" in result.values["msg"]
    finally:
        stack.change('ALTER TABLE "Integration" RENAME COLUMN "refreshNeededNot" TO "refreshNeeded"')


def test_a_wrong_password(stack: Stack) -> None:
    environment = stack.environment("postiz-postgres")
    user, password = environment["POSTGRES_USER"], environment["POSTGRES_PASSWORD"]
    stack.change(f"ALTER ROLE \"{user}\" PASSWORD 'another-one'")
    try:
        result = ask(stack)
        assert result.failed
        assert "password authentication failed" in result.values["msg"]
        assert password not in result.text
        assert "Traceback" not in result.text
    finally:
        answer = stack.run(
            "postiz-postgres",
            "psql",
            "-U",
            user,
            "-d",
            environment["POSTGRES_DB"],
            "-c",
            f"ALTER ROLE \"{user}\" PASSWORD '{password}'",
        )
        assert "ALTER ROLE" in answer.text


def test_a_slow_database_and_none_at_all(stack: Stack) -> None:
    with stack.database() as cursor:
        cursor.execute('LOCK TABLE "Post" IN ACCESS EXCLUSIVE MODE')
        slow = ask(stack, statement_timeout=1)
        cursor.connection.rollback()
    assert slow.failed
    assert "statement_timeout" in slow.values["msg"]
    stack.container("postiz-postgres").pause()
    try:
        gone = ask(stack)
        assert gone.failed
        assert "cannot be used" in gone.values["msg"]
        assert "Traceback" not in gone.text
    finally:
        stack.container("postiz-postgres").unpause()
