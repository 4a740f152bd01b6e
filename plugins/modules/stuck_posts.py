# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stuck_posts
short_description: Repair posts that are stuck, with a plan, a cap and a way back
version_added: 0.1.0
description:
  - Finds posts as M(selfhost.postiz.stuck_posts_info) does, and does for each class what O(actions) says.
  - Check mode and diff show exactly the plan that is carried out otherwise.
  - A post whose outcome is unknown, or that has a release, is never started again. Only O(accept_duplicate_risk) allows it, id
    by id.
  - A row that was changed between the plan and the act is left alone, and told.
  - Before anything is changed, the complete rows are written to an undo file. A run that was killed is finished by the next.
  - One run at a time works on a database; another one waits for it, up to O(lock_timeout).
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.posts
  - selfhost.postiz.database
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: One line for each post, of the first 500 posts. Content is not shown.
  idempotent:
    support: full
    details: A post that was repaired is not stuck any more. V(reschedule) of posts given by O(posts) moves them each time.
options:
  state:
    description:
      - V(repaired) carries the plan out.
      - V(undone) brings back what a run changed, from its O(undo_file). Rows that were changed since are left alone.
    type: str
    choices: [repaired, undone]
    default: repaired
  actions:
    description:
      - The action for each class. What is not given is V(poke) for V(no-workflow) and V(scheduled-no-workflow),
        V(end_workflow) for V(ghost-workflow), V(mark_published) for V(live-but-marked-error), and V(none) for everything
        else; with O(action_default) it is that.
      - V(poke) starts the post's workflow, of the type that the installed release starts. It sleeps until the post is due.
      - V(reschedule) gives new times and a new workflow; V(hold) makes a draft of it; V(fail) marks it as failed.
      - V(delete) marks it as deleted, as Postiz does, with its whole thread.
      - V(end_workflow) ends the workflow, and starts a new one where the post is still wanted at another time.
      - V(mark_published) sets a live post right that is marked 'Already posted'.
      - Which class allows which action is in docs/stuck_posts.md.
    type: dict
    default: {}
  action_default:
    description:
      - The action for each class that is not in O(actions), instead of the defaults there. To be used with O(posts), where
        something shall happen to certain posts whatever became of them meanwhile, as V(hold).
      - Posts of a class that does not allow it are left alone, and told.
    type: str
    choices: [none, poke, reschedule, hold, fail, delete]
  spacing:
    description:
      - Seconds between two posts of one channel that get new times. Posts that are there already are stepped around.
      - Of several channels each begins a part of it after the one before, so that not all of them publish at the same moment.
    type: float
    default: 60.0
  not_before:
    description: The first new time, ISO 8601 with a zone. By default now, by the database's clock.
    type: str
  not_before_in:
    description: The first new time, so many seconds after now by the database's clock. Not together with O(not_before).
    type: float
    default: 0.0
  poke_at_once:
    description:
      - Of one channel, so many overdue posts are poked at once; the others get new times, O(spacing) apart.
      - Posts of the future keep their times, however many they are.
    type: int
    default: 5
  burst_threshold:
    description: Channels with no more posts than this to reschedule are left as they are.
    type: int
    default: 0
  fail_reason:
    description: What Postiz shows for posts that are marked as failed. Posts that may be live say so instead.
    type: str
    default: Stuck, and given up by the operator
  max_posts:
    description: Refuse to change more posts than this.
    type: int
    default: 100
  accept_duplicate_risk:
    description: Ids of posts that may be live, and may be started again all the same.
    type: list
    elements: str
    default: []
  undo_directory:
    description:
      - Where undo files are written, on the host. They hold the posts' content.
      - A directory that cannot be written is refused at once, in check mode too.
    type: path
    required: true
  undo_file:
    description:
      - The undo file to apply with O(state=undone). It must lie in O(undo_directory), be a regular file of the user that the
        module runs as, and have the mode C(0600).
    type: path
  set_aside_damaged:
    description:
      - Rename undo files of interrupted runs that cannot be read to C(….damaged), instead of refusing to go on.
      - Posts of such a run that lack a workflow are found and repaired as such.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another run on the same database, as of another host of the inventory that is the same stack.
    type: float
    default: 120.0
seealso:
  - module: selfhost.postiz.stuck_posts_info
"""

EXAMPLES = r"""
- name: Repair what can be repaired without a question
  selfhost.postiz.stuck_posts:
    project: postiz
    undo_directory: /opt/postiz/state/posts
  register: repaired

- name: Bring it all back
  selfhost.postiz.stuck_posts:
    project: postiz
    state: undone
    undo_directory: /opt/postiz/state/posts
    undo_file: "{{ repaired.undo_file }}"
  when: repaired.undo_file | length > 0

- name: Move what is overdue to tonight, one a minute on each channel
  selfhost.postiz.stuck_posts:
    project: postiz
    undo_directory: /opt/postiz/state/posts
    not_before: '2099-01-31T18:00:00Z'
    spacing: 60
    max_posts: 500
    actions:
      worker-dead: reschedule
      no-workflow: reschedule
      older-than-sweep: reschedule

- name: Hold two posts that would fail
  selfhost.postiz.stuck_posts:
    project: postiz
    undo_directory: /opt/postiz/state/posts
    posts: [cm1111111111111111111111, cm3333333333333333333333]
    action_default: hold
"""

RETURN = r"""
project:
  description: The Compose project.
  type: str
  returned: success
  sample: postiz
now:
  description: The database's clock, UTC.
  type: str
  returned: state is V(repaired)
  sample: '2026-01-31T18:00:00Z'
report:
  description: The same for people.
  type: str
  returned: success
  sample: 2 posts of postiz are stuck.
total:
  description: How many posts were found, those that are nobody's trouble (V(publishing), V(scheduled)) included.
  type: int
  returned: state is V(repaired)
  sample: 2
summary:
  description: Their number by class and channel.
  type: list
  elements: dict
  returned: state is V(repaired)
  contains:
    class:
      description: Why they have not gone out, see docs/stuck_posts.md.
      type: str
      sample: no-workflow
    channel:
      description: Id of the channel; empty where there is no post.
      type: str
      sample: cm0000000000000000000000
    channel_name:
      description: Its name.
      type: str
      sample: Our page
    provider:
      description: Its provider.
      type: str
      sample: facebook
    posts:
      description: Their number.
      type: int
      sample: 2
    oldest:
      description: When the first of them was or is due, UTC.
      type: str
      sample: '2026-01-31T17:00:00Z'
    ids:
      description: Their ids; of all posts the first 20,000.
      type: list
      elements: str
      sample: [cm1111111111111111111111, cm3333333333333333333333]
posts:
  description: The first O(limit) of them, without their content.
  type: list
  elements: dict
  returned: state is V(repaired)
  contains:
    id:
      description: Id of the post.
      type: str
      sample: cm1111111111111111111111
    class:
      description: Why it has not gone out.
      type: str
      sample: no-workflow
    evidence:
      description: What was seen.
      type: str
      sample: 'no workflow of it runs: Temporal knows none of it.'
    due:
      description: When it is due, UTC; empty where there is no such post.
      type: str
      sample: '2026-01-31T17:00:00Z'
    state:
      description: State of its row; V(MISSING) where there is none.
      type: str
      sample: QUEUE
    channel:
      description: Id of its channel.
      type: str
      sample: cm0000000000000000000000
    channel_name:
      description: Name of its channel.
      type: str
      sample: Our page
    provider:
      description: Provider of its channel.
      type: str
      sample: facebook
    organization:
      description: Id of its organization.
      type: str
      sample: cm2222222222222222222222
    workflow:
      description: Type of its newest workflow; empty where there is none.
      type: str
      sample: postWorkflowV106
    workflow_status:
      description: State of its newest workflow; empty where there is none.
      type: str
      sample: RUNNING
older_than_selected:
  description: Queued posts that were due before O(newer_than), and were not looked at.
  type: int
  returned: state is V(repaired)
  sample: 0
later_than_horizon:
  description: Queued posts that are due after O(horizon), and were not looked at; counted up to 10,000.
  type: int
  returned: state is V(repaired)
  sample: 0
looked_ahead:
  description: How posts of the future were looked at, up to O(horizon).
  type: dict
  returned: state is V(repaired)
  contains:
    by_id:
      description: Posts of which Temporal was asked by id whether their workflow runs.
      type: int
      sample: 42
    only_listed:
      description: Posts whose workflow Temporal's visibility lists as running, which was believed.
      type: int
      sample: 0
    not_looked_at:
      description: Posts that were left over when the time for that was up.
      type: int
      sample: 0
    visibility_believed:
      description: V(false) if visibility was found to list workflows that do not run.
      type: bool
      sample: true
    way:
      description: How Temporal was asked, V(http-api) or V(cli).
      type: str
      sample: http-api
recurring:
  description: Recurring posts of the selection, which were not looked at; counted up to 10,000.
  type: int
  returned: state is V(repaired)
  sample: 0
not_found:
  description: What was selected by id and does not exist, each with the option's name.
  type: list
  elements: str
  returned: state is V(repaired)
  sample: ['posts: cm9999999999999999999999']
workflows_scanned:
  description: Running workflows of posts that were looked at for ghosts.
  type: int
  returned: state is V(repaired)
  sample: 12
workflows_running:
  description: Running workflows of posts in all.
  type: int
  returned: state is V(repaired)
  sample: 12
findings:
  description: One for each class that is somebody's trouble. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: state is V(repaired)
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: posts-no-workflow
    severity:
      description: V(warning).
      type: str
      sample: warning
    component:
      description: V(posts).
      type: str
      sample: posts
    evidence:
      description: Their number, and an example.
      type: str
      sample: 2 posts.
    remedy:
      description: What to do.
      type: str
      sample: stuck_posts pokes them, or moves them to new times.
plan:
  description: The first O(limit) posts that were changed, or would be.
  type: list
  elements: dict
  returned: state is V(repaired)
  contains:
    id:
      description: Id of the post.
      type: str
      sample: cm1111111111111111111111
    class:
      description: Why it has not gone out.
      type: str
      sample: no-workflow
    evidence:
      description: What was seen.
      type: str
      sample: 'no workflow of it runs: Temporal knows none of it.'
    due:
      description: When it is due, UTC; empty where there is no such post.
      type: str
      sample: '2026-01-31T17:00:00Z'
    state:
      description: State of its row; V(MISSING) where there is none.
      type: str
      sample: QUEUE
    channel:
      description: Id of its channel.
      type: str
      sample: cm0000000000000000000000
    channel_name:
      description: Name of its channel.
      type: str
      sample: Our page
    provider:
      description: Provider of its channel.
      type: str
      sample: facebook
    organization:
      description: Id of its organization.
      type: str
      sample: cm2222222222222222222222
    workflow:
      description: Type of its newest workflow; empty where there is none.
      type: str
      sample: postWorkflowV106
    workflow_status:
      description: State of its newest workflow; empty where there is none.
      type: str
      sample: RUNNING
    action:
      description: What is done about it.
      type: str
      sample: reschedule
    new_due:
      description: Its new time, UTC; empty where it keeps its own.
      type: str
      sample: '2026-01-31T18:00:00Z'
planned:
  description: How many posts were changed, or would be.
  type: int
  returned: state is V(repaired)
  sample: 1
planned_ids:
  description: Ids of all of them.
  type: list
  elements: str
  returned: state is V(repaired)
  sample: [cm1111111111111111111111]
left_alone:
  description: Posts that the asked action does not fit, or that were changed meanwhile; the first O(limit), and all of them when undoing.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Id of the post.
      type: str
      sample: cm1111111111111111111111
    class:
      description: Its class; empty with O(state=undone).
      type: str
      sample: outcome-unknown
    action:
      description: The action that does not fit.
      type: str
      sample: reschedule
    reason:
      description: Why it is left alone.
      type: str
      sample: it was changed meanwhile, or somebody holds it
kept_away:
  description: Posts that began to publish while they were being changed. They are marked as unconfirmed, and not started.
  type: list
  elements: str
  returned: state is V(repaired)
  sample: []
not_running:
  description: Posts that should have a workflow now and have none.
  type: list
  elements: str
  returned: state is V(repaired)
  sample: []
not_held:
  description:
    - Posts that were held, failed or deleted, and that Postiz had started before the change was committed.
    - Their workflow could not be ended before it began to publish, so they may be live.
  type: list
  elements: str
  returned: state is V(repaired)
  sample: []
undo_file:
  description: The way back; empty if no row was changed.
  type: str
  returned: state is V(repaired)
  sample: /opt/postiz/state/posts/20260131T180000.000Z.undo.jsonl
completed:
  description: Workflows that were started to finish an interrupted run.
  type: int
  returned: success
  sample: 0
set_aside:
  description: Damaged undo files of interrupted runs that were set aside, by their new names.
  type: list
  elements: str
  returned: success
  sample: []
restored:
  description: Posts that were brought back.
  type: list
  elements: str
  returned: success
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import run
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.operations import repair
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import ACT_SPEC, parse_act
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ACT_SPEC, supports_check_mode=True)

    def silent(_step: str) -> None:
        """Nobody watches the steps of a module."""

    run(
        module,
        lambda: repair(connect(), parse_act(module.params, bool(module.check_mode)), Clock(), silent),
        Redactor(),
    )


if __name__ == "__main__":
    main()
