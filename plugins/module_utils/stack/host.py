# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observe the host itself: Compose, disk, ports. Only reads."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
from typing import Optional, Set, Tuple

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_LISTEN = "0A"


def version_tuple(text: str) -> Tuple[int, ...]:
    """(2, 40, 3) from `v2.40.3-desktop.1`; empty if there is no version in the text."""
    match = _VERSION.search(text)
    return tuple(int(part) for part in match.groups()) if match else ()


def compose_version() -> str:
    """Version of the Compose v2 plugin, empty if there is none."""
    try:
        answer = subprocess.run(
            ["docker", "compose", "version", "--short"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def compose_hashes(project: str, directory: str) -> str:
    """What Compose says about the services of the compose file there, empty if it cannot."""
    command = ["docker", "compose", "--project-name", project, "--project-directory", directory]
    command += ["--file", os.path.join(directory, "compose.yaml"), "config", "--hash", "*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def free_bytes(path: str) -> Optional[int]:
    """Free space for new files at a path that may not exist yet."""
    while not os.path.isdir(path):
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


def port_obstacle(address: str, port: int) -> Optional[str]:
    """Why this address and port cannot be listened on, or None."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                return f"it is in use by {_listener(port) or 'a process that this user may not see'}"
            if problem.errno == errno.EADDRNOTAVAIL:
                return "this host has no such address"
            return f"it cannot be used ({problem.strerror})"
    return None


def _listener(port: int) -> Optional[str]:
    """Name and process number of whoever listens on a port, from /proc."""
    inodes = _listening_inodes(port)
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            handles = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{process}/fd")]
            if any(f"socket:[{inode}]" in handles for inode in inodes):
                with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as stream:
                    return f"the process {stream.read().strip()} (pid {process})"
        except OSError:
            continue
    return None


def _listening_inodes(port: int) -> Set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as stream:
                rows = [line.split() for line in stream.readlines()[1:]]
        except OSError:
            continue
        # Columns: sl, local_address, rem_address, st, tx:rx, tr:tm, retrnsmt, uid, timeout, inode.
        inodes |= {row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port}
    return inodes
