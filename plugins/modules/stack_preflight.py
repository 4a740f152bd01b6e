# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_preflight
short_description: Judge whether a host can run a Postiz stack, before anything is changed
version_added: 0.1.0
description:
  - Looks at the Docker Engine, Compose, disk, memory, ports, volumes, other stacks, secrets and inputs, and changes nothing.
  - Fails with all problems at once, each with evidence and remedy.
  - If Python libraries are missing on the host, it only returns which; install them and run it again.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: In check mode a missing engine or Compose is a warning, so that a bare host can be told what would come.
  diff_mode:
    support: none
    details: It changes nothing.
  idempotent:
    support: full
options:
  url:
    description: Public URL of Postiz, without a trailing slash.
    type: str
    required: true
  ports:
    description: Ports that the stack shall publish on the host.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: Service that publishes the port.
        type: str
        required: true
      address:
        description: Address of the host to listen on.
        type: str
        required: true
      port:
        description: Port of the host.
        type: int
        required: true
  images:
    description: Images that the stack needs.
    type: list
    elements: str
    default: []
  pull:
    description: Whether missing images may be pulled.
    type: str
    choices: [missing, never]
    default: missing
  dynamic_config:
    description: Content of Temporal's dynamic configuration. Without it, the file that O(dynamic_config_source) names does not exist.
    type: str
  dynamic_config_source:
    description: Where the dynamic configuration comes from, for messages.
    type: str
    default: stack_dynamic_config
  compose:
    description: Text of the compose file that M(selfhost.postiz.stack_config) would get, to tell whether that would change anything.
    type: str
  boot_guard_files:
    description: Content of the files in C(boot-guard/), by name, to tell the same.
    type: dict
    default: {}
  min_free_bytes:
    description: Free space wanted in the stack's directory and in the engine's, in bytes.
    type: int
    default: 5368709120
  min_memory_bytes:
    description: Memory wanted on the host, in bytes.
    type: int
    default: 2147483648
  upgrading:
    description: Whether an upgrade asks, whose own journal is no obstacle.
    type: bool
    default: false
  judge_frontend:
    description: Whether a frontend bundle that is made for another image is a problem. It is none if this run makes another one.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Judge the host
  selfhost.postiz.stack_preflight:
    project: postiz
    directory: /opt/postiz
    postiz_image: ghcr.io/gitroomhq/postiz-app:v2.23.0
    url: https://postiz.example.org
    dynamic_config: '{}'
    ports:
      - {service: postiz, address: 127.0.0.1, port: 4007}
"""

RETURN = r"""
missing_libraries:
  description: Python libraries that the modules of this collection need and the host lacks; if there are any, nothing else was looked at.
  type: list
  elements: str
  returned: success
  sample: []
files_differ:
  description: Whether M(selfhost.postiz.stack_config) with the same options would change a file; V(true) if that cannot be told.
  type: bool
  returned: success
  sample: false
services_differ:
  description:
    - Whether Compose would find anything to do; V(true) if O(compose) differs, or if that cannot be told.
    - It would not if each service has one running container whose configuration has the hash that Compose itself computes.
  type: bool
  returned: success
  sample: false
half_made:
  description: Names of containers of the stack that never ran, as a killed Compose leaves them; they may lack networks.
  type: list
  elements: str
  returned: success
  sample: []
missing_images:
  description: Images that are not on the host yet.
  type: list
  elements: str
  returned: success
  sample: [redis:7.2]
postiz_image:
  description: What the image of the service C(postiz) starts by itself.
  type: dict
  returned: success, if the image is on the host
  contains:
    entrypoint:
      description: Entrypoint of the image.
      type: list
      elements: str
    command:
      description: Command of the image.
      type: list
      elements: str
  sample: {entrypoint: [docker-entrypoint.sh], command: [sh, -c, nginx && pnpm run pm2]}
findings:
  description: Warnings on success, all problems on failure.
  type: list
  elements: dict
  returned: always, unless the engine fails in between
  contains:
    code:
      description: Stable code of the finding.
      type: str
    severity:
      description: V(error) or V(warning).
      type: str
    component:
      description: Service, file, variable or V(host).
      type: str
    evidence:
      description: What was seen.
      type: str
    remedy:
      description: What to do.
      type: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import run
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.operations import preflight
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import (
    PreflightParameters,
    StackParameters,
    WantedPort,
    secret_inputs,
    stack_argument_spec,
)


def main() -> None:
    """Run the module."""
    port_spec = {
        "service": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            **stack_argument_spec(),
            "url": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "dict", "default": [], "options": port_spec},
            "images": {"type": "list", "elements": "str", "default": []},
            "pull": {"type": "str", "choices": ["missing", "never"], "default": "missing"},
            "dynamic_config": {"type": "str"},
            "dynamic_config_source": {"type": "str", "default": "stack_dynamic_config"},
            "compose": {"type": "str"},
            "boot_guard_files": {"type": "dict", "default": {}},
            "min_free_bytes": {"type": "int", "default": 5368709120},
            "min_memory_bytes": {"type": "int", "default": 2147483648},
            "upgrading": {"type": "bool", "default": False},
            "judge_frontend": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run(module, lambda: preflight(_parameters(module), bool(module.check_mode)), Redactor(secret_inputs(module.params)))


def _parameters(module: AnsibleModule) -> PreflightParameters:
    params = module.params
    return PreflightParameters(
        stack=StackParameters.from_module(params),
        url=params["url"],
        ports=tuple(WantedPort(port["service"], port["address"], port["port"]) for port in params["ports"]),
        images=tuple(dict.fromkeys(params["images"])),
        pull=params["pull"],
        dynamic_config=params["dynamic_config"],
        dynamic_config_source=params["dynamic_config_source"],
        min_free_bytes=params["min_free_bytes"],
        min_memory_bytes=params["min_memory_bytes"],
        compose=params["compose"],
        boot_guard_files=params["boot_guard_files"],
        upgrading=params["upgrading"],
        judge_frontend=params["judge_frontend"],
    )


if __name__ == "__main__":
    main()
