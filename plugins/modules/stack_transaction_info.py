# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_transaction_info
short_description: Tell whether an upgrade, a rollback or a restore of a stack is not finished
version_added: 0.1.0
description:
  - Reads the journals of upgrades and restores. Whoever starts or stops services of the stack while one is open works
    against that run, or against the next one, which goes on with it.
  - A restore on the way back of an upgrade is a part of that. A journal that cannot be read counts as open.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
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
    description: Name of the Compose project.
    type: str
    required: true
  directory:
    description: Directory of the stack.
    type: path
    required: true
  fail_on_open:
    description: Whether it fails if there is one.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Do nothing in the middle of an upgrade or a restore
  selfhost.postiz.stack_transaction_info:
    project: postiz
    directory: /opt/postiz
"""

RETURN = r"""
open:
  description: Whether an upgrade, a rollback or a restore is not finished.
  type: bool
  returned: success
  sample: false
findings:
  description: What is not finished, since when, and its last step. At most one.
  type: list
  elements: dict
  returned: always
  contains:
    code:
      description: C(upgrade-under-way) or C(restore-under-way).
      type: str
    severity:
      description: V(error).
      type: str
    component:
      description: The project.
      type: str
    evidence:
      description: What was seen.
      type: str
    remedy:
      description: What to do.
      type: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import run
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from ansible_collections.selfhost.postiz.plugins.module_utils.under_way import report


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "fail_on_open": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    run(module, lambda: report(given["directory"], given["project"], given["fail_on_open"]), Redactor())


if __name__ == "__main__":
    main()
