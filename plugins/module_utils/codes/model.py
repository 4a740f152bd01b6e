# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a finding code says; the tables beside this file hold them, one per domain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """`evidence` and `remedy` say in general what a finding of this code carries in particular."""

    meaning: str
    evidence: str
    remedy: str
