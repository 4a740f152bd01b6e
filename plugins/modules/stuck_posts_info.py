# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stuck_posts_info
short_description: Say which posts should have gone out and have not, and why
version_added: 0.1.0
description:
  - Joins Postiz' database with Temporal by workflow id, and gives every queued post that is overdue a class.
  - Also finds workflows that no post wants (ghosts), and posts that are live and marked as failed.
  - Also finds posts of the future, up to O(horizon), that no workflow waits for.
  - Thread children, drafts, recurring posts and posts of deleted organizations are not stuck, nor are posts of the future
    that have their workflow.
  - Rows are read in a read-only transaction; content and tokens are never read into the result.
  - What each class means, and what may be done about it, is in docs/stuck_posts.md.
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
    support: none
    details: It changes nothing.
  idempotent:
    support: full
seealso:
  - module: selfhost.postiz.stuck_posts
  - module: selfhost.postiz.stack_health
"""

EXAMPLES = r"""
- name: Look for posts that are stuck
  selfhost.postiz.stuck_posts_info:
    project: postiz
  register: stuck

- name: Show them
  ansible.builtin.debug:
    msg: "{{ stuck.report.splitlines() }}"

- name: Look at one channel, and only at the last week
  selfhost.postiz.stuck_posts_info:
    project: postiz
    channels: ["{{ channel_id }}"]
    newer_than: "{{ '%Y-%m-%dT%H:%M:%SZ' | strftime(now(utc=true).timestamp() - 7 * 86400, utc=true) }}"
  vars:
    channel_id: cm0000000000000000000000
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
  returned: success
  sample: '2026-01-31T18:00:00Z'
report:
  description: The same for people.
  type: str
  returned: success
  sample: 2 posts of postiz are stuck.
total:
  description: How many posts were found, those that are nobody's trouble (V(publishing), V(scheduled)) included.
  type: int
  returned: success
  sample: 2
summary:
  description: Their number by class and channel.
  type: list
  elements: dict
  returned: success
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
  returned: success
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
  returned: success
  sample: 0
later_than_horizon:
  description: Queued posts that are due after O(horizon), and were not looked at; counted up to 10,000.
  type: int
  returned: success
  sample: 0
looked_ahead:
  description: How posts of the future were looked at, up to O(horizon).
  type: dict
  returned: success
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
  returned: success
  sample: 0
not_found:
  description: What was selected by id and does not exist, each with the option's name.
  type: list
  elements: str
  returned: success
  sample: ['posts: cm9999999999999999999999']
workflows_scanned:
  description: Running workflows of posts that were looked at for ghosts.
  type: int
  returned: success
  sample: 12
workflows_running:
  description: Running workflows of posts in all.
  type: int
  returned: success
  sample: 12
findings:
  description: One for each class that is somebody's trouble. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: success
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
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import run
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.operations import inform
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import COMMON_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=COMMON_SPEC, supports_check_mode=True)
    run(module, lambda: inform(connect(), parse(module.params), Clock()), Redactor())


if __name__ == "__main__":
    main()
