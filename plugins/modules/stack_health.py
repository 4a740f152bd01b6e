# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_health
short_description: Judge whether work flows through a Postiz stack
version_added: 0.1.0
description:
  - Looks at all layers of a stack in one process - engine, containers, API, PM2's apps, Temporal, posts that are overdue.
  - A layer is judged only when those below allow it, and the first cause comes first.
  - Works on every stack, also on one that this collection did not make, given its project name.
  - The modules M(selfhost.postiz.compose_health), M(selfhost.postiz.pm2_health) and M(selfhost.postiz.temporal_health) judge
    the layers one by one, with more options.
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
  timeout:
    description: Seconds to wait until work flows; V(0) looks once. What no wait can mend ends it early.
    type: float
    default: 300.0
  fail_on_unhealthy:
    description: Whether to fail unless the verdict is V(healthy). The result is the same in both cases.
    type: bool
    default: true
seealso:
  - module: selfhost.postiz.compose_health
  - module: selfhost.postiz.pm2_health
  - module: selfhost.postiz.temporal_health
"""

EXAMPLES = r"""
- name: Wait until work flows
  selfhost.postiz.stack_health:
    project: postiz

- name: Only look, and never fail
  selfhost.postiz.stack_health:
    project: postiz
    timeout: 0
    fail_on_unhealthy: false
  register: postiz

- name: Show the table
  ansible.builtin.debug:
    msg: "{{ postiz.report }}"
"""

RETURN = r"""
verdict:
  description:
    - V(healthy) when work flows; V(settling) when it is starting and nothing is wrong yet; V(unhealthy); V(unknown) when it
      cannot be told.
  type: str
  returned: always, but for bad input
  sample: healthy
report:
  description: The same for people - the first cause, a table of the layers, the findings, and what a culprit says itself.
  type: str
  returned: always, but for bad input
  sample: 'postiz is healthy: work flows.'
first_cause:
  description: One sentence; empty when work flows.
  type: str
  returned: always, but for bad input
  sample: ''
project:
  description: The Compose project.
  type: str
  returned: always, but for bad input
  sample: postiz
waited_seconds:
  description: How long it waited.
  type: float
  returned: always, but for bad input
  sample: 0.7
layers:
  description: The layers from below.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    layer:
      description: V(engine), V(containers), V(endpoints), V(pm2), V(temporal) or V(posts).
      type: str
      sample: temporal
    judged:
      description: Whether it was judged; a layer below may not allow that.
      type: bool
      sample: true
    verdict:
      description: As above, of this layer; empty if it was not judged.
      type: str
      sample: healthy
    summary:
      description: What was seen, in a line.
      type: str
      sample: 'living pollers on main: 1 workflow, 1 activity; sweeper RUNNING'
    details:
      description: What the layer's own module returns.
      type: dict
      sample: {}
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
      description: Service, app or layer.
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
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.gate import result, wait
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def gate() -> Outcome:
        request = parse(module.params)
        layers, seconds = wait(connect, request, Clock())
        return outcome(result(layers, request, seconds), module.params["fail_on_unhealthy"])

    run(module, gate, Redactor())


if __name__ == "__main__":
    main()
