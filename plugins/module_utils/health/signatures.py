# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log lines that are known to mean something, with what to do about each. Data; the first match counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Pattern, Tuple


@dataclass(frozen=True)
class Signature:
    """`pattern` is searched in one line of a log, or in what a health check or the engine says.

    `person` is True where no restart mends it: somebody has to do something first.
    """

    pattern: Pattern[str]
    meaning: str
    remedy: str
    person: bool = False


@dataclass(frozen=True)
class Match:
    """A signature, and the line that it was found in."""

    signature: Signature
    line: str


def _signature(pattern: str, meaning: str, remedy: str, person: bool = False) -> Signature:
    return Signature(re.compile(pattern, re.IGNORECASE), meaning, remedy, person)


SIGNATURES: Tuple[Signature, ...] = (
    _signature(
        r"No space left on device|ENOSPC",
        "The disk is full.",
        "free space on the host (docker system df shows what the engine holds; never prune volumes), then start the service.",
        person=True,
    ),
    _signature(
        r"cluster_block_exception|read-only-allow-delete|flood stage disk watermark",
        "Elasticsearch refuses to write, because its disk is nearly full.",
        "free space on the host; Elasticsearch takes the block away by itself.",
        person=True,
    ),
    _signature(
        r"database files are incompatible with server|was initialized by PostgreSQL version",
        "The data volume belongs to another major version of PostgreSQL.",
        "go back to the image of that version; a new major version needs a dump and a restore.",
        person=True,
    ),
    _signature(
        r"could not locate a valid checkpoint record|invalid page in block|database system identifier differs|"
        r"PANIC:.*(corrupt|checkpoint)|index (row|tuple) .*corrupt|CorruptIndexException|TranslogCorruptedException",
        "Files of a database are damaged.",
        "stop, copy the volume away, and restore from a backup; every further start may make it worse.",
        person=True,
    ),
    _signature(
        r"password authentication failed for user|P1000\b",
        "The database refuses the password: a data volume keeps the one that it was made with.",
        "give the password that the volume was made with, or change it inside the database (ALTER USER).",
        person=True,
    ),
    _signature(
        r"cannot have more than 3 search attribute",
        "PostgreSQL visibility takes three search attributes of type Text, and Temporal's samples hold two of them.",
        "start Temporal with SKIP_ADD_CUSTOM_SEARCH_ATTRIBUTES=true on a fresh database, or remove CustomStringField "
        "and CustomTextField with the temporal CLI, then restart Postiz.",
        person=True,
    ),
    _signature(
        r"unable to (create|validate) dynamic config|read /etc/temporal/config/dynamicconfig: is a directory",
        "Temporal's dynamic configuration is missing or cannot be read.",
        "put the file where DYNAMIC_CONFIG_FILE_PATH says (the role stack does), then start Temporal.",
        person=True,
    ),
    _signature(
        r"no usable database connection found|sql schema version compatibility check failed",
        "Temporal cannot reach its database (the text about the schema version means the same).",
        "look at the database of Temporal first, then start Temporal again.",
    ),
    _signature(
        r"Waiting for Elasticsearch to start up",
        "Temporal waits for Elasticsearch, without end.",
        "look at Elasticsearch first.",
    ),
    _signature(
        r"P1001\b|Can't reach database server|getaddrinfo \w+ \S*postgres",
        "Postiz cannot reach its database.",
        "look at the database first, then start Postiz again.",
    ),
    _signature(
        r"(ECONNREFUSED|Connection refused|ConnectionRefused)[^\n]*7233|7233[^\n]*(ECONNREFUSED|Connection refused)",
        "Temporal does not listen at its address.",
        "look at Temporal first; once it serves, restart the Postiz container.",
    ),
    _signature(
        r"Name resolution failed for target dns:temporal|failed reaching server|no children to pick from",
        "Temporal could not be reached.",
        "look at Temporal first; once it serves, restart the Postiz container if its backend does not listen.",
    ),
    _signature(
        r"Failed to create worker connection, returning null|Connection failed, skipping worker initialization",
        "The orchestrator could not reach Temporal at its start, and will never try again.",
        "make sure that Temporal serves, then restart the Postiz container.",
    ),
    _signature(
        r"EADDRINUSE",
        "A port inside the container is held by another process, often by an app that a PM2 restart left behind.",
        "restart the container: that ends every process in it.",
    ),
    _signature(
        r"port is already allocated|address already in use",
        "A published port belongs to somebody else on the host.",
        "stop the other one, or publish another port.",
        person=True,
    ),
    _signature(
        r"MASTRA_STORAGE_PG_\w+_FAILED",
        "The assistant's tables could not be made: two apps raced for them, or dropped columns have used up a table.",
        "restart the Postiz container once; if it comes again, count the dropped columns of the mastra_ tables.",
    ),
    _signature(
        r"ERR_PNPM_META_FETCH_FAIL|(EAI_AGAIN|ENOTFOUND) registry\.",
        "The container cannot reach the npm registry, which every first start of a new container needs.",
        "repair name resolution and outgoing access of the containers; meanwhile restart rather than recreate.",
    ),
    _signature(
        r"JavaScript heap out of memory|java\.lang\.OutOfMemoryError",
        "The process used up the memory that it may use.",
        "give it more memory.",
    ),
    _signature(
        r"vm\.max_map_count \[\d+\] is too low",
        "The kernel's limit of memory maps is too low for Elasticsearch.",
        "sysctl -w vm.max_map_count=262144, and keep it in /etc/sysctl.d.",
        person=True,
    ),
    _signature(
        r"pull access denied|manifest unknown|No such image",
        "The image cannot be had.",
        "correct the image's name or tag, log in, or load it.",
        person=True,
    ),
    _signature(
        r"permission denied",
        "Something may not be read or written by the user inside the container.",
        "correct owner and mode of the path in that line.",
    ),
)


def search(text: str) -> Optional[Match]:
    """The most telling signature of a text: the order of the table decides, then the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for signature in SIGNATURES:
        for line in reversed(lines):
            if signature.pattern.search(line):
                return Match(signature, line)
    return None
