# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_restore_drill
short_description: Prove that a backup can be restored, without touching the stack
version_added: 0.1.0
description:
  - Restores a backup into a throw-away project on the same host, counts the rows of every table and the entries of every volume,
    compares them with the manifest, and removes all of it.
  - Nothing of it can publish. There is no container of Postiz and none of Temporal in it, only PostgreSQL, on a network that
    leads nowhere.
  - What a drill that was killed has left is removed by the next one.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: Which backup would be tried.
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each run is a drill.
options:
  project:
    description: Compose project whose backup is tried. It need not exist on this host.
    type: str
    required: true
  directory:
    description: Folder with the backups.
    type: path
    required: true
  backup:
    description: Name or path of a backup, or V(newest), which is the newest of those that hold the most parts.
    type: str
    default: newest
  drill_project:
    description: Name of the throw-away project. By default, the project's with C(-drill).
    type: str
  volumes:
    description: Whether volumes are restored, too. Without it, their archives are not read.
    type: bool
    default: true
  max_age:
    description: Seconds that the backup may be old. V(0) is any age.
    type: float
    default: 0.0
  timeout:
    description: Seconds that one database or one volume may take.
    type: float
    default: 3600.0
  lock_timeout:
    description: Seconds to wait for another run that works on O(directory).
    type: float
    default: 600.0
"""

EXAMPLES = r"""
- name: Try the newest backup, which must be of the last 26 hours
  selfhost.postiz.stack_restore_drill:
    project: postiz
    directory: /opt/postiz/backups
    max_age: 93600
"""

RETURN = r"""
project:
  description: Compose project of the backup.
  type: str
  returned: success or failure
  sample: postiz
backup:
  description: Folder of the backup.
  type: str
  returned: success or failure
  sample: /opt/postiz/backups/20261124T031500Z
drill_project:
  description: The throw-away project.
  type: str
  returned: success or failure
  sample: postiz-drill
rpo_seconds:
  description: Age of the backup. What is younger would be lost now.
  type: float
  returned: success or failure
  sample: 21600.0
rto_seconds:
  description: How long the data took to come back on this host.
  type: float
  returned: success or failure
  sample: 34.5
bytes:
  description: Size of the backup.
  type: int
  returned: success or failure
  sample: 48213004
rows:
  description: Rows that came back, by C(service/database).
  type: dict
  returned: success or failure
  sample: {"postiz-postgres/postiz-db-local": 10482}
entries:
  description: Files, folders and links that came back, by volume.
  type: dict
  returned: success or failure
  sample: {"postiz-uploads": 512}
findings:
  description: What did not come back as it was.
  type: list
  elements: dict
  returned: success or failure
  contains:
    code:
      description: Stable name, see docs/findings.md.
      type: str
      sample: backup-rows-differ
    severity:
      description: V(error).
      type: str
      sample: error
    component:
      description: What it is about.
      type: str
      sample: postiz-postgres/postiz-db-local
    evidence:
      description: What was seen.
      type: str
      sample: "public.Post: 10 in the backup, 9 restored."
    remedy:
      description: What to do.
      type: str
      sample: make another one.
report:
  description: The result for people.
  type: str
  returned: success or failure
  sample: The backup came back whole.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils import boundary
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.drill import drill
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.drill_parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def silent(_step: str) -> None:
        """Nobody watches the steps of a module."""

    def operation() -> boundary.Outcome:
        wanted = parse(module.params, bool(module.check_mode))
        return drill(Tools(connect(), connect, Clock(), silent), wanted)

    boundary.run(module, operation, Redactor())


if __name__ == "__main__":
    main()
