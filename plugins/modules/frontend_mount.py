# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: frontend_mount
short_description: Mount a frontend bundle in a Compose project that something else has made
version_added: 0.1.0
description:
  - Writes C(compose.override.yaml) beside the project's compose file, which Compose finds by itself, or removes it. Nothing is
    recreated.
  - A project that was started with files of its own choice, or that has an override file already, is refused with the lines
    that are to be added by hand. If they are there, in the files or in the container, nothing is written.
  - A service whose files say something else by now than its container was made of, besides image and mount, is refused.
  - In a stack of this collection nothing is written either, since its role writes the compose file; see RV(managed).
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  project:
    description: Compose project of the stack. It needs a container of the service, running or not.
    type: str
    required: true
  service:
    description: The service that runs Postiz.
    type: str
    default: postiz
  source:
    description:
      - The bundle's link on the host, C(current) as returned by M(selfhost.postiz.frontend_bundle).
      - What is mounted is the link of the image beside it, C(images/<image>), so that a container of an older image that starts
        again by itself gets no release of another image.
    type: path
    required: true
  path:
    description: Where the compiled frontend lies in the container.
    type: str
    default: /app/apps/frontend/.next
  state:
    description:
      - Whether it shall be mounted.
      - V(verified) changes nothing, and fails if the Compose files would start the service with a bundle that is made for
        another image than the one they name, or that is not there. Use it before containers are stopped to be started again.
    type: str
    choices: [present, verified, absent]
    default: present
  accept_pending:
    description:
      - Whether the service may differ from its container in more than mount and image. Recreating it applies all of that.
      - Compose's own hash of the service is compared with the one that the container was made with.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Mount the bundle
  selfhost.postiz.frontend_mount:
    project: postiz
    source: /opt/postiz/frontend-next/current
"""

RETURN = r"""
directory:
  description: The project's directory.
  type: str
  returned: success
  sample: /srv/postiz
files:
  description: Compose files of the project, with the override if it is there.
  type: list
  elements: str
  returned: success
  sample: [/srv/postiz/docker-compose.yaml, /srv/postiz/compose.override.yaml]
environment_files:
  description: Environment files that it was started with, besides C(.env).
  type: list
  elements: str
  returned: success
  sample: []
managed:
  description: Whether the compose file is one of this collection. Then O(state) is up to C(stack_frontend_bundle).
  type: bool
  returned: success
  sample: false
mounted:
  description: Whether the container, as it was made, has the mount.
  type: bool
  returned: success
  sample: false
image:
  description: Image of the container.
  type: str
  returned: success
  sample: ghcr.io/gitroomhq/postiz-app:v2.23.0
image_id:
  description: Its id.
  type: str
  returned: success
  sample: sha256:7b65a108f1db
configured_image:
  description: Image that the Compose files name; empty if Compose cannot read them.
  type: str
  returned: success
  sample: ghcr.io/gitroomhq/postiz-app:v2.23.0
configured_image_id:
  description: Its id; empty if it is not on the host.
  type: str
  returned: success
  sample: sha256:7b65a108f1db
configured:
  description: Whether the Compose files had the mount before this run.
  type: bool
  returned: success
  sample: false
configured_source:
  description: What they mounted there; empty if it was not this bundle.
  type: str
  returned: success
  sample: /opt/postiz/frontend-next/images/7b65a108f1db
container:
  description: Name of the container.
  type: str
  returned: success
  sample: postiz-postiz-1
container_id:
  description: Its identifier, which changes when it is recreated.
  type: str
  returned: success
  sample: 4c01db0b339c
running:
  description: Whether it runs.
  type: bool
  returned: success
  sample: true
findings:
  description: Why it was refused. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: when it is refused
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: frontend-not-mountable
    severity:
      description: V(error).
      type: str
      sample: error
    component:
      description: The project.
      type: str
      sample: postiz
    evidence:
      description: What was seen.
      type: str
      sample: /srv/postiz/compose.override.yaml is there already.
    remedy:
      description: What to do.
      type: str
      sample: add to the service postiz in your Compose file, then start this again.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils import boundary
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.override import ARGUMENT_SPEC, parse, run
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def operation() -> boundary.Outcome:
        wanted = parse(module.params, bool(module.check_mode))
        return run(connect(), wanted)

    boundary.run(module, operation, Redactor())


if __name__ == "__main__":
    main()
