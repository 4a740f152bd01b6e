# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_watch
short_description: Measure how long a URL does not answer
version_added: 0.1.0
description:
  - Asks a URL again and again, writes to a file how long it did not answer as expected, and ends when told or when its time is up.
  - Meant to run beside other tasks, with C(async) and C(poll=0).
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: It asks nothing and writes nothing.
  diff_mode:
    support: none
    details: It writes a measurement.
  idempotent:
    support: none
    details: It measures anew each time.
options:
  url:
    description: What to ask.
    type: str
    required: true
  path:
    description: File of the measurement, made anew each time something changes.
    type: path
    required: true
  expected:
    description: What the body of the answer contains; its status must be 200.
    type: str
    default: App is running!
  interval:
    description: Seconds between two questions.
    type: float
    default: 0.2
  duration:
    description: Seconds after which it ends.
    type: float
    required: true
  until_gone:
    description: It also ends when this file is gone, or is the journal of an upgrade that is closed.
    type: path
"""

EXAMPLES = r"""
- name: Watch the API for ten minutes, beside what follows
  selfhost.postiz.http_watch:
    url: http://127.0.0.1:4007/api/
    path: /opt/postiz/state/watch.json
    duration: 600
  async: 660
  poll: 0
"""

RETURN = r"""
down_seconds:
  description: Seconds without the expected answer, to the precision of O(interval).
  type: float
  returned: success
requests:
  description: How often it was asked.
  type: int
  returned: success
last_answer:
  description: What was answered last, a status or the system's error.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome, run
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor
from ansible_collections.selfhost.postiz.plugins.module_utils.release import watch


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "expected": {"type": "str", "default": "App is running!"},
            "interval": {"type": "float", "default": 0.2},
            "duration": {"type": "float", "required": True},
            "until_gone": {"type": "path"},
        },
        supports_check_mode=True,
    )

    def watched() -> Outcome:
        return Outcome(False, watch.run(watch.Parameters(**module.params), bool(module.check_mode), Clock()))

    run(module, watched, Redactor())


if __name__ == "__main__":
    main()
