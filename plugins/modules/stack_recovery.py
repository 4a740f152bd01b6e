# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_recovery
short_description: Take one step of a recovery, and prove what it did
version_added: 0.1.0
description:
  - Takes the step that M(selfhost.postiz.stack_recovery_info) has chosen, in two parts; between them the caller spreads overdue
    posts, or lets Compose make a container anew. The role P(selfhost.postiz.recover#role) is that caller.
  - Before each part it writes down on the host what it is about to do, so that a run that was killed anywhere is continued.
  - A step that does not rest on what is there any more is not taken.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.recovery
  - selfhost.postiz.health
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is done, and nothing is looked at.
  diff_mode:
    support: none
    details: What is changed is the state of processes and containers.
  idempotent:
    support: none
    details: A step is an act; it is chosen only where it is needed.
options:
  state:
    description:
      - V(begun) keeps the evidence, writes the step down and does its first part, up to where overdue posts are spread.
      - V(finished) does the rest, waits until work flows or the next step is due, and writes down which of them.
      - V(noted) writes down that a person is asked, that a quarantine begins, or that the stack is healthy again.
      - V(lifted) ends a quarantine and forgets what was tried.
      - V(told) writes down that somebody was told of O(run), by O(ways).
    type: str
    choices: [begun, finished, noted, lifted, told]
    required: true
  ways:
    description: For V(told), the ways by which somebody was told.
    type: list
    elements: str
    choices: [webhook, mail]
    default: []
  step:
    description: The step, as the look has returned it. Needed for V(begun) and V(finished).
    type: dict
    default: {}
  number:
    description: The number of the step, as the look has returned it. If another run was faster, nothing is done.
    type: int
    default: 0
  booted_at:
    description: When Postiz was started, as the look has returned it. If it was started since, nothing is done.
    type: float
    default: 0.0
  spread:
    description: For V(finished), whether overdue posts were spread between the two parts.
    type: bool
    default: false
  failure:
    description: For V(finished), why the part between could not be done. The rest of the step is left out then.
    type: str
  unspread:
    description:
      - For V(finished), whether O(failure) is that overdue posts could not be spread. Postiz is then left as it is, stopped or
        frozen, and a person is asked.
    type: bool
    default: false
  service_timeout:
    description: Seconds for a started service to become healthy, and for Temporal to serve.
    type: float
    default: 180.0
  burst_guard:
    description: Whether to hold Postiz back until overdue posts are spread.
    type: bool
    default: true
  burst_threshold:
    description: Channels with no more overdue posts than this do not need it.
    type: int
    default: 5
  burst_ahead:
    description: Posts that are due within so many seconds count as well, since they fall due while work stands still.
    type: float
    default: 300.0
  keep_evidence:
    description: Keep the evidence and the reports of so many recoveries.
    type: int
    default: 10
  database_host:
    description: Host of Postiz' database, where its container's address on the Compose network is not the one.
    type: str
  database_port:
    description: Port of Postiz' database.
    type: int
  database_tls_mode:
    description: Whether to use TLS to the database, libpq's sslmode.
    type: str
  database_tls_ca_path:
    description: Authority of the database's certificate, a path on the host.
    type: path
seealso:
  - module: selfhost.postiz.stack_recovery_info
  - module: selfhost.postiz.stuck_posts
"""

EXAMPLES = r"""
- name: End a quarantine
  selfhost.postiz.stack_recovery:
    project: postiz
    state: lifted
"""

RETURN = r"""
state_directory:
  description: Where the record is kept, on the host.
  type: str
  returned: always, but for bad input
  sample: /opt/postiz/state/recover
taken:
  description: Whether the step, or its second part, was taken.
  type: bool
  returned: always, but for bad input
  sample: true
guard:
  description: For O(state=begun), whether overdue posts must be spread before O(state=finished).
  type: bool
  returned: always, but for bad input
  sample: true
compose_needed:
  description: For O(state=begun), whether Compose must make the container anew before O(state=finished).
  type: bool
  returned: always, but for bad input
  sample: false
problem:
  description: For O(state=begun), why the step was not taken, or not to its end.
  type: str
  returned: always, but for bad input
  sample: ''
project:
  description: The Compose project.
  type: str
  returned: for V(finished) and V(noted)
  sample: postiz
run:
  description: Name of this recovery.
  type: str
  returned: for V(finished) and V(noted)
  sample: 20261124T031500Z-3fa9c1
verdict:
  description: As that of M(selfhost.postiz.stack_health).
  type: str
  returned: for V(finished) and V(noted)
  sample: unhealthy
decision:
  description:
    - V(nothing) when work flows; V(close) when it flows again and that is to be written down; V(act) when O(ignore:step) is to be
      taken; V(wait) when it is too early to say; V(person) when no step mends it; V(quarantine) when what could be tried was
      tried; V(quiet) in a quarantine.
  type: str
  returned: for V(finished) and V(noted)
  sample: act
reason:
  description: Why.
  type: str
  returned: for V(finished) and V(noted)
  sample: no living process of postiz-postiz-1 polls the task queue main for workflow tasks.
wait_seconds:
  description: With V(wait), how long it is to be waited at least.
  type: float
  returned: for V(finished) and V(noted)
  sample: 0.0
step:
  description: The next step; with V(wait), the one that follows.
  type: dict
  returned: for V(finished) and V(noted)
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
  returned: for V(finished) and V(noted)
  sample: 'postiz: work does not flow.'
report:
  description: What was found and done, for people, 80 columns wide.
  type: str
  returned: for V(finished) and V(noted)
  sample: 'postiz is healthy: work flows. Nothing was done.'
findings:
  description: As those of M(selfhost.postiz.stack_health), first causes first.
  type: list
  elements: dict
  returned: for V(finished) and V(noted)
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
  returned: for V(finished) and V(noted)
  sample: {}
layers:
  description: Verdicts of the layers now; empty for a layer that was not judged.
  type: dict
  returned: for V(finished) and V(noted)
  sample: {temporal: healthy}
steps:
  description: The steps of this recovery so far.
  type: list
  elements: dict
  returned: for V(finished) and V(noted)
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
  returned: for V(finished) and V(noted)
  sample: 19.4
number:
  description: Number of the next step in the record.
  type: int
  returned: for V(finished) and V(noted)
  sample: 2
booted_at:
  description: When Postiz' newest container was started, seconds since the epoch; V(0) if none runs, or nobody had to know.
  type: float
  returned: for V(finished) and V(noted)
  sample: 1795490102.4
compose:
  description: The project's own files, from the labels of its containers.
  type: dict
  returned: for V(finished) and V(noted)
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
posts_directory:
  description: Where undo files of spread posts are kept, on the host.
  type: str
  returned: for V(finished) and V(noted)
  sample: /opt/postiz/state/posts
evidence:
  description: Folder on the host with what was seen before the first step; empty without a step.
  type: str
  returned: for V(finished) and V(noted)
  sample: /opt/postiz/state/recover/evidence/20261124T031500Z-3fa9c1
quarantined:
  description: Whether nothing is done any more.
  type: bool
  returned: for V(finished) and V(noted)
  sample: false
asked_before:
  description: Whether an earlier run has asked for a person for the same reason.
  type: bool
  returned: for V(finished) and V(noted)
  sample: false
notice:
  description:
    - What somebody is to be told. Of this recovery, or of an earlier one of which nobody could be told.
  type: dict
  returned: for V(finished) and V(noted)
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
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.operations import Recovery
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.parameters import ACT_SPEC, parse_act
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ACT_SPEC, supports_check_mode=True)

    def step() -> Outcome:
        return Recovery(connect, parse_act(module.params), Clock()).run(module.check_mode)

    run(module, step, Redactor())


if __name__ == "__main__":
    main()
