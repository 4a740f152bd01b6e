# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: temporal_health
short_description: Judge whether Temporal serves Postiz, and whether a living worker polls it
version_added: 0.1.0
description:
  - Asks Temporal through the command line client in the stack's own container, with a deadline on every call.
  - A poller counts only if its process lives in a running container of Postiz and asked for work a moment ago. Entries of
    dead processes stay listed for minutes, and a crash loop leaves dozens of them.
  - Also judges the namespace, the search attributes, the workflow that brings back lost posts, backlogs, and workflow tasks
    that fail again and again.
  - Works with a Temporal outside of the stack as well, as long as a container of the stack has the client.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: It changes nothing.
  idempotent:
    support: full
options:
  project:
    description: Compose project name of the stack.
    type: str
    required: true
  service:
    description: The service whose containers must poll. Each replica counts.
    type: str
    default: postiz
  cli_service:
    description: The service whose container has the client. By default C(temporal-admin-tools), else C(temporal).
    type: str
  address:
    description: Address of the frontend, as the client's container reaches it. By default what Postiz itself uses.
    type: str
  namespace:
    description: Namespace. By default what Postiz itself uses.
    type: str
  tls:
    description: Whether to use TLS. It is used when Postiz does.
    type: bool
    default: false
  tls_ca_path:
    description: Authority of the server's certificate, a path in the client's container.
    type: str
  tls_cert_path:
    description: The client's certificate, a path in its container.
    type: str
  tls_key_path:
    description: The client's key, a path in its container.
    type: str
  api_key_path:
    description: A file with the API key, a path in the client's container. The key itself is in no argument.
    type: str
  queues:
    description:
      - Task queues, each with the kinds of pollers that it needs, V(workflow), V(activity) or both.
      - A queue that Postiz leaves out by C(EXCLUDE_QUEUE) is not judged.
    type: dict
    default: {main: [workflow, activity]}
  fresh_for:
    description: Seconds since a poller's last call. A long poll ends after 60 to 70 seconds.
    type: float
    default: 90.0
  backlog_age:
    description: Seconds that the oldest task of a queue may wait before there is a warning.
    type: float
    default: 300.0
  failing_attempts:
    description: From this attempt on, a task is told to fail again and again.
    type: int
    default: 3
  sweeper:
    description: Whether the workflow C(missing-post-workflow) must run.
    type: bool
    default: true
  sample:
    description: Number of running workflows that are asked for failing workflow tasks.
    type: int
    default: 5
  deadline:
    description: Seconds for each call of the client.
    type: int
    default: 5
  timeout:
    description: Seconds to wait until all is well; V(0) looks once.
    type: float
    default: 180.0
  fail_on_unhealthy:
    description: Whether to fail unless the verdict is V(healthy). The result is the same in both cases.
    type: bool
    default: true
seealso:
  - module: selfhost.postiz.compose_health
  - module: selfhost.postiz.pm2_health
"""

EXAMPLES = r"""
- name: Wait until the orchestrator polls
  selfhost.postiz.temporal_health:
    project: postiz

- name: Only look, also at a provider's queue
  selfhost.postiz.temporal_health:
    project: postiz
    timeout: 0
    fail_on_unhealthy: false
    queues:
      main: [workflow, activity]
      tiktok: [activity]
  register: temporal

- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ temporal.report }}"
"""

RETURN = r"""
verdict:
  description: V(healthy), V(unhealthy), or V(unknown) if it could not be asked.
  type: str
  returned: always, but for bad input
  sample: healthy
report:
  description: The same for people.
  type: str
  returned: always, but for bad input
  sample: Temporal of postiz (temporal:7233, namespace default) is healthy.
project:
  description: The Compose project.
  type: str
  returned: always, but for bad input
  sample: postiz
address:
  description: The frontend that was asked.
  type: str
  returned: always, but for bad input
  sample: temporal:7233
namespace:
  description: The namespace.
  type: str
  returned: always, but for bad input
  sample: default
serving:
  description: Whether the frontend serves.
  type: bool
  returned: always, but for bad input
  sample: true
retention_seconds:
  description: How long the namespace keeps workflows that have ended.
  type: int
  returned: always, but for bad input
  sample: 86400
sweeper:
  description: State of the workflow that brings back lost posts; empty if there is none.
  type: str
  returned: always, but for bad input
  sample: RUNNING
queues:
  description: The task queues.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    name:
      description: Name of the queue.
      type: str
      sample: main
    pollers:
      description: Its entries, those of dead processes too.
      type: list
      elements: dict
      contains:
        identity:
          description: Process and host name.
          type: str
          sample: 225@0123456789ab
        kind:
          description: V(workflow) or V(activity).
          type: str
          sample: workflow
        age_seconds:
          description: Seconds since its last call.
          type: float
          sample: 12.5
        living:
          description: Whether it counts.
          type: bool
          sample: true
    workflow_pollers:
      description: Living pollers for workflow tasks.
      type: int
      sample: 1
    activity_pollers:
      description: Living pollers for activity tasks.
      type: int
      sample: 1
    backlog:
      description: Tasks that wait, about.
      type: int
      sample: 0
    backlog_seconds:
      description: Age of the oldest of them.
      type: float
      sample: 0.0
    excluded:
      description: Whether Postiz leaves this queue out.
      type: bool
      sample: false
findings:
  description: What is not as it should be, first causes first. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: worker-not-polling
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: V(temporal) or V(orchestrator).
      type: str
      sample: orchestrator
    evidence:
      description: What was seen.
      type: str
      sample: no living process of postiz-postiz-1 polls the task queue main for workflow tasks; none is listed.
    remedy:
      description: What to do.
      type: str
      sample: make sure that Temporal serves, then restart the Postiz container and wait for its pollers.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.gate import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.parameters import ARGUMENT_SPEC, parse


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def ask() -> Outcome:
        found = gate(connect, parse(module.params), Clock())
        return outcome(found, module.params["fail_on_unhealthy"])

    run(module, ask, Redactor())


if __name__ == "__main__":
    main()
