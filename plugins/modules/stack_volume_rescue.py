# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_volume_rescue
short_description: Copy data out of anonymous volumes into named ones
version_added: 0.1.0
description:
  - Older compose files of Postiz keep Temporal's database in an anonymous volume, which the next C(docker compose down) and
    C(up) leaves behind, with every scheduled post's workflow in it.
  - Stops the stack, copies each anonymous volume into a named one, proves that the copy is the same, and writes an override
    file beside the project's own compose file, which Compose reads by itself from then on. The caller starts the stack again.
  - The anonymous volumes are never changed or removed. The playbook C(selfhost.postiz.rescue_volumes) is the caller.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: The override file.
  idempotent:
    support: full
options:
  project:
    description: Compose project name of the stack.
    type: str
    required: true
  service:
    description: The service that runs Postiz; it is stopped first.
    type: str
    default: postiz
  directory:
    description: Directory of the stack on the host, as for M(selfhost.postiz.stack_recovery).
    type: path
    default: /opt/postiz
  state_directory:
    description: Where the record of recoveries is kept, if it is another place. No recovery takes a step during the copy.
    type: path
seealso:
  - module: selfhost.postiz.compose_health
"""

EXAMPLES = r"""
- name: Which volumes would be copied where?
  selfhost.postiz.stack_volume_rescue:
    project: postiz
  check_mode: true
  diff: true
"""

RETURN = r"""
project:
  description: The Compose project.
  type: str
  returned: always, but for bad input
  sample: postiz
moves:
  description: The volumes.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    service:
      description: The service whose data it is.
      type: str
      sample: temporal-postgresql
    destination:
      description: Where it is in the container.
      type: str
      sample: /var/lib/postgresql/data
    from:
      description: Name of the anonymous volume.
      type: str
      sample: 5f0c2b6f4d1f0e8a9b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a
    to:
      description: Name of the named one.
      type: str
      sample: postiz_temporal-postgres-data
override:
  description: The file that names them; empty if there is nothing to do.
  type: str
  returned: always, but for bad input
  sample: /srv/postiz/docker-compose.override.yaml
files:
  description: The project's compose files, the override file included.
  type: list
  elements: str
  returned: always, but for bad input
  sample: [/srv/postiz/docker-compose.yaml, /srv/postiz/docker-compose.override.yaml]
environment_files:
  description: Its environment files, if any was given by name.
  type: list
  elements: str
  returned: always, but for bad input
  sample: []
directory:
  description: The project's directory.
  type: str
  returned: always, but for bad input
  sample: /srv/postiz
entries:
  description: Number of files and folders that were proved to be the same.
  type: int
  returned: always, but for bad input
  sample: 1204
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.result import places_of
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from ansible_collections.selfhost.postiz.plugins.module_utils.rescue.operations import rescue


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "service": {"type": "str", "default": "postiz"},
            "directory": {"type": "path", "default": "/opt/postiz"},
            "state_directory": {"type": "path"},
        },
        supports_check_mode=True,
    )

    def copy() -> Outcome:
        given = module.params
        where = places_of(connect, given["project"], given["directory"], given["state_directory"] or "")
        return rescue(connect, given["project"], given["service"], where.state, module.check_mode)

    run(module, copy, Redactor())


if __name__ == "__main__":
    main()
