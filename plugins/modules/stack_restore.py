# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_restore
short_description: Restore a Postiz and Temporal stack from a backup, such that nothing is published twice
version_added: 0.1.0
description:
  - Does one step of a restore a call. The role P(selfhost.postiz.restore#role) calls them in their order and starts and stops
    services in between.
  - Each step may be run again. A journal beside the backups tells which steps came to their end, so that a restore which was
    killed goes on where it stopped.
  - A post that waited in the backup and was due since may have gone out meanwhile. Its outcome is carried over from a newer
    backup where there is one; else it is held as C(Could not confirm the post status), and nothing starts it again.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: Any step tells the whole plan and changes nothing.
  diff_mode:
    support: full
    details: What is replaced, in the step V(plan).
  idempotent:
    support: full
    details: A step that came to its end is not done again until V(done) has closed the journal.
options:
  project:
    description: Compose project name. A backup of another project is refused.
    type: str
    required: true
  directory:
    description: Folder with the backups.
    type: path
    required: true
  backup:
    description:
      - Name or path of a backup, or V(newest). The latter is never one that was made on the way of a restore or a rollback.
      - V(newest) is the newest that holds all of O(parts). Without these, it is the newest of those that hold the most parts.
        Newer ones that hold less, such as one of an upgrade with its databases only, are passed over, which the plan says.
      - While a restore is under way, V(newest) is the one that is being restored.
    type: str
    default: newest
  step:
    description:
      - V(plan) verifies every file of the backup, compares versions and secrets, and says what would be lost. It fails if that
        must be accepted first, and changes nothing.
      - V(files) puts the compose files and what they mount in their places, and C(.env) if there is none. The restore is under
        way afterwards, also if no configuration is restored.
      - V(volumes) makes the volumes anew, with the labels that Compose gave them, and fills them. No container may be left.
      - V(databases) puts the databases in place by the C(pg_restore) of their own servers, counts the rows of every table, and
        settles posts that may have gone out. Only PostgreSQL may run.
      - V(workflows) ends workflows that a worker would carry on at once although their post may be live. Temporal must run, and
        Postiz must not. If neither V(database) nor V(temporal) is restored, nothing is ended.
      - V(done) closes the journal.
    type: str
    choices: [plan, files, volumes, databases, workflows, done]
    default: plan
  parts:
    description:
      - What is restored, see M(selfhost.postiz.stack_backup). By default, all that the backup holds; what it does not hold is
        told by the plan.
      - A part that is given and that the backup does not hold is an error.
    type: list
    elements: str
    choices: [database, temporal, uploads, config]
    default: []
  project_directory:
    description: Directory of the stack on this host. By default, that of the backup.
    type: path
  service:
    description: The service that runs Postiz.
    type: str
    default: postiz
  volumes:
    description:
      - V(fresh) removes the volumes of the chosen parts, those of PostgreSQL included, and makes them anew. It is refused if a
        database would be gone with them that the restore does not bring back, which no option accepts.
      - V(kept) drops and creates the databases inside of the servers that run, and writes files over those that are there.
    type: str
    choices: [fresh, kept]
    default: fresh
  accept_loss:
    description: Restore although the stack holds newer data that O(parts) would take away, or nobody can tell.
    type: bool
    default: false
  accept_new_jwt_secret:
    description: Restore although the stack's JWT_SECRET is not the one that encrypted the stored channels.
    type: bool
    default: false
  within_upgrade:
    description: Part of the way back of an upgrade, whose journal is open then. Otherwise an open one is a reason to refuse.
    type: bool
    default: false
  accept_newer_postgresql:
    description: Restore into a newer major version of PostgreSQL. An older one is always refused.
    type: bool
    default: false
  carry_published_from:
    description: Name or path of a newer backup of the same stack, which tells what became of posts since.
    type: str
  passphrase:
    description: Of the C(.env) in the backup.
    type: str
  passphrase_file:
    description: A file on the host whose first line is the passphrase.
    type: path
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
- name: Say what a restore of the newest backup would do and lose
  selfhost.postiz.stack_restore:
    project: postiz
    directory: /opt/postiz/backups

- name: Put the databases in place, with only PostgreSQL running
  selfhost.postiz.stack_restore:
    project: postiz
    directory: /opt/postiz/backups
    backup: 20261124T031500Z
    step: databases
    accept_loss: true
    carry_published_from: 20261124T090000Z-before-restore
"""

RETURN = r"""
project:
  description: Compose project name.
  type: str
  returned: success
  sample: postiz
step:
  description: The step.
  type: str
  returned: success
  sample: plan
backup:
  description: Folder of the backup.
  type: str
  returned: success
  sample: /opt/postiz/backups/20261124T031500Z
parts:
  description: What is restored. Empty in a step after the journal was closed.
  type: list
  elements: str
  returned: success
  sample: [database, temporal, uploads, config]
manifest:
  description: Its C(manifest.json), see docs/backup.md.
  type: dict
  returned: success
  sample: {"format": 1, "project": "postiz"}
under_way:
  description: Whether a restore has begun and is not done.
  type: bool
  returned: success
  sample: false
done:
  description: Steps that came to their end.
  type: list
  elements: str
  returned: success
  sample: [files, volumes]
database_services:
  description: The services to start for the step V(databases).
  type: list
  elements: str
  returned: success
  sample: [postiz-postgres, temporal-postgresql]
other_services:
  description: All services but Postiz, to start for the step V(workflows).
  type: list
  elements: str
  returned: success
  sample: [postiz-postgres, temporal-postgresql, temporal]
compose_files:
  description: Paths of the compose files at the time of the backup.
  type: list
  elements: str
  returned: success
  sample: [/opt/postiz/compose.yaml]
project_files:
  description:
    - Compose files to start the stack from once the files are placed, relative to its directory. Empty if Compose finds them by
      their names.
  type: list
  elements: str
  returned: in the step V(plan), and in check mode
  sample: []
project_files_now:
  description: The same for the containers that are there now.
  type: list
  elements: str
  returned: in the step V(plan), and in check mode
  sample: []
held:
  description: Ids of posts whose outcome since the backup nobody knows. They are marked so, and not published again.
  type: list
  elements: str
  returned: success
  sample: []
carried:
  description: Ids of posts whose outcome was carried over.
  type: list
  elements: str
  returned: success
  sample: []
unsent:
  description:
    - Ids of posts that were due and certainly did not go out, because their workflow had not begun with them. Asked of Temporal
      in the step C(files), before its databases go back; they are not held.
  type: list
  elements: str
  returned: success
  sample: []
left_behind:
  description: Posts that were made since the backup, and are only in the backup of O(carry_published_from) now.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Of the post.
      type: str
      sample: cmwvhwo60zwwk935a24snpx5o
    state:
      description: Its state there.
      type: str
      sample: QUEUE
    due:
      description: When it is due, in UTC.
      type: str
      sample: '2026-11-24 09:00:00'
    created:
      description: When it was made, in UTC.
      type: str
      sample: '2026-11-24 08:30:12.123'
ended:
  description: Workflows that were ended in this step.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Of the workflow.
      type: str
      sample: post_cmwvhwo60zwwk935a24snpx5o
    reason:
      description: Why.
      type: str
      sample: its post does not wait any more
findings:
  description: What speaks against it, or was accepted.
  type: list
  elements: dict
  returned: success or failure
  contains:
    code:
      description: Stable name, see docs/findings.md.
      type: str
      sample: backup-newer-data
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: What it is about.
      type: str
      sample: postiz
    evidence:
      description: What was seen.
      type: str
      sample: Since the backup, this would be lost.
    remedy:
      description: What to do.
      type: str
      sample: accept the loss.
report:
  description: The result for people.
  type: str
  returned: success
  sample: The restore is complete.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils import boundary
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore import restore
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import ARGUMENT_SPEC, parse
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
        return restore(Tools(connect(), connect, Clock(), silent), wanted)

    boundary.run(module, operation, Redactor([module.params["passphrase"] or ""]))


if __name__ == "__main__":
    main()
