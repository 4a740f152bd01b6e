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
  - selfhost.postiz.health
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: It changes nothing.
  idempotent:
    support: full
options:
  timeout:
    description: Seconds to wait until work flows; V(0) looks once. What no wait can mend ends it early.
    type: float
    default: 300.0
  steady_for:
    description:
      - Seconds for which work must go on flowing once it does, without a restart of a container or an app (C(not-steady)).
      - A release that crashes a minute after each start passes every single look.
    type: float
    default: 0.0
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
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.gate import result
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.parameters import (
    ARGUMENT_SPEC,
    STEADY_SPEC,
    parse,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.steady import wait_steady
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={**ARGUMENT_SPEC, **STEADY_SPEC}, supports_check_mode=True)

    def gate() -> Outcome:
        request = parse(module.params)
        layers, seconds = wait_steady(connect, request, Clock())
        return outcome(result(layers, request, seconds), module.params["fail_on_unhealthy"])

    run(module, gate, Redactor())


if __name__ == "__main__":
    main()
