"""Rules, cascade and causes on rows as Postiz writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.codes.providers import CODES
from ansible_collections.selfhost.postiz.plugins.module_utils.providers import rules
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.advice import ADVICE
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.cascade import cascades
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.causes import causes, codes_of
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.judge import Failures, diagnose
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Cause, Channel, FailedPost, Retry
from test_error_text import failure

NOW = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - UTC without a zone, as in the database
_NUMBERS = count()


def channel(name: str, provider: str, organization: str = "org", login: str = "") -> Channel:
    return Channel(name, organization, name.title(), provider, login)


def post(where: str, error: str, minutes: float = 0, live: bool = False, earlier: str = "") -> FailedPost:
    when = NOW + timedelta(minutes=minutes)
    return FailedPost(f"post{next(_NUMBERS)}", when, when, where, live, error, earlier)


def tiktok(code: str, said: str = "x") -> str:
    return failure(json.dumps({"data": {}, "error": {"code": code, "message": "m", "log_id": "1"}}), said)


def meta(
    code: int, subcode: int | None = None, said: str = "Unknown Error", kind: str = "bad_body", words: str = "m"
) -> str:
    error = {"message": words, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "A"}
    return failure(json.dumps({"error": error}), said, kind)


def code(provider: str, text: str) -> str:
    return diagnose(post("c", text), channel("c", provider)).rule.code


NOT_VERIFIED = "The media domain is not a verified URL property of the TikTok app"
UPLOAD_IT = "You have to upload the picture/video to Postiz when sending a URL"
TOO_LONG = json.dumps({"data": {"status": "FAILED", "fail_reason": "duration_check_failed"}})
LOG_IN = "You cannot access the app till you log in to www.instagram.com and follow the instructions given"
KNOWN = [
    ("tiktok", tiktok("url_ownership_unverified"), "media-domain-unverified", Retry.AFTER_REPAIR),
    (
        "tiktok-business",
        failure("{}", NOT_VERIFIED),
        "media-domain-unverified",
        Retry.AFTER_REPAIR,
    ),
    (
        "tiktok",
        failure("", UPLOAD_IT),
        "media-domain-unverified",
        Retry.AFTER_REPAIR,
    ),
    ("tiktok", tiktok("unaudited_client_can_only_post_to_private_accounts"), "app-unaudited", Retry.AFTER_REPAIR),
    ("tiktok", tiktok("reached_active_user_cap"), "active-user-cap", Retry.LATER),
    ("tiktok", tiktok("file_format_check_failed"), "media-not-mp4", Retry.AFTER_REPAIR),
    (
        "tiktok",
        failure(TOO_LONG),
        "media-refused",
        Retry.AFTER_REPAIR,
    ),
    ("tiktok", tiktok("privacy_level_option_mismatch"), "privacy-level-refused", Retry.AFTER_REPAIR),
    ("tiktok", tiktok("spam_risk_too_many_pending_share"), "rate-limited", Retry.LATER),
    ("tiktok", tiktok("spam_risk"), "content-refused", Retry.AFTER_REPAIR),
    ("tiktok", tiktok("scope_not_authorized"), "token-refused", Retry.AFTER_REPAIR),
    ("tiktok", tiktok("internal"), "provider-transient", Retry.LOOK_FIRST),
    ("instagram", meta(100, 33, words="Object with ID '1' does not exist"), "identity-checkpoint", Retry.LOOK_FIRST),
    ("instagram", failure('{"error":{"message":"(#100) deleted_object"}}'), "identity-checkpoint", Retry.LOOK_FIRST),
    ("facebook", meta(190, 459), "identity-checkpoint", Retry.AFTER_REPAIR),
    ("facebook", meta(1, 4854002), "identity-checkpoint", Retry.AFTER_REPAIR),
    (
        "instagram",
        meta(
            190,
            None,
            words=LOG_IN,
        ),
        "identity-checkpoint",
        Retry.AFTER_REPAIR,
    ),
    (
        "instagram",
        meta(190, None, words="Session key is malformed because of invalid user id"),
        "identity-checkpoint",
        Retry.AFTER_REPAIR,
    ),
    ("facebook", meta(190, 460), "token-refused", Retry.AFTER_REPAIR),
    ("facebook", meta(190, None), "token-refused", Retry.AFTER_REPAIR),
    (
        "instagram",
        failure("", "Your account is missing some permissions, please re-add it"),
        "token-refused",
        Retry.AFTER_REPAIR,
    ),
    ("threads", meta(0, 2207051, "Instagram blocked your request"), "account-restricted", Retry.LOOK_FIRST),
    ("threads", meta(1, 4279013, "User restricted"), "account-restricted", Retry.AFTER_REPAIR),
    ("instagram", meta(9004, 2207052, "Media fetch failed"), "media-unreachable", Retry.AFTER_REPAIR),
    ("facebook", meta(368, 1390008), "rate-limited", Retry.LATER),
    ("facebook", meta(368, None), "account-restricted", Retry.AFTER_REPAIR),
    ("facebook", failure("", "Facebook may have already published this post"), "outcome-unknown", Retry.LOOK_FIRST),
    ("facebook", meta(100, 1366051), "outcome-unknown", Retry.LOOK_FIRST),
    ("facebook", meta(2, 1363047), "provider-transient", Retry.LOOK_FIRST),
    ("x", "Could not confirm the post status", "outcome-unknown", Retry.LOOK_FIRST),
    ("x", failure("", "fetch failed: other side closed", "unconfirmed"), "outcome-unknown", Retry.LOOK_FIRST),
    (
        "x",
        json.dumps({"cause": {"timeoutType": "START_TO_CLOSE"}, "activityType": "postSocial"}),
        "outcome-unknown",
        Retry.LOOK_FIRST,
    ),
    ("x", "Refresh channel needed", "channel-refresh-needed", Retry.AFTER_REPAIR),
    ("x", "Channel disabled", "channel-disabled", Retry.AFTER_REPAIR),
    ("x", "No Post", "post-not-found", Retry.AFTER_REPAIR),
    ("x", "Already posted", "outcome-unknown", Retry.LOOK_FIRST),
    ("x", failure("", None, "refresh_token"), "token-refused", Retry.AFTER_REPAIR),
    ("x", failure("<html><body>503 Service Unavailable</body></html>"), "provider-transient", Retry.LOOK_FIRST),
    ("x", failure('{"title":"Too Many Requests"}'), "rate-limited", Retry.LATER),
    ("bluesky", failure("", "Error: Blocked IP"), "media-unreachable", Retry.AFTER_REPAIR),
    ("x", failure('{"detail":"odd"}'), "provider-error-unknown", Retry.LOOK_FIRST),
    ("x", "", "provider-error-unknown", Retry.LOOK_FIRST),
    ("x", "{broken", "provider-error-unknown", Retry.LOOK_FIRST),
]


@pytest.mark.parametrize("words", ["access_token_invalid", "rate_limit_exceeded"])
def test_what_was_sent_and_could_not_be_asked_about_may_be_live(words: str) -> None:
    asked = tiktok(words).replace("finalizePost", "checkPostStatus")
    assert diagnose(post("c", tiktok(words)), channel("c", "tiktok")).rule.retry is not Retry.LOOK_FIRST
    assert diagnose(post("c", asked), channel("c", "tiktok")).rule.retry is Retry.LOOK_FIRST


@pytest.mark.parametrize(("provider", "text", "expected", "retry"), KNOWN)
def test_a_known_error(provider: str, text: str, expected: str, retry: Retry) -> None:
    found = diagnose(post("c", text), channel("c", provider)).rule
    assert (found.code, found.retry) == (expected, retry)


def test_codes_of_one_network_mean_nothing_on_another() -> None:
    assert code("x", meta(100, 33)) == "provider-error-unknown"
    assert code("x", tiktok("spam_risk")) == "provider-error-unknown"
    assert code("tiktok", meta(190, 459)) == "provider-error-unknown"


def test_a_live_row_is_live_whatever_it_says() -> None:
    for text in ("Already posted", meta(190, 459), "", "Refresh channel needed"):
        found = diagnose(post("c", text, live=True), channel("c", "facebook"))
        assert (found.rule.code, found.rule.retry) == ("post-live-but-error", Retry.NEVER)


def test_what_was_handed_over_to_the_network_is_looked_at_first() -> None:
    """A release id that says `missing` is no release: the post may wait in TikTok's inbox, or be live."""
    for text in ("Already posted", "", "Refresh channel needed", tiktok("access_token_invalid")):
        given = replace(post("c", text, live=True), handed_over=True)
        found = diagnose(given, channel("c", "tiktok"))
        assert (found.rule.code, found.rule.retry) == ("outcome-unknown", Retry.LOOK_FIRST)
        assert "'missing'" in found.evidence


def test_an_overwritten_text_is_read_from_the_earlier_one() -> None:
    found = diagnose(post("c", "Already posted", earlier=meta(9004, 2207052)), channel("c", "instagram"))
    assert found.rule.code == "media-unreachable"
    assert "earlier failure" in found.evidence


def test_every_rule_and_code_is_complete() -> None:
    every = (*rules.RULES, rules.LIVE, rules.HANDED_OVER, rules.OVERWRITTEN, rules.EMPTY, rules.UNKNOWN)
    assert len({rule.name for rule in every}) == len(every)
    assert {rule.code for rule in every} == set(ADVICE) == set(CODES)
    for rule in rules.RULES:
        assert rule.starts or rule.codes or rule.words or rule.kinds or rule.timeout, rule.name
        assert all(word == word.lower() for word in (*rule.starts, *rule.words, *rule.codes)), rule.name
    for name, advice in ADVICE.items():
        assert advice.steps, name
        assert advice.remedy.endswith("."), name
        assert not advice.meaning.endswith("."), name


def judged(posts: Iterable[FailedPost], *channels: Channel) -> tuple[tuple[Cause, ...], set[str]]:
    """Causes, and the channels that a checkpoint would take next."""
    known = {item.identifier: item for item in channels}
    failures = Failures(100)
    failures.add(posts, known)
    found = cascades(failures.tallies, known)
    assert set(codes_of(failures.tallies, found)) == set(failures.tallies)
    return causes(failures.tallies, {}, found), {name for item in found for name in item.suspects}


def test_fifty_channels_one_finding() -> None:
    channels = [channel(f"ig{number}", "instagram", login="page-owner") for number in range(50)]
    page = channel("fb", "facebook", login="page-owner")
    posts = [post("fb", meta(190, 459))]
    posts += [post(item.identifier, meta(100, 33), 1) for item in channels[:20]]
    posts += [post(item.identifier, "Refresh channel needed", 2) for item in channels]
    found, suspects = judged(posts, page, *channels)
    assert [(item.code, item.count, item.component) for item in found] == [("identity-checkpoint", 71, "meta")]
    assert len({share.channel.identifier for share in found[0].shares}) == 51
    assert "51 channels of facebook, instagram" in found[0].evidence
    assert "Meta itself asks for it" in found[0].evidence
    assert found[0].retry is Retry.LOOK_FIRST
    assert len(suspects) == 51


def test_a_channel_that_waits_under_the_same_login_is_suspected_too() -> None:
    idle = channel("idle", "facebook", organization="another", login="owner")
    stranger = channel("stranger", "facebook", login="somebody")
    _found, suspects = judged([post("ig", meta(100, 33))], channel("ig", "instagram", login="owner"), idle, stranger)
    assert suspects == {"ig", "idle"}


def test_what_began_before_or_has_its_own_reason_is_no_effect() -> None:
    old, own = channel("old", "instagram"), channel("own", "facebook")
    posts = [
        post("old", "Refresh channel needed", -600),
        post("own", meta(190, 460)),
        post("ig", meta(100, 33)),
    ]
    found, _suspects = judged(posts, old, own, channel("ig", "instagram"))
    assert sorted((item.code, item.count) for item in found) == [
        ("channel-refresh-needed", 1),
        ("identity-checkpoint", 1),
        ("token-refused", 1),
    ]


def test_another_organization_and_other_networks_have_their_own_causes() -> None:
    posts = [
        post("ig", meta(100, 33)),
        post("far", "Refresh channel needed", 1),
        post("x", "Refresh channel needed", 1),
    ]
    found, _suspects = judged(
        posts, channel("ig", "instagram"), channel("far", "instagram", "other"), channel("x", "x")
    )
    assert [item.code for item in found].count("identity-checkpoint") == 1
    assert {(item.code, item.component) for item in found} == {
        ("identity-checkpoint", "meta"),
        ("channel-refresh-needed", "instagram"),
        ("channel-refresh-needed", "x"),
    }


def test_organizations_that_share_a_login_are_one() -> None:
    posts = [post("a", meta(100, 33)), post("b", meta(100, 33)), post("c", meta(100, 33))]
    found, _suspects = judged(
        posts,
        channel("a", "instagram", "one"),
        channel("b", "instagram", "two"),
        channel("c", "facebook", "one", "owner"),
    )
    assert [item.count for item in found] == [2, 1]
    found, _suspects = judged(
        posts,
        channel("a", "instagram", "one"),
        channel("b", "instagram", "two", "owner"),
        channel("c", "facebook", "one", "owner"),
    )
    assert [item.count for item in found] == [3]


def test_without_a_sign_there_is_no_checkpoint() -> None:
    found, suspects = judged(
        [post("ig", "Refresh channel needed"), post("fb", meta(190))],
        channel("ig", "instagram"),
        channel("fb", "facebook"),
    )
    assert {item.code for item in found} == {"channel-refresh-needed", "token-refused"}
    assert not suspects


def test_the_list_keeps_the_newest() -> None:
    failures = Failures(3)
    failures.add((post("c", "No Post", minutes) for minutes in (5, 1, 9, 3, 7, 2)), {"c": channel("c", "x")})
    assert [item.failed for item, _key in failures.listed] == [NOW + timedelta(minutes=late) for late in (9, 7, 5)]
    assert failures.count == 6
    none = Failures(0)
    none.add([post("c", "No Post")], {})
    assert list(none.listed) == []
    assert none.count == 1


RECORDED = Path(__file__).parent / "recorded"


@pytest.mark.parametrize(
    ("name", "expected", "words"),
    [
        ("tiktok-domain", "media-domain-unverified", "url_ownership_unverified"),
        ("tiktok-unaudited", "app-unaudited", "unaudited_client_can_only_post_to_private_accounts"),
        ("instagram-gone", "identity-checkpoint", "100/33"),
        ("instagram-media-fetch", "media-unreachable", "2207052"),
        ("facebook-checkpoint", "identity-checkpoint", "190/459"),
        ("x-503", "provider-transient", "Unknown Error"),
        ("x-401", "token-refused", "refresh_token without a message"),
    ],
)
@pytest.mark.parametrize("kept", [1.0, 0.8, 0.1])
def test_rows_that_a_real_workflow_wrote(name: str, expected: str, words: str, kept: float) -> None:
    text = (RECORDED / f"{name}.json").read_text(encoding="utf-8")
    found = diagnose(post("c", text[: int(len(text) * kept)]), channel("c", name.split("-")[0]))
    if kept == 1.0:
        assert found.rule.code == expected
        assert words in found.evidence
    assert "lab post" not in found.evidence, "the content is in the request"
    assert len(found.evidence) < 700
