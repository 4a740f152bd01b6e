# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_info
short_description: Tell how the services of a Compose project are
version_added: 0.1.0
description:
  - Returns state, health, image, ports and restarts of each service, and the last log lines of those that are not healthy.
  - Works on every Postiz stack, also on one that this collection did not make, given its project name.
  - Values under secret-looking names in the containers' environments never appear in the result.
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
  expected_services:
    description: Services that must have a container.
    type: list
    elements: str
    default: []
  log_lines:
    description: Number of log lines to return of each service that is not healthy.
    type: int
    default: 15
"""

EXAMPLES = r"""
- name: Look at a stack
  selfhost.postiz.stack_info:
    project: postiz
  register: postiz

- name: Show what is wrong with it
  ansible.builtin.debug:
    msg: "{{ postiz.report }}"
"""

RETURN = r"""
verdict:
  description: V(healthy), V(unhealthy), or V(unknown) if the project has no containers.
  type: str
  returned: success
  sample: healthy
report:
  description: All findings as text for people; empty if there are none.
  type: str
  returned: success
  sample: ''
anonymous_volumes:
  description: Services whose data lies in an anonymous volume, which a recreated container would lose.
  type: list
  elements: str
  returned: success
  sample: []
services:
  description: The services, by name.
  type: list
  elements: dict
  returned: success
  contains:
    service:
      description: Name of the service.
      type: str
    container:
      description: Name of its container.
      type: str
    image:
      description: Image of the container.
      type: str
    state:
      description: State as the engine tells it.
      type: str
      sample: running
    health:
      description: Result of its health check, empty without one.
      type: str
      sample: healthy
    healthy:
      description: Whether it runs and its health check, if there is one, succeeds.
      type: bool
    ports:
      description: Published ports.
      type: list
      elements: str
      sample: ['127.0.0.1:4007->5000']
    restarts:
      description: How often the engine restarted it.
      type: int
    exit_code:
      description: Last exit code.
      type: int
    oom_killed:
      description: Whether it was killed for lack of memory.
      type: bool
    started_at:
      description: Start time, UTC, ISO 8601.
      type: str
    error:
      description: Error of the engine, for example when a port could not be published.
      type: str
    health_output:
      description: Output of the last health check.
      type: str
    log:
      description: Last log lines, if it is not healthy.
      type: str
    data_in_anonymous_volume:
      description: Whether its data lies in an anonymous volume.
      type: bool
findings:
  description: What is wrong.
  type: list
  elements: dict
  returned: success
  contains:
    code:
      description: Stable code of the finding.
      type: str
    severity:
      description: V(error) or V(warning).
      type: str
    component:
      description: The service.
      type: str
    evidence:
      description: What was seen.
      type: str
    remedy:
      description: What to do.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.info import (
    DEFAULT_LOG_LINES,
    collect,
    judge,
    payload,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "expected_services": {"type": "list", "elements": "str", "default": []},
            "log_lines": {"type": "int", "default": DEFAULT_LOG_LINES},
        },
        supports_check_mode=True,
    )
    run(module, lambda: _look(module), Redactor())


def _look(module: AnsibleModule) -> Outcome:
    params = module.params
    services = collect(connect(), params["project"], params["log_lines"])
    findings = judge(services, tuple(params["expected_services"]))
    return Outcome(False, payload(services, findings))


if __name__ == "__main__":
    main()
