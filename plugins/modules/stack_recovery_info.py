# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_recovery_info
short_description: Say which step would make work flow again
version_added: 0.1.0
description:
  - Looks at all layers of a stack as M(selfhost.postiz.stack_health) does, reads the record of what was tried before, and
    chooses the least step that covers the first cause.
  - Takes no step and writes nothing. The role P(selfhost.postiz.recover#role) takes them.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.recovery
  - selfhost.postiz.health
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: It changes nothing.
  idempotent:
    support: full
seealso:
  - module: selfhost.postiz.stack_recovery
  - module: selfhost.postiz.stack_health
"""

EXAMPLES = r"""
- name: Which step would be taken?
  selfhost.postiz.stack_recovery_info:
    project: postiz
  register: recovery

- name: Show it
  ansible.builtin.debug:
    msg: "{{ recovery.report.splitlines() }}"
"""

RETURN = r"""
project:
  description: The Compose project.
  type: str
  returned: always, but for bad input
  sample: postiz
run:
  description: Name of this recovery.
  type: str
  returned: always, but for bad input
  sample: 20261124T031500Z-3fa9c1
verdict:
  description: As that of M(selfhost.postiz.stack_health).
  type: str
  returned: always, but for bad input
  sample: unhealthy
decision:
  description:
    - V(nothing) when work flows; V(close) when it flows again and that is to be written down; V(act) when O(ignore:step) is to be
      taken; V(wait) when it is too early to say; V(person) when no step mends it; V(quarantine) when what could be tried was
      tried; V(quiet) in a quarantine.
  type: str
  returned: always, but for bad input
  sample: act
reason:
  description: Why.
  type: str
  returned: always, but for bad input
  sample: no living process of postiz-postiz-1 polls the task queue main for workflow tasks.
wait_seconds:
  description: With V(wait), how long it is to be waited at least.
  type: float
  returned: always, but for bad input
  sample: 0.0
step:
  description: The next step; with V(wait), the one that follows.
  type: dict
  returned: always, but for bad input
  contains:
    rung:
      description: Its kind, from V(wait) to V(person); the table is in docs/recover.md.
      type: str
      sample: restart_container
    title:
      description: The same for people.
      type: str
      sample: restart the container of postiz
    service:
      description: The service that is acted on.
      type: str
      sample: postiz
    app:
      description: The app inside of it, if one is meant.
      type: str
      sample: ''
    also:
      description: Other services that are started with it.
      type: list
      elements: str
      sample: []
    code:
      description: Code of the finding that it is for.
      type: str
      sample: worker-not-polling
    cause:
      description: Code and component of that finding.
      type: str
      sample: worker-not-polling orchestrator
    reason:
      description: Why this step.
      type: str
      sample: no living process of postiz-postiz-1 polls the task queue main for workflow tasks.
    resumes:
      description: Number of the unfinished step that it continues, V(0) for a new one.
      type: int
      sample: 0
heading:
  description: One line.
  type: str
  returned: always, but for bad input
  sample: 'postiz: work does not flow.'
report:
  description: What was found and done, for people, 80 columns wide.
  type: str
  returned: always, but for bad input
  sample: 'postiz is healthy: work flows. Nothing was done.'
findings:
  description: As those of M(selfhost.postiz.stack_health), first causes first.
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
layers_before:
  description: Verdicts of the layers before the first step of this recovery; empty without a step.
  type: dict
  returned: always, but for bad input
  sample: {}
layers:
  description: Verdicts of the layers now; empty for a layer that was not judged.
  type: dict
  returned: always, but for bad input
  sample: {temporal: healthy}
steps:
  description: The steps of this recovery so far.
  type: list
  elements: dict
  returned: always, but for bad input
  contains:
    number:
      description: Its number in the record.
      type: int
      sample: 1
    rung:
      description: Its kind.
      type: str
      sample: end_process_group
    title:
      description: The same for people.
      type: str
      sample: end the process group of orchestrator; PM2 starts it anew
    cause:
      description: Code and component of the finding that it was for.
      type: str
      sample: worker-not-polling orchestrator
    begun:
      description: When, ISO 8601 UTC.
      type: str
      sample: '2026-11-24T03:15:02Z'
    seconds:
      description: How long it took, the proof included.
      type: float
      sample: 17.2
    spread:
      description: Whether overdue posts were spread in it.
      type: bool
      sample: false
    helped:
      description: Whether the cause was gone afterwards.
      type: bool
      sample: true
    outcome:
      description: What went wrong in it, or the verdict after it.
      type: str
      sample: healthy
seconds:
  description: How long this recovery has taken so far.
  type: float
  returned: always, but for bad input
  sample: 19.4
number:
  description: Number of the next step in the record.
  type: int
  returned: always, but for bad input
  sample: 2
booted_at:
  description: When Postiz' newest container was started, seconds since the epoch; V(0) if none runs, or nobody had to know.
  type: float
  returned: always, but for bad input
  sample: 1795490102.4
compose:
  description: The project's own files, from the labels of its containers.
  type: dict
  returned: always, but for bad input
  contains:
    directory:
      description: The project's directory.
      type: str
      sample: /opt/postiz
    files:
      description: Its compose files.
      type: list
      elements: str
      sample: [/opt/postiz/compose.yaml]
    environment_files:
      description: Its environment files, if any was given by name.
      type: list
      elements: str
      sample: []
    gone:
      description: Why they cannot be used, empty if they can.
      type: str
      sample: ''
state_directory:
  description: Where the record is kept, on the host.
  type: str
  returned: always, but for bad input
  sample: /opt/postiz/state/recover
posts_directory:
  description: Where undo files of spread posts are kept, on the host.
  type: str
  returned: always, but for bad input
  sample: /opt/postiz/state/posts
evidence:
  description: Folder on the host with what was seen before the first step; empty without a step.
  type: str
  returned: always, but for bad input
  sample: /opt/postiz/state/recover/evidence/20261124T031500Z-3fa9c1
quarantined:
  description: Whether nothing is done any more.
  type: bool
  returned: always, but for bad input
  sample: false
asked_before:
  description: Whether an earlier run has asked for a person for the same reason.
  type: bool
  returned: always, but for bad input
  sample: false
notice:
  description:
    - What somebody is to be told. Of this recovery, or of an earlier one of which nobody could be told.
  type: dict
  returned: always, but for bad input
  contains:
    run:
      description: The recovery that it is about, empty if there is nothing to tell.
      type: str
      sample: 20261124T031500Z-3fa9c1
    at:
      description: When, ISO 8601 UTC.
      type: str
      sample: '2026-11-24T03:15:22Z'
    late:
      description: Whether it is about an earlier recovery.
      type: bool
      sample: false
    told:
      description: The ways by which somebody was told of it already, of V(webhook) and V(mail).
      type: list
      elements: str
      sample: []
    heading:
      description: One line.
      type: str
      sample: 'postiz: work flows again, after 1 step in 19 s.'
    text:
      description: The same with the reason.
      type: str
      sample: 'postiz: work flows again, after 1 step in 19 s.'
    verdict:
      description: The verdict then.
      type: str
      sample: healthy
    decision:
      description: The decision then.
      type: str
      sample: close
    first_cause:
      description: Code of the first finding then, empty without one.
      type: str
      sample: ''
    steps:
      description: What was done.
      type: list
      elements: str
      sample: [end the process group of orchestrator; PM2 starts it anew]
    seconds:
      description: How long it took.
      type: float
      sample: 19.4
    report:
      description: The report of then.
      type: str
      sample: 'postiz: work flows again, after 1 step in 19 s.'
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.operations import inform
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.parameters import SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)

    def look() -> Outcome:
        return inform(connect, parse(module.params), Clock())

    run(module, look, Redactor())


if __name__ == "__main__":
    main()
