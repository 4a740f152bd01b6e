# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that the modules that judge all layers share: stack_health and those of recovery."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment selfhost.postiz.health."""

    DOCUMENTATION = r"""
options:
  project:
    description: Compose project name of the stack.
    type: str
    required: true
  service:
    description: The service that runs Postiz.
    type: str
    default: postiz
  services:
    description: What is expected of services, see M(selfhost.postiz.compose_health).
    type: dict
    default: {}
  skip:
    description: Layers to leave out.
    type: list
    elements: str
    choices: [endpoints, pm2, temporal, posts]
    default: []
  api_port:
    description: Port inside the container whose published address is asked. Nothing is asked if it is not published.
    type: int
    default: 5000
  api_path:
    description: Path of the API.
    type: str
    default: /api/
  api_body:
    description: Text that the API answers.
    type: str
    default: App is running!
  ports:
    description: Ports of the apps, see M(selfhost.postiz.pm2_health).
    type: dict
    default: {backend: 3000, frontend: 4200, orchestrator: 3002}
  settle_seconds:
    description: Length of the quiet window after a start. Living pollers end it early.
    type: float
    default: 150.0
  frontend_path:
    description:
      - Where the compiled frontend lies in the container. What is mounted there must be of the image's release
        (C(bundle-image-mismatch), in the layer C(endpoints)). Empty to leave that out.
      - If it is no bundle of this collection, a container of the image is made and removed, never started, to compare.
    type: str
    default: /app/apps/frontend/.next
  queues:
    description: Task queues that must be polled, see M(selfhost.postiz.temporal_health).
    type: dict
    default: {main: [workflow, activity]}
  cli_service:
    description: The service whose container has Temporal's client. By default C(temporal-admin-tools), else C(temporal).
    type: str
  api_key_path:
    description: A file with Temporal's API key, a path in the client's container.
    type: str
  sample:
    description: Number of running workflows that are asked for failing workflow tasks.
    type: int
    default: 5
  sweeper:
    description: Whether the workflow C(missing-post-workflow) must run.
    type: bool
    default: true
  overdue_after:
    description: Seconds after its time from which a post counts as overdue. Postiz's own sweep runs hourly.
    type: float
    default: 4500.0
  log_lines:
    description: Number of log lines to show of a container that is to blame.
    type: int
    default: 15
"""
