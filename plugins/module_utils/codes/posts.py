# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of stuck posts and their repair."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "posts-channel-broken": Code(
        "Posts wait whose channel cannot post: disabled, to be reconnected, half connected or deleted.",
        "Their number, and an example with the reason.",
        "Reconnect or enable the channel; hold or fail what shall not go out.",
    ),
    "posts-ghost-workflow": Code(
        "Workflows run whose post is deleted, a draft, gone, or due at another time.",
        "Their number, and an example.",
        "End them with stuck_posts.",
    ),
    "posts-has-release": Code(
        "Posts are queued although they have a release: they were published, or handed over to the network, before.",
        "Their number, and an example.",
        "Look at the channel. Nothing of this collection starts them.",
    ),
    "posts-live-but-marked-error": Code(
        "Posts are live, and marked as failed.",
        "Their number, and an example with the reason.",
        "Set those marked 'Already posted' right with stuck_posts.",
    ),
    "posts-looping": Code(
        "Posts are sent again and again by one run of their workflow.",
        "Their number, and how often an example was sent.",
        "Look at the channel, then end the loop with stuck_posts (fail).",
    ),
    "posts-no-workflow": Code(
        "Posts are overdue, and no workflow of them runs.",
        "Their number, and an example.",
        "Poke them with stuck_posts, or move them to new times.",
    ),
    "posts-older-than-sweep": Code(
        "Posts are overdue for longer than upstream's own sweep looks back.",
        "Their number.",
        "Decide about each: reschedule, hold or fail.",
    ),
    "posts-outcome-unknown": Code(
        "Posts may be live: the worker that was publishing them died before it could tell.",
        "Their number, and an example with the activity.",
        "Look at the channel itself, soon: this collection never starts them again, Postiz itself may. Then mark them as failed.",
    ),
    "posts-overdue": Code(
        "Posts of usable channels should have gone out and have not.",
        "Their number and the age of the oldest.",
        "Look at them before they go out all at once.",
    ),
    "posts-scheduled-no-workflow": Code(
        "Posts of the future have no workflow that waits for them, as after Temporal lost its state.",
        "Their number, when the first is due, and an example.",
        "Start their workflows with stuck_posts, before their time comes.",
    ),
    "posts-unknown": Code(
        "The posts cannot be counted.",
        "What the database says, without the connection string.",
        "Look at the database.",
    ),
    "posts-worker-dead": Code(
        "Posts wait for a worker, and none lives.",
        "Their number, and an example with the task queue.",
        "Guard against a burst, then restart the Postiz container.",
    ),
    "posts-workflow-failing": Code(
        "The workflow tasks of posts fail again and again, as after a downgrade.",
        "Their number, and an example with the workflow type.",
        "Go back to the newer release, or reschedule them.",
    ),
    "posts-workflow-running-overdue": Code(
        "The workflow of overdue posts runs and does not publish, as after a date that was changed in the database.",
        "Their number, and until when an example sleeps.",
        "Reschedule them: that ends the sleeping workflow first.",
    ),
}
