# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in module_utils/posts/parameters.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment selfhost.postiz.posts."""

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
  overdue_for:
    description:
      - Seconds since its time from which a queued post is looked at.
      - A negative number takes posts along that are due within so many seconds.
    type: float
    default: 900.0
  horizon:
    description:
      - So many seconds ahead, posts of the future are looked for that have no workflow, as after Temporal lost its state.
      - V(0) looks for none. It is looked for no longer than 300 seconds; what is left over is in RV(looked_ahead).
      - The number of posts that are due later is in RV(later_than_horizon).
    type: float
    default: 604800.0
  newer_than:
    description:
      - Look only at posts that were due after this time, ISO 8601 with a zone. By default there is no such bound.
      - The number of queued posts from before is in RV(older_than_selected).
    type: str
  organizations:
    description: Ids of organizations. By default all of them, but for deleted ones.
    type: list
    elements: str
    default: []
  channels:
    description: Ids of channels. By default all of them.
    type: list
    elements: str
    default: []
  providers:
    description: Identifiers of providers, such as V(tiktok). By default all of them.
    type: list
    elements: str
    default: []
  posts:
    description: Ids of posts. Exactly these are looked at, whenever they are due and whatever their state.
    type: list
    elements: str
    default: []
  limit:
    description: Number of posts that are listed in full. All of them are counted.
    type: int
    default: 100
  scan_limit:
    description: Number of running workflows that are looked at for ghosts, the newest first. V(0) looks at none.
    type: int
    default: 1000
  failing_attempts:
    description: From this attempt on, a workflow task is told to fail again and again.
    type: int
    default: 3
  cli_service:
    description: The service whose container has Temporal's client. By default C(temporal-admin-tools), else C(temporal).
    type: str
  address:
    description: Address of Temporal's frontend. By default what Postiz itself uses.
    type: str
  namespace:
    description:
      - Temporal's namespace. By default what Postiz itself uses; another one is refused by M(selfhost.postiz.stuck_posts) unless
        it is shown to be this stack's own, and so is another O(address).
    type: str
  tls:
    description: Whether to use TLS to Temporal. It is used when Postiz does.
    type: bool
    default: false
  tls_ca_path:
    description: Authority of Temporal's certificate, a path in the client's container.
    type: str
  tls_cert_path:
    description: The client's certificate, a path in its container.
    type: str
  tls_key_path:
    description: The client's key, a path in its container.
    type: str
  api_key_path:
    description: A file with Temporal's API key, a path in the client's container.
    type: str
  deadline:
    description: Seconds for each call to Temporal.
    type: int
    default: 5
requirements:
  - docker (Python library)
  - psycopg2 (Python library)
"""
