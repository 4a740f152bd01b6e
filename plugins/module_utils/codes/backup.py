# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of backup and restore."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "backup-database-failed": Code(
        "A database cannot be dumped or restored.",
        "The server, and what it or its program said.",
        "Look at this server first.",
    ),
    "backup-env-missing": Code(
        "A restore could not put an .env in place: there is none, and that of the backup cannot be opened, or was left out.",
        "Where it is missing, and why that of the backup does not help.",
        "Give the backup's passphrase, or put the stack's own .env in place.",
    ),
    "backup-newer-data": Code(
        "A restore would lose what the stack holds since the backup.",
        "Posts, channels and media since then, with their numbers.",
        "Restore a newer backup, or accept the loss (accept_loss).",
    ),
    "backup-newer-release": Code(
        "The backup is of a newer release of Postiz than the one that would start on it.",
        "Both releases.",
        "Restore its compose file, too.",
    ),
    "backup-no-space": Code(
        "Too little room for a backup.",
        "Free and wanted bytes.",
        "Free space, give another directory, or keep fewer.",
    ),
    "backup-not-verified": Code(
        "A file of a backup is not as it was written, or no program can read it.",
        "The file, with both sizes or the program's words.",
        "Use another backup, and look at the disk.",
    ),
    "backup-other-databases": Code(
        "A restore with volumes made anew would remove databases that it does not bring back.",
        "The databases, by their server.",
        "Restore with volumes: kept (restore_volumes), or choose a backup and parts that hold them.",
    ),
    "backup-pause-failed": Code(
        "The workers went on before all snapshots were taken.",
        "The service.",
        "Look at what keeps the database busy, or raise max_pause.",
    ),
    "backup-rows-differ": Code(
        "A restored database has another number of rows than its backup.",
        "The tables, with both numbers.",
        "Do not start the stack; restore again, or use another backup.",
    ),
    "backup-too-old": Code(
        "The newest backup is older than it may be.",
        "Its age, and the most that was allowed.",
        "Look why no newer one was made.",
    ),
    "backup-uncovered": Code(
        "Something that the stack keeps is neither in the backup nor left out by name.",
        "What it is, and who writes to it.",
        "Make it part of the backup, or leave it out by name with a reason.",
    ),
    "backup-wrong-version": Code(
        "The backup comes from another major version of PostgreSQL.",
        "Both versions.",
        "Use an image of the backup's version; a newer one must be accepted by name.",
    ),
    "restore-under-way": Code(
        "A restore of this stack is not finished, or its journal cannot be read.",
        "Which backup, since when, its last step, and where its journal is.",
        "Wait for that run, or run the playbook restore again: it goes on from there.",
    ),
}
