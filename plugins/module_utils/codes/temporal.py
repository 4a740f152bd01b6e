# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of the Temporal gate."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "namespace-missing": Code(
        "The cluster serves, and has no such namespace.",
        "The namespace and the address.",
        "Correct the name, or make the namespace.",
    ),
    "queue-not-polled": Code(
        "Nobody polls a provider's task queue.",
        "The queue, the kind of tasks, entries of dead processes.",
        "Restart the Postiz container once Temporal serves.",
    ),
    "search-attribute-limit": Code(
        "PostgreSQL visibility has no room for Postiz's two search attributes of type Text.",
        "Which attributes hold the room.",
        "Remove Temporal's samples before Postiz starts.",
    ),
    "search-attribute-missing": Code(
        "A search attribute that every start of a post's workflow needs does not exist.",
        "Its name.",
        "Restart the Postiz container: its backend makes them.",
    ),
    "sweeper-failed": Code(
        "The workflow that brings back lost posts has ended.",
        "Its state.",
        "Restart the Postiz container.",
    ),
    "sweeper-failing": Code(
        "The activity of the workflow that brings back lost posts fails.",
        "The attempt.",
        "Look at the database of Postiz.",
    ),
    "sweeper-missing": Code(
        "The workflow that brings back lost posts does not exist.",
        "Whether RUN_CRON is set.",
        "Set RUN_CRON, recreate the Postiz container.",
    ),
    "task-queue-backlog": Code(
        "Tasks wait long in a task queue.",
        "Their number and the age of the oldest.",
        "Look whether its workers live and keep up.",
    ),
    "temporal-answer-malformed": Code(
        "Temporal's client printed something that is no JSON.",
        "How long it was.",
        "Look at the client's version.",
    ),
    "temporal-cli-missing": Code(
        "No running container has Temporal's client.",
        "The services that were tried.",
        "Name a service that has it.",
    ),
    "temporal-not-serving": Code(
        "Temporal's frontend answers, and does not serve.",
        "Its state.",
        "Ask compose_health who is to blame.",
    ),
    "temporal-refused": Code(
        "Temporal's frontend refuses the client.",
        "What it says about the key or the certificate.",
        "Correct the API key, or the certificates.",
    ),
    "temporal-slow": Code(
        "Temporal does not answer in time.",
        "The client's message.",
        "Look at the load of its host and at its database.",
    ),
    "temporal-unreachable": Code(
        "Nothing serves at Temporal's address.",
        "The address and the client's message.",
        "Ask compose_health who is to blame.",
    ),
    "worker-not-polling": Code(
        "No living orchestrator polls the task queue main: everything looks green, and nothing is published.",
        "The container, the kind of tasks, entries of dead processes.",
        "Restart the Postiz container once Temporal serves.",
    ),
    "workflow-tasks-failing": Code(
        "Workflow tasks fail again and again, as after a downgrade.",
        "The workflows, their types and attempts.",
        "Go back to the newer release, or end these workflows.",
    ),
}
