# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: post_failures_info
short_description: Say what to do about failed posts, and which queued posts will fail
version_added: 0.1.0
description:
  - Reads the posts in state C(ERROR) and turns what Postiz and the social networks said into causes, each with what a
    person must do, and whether its posts may be scheduled again.
  - What one repair cures is told once. An identity checkpoint at Meta fails many channels of Facebook and Instagram, each in
    other words; it is one finding.
  - Also looks at the posts in state C(QUEUE), and tells those that cannot succeed as things are, with their times, so that
    they can be held and released later.
  - Reads from the database of Postiz only, in a read-only transaction, over the Compose network. Contents of posts, tokens
    and the column C(body) of C("Errors") are never read, and what looks like a token is taken out of error texts.
  - No network is asked and no name is resolved; a forecast says what the rows and the declared facts say.
  - Never fails because of what it finds.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
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
options:
  project:
    description: Compose project name of the stack.
    type: str
    required: true
  service:
    description: The service of Postiz, whose environment says where the database is.
    type: str
    default: postiz
  since:
    description:
      - Look at posts that failed within this number of seconds, and at queued posts that are overdue by no more.
      - What lies before is counted in RV(window).
    type: float
    default: 604800.0
  horizon:
    description:
      - Look at queued posts that are due within this number of seconds; V(0) foresees nothing.
      - What lies after it is counted in RV(window).
    type: float
    default: 604800.0
  organizations:
    description: Ids of organizations. By default all of them.
    type: list
    elements: str
    default: []
  channels:
    description: Ids of channels (integrations). By default all of them.
    type: list
    elements: str
    default: []
  providers:
    description: Networks or their variants, such as V(instagram) or V(instagram-standalone). By default all of them.
    type: list
    elements: str
    default: []
  posts:
    description: Ids of posts. O(since) and O(horizon) do not count then.
    type: list
    elements: str
    default: []
  unaudited_channels:
    description: Ids of channels, or names of networks, whose app TikTok has not audited yet.
    type: list
    elements: str
    default: []
  verified_domains:
    description:
      - Domains that the TikTok app has verified, each with its subdomains, or prefixes such as C(https://host/uploads/).
      - Without it, the hosts of TikTok's media are not judged; an empty list means that none is verified.
    type: list
    elements: str
  limit:
    description: Most failed and most queued posts in RV(posts). The findings count all of them.
    type: int
    default: 100
seealso:
  - module: selfhost.postiz.stuck_posts
  - module: selfhost.postiz.stuck_posts_info
  - module: selfhost.postiz.stack_health
"""

EXAMPLES = r"""
- name: Look at what failed within a week, and at what will
  selfhost.postiz.post_failures_info:
    project: postiz
    unaudited_channels: [tiktok]
    verified_domains: [media.example.org]
  register: failures

- name: Show it
  ansible.builtin.debug:
    msg: "{{ failures.report }}"

- name: Hold the queued posts that cannot succeed
  selfhost.postiz.stuck_posts:
    project: postiz
    undo_directory: /opt/postiz/state/posts
    posts: "{{ failures.posts | selectattr('predicted') | map(attribute='id') | unique }}"
    action_default: hold
  when: failures.posts | selectattr('predicted') | list | length > 0

- name: Ask about one post, whenever it was
  selfhost.postiz.post_failures_info:
    project: postiz
    posts: [cmwv8reb5kanz02l01n1a8eb1]
"""

RETURN = r"""
report:
  description: Everything for people.
  type: str
  returned: success
  sample: "postiz: 2 posts failed since 2026-11-17T22:00:00Z; 0 of those due until 2026-12-01T22:00:00Z will fail as things are."
project:
  description: The Compose project.
  type: str
  returned: success
  sample: postiz
failed_posts:
  description: Number of failed posts within O(since).
  type: int
  returned: success
  sample: 2
predicted:
  description: Number of queued posts that will fail as things are.
  type: int
  returned: success
  sample: 0
window:
  description: What was looked at, and how much was not. Times are UTC.
  type: dict
  returned: success
  contains:
    now:
      description: The database's clock.
      type: str
      sample: "2026-11-24T22:00:00Z"
    since:
      description: Earliest time of a failure, and of an overdue queued post.
      type: str
      sample: "2026-11-17T22:00:00Z"
    until:
      description: Latest time of a queued post.
      type: str
      sample: "2026-12-01T22:00:00Z"
    earlier_failed:
      description: Posts in ERROR that failed before.
      type: int
      sample: 14
    earlier_queued:
      description: Posts in QUEUE that were due before.
      type: int
      sample: 0
    later_queued:
      description: Posts in QUEUE that are due after.
      type: int
      sample: 120
findings:
  description: One for each cause; what happened before what is foreseen. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: success
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: app-unaudited
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: The network, V(meta), or V(media).
      type: str
      sample: tiktok
    evidence:
      description: What it means, and what was seen last, without tokens.
      type: str
      sample: "TikTok has not audited the app. Last: the network's code is unaudited_client_can_only_post_to_private_accounts."
    remedy:
      description: What to do, in one sentence.
      type: str
      sample: "until the audit: set the TikTok account to private and the posts to SELF_ONLY; apply for the audit."
    steps:
      description: What to do, step by step.
      type: list
      elements: str
      sample: ["apply for the audit of the Content Posting API in TikTok's developer portal"]
    predicted:
      description: Whether its posts are queued and will fail, instead of having failed.
      type: bool
      sample: false
    count:
      description: Its posts.
      type: int
      sample: 2
    first:
      description: Time of the first failure, or of the first queued post.
      type: str
      sample: "2026-11-23T10:00:00Z"
    last:
      description: Time of the last one.
      type: str
      sample: "2026-11-24T10:00:00Z"
    retry:
      description:
        - V(after-repair) or V(later) if none was published, V(look-first) if one may be live, V(never) if it is live.
        - The most careful of its posts counts.
      type: str
      sample: after-repair
    channels:
      description: Ids of its channels.
      type: list
      elements: str
      sample: [cmwv8qz4s000202l0d1c2b3a4]
    posts:
      description: Ids of its posts; of all failed and of all queued posts the first 20,000.
      type: list
      elements: str
      sample: [cmwv8reb5kanz02l01n1a8eb1]
failures:
  description: How many posts by code and channel.
  type: list
  elements: dict
  returned: success
  contains:
    code:
      description: Code of the finding.
      type: str
      sample: app-unaudited
    predicted:
      description: Whether they are queued.
      type: bool
      sample: false
    channel:
      description: Id of the channel.
      type: str
      sample: cmwv8qz4s000202l0d1c2b3a4
    channel_name:
      description: Its name in Postiz.
      type: str
      sample: Our TikTok
    provider:
      description: Its network, with the variant.
      type: str
      sample: tiktok
    organization:
      description: Id of its organization.
      type: str
      sample: cmwv8qz4s000002l0a1b2c3d4
    count:
      description: Posts.
      type: int
      sample: 2
    first:
      description: Time of the first one.
      type: str
      sample: "2026-11-23T10:00:00Z"
    last:
      description: Time of the last one.
      type: str
      sample: "2026-11-24T10:00:00Z"
posts:
  description:
    - The failed posts, newest failure first, then the queued ones, soonest first; of each at most O(limit).
    - A queued post with two reasons to fail is in it twice.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Id of the root post.
      type: str
      sample: cmwv8reb5kanz02l01n1a8eb1
    publish_date:
      description: When it was or is due, UTC.
      type: str
      sample: "2026-11-24T10:00:00Z"
    channel:
      description: Id of its channel.
      type: str
      sample: cmwv8qz4s000202l0d1c2b3a4
    provider:
      description: Its network, with the variant.
      type: str
      sample: tiktok
    code:
      description: Code of the finding.
      type: str
      sample: app-unaudited
    predicted:
      description: Whether it is queued.
      type: bool
      sample: false
    may_be_live:
      description: Whether the network may show it. Never schedule such a post again without a look at the account.
      type: bool
      sample: false
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.look import look
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.report import payload
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, secret_values


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def ask() -> Outcome:
        request = parse(module.params)
        seen, environment = look(connect(), request)
        told = Redactor(secret_values(environment)).value(payload(seen, request))
        return Outcome(False, told, warnings=seen.warnings)

    run(module, ask, Redactor())


if __name__ == "__main__":
    main()
