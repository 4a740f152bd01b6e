"""The parser of error texts: real shapes, damaged ones, and anything at all."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.error_text import (
    LONGEST,
    LONGEST_ANSWER,
    LONGEST_MESSAGE,
    parse,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Form
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.scrub import scrub
from hypothesis import given
from hypothesis import strategies as st

META = {"error": {"message": "No such object", "type": "OAuthException", "code": 100, "error_subcode": 33}}
EAA = "EAAB" + "x" * 80
ACT = "act.abcdefGH12345!4521.e1"


def failure(answer: object, message: str | None = "Unknown Error", kind: str = "bad_body") -> str:
    """What a workflow writes when a provider's activity failed; the request is never to be read."""
    details = [{"identifier": "instagram", "json": answer, "body": '{"access_token":"in-the-request","code":190}'}]
    told = {} if message is None else {"message": message}
    return json.dumps(
        {
            "cause": {
                "type": kind,
                "nonRetryable": True,
                "details": details,
                "failure": {**told, "source": "TypeScriptSDK"},
            },
            "activityType": "finalizePost",
            "activityId": "3",
            "retryState": "RETRY_STATE_NON_RETRYABLE_FAILURE",
            "identity": "225@0123456789ab",
            "failure": {"message": "Activity task failed", "cause": {**told, "applicationFailureInfo": {"type": kind}}},
        }
    )


def test_a_failed_activity() -> None:
    found = parse(failure(json.dumps(META)))
    assert found.form is Form.FAILURE
    assert (found.message, found.kind, found.activity) == ("Unknown Error", "bad_body", "finalizePost")
    assert found.codes == {"100", "33", "100/33"}


def test_the_message_may_be_only_in_the_protocol_form() -> None:
    text = json.dumps(
        {
            "activityType": "postSocial",
            "failure": {"message": "Activity task failed", "cause": {"message": "Media fetch failed"}},
        }
    )
    assert parse(text).message == "Media fetch failed"


def test_a_401_has_no_message() -> None:
    found = parse(failure("", None, "refresh_token"))
    assert (found.form, found.message, found.kind, found.codes) == (Form.FAILURE, "", "refresh_token", frozenset())


def test_a_limit_of_time() -> None:
    text = json.dumps(
        {"cause": {"timeoutType": "START_TO_CLOSE", "failure": {"message": "timed out"}}, "activityType": "x"}
    )
    assert parse(text).timeout == "START_TO_CLOSE"


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        ({"data": {}, "error": {"code": "url_ownership_unverified", "message": "x"}}, {"url_ownership_unverified"}),
        (
            {"data": {"status": "FAILED", "fail_reason": "file_format_check_failed"}, "error": {"code": "ok"}},
            {"file_format_check_failed"},
        ),
        ({"code": 40002, "message": "x", "request_id": "1"}, {"40002"}),
        ({"error": {"code": True, "error_subcode": None}}, set()),
        ([{"code": 1}], {"1"}),
        ("<html><h1>503</h1></html>", set()),
    ],
)
def test_codes_of_the_networks(answer: object, codes: set[str]) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    assert parse(failure(text)).codes == codes
    assert parse(failure(answer)).codes == codes, "an answer that is no text but JSON itself"


def test_an_answer_that_was_cut_off_keeps_its_codes() -> None:
    answer = json.dumps({**META, "more": "y" * 9000})[:4000]
    assert parse(failure(answer)).codes == {"100", "33", "100/33"}


def test_an_error_that_was_cut_off_keeps_what_came_before_the_request() -> None:
    text = failure(json.dumps(META), "Something is wrong")
    for length in range(len(text)):
        parse(text[:length])
    found = parse(text[: text.index('"activityType"')])
    assert found.form is Form.UNREADABLE
    assert (found.kind, found.message) == ("bad_body", "Something is wrong")
    assert found.codes == {"100", "33", "100/33"}
    assert "190" not in found.codes, "the request says that, not the network"


@pytest.mark.parametrize("text", ["", "  ", "{}", "null"])
def test_nothing(text: str) -> None:
    assert parse(text).form is Form.EMPTY


def test_words() -> None:
    assert parse("Refresh channel needed").message == "Refresh channel needed"
    assert parse("[1, 2]").form is Form.WORDS


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"cause":' * 5000 + "1" + "}" * 5000, "{" * LONGEST]
)
def test_depth_is_no_trouble(text: str) -> None:
    parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["cause", "failure", "message", "details", "json", "body", "code", "error_subcode", "type", "error"]
            )
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(st.text(max_size=3000) | JSON.map(json.dumps) | JSON.map(failure) | JSON.map(lambda v: json.dumps(v)[:-3]))
def test_anything_at_all_is_read_and_bounded(text: str) -> None:
    found = parse(text)
    assert len(found.message) <= LONGEST_MESSAGE
    assert len(found.answer) <= LONGEST_ANSWER
    assert len(found.codes) <= 24
    assert all(len(code) <= 170 for code in found.codes)
    assert all(character.isprintable() for character in found.message + found.answer)


@given(
    st.sampled_from([EAA, ACT, "hunter2hunter2", "0123456789abcdef" * 4]),
    st.sampled_from(
        [
            "access_token={}",
            '"access_token":"{}"',
            "Authorization: Bearer {}",
            'token\\":\\"{}',
            "https://a.example/x?token={}",
        ]
    ),
    st.text(alphabet="abc xyz.,", max_size=60),
    st.booleans(),
)
def test_no_token_is_left(secret: str, place: str, words: str, inside: bool) -> None:
    said = f"{words} {place.format(secret)} {words}"
    found = parse(failure(json.dumps({"error": {"message": said}}), said) if inside else said)
    assert secret not in found.message + found.answer


@pytest.mark.parametrize(
    "secret", [EAA, ACT, "IGQ" + "w" * 30, "rft.1234567", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.c2ln"]
)
def test_a_bare_token_is_known_by_its_look(secret: str) -> None:
    assert secret not in scrub(f"something {secret} else")


@pytest.mark.parametrize(
    "text",
    [
        "unaudited_client_can_only_post_to_private_accounts",
        "Error validating access token: The session has been invalidated because the user changed the password.",
        "You have reached the maximum of 25 posts per day, allowed for your account",
    ],
)
def test_what_is_no_token_stays(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize(
    "text", ["a" * LONGEST, "/" * LONGEST, "token:" * 10_000, "https://" * 8000, "a1" * 32_000, "bearer " * 9000]
)
def test_scrubbing_takes_no_long_time(text: str) -> None:
    since = time.monotonic()
    scrub(text)
    assert time.monotonic() - since < 2
