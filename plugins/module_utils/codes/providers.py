# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of what the social networks refuse."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "account-restricted": Code(
        "A network has restricted or blocked an account's posting.",
        "What Postiz and the network said last.",
        "A person looks at the account on the network.",
    ),
    "active-user-cap": Code(
        "A TikTok app has reached its number of accounts that may post within 24 hours.",
        "What Postiz and TikTok said last.",
        "Wait 24 hours, reconnect the channel; the audit of the app lifts the cap.",
    ),
    "app-unaudited": Code(
        "TikTok has not audited the app: it may post only as SELF_ONLY, and only to private accounts.",
        "What TikTok said last, or a queued post's privacy level.",
        "Set the account to private and the posts to SELF_ONLY; apply for the audit.",
    ),
    "channel-disabled": Code(
        "A channel is disabled in Postiz.",
        "What Postiz said last, or that queued posts wait for it.",
        "Enable the channel, or hold its posts.",
    ),
    "channel-refresh-needed": Code(
        "Postiz has set a channel aside because its token could not be renewed.",
        "What Postiz said last, or that queued posts wait for it.",
        "Reconnect the channel.",
    ),
    "content-refused": Code(
        "A network refuses a post itself: policy, spam, settings.",
        "What Postiz and the network said last.",
        "Change the post.",
    ),
    "identity-checkpoint": Code(
        "Meta has locked a person or a page until somebody confirms an identity; channels of Facebook, Instagram and Threads fail with it.",
        "Whether Meta itself says so or it is suspected, the networks, the last sign.",
        "A person clears the checkpoint at Meta, then reconnects the channels; hold their queued posts until then.",
    ),
    "media-domain-unverified": Code(
        "TikTok fetches media only from a domain that its app has verified.",
        "What TikTok said last, or the host of a queued post's media.",
        "Verify the media domain in TikTok's developer portal.",
    ),
    "media-not-mp4": Code(
        "TikTok takes one MP4, or pictures only (JPEG or WebP).",
        "What TikTok said last, or what a queued post has.",
        "Replace the media.",
    ),
    "media-refused": Code(
        "A network does not take this picture or video: size, length, ratio, resolution.",
        "What Postiz and the network said last.",
        "Correct the media of each post.",
    ),
    "media-unreachable": Code(
        "A network, or Postiz itself, cannot fetch media from this stack.",
        "What the network said last, or the http or private host of a queued post's media.",
        "Make the media reachable from the internet by HTTPS.",
    ),
    "outcome-unknown": Code(
        "A post failed in a way that leaves open whether it is live.",
        "What Postiz said last.",
        "Look at the account before it is scheduled again.",
    ),
    "post-live-but-error": Code(
        "A post is on the network although its row says ERROR.",
        "That the row has a release id or URL.",
        "Never schedule it again; set the row right.",
    ),
    "post-not-found": Code(
        "A workflow found no post to publish: deleted at that time, or refused by a subscription check.",
        "What Postiz said last.",
        "See whether the post is still wanted.",
    ),
    "privacy-level-refused": Code(
        "TikTok does not offer this privacy level to the account.",
        "What TikTok said last.",
        "Choose another privacy level.",
    ),
    "provider-error-unknown": Code(
        "A network's error that no rule knows, or an error text that cannot be read.",
        "What Postiz and the network said last, without tokens.",
        "Read it; treat the post as possibly live.",
    ),
    "provider-transient": Code(
        "A network or a proxy before it had a trouble of its own.",
        "What Postiz and the network said last.",
        "Look at the account, then schedule again what is not there.",
    ),
    "rate-limited": Code(
        "A network's limit of posts or calls is reached.",
        "What Postiz and the network said last.",
        "Schedule the posts again later, and further apart.",
    ),
    "token-refused": Code(
        "A network refuses a channel's token: expired, revoked, or without a permission.",
        "What Postiz and the network said last.",
        "Reconnect the channel with every permission.",
    ),
}
