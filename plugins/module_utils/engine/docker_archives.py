# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tar streams of the engine: straight from its socket where there is one, else through the `docker` SDK."""

from __future__ import annotations

import base64
import json
import os
import socket
import stat
from contextlib import suppress
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence
from urllib.parse import quote

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource, EngineArchives
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, EngineFailed, EngineLost

_CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 16
_GO_MODE_DIRECTORY = 1 << 31
_AGAIN = "look whether the engine still runs, and try again."


class SocketSource(ByteSource):
    """The body of an HTTP/1.0 answer, of which `start` was read with the headers."""

    def __init__(self, connection: socket.socket, start: bytes) -> None:
        self._connection = connection
        self._start = start

    def readinto(self, view: memoryview) -> int:
        if self._start:
            count = min(len(view), len(self._start))
            view[:count] = self._start[:count]
            self._start = self._start[count:]
            return count
        try:
            return self._connection.recv_into(view)
        except OSError as problem:
            raise EngineLost(f"The engine's archive stream broke off: {problem}.", _AGAIN) from problem

    def close(self) -> None:
        with suppress(OSError):
            # Another thread may be waiting for more.
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class ChunkSource(ByteSource):
    """Chunks of any size, as the SDK hands them out."""

    def __init__(self, chunks: Iterator[bytes], failures: Any, close: Callable[[], None]) -> None:
        self._chunks = chunks
        self._failures = failures
        self._close = close
        self._rest = memoryview(b"")

    def readinto(self, view: memoryview) -> int:
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
            except self._failures as problem:
                raise EngineLost(f"The engine's archive stream broke off: {problem}.", _AGAIN) from problem
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._close()


def socket_path() -> Optional[str]:
    """Path of the engine's local socket; None where DOCKER_HOST names another transport."""
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    return address[len("unix://") :] if address.startswith("unix://") else None


def open_socket(path: str, target: str, seconds: float) -> SocketSource:
    """Ask for `target` with HTTP/1.0, whose answer is the plain stream. Raises LookupError (404), EngineFailed."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(path)
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(1 << 12)
            received += part
            if not part or len(received) > _LONGEST_HEADER:
                raise EngineFailed("The engine gave no proper answer to a request for files.", _AGAIN)
        head, _blank, body = received.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            while len(body) < _LONGEST_HEADER:
                part = connection.recv(1 << 12)
                if not part:
                    break
                body += part
            message = _message(body)
            if status == [b"404"]:
                raise LookupError(message)
            raise EngineFailed(f"The engine could not send files: {message}.", "look at the engine's own log.")
        return SocketSource(connection, body)
    except OSError as problem:
        connection.close()
        raise EngineLost(f"The engine's archive stream broke off: {problem}.", _AGAIN) from problem
    except BaseException:
        connection.close()
        raise


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")


def _gone(message: str) -> bool:
    return "no such container" in message.lower()


class DockerArchives(EngineArchives):
    """See `EngineArchives`. `failures` are the exceptions of the SDK, `not_found` the one of them for a 404."""

    def __init__(self, client: Any, failures: Any, not_found: Any) -> None:
        self._client = client
        self._failures = failures
        self._not_found = not_found

    def create(self, image: str, labels: Mapping[str, str], hidden: Sequence[str]) -> str:
        mounts = [
            # NoCopy: without it the engine would fill the volume with what it shall hide.
            {"Type": "volume", "Target": path, "VolumeOptions": {"NoCopy": True}}
            for path in hidden
        ]
        try:
            made: Dict[str, Any] = self._client.create_container(
                image,
                ["true"],
                labels=dict(labels),
                host_config=self._client.create_host_config(network_mode="none", mounts=mounts),
            )
        except self._failures as problem:
            raise self._failed("make a container of the image", problem) from problem
        return str(made["Id"])

    def remove(self, identifier: str) -> None:
        try:
            self._client.remove_container(identifier, v=True, force=True)
        except self._not_found:
            return
        except self._failures as problem:
            raise self._failed("remove a container", problem) from problem

    def is_folder(self, identifier: str, path: str) -> Optional[bool]:
        url = self._client._url("/containers/{0}/archive", identifier)
        try:
            answer = self._client.head(url, params={"path": path}, timeout=self._client.timeout)
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            found = json.loads(base64.b64decode(answer.headers["x-docker-container-path-stat"]))
        except (*self._failures, KeyError, ValueError) as problem:
            raise self._failed("look at a path of a container", problem) from problem
        return bool(found["mode"] & _GO_MODE_DIRECTORY)

    def open(self, identifier: str, path: str) -> Optional[ByteSource]:
        local = socket_path()
        try:
            if local is not None and stat.S_ISSOCK(os.stat(local).st_mode):
                target = (
                    f"/v{self._client.api_version}/containers/{quote(identifier)}/archive?path={quote(path, safe='')}"
                )
                return open_socket(local, target, self._client.timeout)
            chunks, _entry = self._client.get_archive(identifier, path, chunk_size=_CHUNK)
        except (LookupError, self._not_found) as problem:
            if _gone(str(getattr(problem, "explanation", None) or problem)):
                raise ContainerGone("A container was removed meanwhile.", "look again.") from problem
            return None
        except self._failures as problem:
            raise self._failed("send files of a container", problem) from problem
        return ChunkSource(chunks, self._failures, getattr(chunks, "close", lambda: None))

    @staticmethod
    def _failed(question: str, problem: BaseException) -> EngineFailed:
        reason = str(getattr(problem, "explanation", None) or problem).rstrip(".")
        return EngineFailed(f"The engine could not {question}: {reason}.", "look at the engine's own log.")
