"""Queued posts that cannot succeed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.forecast import Forecast, media_of, reasons
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.look import pulls_videos
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Channel, Expectations, QueuedPost
from hypothesis import given
from hypothesis import strategies as st

DUE = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - UTC without a zone, as in the database
TIKTOK = Channel("tk", "org", "Ours", "tiktok")
INSTAGRAM = Channel("ig", "org", "Ours", "instagram")
NOTHING = Expectations()
MP4 = "https://media.example.org/uploads/a.mp4"


def queued(*paths: str, channel: str = "tk", **settings: object) -> QueuedPost:
    return QueuedPost(
        "p", DUE, channel, json.dumps(settings), json.dumps([{"id": "1", "path": path} for path in paths])
    )


def codes(post: QueuedPost, channel: Channel = TIKTOK, expected: Expectations = NOTHING) -> list[str]:
    return [code for code, _why in reasons(post, channel, expected)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([MP4], []),
        (["https://a.example/x.MP4?v=1"], []),
        (["https://a.example/x.jpg", "https://a.example/y.webp"], []),
        (["https://a.example/x.mov"], ["media-not-mp4"]),
        (["https://a.example/x.png"], ["media-not-mp4"]),
        (["https://a.example/x"], ["media-not-mp4"]),
        ([MP4, "https://a.example/x.jpg"], ["media-not-mp4"]),
        ([MP4, MP4], ["media-not-mp4"]),
        ([], ["media-not-mp4"]),
    ],
)
def test_tiktok_takes_one_mp4_or_pictures(paths: list[str], expected: list[str]) -> None:
    assert codes(queued(*paths)) == expected


@pytest.mark.parametrize(
    ("settings", "unaudited", "expected"),
    [
        ({"privacy_level": "PUBLIC_TO_EVERYONE"}, {"tiktok"}, ["app-unaudited"]),
        ({"privacy_level": "MUTUAL_FOLLOW_FRIENDS"}, {"tk"}, ["app-unaudited"]),
        ({}, {"tk"}, ["app-unaudited"]),
        ({"privacy_level": "SELF_ONLY"}, {"tk"}, []),
        ({"privacy_level": "PUBLIC_TO_EVERYONE", "content_posting_method": "UPLOAD"}, {"tk"}, []),
        ({"privacy_level": "PUBLIC_TO_EVERYONE"}, {"other"}, []),
    ],
)
def test_an_unaudited_app(settings: dict[str, object], unaudited: set[str], expected: list[str]) -> None:
    assert codes(queued(MP4, **settings), expected=Expectations(frozenset(unaudited))) == expected


@pytest.mark.parametrize(
    ("path", "domains", "pulled", "expected"),
    [
        (MP4, ("media.example.org",), True, []),
        (MP4, ("example.org",), True, []),
        (MP4, ("Media.Example.org",), True, []),
        (MP4, ("https://media.example.org/uploads/",), True, []),
        (MP4, ("https://media.example.org/other/",), True, ["media-domain-unverified"]),
        (MP4, ("ample.org",), True, ["media-domain-unverified"]),
        (MP4, (), True, ["media-domain-unverified"]),
        (MP4, (), False, []),
        ("https://media.example.org/a.jpg", (), False, ["media-domain-unverified"]),
        (MP4, None, True, []),
    ],
)
def test_verified_domains(path: str, domains: tuple[str, ...] | None, pulled: bool, expected: list[str]) -> None:
    given = Expectations(verified_domains=domains, tiktok_pulls_videos=pulled)
    assert codes(queued(path), expected=given) == expected


def test_the_business_variant_always_fetches() -> None:
    business = replace(TIKTOK, provider="tiktok-business")
    assert codes(queued(MP4), business, Expectations(verified_domains=())) == ["media-domain-unverified"]


@pytest.mark.parametrize(
    ("path", "unreachable"),
    [
        ("https://media.example.org/a.jpg", False),
        ("http://media.example.org/a.jpg", True),
        ("https://localhost:4007/a.jpg", True),
        ("https://postiz/a.jpg", True),
        ("https://nas.local/a.jpg", True),
        ("https://192.168.1.4/a.jpg", True),
        ("https://100.64.0.9/a.jpg", True),
        ("https://[fd00::1]/a.jpg", True),
        ("https://[::1/a.jpg", False),
        ("https://93.184.216.34/a.jpg", False),
        ("/uploads/a.jpg", False),
    ],
)
def test_meta_fetches_from_public_https(path: str, unreachable: bool) -> None:
    assert codes(queued(path), INSTAGRAM) == (["media-unreachable"] if unreachable else [])


def test_postiz_uploads_tiktok_videos_and_guards_private_addresses() -> None:
    private = queued("https://10.0.0.1/a.mp4")
    assert codes(private) == ["media-unreachable"]
    assert codes(private, expected=Expectations(guards_addresses=False)) == []
    assert codes(queued("http://media.example.org/a.mp4")) == []
    assert codes(queued("http://media.example.org/a.mp4"), expected=Expectations(tiktok_pulls_videos=True)) == [
        "media-unreachable"
    ]


def test_channels_that_cannot_publish() -> None:
    post = queued("https://media.example.org/a.jpg")
    assert codes(post, replace(INSTAGRAM, refresh_needed=True)) == ["channel-refresh-needed"]
    assert codes(post, replace(INSTAGRAM, disabled=True)) == ["channel-disabled"]
    assert codes(post, INSTAGRAM, Expectations(checkpointed=frozenset({"ig"}))) == ["identity-checkpoint"]


def test_what_cannot_be_read_is_not_foreseen() -> None:
    assert codes(QueuedPost("p", DUE, "tk", None, None)) == []
    assert codes(QueuedPost("p", DUE, "tk", "{", '[{"path": 1}]')) == []
    assert codes(QueuedPost("p", DUE, "tk", "[]", "")) == ["media-not-mp4"]


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_settings_media_and_addresses_are_read(settings: str, text: str) -> None:
    given = Expectations(frozenset({"tk"}), ("example.org",), True)
    for media in (text, json.dumps([{"path": text}]), json.dumps([{"path": f"https://{text}"}])):
        for channel in (TIKTOK, INSTAGRAM):
            list(reasons(QueuedPost("p", DUE, "tk", settings, media), channel, given))


def test_media_are_the_paths() -> None:
    assert media_of('[{"id": "1", "path": "https://a.example/x.mp4"}]') == ("https://a.example/x.mp4",)
    assert media_of("[" * 100_000) is None


def test_a_post_with_two_reasons_counts_once() -> None:
    forecast = Forecast(2)
    posts = [
        replace(queued("https://a.example/x.mov"), identifier=name, due=DUE + timedelta(hours=hours))
        for name, hours in (("late", 9), ("soon", 1), ("next", 2))
    ]
    forecast.add(posts, {"tk": TIKTOK}, Expectations(frozenset({"tiktok"})))
    assert forecast.count == 3
    assert {code: tally.count for (code, _channel), tally in forecast.tallies.items()} == {
        "app-unaudited": 3,
        "media-not-mp4": 3,
    }
    assert [post.identifier for post, _code in forecast.listed] == ["soon", "soon"]
    gone = Forecast(2)
    gone.add(posts, {"tk": replace(TIKTOK, deleted=True)}, Expectations())
    assert gone.count == 0


@pytest.mark.parametrize(
    ("version", "pulled"),
    [("v2.21.10", True), ("v2.22.1", False), ("v2.23.0", False), ("", True), ("v3.0.0-rc1", False)],
)
def test_who_moves_tiktok_s_videos(version: str, pulled: bool) -> None:
    assert pulls_videos(version) is pulled
