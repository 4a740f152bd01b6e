# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in module_utils/stack/parameters.py, and of the modules' attributes."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments selfhost.postiz.stack and selfhost.postiz.stack.attributes."""

    DOCUMENTATION = r"""
options:
  project:
    description: Compose project name of the stack.
    type: str
    required: true
  directory:
    description: Directory of the stack on the host.
    type: path
    required: true
  postiz_image:
    description: Image of the service C(postiz); its entrypoint and command are what the boot guard hands over to.
    type: str
    required: true
  postgres_password:
    description: Password of Postiz' database. Without it the one in use is kept, or one is generated.
    type: str
  temporal_postgres_password:
    description: Password of Temporal's database. Without it the one in use is kept, or one is generated.
    type: str
  jwt_secret:
    description: Secret that signs sessions and encrypts stored channels. Without it the one in use is kept, or one is generated.
    type: str
  accept_new_jwt_secret:
    description: Take another O(jwt_secret) than the one in use. Every channel must then be connected again.
    type: bool
    default: false
  environment:
    description: Additional environment of Postiz, as the JSON text of a dictionary; every value is treated as a secret.
    type: json
    default: '{}'
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed, or possibly needs changing in C(check_mode), when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
"""
