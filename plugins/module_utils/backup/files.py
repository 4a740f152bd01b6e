# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps and archives as files: written in pieces, hashed on the way, on the disk before they count."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from typing import BinaryIO, Callable, List, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.databases import SESSION, Snapshot
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import SavedDatabase, SavedFile
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archives import ByteSource
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.streams import StreamResult
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error

_CHUNK = 1 << 20
_END = bytes(2 * tarfile.BLOCKSIZE)
_GRACE_SECONDS = 15
# Level 1 takes a third of the time of pg_dump's own 6, for dumps that are about a tenth larger.
_LEVEL = "1"


class Written:
    """A new file of a backup, readable by its owner only. Close it with `close`, or leave it to be removed."""

    def __init__(self, folder: str, name: str) -> None:
        self._name = name
        self._path = os.path.join(folder, name)
        self._digest = hashlib.sha256()
        self._bytes = 0
        with file_errors(folder):
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._stream = os.fdopen(descriptor, "wb", buffering=0)

    @property
    def path(self) -> str:
        """Where it lies."""
        return self._path

    def write(self, data: bytes) -> None:
        """Raises Refused for a full disk, StackError."""
        self._digest.update(data)
        with file_errors(self._path):
            left = memoryview(data)
            while left:
                left = left[self._stream.write(left) or 0 :]
        self._bytes += len(data)

    def close(self) -> SavedFile:
        """It is on the disk afterwards."""
        with file_errors(self._path):
            os.fsync(self._stream.fileno())
            self._stream.close()
        return SavedFile(self._name, self._bytes, self._digest.hexdigest())

    def abandon(self) -> None:
        """Without its content: the folder is removed by who made it."""
        self._stream.close()


class Hashing:
    """Reads a file and hashes what was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        data = self._stream.read(size)
        self._digest.update(data)
        self.bytes += len(data)
        return data

    def drain(self) -> str:
        """Read what is left; the digest of all."""
        while self.read(_CHUNK):
            continue
        return self._digest.hexdigest()


def limited(seconds: float, *words: str) -> List[str]:
    """A command that ends by itself: nobody in the container would end it when this run is killed."""
    return ["timeout", "-k", "5", str(max(int(seconds), 1)), *words]


def database_failed(service: str, evidence: str) -> Refused:
    """A server or one of its programs that failed."""
    remedy = "look at this server and its log, then run this again."
    return Refused((error("backup-database-failed", service, evidence, remedy),))


def dump(engine: Engine, container: str, snapshot: Snapshot, password: str, folder: str, seconds: float) -> SavedFile:
    """The database of a snapshot, by the server's own pg_dump. Raises Refused, StackError."""
    database = snapshot.database
    argv = limited(
        seconds,
        *("pg_dump", "--format=custom", f"--compress={_LEVEL}", f"--snapshot={snapshot.identifier}", "--no-password"),
        *(f"--username={snapshot.login.user}", f"--dbname={database.name}", "--lock-wait-timeout=60000"),
    )
    name = f"databases/{database.service}.{file_name(database.name)}.dump"
    written = Written(folder, name)
    try:
        environment = {"PGPASSWORD": password, "PGAPPNAME": SESSION}
        result = engine.streams().run_to(container, argv, environment, written.write, seconds + _GRACE_SECONDS)
        _check(result, database.service, f"pg_dump of {database.name}")
        return written.close()
    except BaseException:
        written.abandon()
        raise


def file_name(name: str) -> str:
    """A database may have any name; a file may not."""
    return "".join(
        character if character.isalnum() or character in "-_." else f"%{ord(character):02x}" for character in name
    ).lstrip(".")


def _check(result: StreamResult, service: str, what: str) -> None:
    if result.exit_code is None or result.exit_code == 124:
        raise database_failed(service, f"{what} did not end in its time. {last(result.text)}")
    if result.exit_code != 0:
        raise database_failed(service, f"{what} ended with {result.exit_code}: {last(result.text)}")


def last(text: str) -> str:
    """The last line that a program said, for people."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:500] if lines else "it said nothing."


def damage(path: str, saved: SavedFile, digest: str, size: int) -> Optional[Finding]:
    """The finding of a file that is not as it was written."""
    if digest == saved.sha256 and size == saved.bytes:
        return None
    return not_verified(path, f"{saved.file} has {size} bytes and another checksum; the manifest says {saved.bytes}")


def not_verified(path: str, evidence: str) -> Finding:
    """A backup that cannot be trusted."""
    return error("backup-not-verified", path, f"{evidence}.", "use another backup, and look at the disk of this one.")


def verify_dump(engine: Engine, container: str, folder: str, saved: SavedFile, seconds: float) -> None:
    """Read the whole file back through the server's own pg_restore. Raises Refused."""
    path = os.path.join(folder, saved.file)
    argv = limited(seconds, "pg_restore", "--file=/dev/null")
    with file_errors(path), open(path, "rb", buffering=0) as stream:
        source = Hashing(stream)
        result = engine.streams().run_from(container, argv, {}, source, seconds + _GRACE_SECONDS)
        digest = source.drain()
    found = damage(path, saved, digest, source.bytes)
    if found is None and result.exit_code != 0:
        found = not_verified(path, f"pg_restore cannot read {saved.file}: {last(result.text)}")
    if found is not None:
        raise Refused((found,))


def feed(
    engine: Engine,
    container: str,
    argv: List[str],
    password: str,
    folder: str,
    database: SavedDatabase,
    seconds: float,
) -> None:
    """Give a dump to a program of its server. Raises Refused for a dump that changed, Unfinished for one that fails."""
    path = os.path.join(folder, database.saved.file)
    with file_errors(path), open(path, "rb", buffering=0) as stream:
        source = Hashing(stream)
        environment = {"PGPASSWORD": password, "PGAPPNAME": SESSION}
        result = engine.streams().run_from(container, argv, environment, source, seconds + _GRACE_SECONDS)
        digest = source.drain()
    found = damage(path, database.saved, digest, source.bytes)
    if found is not None:
        raise Refused((found,))
    if result.exit_code != 0:
        ending = "did not end in its time" if result.exit_code in (None, 124) else f"ended with {result.exit_code}"
        raise Unfinished(
            f"[backup-database-failed] {database.service}: pg_restore of {database.name} {ending}: {last(result.text)}",
            "look at this server and its log, then run the restore again: it goes on.",
        )


def verify_file(folder: str, saved: SavedFile) -> Optional[Finding]:
    """Size and checksum; for an archive also that it is whole."""
    path = os.path.join(folder, saved.file)
    try:
        with open(path, "rb", buffering=0) as stream:
            source = Hashing(stream)
            digest = source.drain()
    except OSError as problem:
        return not_verified(path, f"{saved.file} cannot be read: {problem.strerror}")
    return damage(path, saved, digest, source.bytes)


def archive(source: ByteSource, folder: str, name: str, step: Callable[[str], None]) -> SavedFile:
    """A tar stream of the engine as a file. Raises Refused, StackError."""
    written = Written(folder, name)
    try:
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        while True:
            count = source.readinto(view)
            if not count:
                break
            written.write(bytes(view[:count]))
        step("archived")
        return written.close()
    except BaseException:
        written.abandon()
        raise
    finally:
        source.close()


def entries(path: str) -> int:
    """Number of files, folders and links in an archive. Raises ValueError for one that is not whole."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            number = sum(1 for _member in tar)
        with open(path, "rb") as stream:
            stream.seek(-len(_END), os.SEEK_END)
            if stream.read() != _END:
                raise ValueError("it breaks off")
    except (tarfile.TarError, OSError) as problem:
        raise ValueError(str(problem)) from problem
    return number


def count_entries(source: ByteSource) -> int:
    """Number of files, folders and links in a stream of the engine. Raises StackError for one that breaks off."""
    try:
        with tarfile.open(fileobj=_Reader(source), mode="r|", bufsize=_CHUNK) as tar:
            return sum(1 for _member in tar)
    except tarfile.TarError as problem:
        raise StackError(f"The engine sent a broken archive ({problem}).", "try again.") from problem
    finally:
        source.close()


class _Reader(io.BufferedIOBase):
    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source

    def read(self, size: Optional[int] = _CHUNK) -> bytes:
        """As of a file."""
        buffer = bytearray(_CHUNK if size is None else size)
        count = self._source.readinto(memoryview(buffer))
        return bytes(buffer[:count])
