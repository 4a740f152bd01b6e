# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_health
short_description: Wait until a Compose project is up, and say who is to blame when it is not
version_added: 0.1.0
description:
  - Judges every container of a Compose project, found by label, so no compose file is needed.
  - Driven by the engine's events. Returns as soon as all is as expected, and fails as soon as waiting longer cannot help.
  - Walks C(depends_on) down to the first cause, and shows its last log lines, health checks, exit code and restarts.
  - With O(timeout=0) and O(fail_on_unhealthy=false) it only looks.
  - A container that is recreated meanwhile is followed, and an engine that is restarted is waited for.
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
  project_src:
    description:
      - Directory of the project's compose file.
      - With it, a service that has no container, or too few, is missed. Without it, only containers that exist are judged.
    type: path
  services:
    description:
      - What is expected of a service, by its name - V(healthy), V(running), V(completed), V(ignored) or V(absent).
      - Of the others it is derived. V(healthy) where there is a health check; V(completed) for one-shots, which are services
        on whose completion another one waits, or which have no restart policy, no health check, no port and no terminal;
        V(running) for the rest.
      - V(running) without a health check means without a restart for O(stable_for) seconds.
      - Each replica of a scaled service counts.
    type: dict
    default: {}
  http:
    description: Endpoints that must answer. They are asked once all containers are as expected. Redirects are not followed.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: The whole URL. Give this, or O(http[].service).
        type: str
      service:
        description: A service that publishes a port on this host.
        type: str
      port:
        description: The port inside the container; V(0) is the first one that is published.
        type: int
        default: 0
      path:
        description: Path and query at that port.
        type: str
        default: /
      scheme:
        description: Of that port.
        type: str
        choices: [http, https]
        default: http
      status:
        description: Statuses that are as expected.
        type: list
        elements: int
        default: [200]
      body:
        description: Text that the answer must contain.
        type: str
        default: ''
      headers:
        description: Headers that the answer must have, each with a text that its value must contain.
        type: dict
        default: {}
      host:
        description: Value of the request's Host header.
        type: str
        default: ''
      validate_certs:
        description: Whether the server's certificate must be valid.
        type: bool
        default: true
      timeout:
        description: Seconds until the answer must have come.
        type: float
        default: 5.0
  timeout:
    description: Seconds to wait at most; V(0) looks once. Of an engine that hangs it is known up to 5 seconds later.
    type: float
    default: 180.0
  stable_for:
    description:
      - Seconds that a container without a health check must have run, and that a health check must have held after it failed
        again once it had succeeded.
    type: float
    default: 10.0
  restarts_allowed:
    description: A container may be restarted by its restart policy this often within O(restart_window) seconds of the wait.
    type: int
    default: 3
  restart_window:
    description: See O(restarts_allowed).
    type: float
    default: 120.0
  fail_on_unhealthy:
    description: Whether to fail unless the verdict is V(healthy). The result is the same in both cases.
    type: bool
    default: true
  evidence:
    description:
      - Whose logs and health checks to return - of the first causes (at most three), of all that are not as expected, or none.
    type: str
    choices: [culprit, all, none]
    default: culprit
  log_lines:
    description: Number of log lines to return of each of these, from its last start on.
    type: int
    default: 15
notes:
  - Needs Docker Engine 20.10 or later on the host, and the Python library C(docker). C(DOCKER_HOST) names another engine, whose
    clock must agree with the host's.
  - O(project_src) needs Docker Compose there.
  - Podman's socket is not supported; its events have other names.
seealso:
  - module: community.docker.docker_compose_v2
"""

EXAMPLES = r"""
- name: Wait until the stack is up and its API answers through the proxy
  selfhost.postiz.compose_health:
    project: postiz
    http:
      - service: postiz
        path: /api/
        body: App is running!

- name: Only look, and never fail
  selfhost.postiz.compose_health:
    project: postiz
    timeout: 0
    fail_on_unhealthy: false
  register: postiz

- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ postiz.report }}"

- name: Miss services that have no container, and leave one out
  selfhost.postiz.compose_health:
    project: postiz
    project_src: /opt/postiz
    services:
      temporal-ui: ignored
"""

RETURN = r"""
verdict:
  description:
    - V(healthy), V(unhealthy), or V(unknown) when it cannot be told - the engine stayed away, or nothing is expected.
  type: str
  returned: always, but for bad input
  sample: healthy
report:
  description: The same for people - the first cause, a table, the findings, and what the culprits themselves say.
  type: str
  returned: always, but for bad input
  sample: The containers of postiz are healthy (after 12 s of 180 s).
first_cause:
  description: One sentence; empty if all is as expected.
  type: str
  returned: always, but for bad input
  sample: postiz was never started, because temporal is unhealthy, because temporal-elasticsearch was killed for lack of memory
project:
  description: The Compose project.
  type: str
  returned: always, but for bad input
  sample: postiz
waited_seconds:
  description: How long it waited.
  type: float
  returned: always, but for bad input
  sample: 12.3
services:
  description: Each container that something is expected of, and each service that has none, by service.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    service:
      description: Name of the service.
      type: str
      sample: postiz
    container:
      description: Name of its container; empty if there is none.
      type: str
      sample: postiz-postiz-1
    image:
      description: Image of the container.
      type: str
      sample: ghcr.io/gitroomhq/postiz-app:v2.23.0
    expectation:
      description: What was expected.
      type: str
      sample: healthy
    satisfied:
      description: Whether that is so.
      type: bool
      sample: true
    state:
      description: State as the engine tells it, or V(missing).
      type: str
      sample: running
    health:
      description: Result of its health check; empty without one.
      type: str
      sample: healthy
    restarts:
      description: How often its restart policy restarted it since it was last started by somebody.
      type: int
      sample: 0
    exit_code:
      description: Last exit code.
      type: int
      sample: 0
    oom_killed:
      description: Whether the engine says that it was killed for lack of memory.
      type: bool
      sample: false
    started_at:
      description: UTC, ISO 8601; empty if it never was.
      type: str
      sample: '2026-01-01T00:00:00Z'
    finished_at:
      description: UTC, ISO 8601; empty if it never was.
      type: str
      sample: ''
    ports:
      description: Published ports.
      type: list
      elements: str
      sample: ['127.0.0.1:4007->5000']
    anonymous_volumes:
      description: Paths whose data lies in an anonymous volume, which a recreated container would lose.
      type: list
      elements: str
      sample: []
culprits:
  description: What those to blame say themselves, see O(evidence).
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    service:
      description: Name of the service.
      type: str
      sample: temporal
    container:
      description: Name of its container.
      type: str
      sample: postiz-temporal-1
    log:
      description: Last log lines since its last start, and some before them that speak of trouble.
      type: list
      elements: str
      sample: ['no usable database connection found']
    health_checks:
      description: Its last health checks.
      type: list
      elements: dict
      contains:
        ended_at:
          description: UTC, ISO 8601.
          type: str
          sample: '2026-01-01T00:00:00Z'
        exit_code:
          description: V(0) is a success.
          type: int
          sample: 1
        output:
          description: What it printed, at most 400 characters.
          type: str
          sample: connection refused
    known_line:
      description: The log line whose meaning is known; empty if there is none.
      type: str
      sample: no usable database connection found
    known_meaning:
      description: That meaning.
      type: str
      sample: Temporal cannot reach its database.
findings:
  description: What is not as expected, first causes first. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: unhealthy
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: The service, the URL, or V(engine).
      type: str
      sample: temporal
    evidence:
      description: What was seen.
      type: str
      sample: it is unhealthy.
    remedy:
      description: What to do.
      type: str
      sample: read its health checks and its log below.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.gate import outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.health.gate import look
from ansible_collections.selfhost.postiz.plugins.module_utils.health.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def gate() -> Outcome:
        return outcome(look(parse(module.params)), module.params["fail_on_unhealthy"])

    run(module, gate, Redactor())


if __name__ == "__main__":
    main()
