# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of the PM2 gate."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "app-crash-loop": Code(
        "An app ends again and again; counted within a window, not over its lifetime.",
        "Ends within the window, PM2's status, a known log line.",
        "Restart the Postiz container; repair what its log names.",
    ),
    "app-log": Code(
        "An app runs, and its present process wrote a line whose meaning is known.",
        "The line.",
        "What the line's meaning asks for.",
    ),
    "app-missing": Code(
        "PM2 does not know an app that must run.",
        "Which one.",
        "Restart the Postiz container.",
    ),
    "app-not-online": Code(
        "PM2 stopped an app, or gave it up.",
        "PM2's status and restarts.",
        "Restart the Postiz container.",
    ),
    "boot-guard-waiting": Code(
        "The boot guard still holds Postiz back.",
        "That Temporal does not serve its namespace.",
        "Look at Temporal first.",
    ),
    "ghost-process": Code(
        "A process of an app lives outside of what PM2 manages.",
        "Its pid, group, age and port.",
        "Restart the Postiz container; never restart an app with PM2 in an image without ps.",
    ),
    "hung-at-start": Code(
        "An app stopped for good during its start: online, no listener, little memory, a silent log.",
        "Age, port, memory.",
        "Restart the Postiz container.",
    ),
    "not-listening": Code(
        "An app is online, and nothing listens on its port.",
        "Age, port, a known log line.",
        "Restart the Postiz container once Temporal serves.",
    ),
    "pm2-daemon-missing": Code(
        "No PM2 daemon runs.",
        "Apps that live on without it.",
        "Restart the Postiz container.",
    ),
    "pm2-no-answer": Code(
        "PM2's socket gives no usable answer.",
        "The kind of failure.",
        "Restart the Postiz container.",
    ),
    "pm2-probe-failed": Code(
        "The container's processes could not be looked at.",
        "What failed.",
        "Run as root on the engine's host, or use an image with python3.",
    ),
    "pm2-settling": Code(
        "The quiet window after a start is not over.",
        "Seconds that remain.",
        "Wait.",
    ),
    "port-held-by-ghost": Code(
        "An app's port is held by a process outside the tree that PM2 manages.",
        "Port, pid and command.",
        "Restart the Postiz container.",
    ),
}
