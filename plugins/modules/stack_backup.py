# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_backup
short_description: Back up a Postiz and Temporal stack, consistently and verified
version_added: 0.1.0
description:
  - Dumps every database of every PostgreSQL container of the project by the C(pg_dump) of that very container, and copies the
    stack's data volumes, compose files and C(.env) to a folder on the host. Nothing goes through the controller.
  - The workers of Postiz are paused for the moment in which the snapshots of all databases are taken, well below a second. The
    dumps are made from these snapshots afterwards. So neither of Postiz and Temporal is ahead of the other in a backup.
  - The workers go on in every exit, also when this run is killed.
  - Every database and volume is in the backup, or left out by name with a reason. Anything else fails the run.
  - A backup has its name only once it is complete, on the disk, and read back. See docs/backup.md.
  - Works on any Compose project that runs Postiz, also one that this collection did not make.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: What would be taken and left out, and whether there is room. Nothing is paused.
  diff_mode:
    support: full
    details: The files of the backup with their sizes.
  idempotent:
    support: none
    details: Each run makes a backup.
options:
  project:
    description: Compose project name.
    type: str
    required: true
  directory:
    description: Folder on the host that is only for backups. An absolute path. Several stacks may share it.
    type: path
    required: true
  service:
    description: The service that runs Postiz.
    type: str
    default: postiz
  label:
    description: A word that becomes part of the name, such as V(before-upgrade). O(keep) counts each label by itself.
    type: str
    default: ""
  parts:
    description:
      - What is backed up.
      - V(database) is Postiz' database, and any other that is not Temporal's. V(temporal) is Temporal's databases, and the index
        of workflows in Elasticsearch. V(uploads) is the data volumes of Postiz. V(config) is the compose files, what they mount
        from beside them, the C(state) folder, and C(.env).
    type: list
    elements: str
    choices: [database, temporal, uploads, config]
    default: [database, temporal, uploads, config]
  env:
    description:
      - What becomes of C(.env), which holds every secret. The fingerprint of JWT_SECRET is in the manifest in any case.
      - V(encrypted) needs O(passphrase) or O(passphrase_file). With V(excluded), keep it elsewhere.
    type: str
    choices: [encrypted, excluded, plain]
    default: encrypted
  passphrase:
    description: Encrypts C(.env), by C(openssl enc) with AES-256 and PBKDF2.
    type: str
  passphrase_file:
    description: A file on the host whose first line is the passphrase.
    type: path
  consistency:
    description:
      - V(paused) pauses the workers while the snapshots are taken. A post is then either published in both databases or in none.
      - V(online) pauses no worker. Temporal's snapshots are taken first, so that a post which goes out in between is published
        in Postiz' database already.
    type: str
    choices: [paused, online]
    default: paused
  exclude:
    description: What is left out on purpose.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: C(volume:<name in the compose file>), C(database:<service>/<name>), C(bind:<path>), or as a finding calls it.
        type: str
        required: true
      reason:
        description: Why. It stands in the manifest.
        type: str
        required: true
  fail_on_uncovered:
    description: Fail when something is neither in the backup nor left out by name. Otherwise it is a warning.
    type: bool
    default: true
  keep:
    description: Number of backups of this project and O(label) to keep, the new one included. V(0) keeps all.
    type: int
    default: 7
  min_free_bytes:
    description: Bytes that stay free on the file system. A backup that might take them is refused before anything is done.
    type: int
    default: 268435456
  timeout:
    description: Seconds that one dump, or its reading back, may take.
    type: float
    default: 3600.0
  max_pause:
    description: Seconds after which the workers go on, whatever this run is doing. It fails then.
    type: float
    default: 30.0
  lock_timeout:
    description: Seconds to wait for another run that works on O(directory).
    type: float
    default: 600.0
"""

EXAMPLES = r"""
- name: Back up, .env encrypted
  selfhost.postiz.stack_backup:
    project: postiz
    directory: /opt/postiz/backups
    passphrase: "{{ vault_backup_passphrase }}"

- name: Back up the databases before an upgrade
  selfhost.postiz.stack_backup:
    project: postiz
    directory: /opt/postiz/backups
    parts: [database, temporal]
    label: before-upgrade
    keep: 3

- name: Leave out a volume that the collection does not know
  selfhost.postiz.stack_backup:
    project: postiz
    directory: /opt/postiz/backups
    env: excluded
    exclude:
      - name: volume:grafana-data
        reason: dashboards are provisioned
"""

RETURN = r"""
project:
  description: Compose project name.
  type: str
  returned: success
  sample: postiz
backup:
  description: Folder of the backup; empty in check mode.
  type: str
  returned: success
  sample: /opt/postiz/backups/20261124T031500Z
name:
  description: Its name; empty in check mode.
  type: str
  returned: success
  sample: 20261124T031500Z
manifest:
  description: The content of C(manifest.json), see docs/backup.md. Empty in check mode.
  type: dict
  returned: success
  sample: {"format": 1, "project": "postiz", "consistency": "paused"}
bytes:
  description: Size of all files; in check mode the most that it may be.
  type: int
  returned: success
  sample: 48213004
seconds:
  description: How long it took.
  type: float
  returned: success
  sample: 12.4
paused_seconds:
  description: How long the workers were paused.
  type: float
  returned: success
  sample: 0.045
removed:
  description: Names of backups that O(keep) removed.
  type: list
  elements: str
  returned: success
  sample: []
recovered:
  description: Whether something that a killed run had left was put right first.
  type: bool
  returned: success
  sample: false
findings:
  description: What is not covered, when that is only a warning; on failure, why there is no backup.
  type: list
  elements: dict
  returned: success or failure
  contains:
    code:
      description: Stable name, see docs/findings.md.
      type: str
      sample: backup-uncovered
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: What it is about.
      type: str
      sample: volume:forgotten
    evidence:
      description: What was seen.
      type: str
      sample: It belongs to the project, and no container mounts it.
    remedy:
      description: What to do.
      type: str
      sample: leave it out by name.
report:
  description: The result for people.
  type: str
  returned: success
  sample: postiz is backed up.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils import boundary
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.operations import backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.parameters import ARGUMENT_SPEC, parse
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
        return backup(Tools(connect(), connect, Clock(), silent), wanted)

    boundary.run(module, operation, Redactor([module.params["passphrase"] or ""]))


if __name__ == "__main__":
    main()
