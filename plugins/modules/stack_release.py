# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_release
short_description: The transaction of an upgrade or rollback of a Postiz stack
version_added: 0.1.0
description:
  - Plans an upgrade or a rollback, keeps its journal on the host, and records each release with its image digests and files.
  - It is what the role P(selfhost.postiz.upgrade#role) is built on. Compose and the health gate are steps of the role;
    this module announces each of them in the journal before it begins.
  - The journal, C(state/upgrade/journal.jsonl) in the stack's directory, is the lock, too. It says who works since when.
    A run that was killed at any point is carried on by the next, or undone by it.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: partial
    details: With O(state=planned) it never changes anything; the other states do nothing in check mode.
  diff_mode:
    support: none
    details: The plan is in the result.
  idempotent:
    support: partial
    details: A step that is done already is not done again. O(state=turned), O(state=committed), O(state=returned) need an open journal.
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  directory:
    description: Directory of the stack.
    type: path
    required: true
  service:
    description: Service of Postiz.
    type: str
    default: postiz
  state:
    description:
      - V(planned) says what would be done, and changes nothing.
      - V(begun) takes the journal, or takes over one whose owner is gone, and records what runs now.
      - V(stepped) announces O(steps), and does those that are this module's own (C(stop), C(recreate), C(back-stop), C(back-files),
        and with O(backup), C(backup) and C(back-backup)).
      - V(turned) keeps the evidence of a failed release and turns the transaction back.
      - V(committed) and V(returned) prove that the images that run are the planned or recorded ones, and close the journal.
    type: str
    default: planned
    choices: [planned, begun, stepped, turned, committed, returned]
  images:
    description: The wanted image of each service.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: The service.
        type: str
        required: true
      image:
        description: Reference by tag or digest.
        type: str
        required: true
      digest:
        description: What a plan resolved the reference to, so that a tag that moves meanwhile changes nothing.
        type: str
        default: ''
  moving:
    description: Services whose tag is looked up at its registry each time. Of the others only a changed reference counts.
    type: list
    elements: str
    default: [postiz]
  pull:
    description: With V(never) only what is on the host counts.
    type: str
    default: always
    choices: [always, never]
  compose:
    description: Text of the compose file to come, to say what changes in it.
    type: str
  to_release:
    description: Number of a recorded release to go back to, or V(previous), the one that the running release was upgraded from.
    type: str
  acknowledge:
    description: Names of known breaks that have been dealt with.
    type: list
    elements: str
    default: []
  owner:
    description:
      - Who runs this, as C(person@controller:boot:process:start), or where the process cannot be told, C(person@controller::::token)
        with a random text that is the run's own. Without either, no run has the journal for its own.
    type: str
    default: ''
  owner_alive:
    description: Whether the process of the journal's owner still lives, as far as this controller can tell.
    type: str
    default: unknown
    choices: ['yes', 'no', unknown]
  break_lock:
    description: Take over the journal of another owner.
    type: bool
    default: false
  stale_after:
    description: Seconds of silence after which an owner that cannot be looked at counts as gone.
    type: float
    default: 3600
  steps:
    description: Steps that begin now.
    type: list
    elements: str
    default: []
    choices:
      - prepare
      - files
      - guard
      - stop
      - backup
      - recreate
      - prove
      - back-stop
      - back-backup
      - back-files
      - back-restore
      - back-guard
      - back-recreate
      - back-prove
  backup:
    description:
      - What the steps C(backup) and C(back-backup) take, as M(selfhost.postiz.stack_backup) does. That is the databases, as they
        are once their writers have ended. Without it, these steps are only announced.
    type: dict
    suboptions:
      directory:
        description: Folder for backups.
        type: path
        required: true
      label:
        description: A word that becomes part of its name.
        type: str
        required: true
      exclude:
        description: What is left out on purpose.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: As of M(selfhost.postiz.stack_backup).
            type: str
            required: true
          reason:
            description: Why. It stands in the manifest.
            type: str
            required: true
  cause:
    description: With O(state=turned), the first cause of the failure.
    type: str
    default: ''
  verdict:
    description: With O(state=turned), the result of the gate, kept with the evidence.
    type: json
    default: '{}'
  log_lines:
    description: Lines of each container's log that are kept as evidence.
    type: int
    default: 500
  keep:
    description: How many releases stay recorded, with the running one. The one to go back to stays in any case.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Say what an upgrade would do
  selfhost.postiz.stack_release:
    project: postiz
    directory: /opt/postiz
    images:
      - {service: postiz, image: 'ghcr.io/gitroomhq/postiz-app:v2.23.0'}
"""

RETURN = r"""
decision:
  description: C(nothing), C(upgrade), C(rollback), C(continue) (an interrupted upgrade goes on) or C(return) (it is undone).
  type: str
  returned: success
  sample: upgrade
changes:
  description: Services whose image is replaced, with the image before and after.
  type: list
  elements: dict
  returned: success
target:
  description: The image of every service once it is done.
  type: list
  elements: dict
  returned: success
target_image:
  description:
    - What the engine knows the future image of O(service) by, before its name stands for it. Its id, or where it is still to be
      pulled, its reference in RV(pull).
  type: str
  returned: success
  sample: sha256:7b65a108f1db
pull:
  description: References to be pulled, by digest where the registry gave one.
  type: list
  elements: str
  returned: success
version_from:
  description: What Postiz calls itself now.
  type: str
  returned: success
version_to:
  description: What it will call itself.
  type: str
  returned: success
compose_changes:
  description: What changes in the compose file, each with its path, the old and the new value.
  type: list
  elements: str
  returned: success
workflows:
  description: With O(state=planned) of an upgrade, how many workflows of each type run, which the new workers take over.
  type: list
  elements: dict
  returned: success
  sample: [{type: postWorkflowV109, running: 12}]
releases:
  description: Recorded releases, oldest first, each with number, time, version and backup.
  type: list
  elements: dict
  returned: success
findings:
  description: What a person should know; see docs/findings.md.
  type: list
  elements: dict
  returned: success
run:
  description: Identifier of the open transaction, empty without one.
  type: str
  returned: success
owner:
  description: Who runs it, with person, controller, boot, process, started and token.
  type: dict
  returned: success
direction:
  description: C(forward) or C(back).
  type: str
  returned: success
back_to:
  description: Number of the release to go back to.
  type: int
  returned: success
back_to_backup:
  description: Path of that release's backup, empty while it has none.
  type: str
  returned: success
back_to_image:
  description: Reference of Postiz' image of that release, after a step.
  type: str
  returned: success
unmet:
  description:
    - What is asked for, and not reached by a run that goes back to where an interrupted one began. Empty if it is reached.
  type: str
  returned: success
  sample: release 2
data_touched:
  description: Whether going back needs the database to be brought back, too.
  type: bool
  returned: success
requested:
  description: Whether a person asked to go back.
  type: bool
  returned: success
begun:
  description: Steps that have begun.
  type: list
  elements: str
  returned: success
done:
  description: Steps that are done.
  type: list
  elements: str
  returned: success
info:
  description: Facts remembered in the journal.
  type: dict
  returned: success
cause:
  description: Why the transaction turned back.
  type: str
  returned: success
result:
  description: C(committed) or C(returned) once the journal is closed.
  type: str
  returned: success
release:
  description: Number of the release that runs then.
  type: int
  returned: success
dropped:
  description: Numbers of the releases that were forgotten.
  type: list
  elements: int
  returned: success
seconds:
  description: How long the transaction took.
  type: float
  returned: success
down_seconds:
  description: Seconds without an answer of the API, -1 if they were not measured.
  type: float
  returned: success
posts:
  description:
    - After a way back that brought the databases back, what became of posts since the backup. C(carried), C(held) and C(unsent)
      are ids, as of M(selfhost.postiz.stack_restore); C(left) are posts that are only in the backup of what was left.
  type: dict
  returned: success
report:
  description: The same for people.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import run
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from ansible_collections.selfhost.postiz.plugins.module_utils.release import operations
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import ARGUMENT_SPEC, parse


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run(module, lambda: operations.run(parse(module.params), bool(module.check_mode), Clock()), Redactor())


if __name__ == "__main__":
    main()
