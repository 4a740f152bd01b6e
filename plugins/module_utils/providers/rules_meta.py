# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of Facebook, Instagram and Threads that are known, as data; rules.py says how they are read.

Codes are those of Meta's Graph API, subcodes included; Postiz' own words are from its facebook, instagram and threads
providers.
"""

from __future__ import annotations

from typing import Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.providers import advice
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import META, Retry, Rule

REPAIR, LATER, LOOK = Retry.AFTER_REPAIR, Retry.LATER, Retry.LOOK_FIRST

META_RULES: Tuple[Rule, ...] = (
    Rule(
        "meta-checkpoint",
        advice.CHECKPOINT,
        REPAIR,
        META,
        # Subcodes of Meta: 459 checkpointed, 464 not confirmed; 4854002 asks for an identity.
        codes=frozenset({"190/459", "190/464", "4854002"}),
        words=(
            "checkpoint",
            "you cannot access the app till you log in",
            "session key is malformed because of invalid user id",
            "not a confirmed user",
            "confirm your identity",
        ),
        proves_checkpoint=True,
    ),
    Rule(
        "meta-object-gone",
        advice.CHECKPOINT,
        LOOK,
        META,
        codes=frozenset({"100/33", "deleted_object"}),
        words=("deleted_object", "does not exist, cannot be loaded due to missing permissions"),
    ),
    # These say their own reason: a password, an app that was removed, a logout, an age.
    Rule(
        "meta-token-reason", advice.REFUSED, REPAIR, META, codes=frozenset({"190/458", "190/460", "190/463", "190/467"})
    ),
    Rule(
        "meta-media-fetch",
        advice.UNREACHABLE,
        REPAIR,
        META,
        codes=frozenset({"9004", "2207003", "2207052", "2207077"}),
        words=(
            "timeout downloading media",
            "media fetch failed",
            "video download failed",
            "media could not be fetched",
        ),
    ),
    Rule(
        "meta-media",
        "media-refused",
        REPAIR,
        META,
        codes=frozenset({"2207026", "2207009", "36003", "36001", "1366046"}),
        words=("unsupported video format", "aspect ratio", "smaller than 4 mb"),
    ),
    Rule(
        "meta-posted-already",
        advice.OUTCOME_UNKNOWN,
        LOOK,
        META,
        codes=frozenset({"1366051", "506"}),
        words=("already posted",),
    ),
    Rule(
        "meta-blocked", "account-restricted", LOOK, META, codes=frozenset({"2207051"}), words=("blocked your request",)
    ),
    Rule(
        "meta-limit",
        "rate-limited",
        LATER,
        META,
        codes=frozenset({"2207042", "1390008", "4", "9", "17", "32", "341", "613"}),
        words=("25 posts per day", "posting too fast"),
    ),
    Rule(
        "meta-restricted",
        "account-restricted",
        REPAIR,
        META,
        codes=frozenset({"2207050", "4279013", "368"}),
        words=("user restricted", "account is restricted"),
    ),
    Rule(
        "meta-content",
        "content-refused",
        REPAIR,
        META,
        codes=frozenset({"2207001", "1346003", "1404102"}),
        words=("is spam", "flagged as abusive"),
    ),
    Rule(
        "meta-token",
        advice.REFUSED,
        REPAIR,
        META,
        codes=frozenset({"190", "102", "10", "200", "1404078", "490", "revoked_access_token"}),
        words=(
            "error validating access token",
            "revoked_access_token",
            "session has been invalidated",
            "missing some permissions",
            "re-authenticate",
        ),
        kinds=frozenset({"refresh_token", "disconnect"}),
        follows_checkpoint=True,
    ),
    Rule(
        "meta-transient",
        "provider-transient",
        LOOK,
        META,
        codes=frozenset({"1", "2", "1363047", "1609010", "2207027", "2207082"}),
        words=("temporarily unavailable",),
    ),
)
