# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What PM2 and the kernel know of a container's processes. Starts nothing, changes nothing.

The same text runs in two places: on the engine's host, where it reads the container's files below /proc/PID/root, and
inside the container, handed to its python3. So it imports the standard library only.

PM2's own socket is asked (framing of PM2 6 and 7: one byte 0x10 + number of arguments, then each with its length as
four bytes). `pm2 jlist` would start a daemon where none runs. Of the answer, which holds every environment variable of
every app, only names and numbers leave this file.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import struct
import sys
import time
from typing import Any, Dict, List, Optional, Set, Tuple

LISTEN = "0A"
RPC_SECONDS = 5.0
MAX_REPLY_BYTES = 64 << 20
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _read(path: str, limit: int = 1 << 20) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(limit)


def _boot_time() -> int:
    for line in _read("/proc/stat").decode().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    return 0


def _namespace_pids(pid: str) -> Tuple[int, int]:
    found: Dict[str, int] = {}
    for line in _read(f"/proc/{pid}/status").decode(errors="replace").splitlines():
        name, _separator, value = line.partition(":")
        if name in ("NSpid", "NSpgid"):
            found[name] = int(value.split()[-1])
    return found["NSpid"], found["NSpgid"]


def _process(pid: str, boot: int) -> Dict[str, Any]:
    fields = _read(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")[2].split()
    inside, group = _namespace_pids(pid)
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        folder = ""
    return {
        "pid": inside,
        "seen_pid": int(pid),
        "seen_parent": int(fields[1]),
        "group": group,
        "state": fields[0],
        "started_at": boot + int(fields[19]) / TICKS,
        "memory_bytes": int(fields[21]) * PAGE,
        "folder": folder,
        "command": _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()[:300],
    }


def processes(init: str) -> List[Dict[str, Any]]:
    """Every process of the pid namespace that `init` is in; pids as the container sees them."""
    wanted = os.readlink(f"/proc/{init}/ns/pid")
    boot = _boot_time()
    found: List[Dict[str, Any]] = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/ns/pid") == wanted:
                    found.append(_process(name, boot))
            except (OSError, KeyError, IndexError):
                continue
    inside: Dict[int, int] = {item["seen_pid"]: item["pid"] for item in found}
    for item in found:
        item["parent"] = inside.get(item.pop("seen_parent"), 0)
    return found


def listeners(init: str, table: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Ports on which something listens in the container, each with the pids (as the container sees them) that hold it."""
    ports: Dict[str, int] = {}
    for name in ("tcp", "tcp6"):
        try:
            rows = _read(f"/proc/{init}/net/{name}").decode().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == LISTEN:
                ports[f"socket:[{fields[9]}]"] = int(fields[1].rpartition(":")[2], 16)
    holders: Dict[int, Set[int]] = {port: set() for port in ports.values()}
    for item in table:
        try:
            handles = os.listdir(f"/proc/{item['seen_pid']}/fd")
        except OSError:
            continue
        for handle in handles:
            try:
                port = ports.get(os.readlink(f"/proc/{item['seen_pid']}/fd/{handle}"))
            except OSError:
                continue
            if port is not None:
                holders[port].add(item["pid"])
    return [{"port": port, "pids": sorted(pids)} for port, pids in sorted(holders.items())]


def open_folder(root: str, path: str, follow: bool) -> int:
    """A descriptor of a folder. Without `follow` no link is followed: an absolute one would lead out of the container."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if follow:
        return os.open(path, flags)
    handle = os.open(root, flags)
    for part in filter(None, path.split("/")):
        following = os.open(part, flags | os.O_NOFOLLOW, dir_fd=handle)
        os.close(handle)
        handle = following
    return handle


def _call(folder: int) -> Any:
    if not stat.S_ISSOCK(os.stat("rpc.sock", dir_fd=folder, follow_symlinks=False).st_mode):
        raise FileNotFoundError("rpc.sock is no socket")
    call = json.dumps({"type": "call", "method": "getMonitorData", "args": [{}]}).encode()
    frame = bytearray([0x12])
    for part in (b"j:" + call, b"s:1"):
        frame += struct.pack(">I", len(part)) + part
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(RPC_SECONDS)
        connection.connect(f"/proc/self/fd/{folder}/rpc.sock")
        connection.sendall(frame)
        count = _exactly(connection, 1)[0] & 0x0F
        parts = []
        for _number in range(count):
            size = struct.unpack(">I", _exactly(connection, 4))[0]
            if size > MAX_REPLY_BYTES:
                raise ValueError("PM2's answer is too long")
            parts.append(_exactly(connection, size))
    return json.loads(parts[0][2:])


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = connection.recv(min(size - len(found), 1 << 20))
        if not piece:
            raise ConnectionError("PM2 closed the connection")
        found += piece
    return bytes(found)


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _app(entry: Dict[str, Any]) -> Dict[str, Any]:
    settings = entry.get("pm2_env") or {}
    return {
        "name": str(entry.get("name", "")),
        "id": int(_number(entry.get("pm_id"))),
        "pid": int(_number(entry.get("pid"))),
        "status": str(settings.get("status", "")),
        "online_since": _number(settings.get("pm_uptime")) / 1000,
        "created_at": _number(settings.get("created_at")) / 1000,
        "restarts": int(_number(settings.get("restart_time"))),
        "unstable_restarts": int(_number(settings.get("unstable_restarts"))),
    }


def apps(folder: int) -> Dict[str, Any]:
    """`daemon` is ok, missing (no socket), dead (nobody listens on it) or failed, then with the `problem`."""
    try:
        answer = _call(folder)
        if answer.get("error"):
            return {"daemon": "failed", "problem": "PM2 answered with an error", "apps": []}
        entries = answer["args"][0]
        # getMonitorData answers with a list, which is one argument of the call's own callback.
        entries = entries[0] if entries and isinstance(entries[0], list) else entries
        return {"daemon": "ok", "problem": "", "apps": [_app(entry) for entry in entries or []]}
    except FileNotFoundError:
        return {"daemon": "missing", "problem": "there is no rpc.sock", "apps": []}
    except ConnectionRefusedError:
        return {"daemon": "dead", "problem": "nobody listens on rpc.sock any more", "apps": []}
    except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError) as problem:
        return {"daemon": "failed", "problem": type(problem).__name__, "apps": []}


def tail(folder: int, name: str, limit: int) -> Optional[Dict[str, Any]]:
    """The end of a file with its size and time of change; None if it cannot be read."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            return None
        stream.seek(max(state.st_size - limit, 0))
        text = stream.read(limit).decode("utf-8", "replace")
    return {"size": state.st_size, "changed_at": state.st_mtime, "text": text}


def oom_kills(root: str, follow: bool) -> int:
    """Processes of the container that the kernel killed for lack of memory since its start. Control groups 2, then 1."""
    for path, name in (("/sys/fs/cgroup", "memory.events"), ("/sys/fs/cgroup/memory", "memory.oom_control")):
        try:
            folder = open_folder(root, path, follow)
        except OSError:
            continue
        text = (tail(folder, name, 4096) or {}).get("text", "")
        os.close(folder)
        for words in map(str.split, text.splitlines()):
            if len(words) == 2 and words[0] == "oom_kill":
                return int(words[1])
    return 0


def collect(options: Dict[str, Any]) -> Dict[str, Any]:
    """Everything in one look; `options`: init, root, home, follow, names, log_bytes."""
    table = processes(options["init"])
    found: Dict[str, Any] = {
        "now": time.time(),
        "processes": table,
        "listeners": listeners(options["init"], table),
        "oom_kills": oom_kills(options["root"], options["follow"]),
        "logs": {},
        "daemon": "missing",
        "problem": "there is no folder of PM2",
        "apps": [],
    }
    try:
        home = open_folder(options["root"], options["home"], options["follow"])
    except OSError:
        return found
    try:
        found.update(apps(home))
        found["daemon_log"] = tail(home, "pm2.log", options["log_bytes"])
        try:
            logs = os.open("logs", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=home)
        except OSError:
            return found
        try:
            for name in options["names"]:
                if re.fullmatch(r"[A-Za-z0-9._-]+", name):
                    streams = (
                        (kind, tail(logs, f"{name}-{kind}.log", options["log_bytes"])) for kind in ("out", "error")
                    )
                    found["logs"][name] = {kind: text for kind, text in streams if text is not None}
        finally:
            os.close(logs)
    finally:
        os.close(home)
    return found


if __name__ == "__main__":
    json.dump(collect(json.loads(sys.argv[1])), sys.stdout)
