# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that the modules stack_recovery and stack_recovery_info share."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment selfhost.postiz.recovery."""

    DOCUMENTATION = r"""
options:
  skip:
    description: Layers to leave out. What is left out is not recovered either.
    type: list
    elements: str
    choices: [endpoints, pm2, temporal, posts]
    default: []
  settle_seconds:
    description: Length of the quiet window after a start. Nothing is done to Postiz in it. Living pollers end it early.
    type: float
    default: 150.0
  timeout:
    description: Seconds to look again until something is to be done or nothing is; V(0) looks once.
    type: float
    default: 0.0
  directory:
    description: Directory of a stack that this collection made; its record is kept below it.
    type: path
    default: /opt/postiz
  state_directory:
    description:
      - Where the record of recoveries, the evidence and the reports are kept, on the host.
      - By default C(state/recover) in O(directory) if the stack is there, else C(/var/lib/selfhost-postiz/PROJECT/recover).
    type: path
  run:
    description: Name of this recovery, as a look before has returned it. A new one by default.
    type: str
  lifted:
    description:
      - Whether to look as if a quarantine had been lifted, and nothing had been tried before. In check mode, that tells what
        a run would do that lifts it.
    type: bool
    default: false
  attempts:
    description: So many steps are taken within O(window), over all runs; then a person is asked.
    type: int
    default: 4
  window:
    description: Seconds for which steps are remembered. What did not help within them is not tried again.
    type: float
    default: 3600.0
  cooldown:
    description: Seconds between a step that did not help and the next one.
    type: float
    default: 60.0
  min_free_bytes:
    description: With less room where the engine keeps its data, no step is taken, and a person is asked.
    type: int
    default: 268435456
"""
