# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pm2_health
short_description: Judge the PM2 apps inside a container, and find the ghosts that PM2 does not see
version_added: 0.1.0
description:
  - Judges the apps that PM2 manages inside a service's container, and what PM2 cannot know - processes that a restart by PM2
    left behind, ports that are held by them, starts that hung.
  - Starts nothing and changes nothing. On the engine's own host, as root, it asks PM2's socket and reads the kernel's tables
    from outside. Elsewhere (a remote engine, a rootless one, another user) a short program inside the container does the
    same, which needs C(python3) in the image.
  - It never runs C(pm2), which starts a daemon where none runs, and prints every secret of the environment.
  - For O(settle_seconds) after the start of the container or of an app the verdict is V(settling), unless something is
    already certain.
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
    description: The service in whose container PM2 runs. Each replica counts.
    type: str
    default: postiz
  apps:
    description: Apps that must be online.
    type: list
    elements: str
    default: [backend, frontend, orchestrator]
  ports:
    description:
      - The port inside the container that each app must listen on; V(0) for an app without one.
      - Releases before v2.21.5 have no port of the orchestrator.
    type: dict
    default: {backend: 3000, frontend: 4200, orchestrator: 3002}
  proxy_port:
    description: The port of the proxy inside the container; V(0) if there is none.
    type: int
    default: 5000
  settle_seconds:
    description: Length of the quiet window after a start.
    type: float
    default: 150.0
  pollers_seen:
    description: Whether somebody has seen the orchestrator of this container poll. It ends the quiet window early.
    type: bool
    default: false
  restarts_allowed:
    description: An app may end this often within O(restart_window) seconds, by PM2's own log.
    type: int
    default: 3
  restart_window:
    description: See O(restarts_allowed).
    type: float
    default: 300.0
  timeout:
    description: Seconds to wait until all is well; V(0) looks once. What is certain ends the wait.
    type: float
    default: 180.0
  fail_on_unhealthy:
    description: Whether to fail unless the verdict is V(healthy). The result is the same in both cases.
    type: bool
    default: true
seealso:
  - module: selfhost.postiz.compose_health
  - module: selfhost.postiz.temporal_health
"""

EXAMPLES = r"""
- name: Wait until the apps of Postiz are up
  selfhost.postiz.pm2_health:
    project: postiz

- name: Only look, and never fail
  selfhost.postiz.pm2_health:
    project: postiz
    timeout: 0
    fail_on_unhealthy: false
  register: apps

- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ apps.report }}"
"""

RETURN = r"""
verdict:
  description: V(healthy), V(settling), V(unhealthy), or V(unknown) if the processes could not be looked at.
  type: str
  returned: always, but for bad input
  sample: healthy
report:
  description: The same for people.
  type: str
  returned: always, but for bad input
  sample: The apps of postiz in postiz are healthy.
project:
  description: The Compose project.
  type: str
  returned: always, but for bad input
  sample: postiz
service:
  description: The service.
  type: str
  returned: always, but for bad input
  sample: postiz
settling_seconds:
  description: What is left of the quiet window.
  type: float
  returned: always, but for bad input
  sample: 0.0
containers:
  description: Each replica of the service.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    container:
      description: Name of the container.
      type: str
      sample: postiz-postiz-1
    hostname:
      description: Its host name, which is part of the identity of its Temporal pollers.
      type: str
      sample: 0123456789ab
    verdict:
      description: As above, of this replica.
      type: str
      sample: healthy
    probe:
      description: How it was looked at, V(host) or V(exec); empty if it does not run.
      type: str
      sample: host
    daemon:
      description: Whether PM2's daemon answers - V(ok), V(missing), V(dead) or V(failed).
      type: str
      sample: ok
    oom_kills:
      description: Processes of the container that the kernel killed for lack of memory since its start.
      type: int
      sample: 0
    apps:
      description: The apps that PM2 knows, of those asked for.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the app.
          type: str
          sample: orchestrator
        status:
          description: PM2's own word.
          type: str
          sample: online
        pid:
          description: Pid of PM2's child, as the container sees it.
          type: int
          sample: 126
        pids:
          description: Pids of its whole tree, as the container sees them.
          type: list
          elements: int
          sample: [126, 181, 182, 225]
        uptime_seconds:
          description: Seconds since its last start; V(0) if it is not online.
          type: float
          sample: 3600.0
        restarts:
          description: PM2's counter over the lifetime of the container.
          type: int
          sample: 0
        memory_bytes:
          description: Resident memory of its tree.
          type: int
          sample: 300000000
        port:
          description: The port that it must listen on.
          type: int
          sample: 3002
        listening:
          description: Whether its own tree listens there.
          type: bool
          sample: true
    ghosts:
      description: Processes of these apps outside of what PM2 manages.
      type: list
      elements: dict
      contains:
        app:
          description: The app whose process it once was.
          type: str
          sample: orchestrator
        pid:
          description: Its pid, as the container sees it.
          type: int
          sample: 225
        group:
          description: Its process group, which is the pid of PM2's former child.
          type: int
          sample: 126
        age_seconds:
          description: Seconds since it was started.
          type: float
          sample: 3600.0
        ports:
          description: Ports that it holds.
          type: list
          elements: int
          sample: [3002]
findings:
  description: What is not as it should be, errors first. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: ghost-process
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: The app, V(pm2), or the service.
      type: str
      sample: orchestrator
    evidence:
      description: What was seen.
      type: str
      sample: pid 225 belongs to no app that PM2 manages.
    remedy:
      description: What to do.
      type: str
      sample: restart the Postiz container.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.gate import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.pm2.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def ask() -> Outcome:
        found = gate(connect, parse(module.params), Clock())
        return outcome(found, module.params["fail_on_unhealthy"])

    run(module, ask, Redactor())


if __name__ == "__main__":
    main()
