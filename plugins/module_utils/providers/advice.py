# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator must do about each code: one advice, whether the failure happened or is foreseen."""

from __future__ import annotations

from typing import Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Severity
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Advice, Retry

LIVE = "post-live-but-error"
CHECKPOINT = "identity-checkpoint"
UNKNOWN = "provider-error-unknown"
OUTCOME_UNKNOWN = "outcome-unknown"
REFUSED = "token-refused"
REFRESH = "channel-refresh-needed"
DISABLED = "channel-disabled"
DOMAIN = "media-domain-unverified"
UNAUDITED = "app-unaudited"
NOT_MP4 = "media-not-mp4"
UNREACHABLE = "media-unreachable"

_RECONNECT = "reconnect the channel in Postiz (Channels, then Reconnect), with the same account."
_RELEASE = "hold the posts (stuck_posts, action hold) if this is not done before they are due; release them afterwards."
_REQUEUE = "then schedule the failed posts again in Postiz; none of them was published."
_LOOK = "look at the account on the network before any of these posts is scheduled again: it may be live."


# Their steps end with what to do with the posts.
_OWN_CLOSING = (CHECKPOINT, OUTCOME_UNKNOWN, "post-not-found")


def _error(meaning: str, remedy: str, *steps: str, shared: bool = False) -> Advice:
    return Advice(Severity.ERROR, meaning, remedy, steps, shared)


def _warning(meaning: str, remedy: str, *steps: str) -> Advice:
    return Advice(Severity.WARNING, meaning, remedy, steps)


ADVICE: Dict[str, Advice] = {
    LIVE: _warning(
        "the root post is on the network; what failed came after it (a comment, a notification, a second start)",
        "never schedule them again; rows marked 'Already posted' are set right by stuck_posts (mark_published).",
        "open the release URL in Postiz and see that the post is there.",
        "if a comment of its thread is missing, add it by hand on the network.",
    ),
    CHECKPOINT: _error(
        "Meta has locked a person or a page behind these channels until somebody confirms an identity; an Instagram channel "
        "fails because of the Facebook page it hangs on, not because of its posts",
        "a person must clear the checkpoint at Meta; then reconnect the channels. Hold their queued posts until then.",
        "hold the queued posts of these channels (stuck_posts, action hold), so that they do not fail one by one.",
        "log in to facebook.com in a browser as the person who connected the channels, from a place and device that this "
        "person normally uses, and do what is asked (identity, e-mail, phone, two-factor).",
        "log in to instagram.com with each Instagram account concerned, and follow the instructions given there.",
        "in Meta Business Suite see that the page is published, that this person still has full control of it, and that the "
        "Instagram account is still linked to it; link it again if it is not.",
        "only then reconnect the channels in Postiz: Facebook first, Instagram after it.",
        "look at each failed post on the network before it is scheduled again: an answer 100/33 was also given for posts "
        "that were published.",
        "publish one post, then release the held ones.",
    ),
    REFUSED: _error(
        "the network refuses the channel's token: expired, revoked, or without a permission",
        "reconnect the channels, allow every permission that is asked for.",
        _RECONNECT,
        "tick every permission and every page in the network's dialogue.",
    ),
    REFRESH: _error(
        "Postiz has set the channel aside because its token could not be renewed",
        "reconnect the channels; until then each of their posts fails when it is due.",
        _RECONNECT,
    ),
    DISABLED: _error(
        "the channel is disabled in Postiz",
        "enable the channels in Postiz, or move their posts.",
        "enable the channel in Postiz (Channels), or hold its posts.",
    ),
    DOMAIN: _error(
        "TikTok fetches media only from a domain that its app has verified; Postiz words this as 'You have to upload the "
        "picture/video to Postiz', which is not the cause",
        "verify the media domain in TikTok's developer portal.",
        "find the media domain: the host of FRONTEND_URL, or that of the storage bucket.",
        "in TikTok's developer portal open the app, URL properties, and verify that domain or the prefix https://HOST/uploads/ "
        "(DNS record or file).",
        "declare it here (verified_domains), so that other hosts are foreseen.",
    ),
    UNAUDITED: _error(
        "TikTok has not audited the app: it may post only as SELF_ONLY, and only to accounts that are private",
        "until the audit: set the TikTok account to private and the posts to SELF_ONLY; apply for the audit.",
        "in the TikTok app of the account: Settings, Privacy, Private account. SELF_ONLY on a public account is refused too.",
        "set the privacy level of the posts to SELF_ONLY (Only me) in Postiz.",
        "mind the cap of an unaudited app: 5 accounts in 24 hours.",
        "apply for the audit of the Content Posting API in TikTok's developer portal; afterwards make the account public again.",
    ),
    NOT_MP4: _error(
        "TikTok takes one MP4, or pictures only (JPEG or WebP)",
        "replace the media by an MP4 (H.264, AAC), or by JPEG or WebP pictures.",
        "convert it, for example: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p -c:a aac -movflags +faststart OUT.mp4",
        "replace the media of the post in Postiz.",
    ),
    "media-refused": _error(
        "the network does not take this picture or video: size, length, ratio, resolution, codec",
        "correct the media of each post.",
        "bring the media into the limits that the evidence names, and replace it in Postiz.",
    ),
    UNREACHABLE: _error(
        "the network (or Postiz itself) cannot fetch the media from your host",
        "make the media reachable from the internet by HTTPS, without redirect, login or bot check.",
        "fetch one media URL from outside your network: 200, an image or video content type, no redirect, and 206 to a range.",
        "see that FRONTEND_URL is the public HTTPS address; media of older posts keep the address that they were uploaded with.",
        "if Postiz says 'Blocked IP', its own media host resolves to a private address for it (split DNS, hairpin).",
        shared=True,
    ),
    "active-user-cap": _error(
        "the TikTok app has reached its number of accounts that may post within 24 hours; Postiz disconnects the channel",
        "wait 24 hours, reconnect the channel; the audit of the app lifts the cap.",
        "spread the accounts over days: an unaudited app may serve 5 accounts in 24 hours.",
        _RECONNECT,
    ),
    "rate-limited": _warning(
        "the network's limit of posts or calls is reached",
        "schedule them again later, and further apart.",
        "wait until the limit is over (Instagram counts 24 hours, TikTok a day).",
        "space the channel's posts.",
    ),
    "account-restricted": _error(
        "the network has restricted or blocked the account's posting",
        "a person must look at the account on the network.",
        "log in to the account, and read its status page and messages.",
    ),
    "content-refused": _error(
        "the network refuses the post itself: policy, spam, or settings that it does not take",
        "change the posts.",
        "change what the evidence names; the same text again is refused again, and counts against the account.",
    ),
    "privacy-level-refused": _error(
        "TikTok does not offer this privacy level to the account (a private account cannot post to everyone)",
        "choose a privacy level that the account offers.",
        "set another privacy level in the post's settings in Postiz.",
    ),
    OUTCOME_UNKNOWN: _error(
        "the network gave no answer, or said that it has the post already: it may be live",
        "look at the account first; schedule again only what is not there.",
        _LOOK,
        "if it is there, leave it: nothing starts a row in ERROR by itself; if it is not, schedule it again.",
    ),
    "post-not-found": _warning(
        "the workflow found no post to publish: deleted at that time, or refused by a subscription check",
        "see whether the posts are still wanted.",
        "without Stripe on purpose, see that STRIPE_SECRET_KEY is not set: Postiz then looks for a subscription.",
        "schedule the posts that are still wanted again; none of them was published.",
    ),
    "provider-transient": _warning(
        "the network or a proxy before it had a trouble of its own",
        "look at the account, then schedule again what is not there.",
        "if it lasts, read the network's status page.",
    ),
    UNKNOWN: _error(
        "an error that no rule knows",
        "read the evidence; treat each post as possibly live.",
        'read the row\'s whole text in "Post".error; never show "Errors".body, which holds tokens.',
    ),
}


_CLOSING: Dict[Retry, str] = {
    Retry.AFTER_REPAIR: _REQUEUE,
    Retry.LATER: _REQUEUE,
    Retry.LOOK_FIRST: _LOOK,
}


def steps_for(code: str, retry: Retry, predicted: bool) -> Tuple[str, ...]:
    """What to do, and at last what to do with the posts that failed. `retry` is that of the cause."""
    steps = ADVICE[code].steps
    if code in _OWN_CLOSING:
        return steps
    closing = _RELEASE if predicted else _CLOSING.get(retry, "")
    return (*steps, closing) if closing else steps
