# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that are known, as data. First those of every network, then TikTok, Meta, and what is left.

Sources: Postiz' own maps of errors (social.abstract, tiktok, instagram, facebook and threads providers) and the networks'
references of error codes. Order matters: the first rule that matches decides.
"""

from __future__ import annotations

from typing import Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.providers import advice
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import TIKTOK, Retry, Rule
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.rules_meta import META_RULES

REPAIR, LATER, LOOK, NEVER = Retry.AFTER_REPAIR, Retry.LATER, Retry.LOOK_FIRST, Retry.NEVER

# Not looked for in texts: the row itself says so.
LIVE = Rule("live", advice.LIVE, NEVER)
HANDED_OVER = Rule("handed-over", advice.OUTCOME_UNKNOWN, LOOK)
OVERWRITTEN = Rule("overwritten", advice.OUTCOME_UNKNOWN, LOOK)
EMPTY = Rule("empty", advice.UNKNOWN, LOOK)
UNKNOWN = Rule("unknown", advice.UNKNOWN, LOOK)

COMMON: Tuple[Rule, ...] = (
    Rule("no-post", "post-not-found", REPAIR, starts=("no post",)),
    Rule("refresh-needed", advice.REFRESH, REPAIR, starts=("refresh channel needed",), follows_checkpoint=True),
    Rule("disabled", advice.DISABLED, REPAIR, starts=("channel disabled",)),
    Rule(
        "unconfirmed",
        advice.OUTCOME_UNKNOWN,
        LOOK,
        starts=("could not confirm",),
        words=("could not confirm the post status", "may have already published"),
        kinds=frozenset({"unconfirmed"}),
        timeout=True,
    ),
    Rule(
        "blocked-address",
        advice.UNREACHABLE,
        REPAIR,
        words=("blocked ip", "cannot point to internal network addresses"),
    ),
)

TIKTOK_RULES: Tuple[Rule, ...] = (
    Rule(
        "tiktok-domain",
        advice.DOMAIN,
        REPAIR,
        TIKTOK,
        codes=frozenset({"url_ownership_unverified"}),
        words=("url_ownership_unverified", "upload the picture/video to postiz", "not a verified url property"),
    ),
    Rule(
        "tiktok-unaudited",
        advice.UNAUDITED,
        REPAIR,
        TIKTOK,
        codes=frozenset({"unaudited_client_can_only_post_to_private_accounts"}),
        words=("unaudited_client_can_only_post", "app not approved for public posting"),
    ),
    Rule(
        "tiktok-user-cap",
        "active-user-cap",
        LATER,
        TIKTOK,
        codes=frozenset({"reached_active_user_cap"}),
        words=("reached_active_user_cap", "daily active user quota"),
    ),
    Rule(
        "tiktok-format",
        advice.NOT_MP4,
        REPAIR,
        TIKTOK,
        codes=frozenset({"file_format_check_failed"}),
        words=("file_format_check_failed", "file format check failed"),
    ),
    Rule(
        "tiktok-media",
        "media-refused",
        REPAIR,
        TIKTOK,
        codes=frozenset({"duration_check_failed", "frame_rate_check_failed", "picture_size_check_failed"}),
        words=("duration_check_failed", "frame_rate_check_failed", "picture_size_check_failed", "picture size check"),
    ),
    Rule(
        "tiktok-pull",
        advice.UNREACHABLE,
        REPAIR,
        TIKTOK,
        codes=frozenset({"video_pull_failed", "photo_pull_failed"}),
        words=("failed to pull video", "failed to pull photo"),
    ),
    Rule(
        "tiktok-privacy",
        "privacy-level-refused",
        REPAIR,
        TIKTOK,
        codes=frozenset({"privacy_level_option_mismatch"}),
        words=("privacy_level_option_mismatch", "privacy level mismatch"),
    ),
    Rule(
        "tiktok-banned",
        "account-restricted",
        REPAIR,
        TIKTOK,
        codes=frozenset({"spam_risk_user_banned_from_posting"}),
        words=("banned from posting",),
    ),
    Rule(
        "tiktok-limit",
        "rate-limited",
        LATER,
        TIKTOK,
        codes=frozenset({"rate_limit_exceeded", "spam_risk_too_many_posts", "spam_risk_too_many_pending_share"}),
        words=("rate limit exceeded", "daily post limit"),
    ),
    Rule("tiktok-spam", "content-refused", REPAIR, TIKTOK, codes=frozenset({"spam_risk", "invalid_params"})),
    Rule(
        "tiktok-token",
        advice.REFUSED,
        REPAIR,
        TIKTOK,
        codes=frozenset({"access_token_invalid", "scope_not_authorized", "scope_permission_missed"}),
        words=("access token invalid", "missing required permissions"),
    ),
    Rule(
        "tiktok-internal",
        "provider-transient",
        LOOK,
        TIKTOK,
        codes=frozenset({"internal", "internal_error"}),
        words=("a problem with tiktok servers",),
    ),
)

REST: Tuple[Rule, ...] = (
    Rule("token", advice.REFUSED, REPAIR, kinds=frozenset({"refresh_token", "disconnect"})),
    Rule("limit", "rate-limited", LATER, words=("rate limit", "rate_limit", "too many requests")),
    Rule(
        "proxy",
        "provider-transient",
        LOOK,
        words=(
            "<html",
            "<!doctype html",
            "bad gateway",
            "service unavailable",
            "gateway time",
            "internal server error",
            "fetch failed",
        ),
    ),
)

RULES: Tuple[Rule, ...] = (*COMMON, *TIKTOK_RULES, *META_RULES, *REST)
