# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in module_utils/posts/options.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment selfhost.postiz.database."""

    DOCUMENTATION = r"""
options:
  database_host:
    description:
      - Host of Postiz' database, as this host reaches it.
      - By default the address of the database's container on the Compose network, or the host in Postiz' own settings.
    type: str
  database_port:
    description: Port of Postiz' database, where it is another one than in Postiz' own settings.
    type: int
  database_tls_mode:
    description: Whether to use TLS to the database, libpq's C(sslmode). By default what Postiz' own settings say.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  database_tls_ca_path:
    description: Authority of the database's certificate, a path on this host.
    type: path
  statement_timeout:
    description: Seconds for each statement of the database.
    type: float
    default: 60.0
"""
