# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of stuck posts and their repair."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "posts-older-than-sweep": Code(
        "Posts are overdue for longer than upstream's own sweep looks back.",
        "Their number.",
        "Decide about each: reschedule, hold or fail.",
    ),
    "posts-overdue": Code(
        "Posts of usable channels should have gone out and have not.",
        "Their number and the age of the oldest.",
        "Look at them before they go out all at once.",
    ),
    "posts-unknown": Code(
        "The posts cannot be counted.",
        "What the database says, without the connection string.",
        "Look at the database.",
    ),
}
