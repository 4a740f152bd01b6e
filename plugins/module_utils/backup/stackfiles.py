# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack's own files: compose files, what they mount from beside them, the state of the collection, and .env."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from typing import Any, Iterator, List, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import files, restore_journal
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import (
    ENCRYPTED,
    EXCLUDED,
    Manifest,
    SavedFile,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import Project
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import (
    file_errors,
    replace_synced,
    write_synced,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError

ARCHIVE = "config.tar"
ENV = "env"
_SEALED = ".enc"
STATE = "state"
LARGEST = 64 << 20
_NOT_STATE = ("staged", "lock", restore_journal.POINTER)
_CIPHER = ("-aes-256-cbc", "-pbkdf2", "-iter", "600000", "-md", "sha256")


def save(project: Project, folders: Sequence[str], folder: str) -> SavedFile:
    """One tar file with names relative to the project's directory. Raises BadInput, Refused, StackError."""
    written = files.Written(folder, ARCHIVE)
    try:
        with tarfile.open(fileobj=_Sink(written), mode="w|", format=tarfile.PAX_FORMAT) as tar:
            size = 0
            for path in _wanted(project, folders):
                size += os.lstat(path).st_size
                if size > LARGEST:
                    raise BadInput(
                        f"The configuration of {project.name} is larger than {LARGEST} bytes (at {path}).",
                        "leave the folder out by name: exclude, bind:<path>.",
                    )
                tar.add(path, arcname=os.path.relpath(path, project.directory), recursive=False)
        return written.close()
    except BaseException:
        written.abandon()
        raise


class _Sink(io.BufferedIOBase):
    def __init__(self, written: files.Written) -> None:
        super().__init__()
        self._written = written

    def write(self, data: Any) -> int:
        """As of a file."""
        self._written.write(data)
        return len(data)


def _wanted(project: Project, folders: Sequence[str]) -> Iterator[str]:
    top = project.directory.rstrip("/") + "/"
    listed: List[str] = [path for path in (*project.compose_files, *folders) if path.startswith(top)]
    state = os.path.join(top, STATE)
    done = set()
    for start in (*listed, state):
        for path in _tree(start):
            if path not in done and not _skipped(path, state):
                done.add(path)
                yield path


def _tree(path: str) -> Iterator[str]:
    if os.path.islink(path) or os.path.isfile(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield folder
        for name in sorted(names):
            found = os.path.join(folder, name)
            if os.path.islink(found) or os.path.isfile(found):
                yield found


def _skipped(path: str, state: str) -> bool:
    relative = os.path.relpath(path, state)
    return relative.split("/")[0] in _NOT_STATE or os.path.basename(path).endswith(".env")


def save_env(project: Project, way: str, passphrase: str, folder: str) -> Tuple[SavedFile, ...]:
    """.env, and other files of that kind beside it, as it was chosen. Raises StackError."""
    if way == EXCLUDED:
        return ()
    found: List[SavedFile] = []
    for path in project.env_paths:
        with file_errors(path), open(path, "rb") as stream:
            content = stream.read()
        written = files.Written(folder, stored(os.path.basename(path), way))
        written.write(encrypt(content, passphrase) if way == ENCRYPTED else content)
        found.append(written.close())
    return tuple(found)


def stored(name: str, way: str) -> str:
    """How .env, or another file of that kind, is called in a backup."""
    return (ENV if name == ".env" else f"{ENV}.{name}") + (_SEALED if way == ENCRYPTED else "")


def encrypt(content: bytes, passphrase: str) -> bytes:
    """By `openssl enc`: AES-256 with a key from PBKDF2. Raises StackError."""
    return _openssl(("-e", "-salt"), content, passphrase)


def decrypt(content: bytes, passphrase: str) -> bytes:
    """Raises BadInput for a wrong passphrase."""
    found = _openssl(("-d",), content, passphrase)
    if is_noise(found):
        raise _wrong()
    return found


def is_noise(content: bytes) -> bool:
    """Once in 256 times the padding of a wrong key looks right; what comes out then has control characters. Pure."""
    return any(byte < 9 or 13 < byte < 32 for byte in content)


def _wrong() -> BadInput:
    return BadInput(
        "openssl could not use .env with this passphrase.", "give the passphrase of this backup (restore_passphrase)."
    )


def _openssl(words: Sequence[str], content: bytes, passphrase: str) -> bytes:
    if shutil.which("openssl") is None:
        raise StackError("The program openssl is not on this host.", "install it, or choose env: excluded.")
    # The passphrase goes through a pipe of its own: arguments and environments are seen by others.
    read, write = os.pipe()
    try:
        os.write(write, passphrase.encode() + b"\n")
        os.close(write)
        command = ["openssl", "enc", *words, *_CIPHER, "-pass", f"fd:{read}"]
        done = subprocess.run(command, input=content, capture_output=True, check=False, pass_fds=(read,))
    finally:
        os.close(read)
    if done.returncode != 0:
        raise _wrong()
    return done.stdout


def place(folder: str, directory: str) -> Tuple[str, ...]:
    """Put the files of the archive in their places; what was there before stays beside them. Names of those that changed.

    Raises BadInput for an archive with names that lead elsewhere, StackError.
    """
    path = os.path.join(folder, ARCHIVE)
    changed: List[str] = []
    if not os.path.exists(path):
        return ()
    with file_errors(directory), tarfile.open(path, mode="r:") as tar:
        os.makedirs(directory, exist_ok=True)
        for member in tar:
            target = _inside(directory, member.name)
            if member.isdir():
                os.makedirs(target, exist_ok=True)
                os.chmod(target, member.mode)
            elif member.issym():
                if not os.path.islink(target) or os.readlink(target) != member.linkname:
                    _aside(target)
                    os.symlink(member.linkname, target)
                    changed.append(member.name)
            else:
                stream = tar.extractfile(member)
                content = stream.read() if stream is not None else b""
                if _differs(target, content, member.mode):
                    _aside(target)
                    _write(target, content, member)
                    changed.append(member.name)
    return tuple(changed)


def _inside(directory: str, name: str) -> str:
    target = os.path.normpath(os.path.join(directory, name))
    parent = os.path.realpath(os.path.dirname(target))
    top = os.path.realpath(directory)
    if name.startswith("/") or ".." in name.split("/") or not (parent == top or parent.startswith(top + "/")):
        raise BadInput(
            f"The archive of the configuration has the name {name!r}, which leads elsewhere.", "do not trust it."
        )
    return target


def _differs(path: str, content: bytes, mode: int) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return True
    with open(path, "rb") as stream:
        return stream.read() != content or os.stat(path).st_mode & 0o7777 != mode & 0o7777


def _aside(path: str) -> None:
    if os.path.lexists(path):
        os.replace(path, f"{path}.before-restore")


def _write(path: str, content: bytes, member: tarfile.TarInfo) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.draft"
    if os.path.lexists(draft):
        os.unlink(draft)
    write_synced(draft, content)
    os.chmod(draft, member.mode & 0o7777)
    if os.geteuid() == 0:
        os.chown(draft, member.uid, member.gid)
    os.replace(draft, path)


def place_env(folder: str, manifest: Manifest, directory: str, passphrase: str) -> Tuple[str, ...]:
    """Put .env in its place if there is none, and others of its kind likewise; names of those. Raises as `missing_env`."""
    wanted = missing_env(folder, manifest, directory, passphrase)
    for name, content in wanted:
        target = os.path.join(directory, name)
        with file_errors(target):
            replace_synced(target, content)
    return tuple(name for name, _content in wanted)


def missing_env(folder: str, manifest: Manifest, directory: str, passphrase: str) -> Tuple[Tuple[str, bytes], ...]:
    """Names and contents of what a restore puts in place. Changes nothing.

    Raises BadInput without the passphrase, with a wrong one, and if neither the stack nor the backup has an .env.
    """
    if manifest.env == EXCLUDED and not os.path.lexists(os.path.join(directory, ".env")):
        raise BadInput(
            f"There is no .env in {directory}, and the backup holds none.",
            "put the stack's own .env there (from your vault), then go on.",
        )
    found: List[Tuple[str, bytes]] = []
    for item in manifest.files:
        name = _env_name(item.file)
        target = os.path.join(directory, name)
        if not name or os.path.lexists(target):
            continue
        with file_errors(folder), open(os.path.join(folder, item.file), "rb") as stream:
            content = stream.read()
        if manifest.env == ENCRYPTED:
            if not passphrase:
                raise BadInput(
                    f"There is no {name} in {directory}; that of the backup is encrypted, and no passphrase is given.",
                    "give the backup's passphrase (playbook: restore_passphrase or restore_passphrase_file).",
                )
            content = decrypt(content, passphrase)
        found.append((name, content))
    return tuple(found)


def _env_name(file: str) -> str:
    """The name that a file of a backup has in the stack's directory; empty for what is no .env."""
    name = file[: -len(_SEALED)] if file.endswith(_SEALED) else file
    if name == ENV:
        return ".env"
    return name[len(ENV) + 1 :] if name.startswith(f"{ENV}.") and "/" not in name else ""
