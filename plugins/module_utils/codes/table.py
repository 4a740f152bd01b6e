# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every code that a finding may carry, of all domains. Codes are stable: people match on them."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes import (
    backup,
    bundle,
    containers,
    pm2,
    posts,
    providers,
    release,
    stack,
    temporal,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

DOMAINS: Dict[str, Dict[str, Code]] = {
    "The stack before it is changed": stack.CODES,
    "Containers": containers.CODES,
    "PM2": pm2.CODES,
    "Temporal": temporal.CODES,
    "Posts": posts.CODES,
    "Social networks": providers.CODES,
    "Frontend bundle": bundle.CODES,
    "Upgrade and rollback": release.CODES,
    "Backup and restore": backup.CODES,
}

CODES: Dict[str, Code] = {code: entry for table in DOMAINS.values() for code, entry in table.items()}
