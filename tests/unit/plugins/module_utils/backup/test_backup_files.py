"""Streams, archives and secrets on the disk."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import backup_samples as samples
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import files, model, parameters, stackfiles
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_streams import Frames
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from hypothesis import given
from hypothesis import strategies as some


@given(some.lists(some.tuples(some.sampled_from([1, 2]), some.binary(max_size=50)), max_size=8), some.integers(1, 30))
def test_frames_in_pieces_of_any_size(frames: list[tuple[int, bytes]], size: int) -> None:
    data = b"".join(struct.pack(">BxxxL", kind, len(content)) + content for kind, content in frames)
    found: list[bytes] = []
    reader = Frames(found.append)
    for first in range(0, len(data), size):
        reader.feed(data[first : first + size])
    assert b"".join(found) == b"".join(content for kind, content in frames if kind == 1)
    told = b"".join(content for kind, content in frames if kind == 2)
    assert reader.text == told.decode("utf-8", "replace").strip()


def test_written_files_are_private_and_verified(tmp_path: Path) -> None:
    written = files.Written(str(tmp_path), "databases/a.dump")
    written.write(b"abc")
    saved = written.close()
    assert saved.bytes == 3
    assert (tmp_path / saved.file).stat().st_mode & 0o777 == 0o600
    assert files.verify_file(str(tmp_path), saved) is None
    (tmp_path / saved.file).write_bytes(b"abd")
    found = files.verify_file(str(tmp_path), saved)
    assert found is not None
    assert found.code == "backup-not-verified"
    assert files.verify_file(str(tmp_path), replace(saved, file="gone")) is not None


@pytest.mark.parametrize(("name", "file"), [("temporal", "temporal"), ("a b/../c", "a%20b%2f..%2fc"), ("..x", "x")])
def test_a_database_may_have_any_name(name: str, file: str) -> None:
    assert files.file_name(name) == file


def test_an_archive_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
        tar.addfile(tarfile.TarInfo("b"))
    assert files.entries(str(path)) == 2
    os.truncate(path, 1024)
    with pytest.raises(ValueError, match="breaks off"):
        files.entries(str(path))


def test_env_is_opened_with_its_passphrase_only() -> None:
    content = b'STACK_JWT_SECRET="x"\n' * 20
    sealed = stackfiles.encrypt(content, "right")
    assert content not in sealed
    assert stackfiles.decrypt(sealed, "right") == content
    with pytest.raises(BadInput, match="restore_passphrase"):
        stackfiles.decrypt(sealed, "wrong")


@given(some.binary(min_size=400, max_size=400))
def test_what_a_wrong_key_makes_is_seen_even_when_its_padding_looks_right(seed: bytes) -> None:
    noise = hashlib.shake_256(seed).digest(400)
    assert stackfiles.is_noise(noise)
    assert not stackfiles.is_noise("A=ä\r\n\tB=1\n".encode() * 20)


def test_what_is_missing_of_env_is_known_before_anything_is_placed(tmp_path: Path) -> None:
    backup, stack = tmp_path / "backup", tmp_path / "stack"
    backup.mkdir()
    stack.mkdir()
    (backup / "env.enc").write_bytes(stackfiles.encrypt(b"A=1\n", "right"))
    manifest = replace(samples.MANIFEST, env="encrypted", files=(model.SavedFile("env.enc", 1, ""),))
    with pytest.raises(BadInput, match="no passphrase"):
        stackfiles.missing_env(str(backup), manifest, str(stack), "")
    assert stackfiles.missing_env(str(backup), manifest, str(stack), "right") == ((".env", b"A=1\n"),)
    assert list(stack.iterdir()) == []
    assert stackfiles.place_env(str(backup), manifest, str(stack), "right") == (".env",)
    assert (stack / ".env").read_bytes() == b"A=1\n"
    assert stackfiles.missing_env(str(backup), manifest, str(stack), "") == ()
    left_out = replace(manifest, env="excluded", files=())
    with pytest.raises(BadInput, match="holds none"):
        stackfiles.missing_env(str(backup), left_out, str(tmp_path / "nowhere"), "")


def config(folder: Path, *members: tarfile.TarInfo) -> None:
    with tarfile.open(folder / stackfiles.ARCHIVE, "w") as tar:
        for member in members:
            member.size = 1 if member.isreg() else 0
            tar.addfile(member, io.BytesIO(b"x") if member.isreg() else None)


def test_configuration_comes_back_and_leaves_what_was_there_beside_it(tmp_path: Path) -> None:
    project = samples.project(directory=str(tmp_path / "old"), compose_files=(str(tmp_path / "old" / "compose.yaml"),))
    for name in (
        "old/compose.yaml",
        "old/.env",
        "old/state/secrets.json",
        "old/state/staged/x",
        "old/dynamicconfig/d.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "old/state/secrets.json").chmod(0o600)
    (tmp_path / "backup").mkdir()
    saved = stackfiles.save(project, (str(tmp_path / "old/dynamicconfig"),), str(tmp_path / "backup"))
    assert saved.file == stackfiles.ARCHIVE
    new = tmp_path / "new"
    (new).mkdir()
    (new / "compose.yaml").write_text("another")
    placed = stackfiles.place(str(tmp_path / "backup"), str(new))
    assert sorted(placed) == ["compose.yaml", "dynamicconfig/d.yaml", "state/secrets.json"]
    assert (new / "compose.yaml").read_text() == "old/compose.yaml"
    assert (new / "compose.yaml.before-restore").read_text() == "another"
    assert (new / "state/secrets.json").stat().st_mode & 0o777 == 0o600
    assert stackfiles.place(str(tmp_path / "backup"), str(new)) == ()


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "link/out"])
def test_configuration_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    config(tmp_path, link, tarfile.TarInfo(name))
    (tmp_path / "stack").mkdir()
    with pytest.raises(BadInput, match="leads elsewhere"):
        stackfiles.place(str(tmp_path), str(tmp_path / "stack"))
    assert not (tmp_path / "out").exists()


GIVEN = {name: entry.get("default") for name, entry in parameters.ARGUMENT_SPEC.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"env": "plain", "label": "Not this"},
        {"env": "plain", "directory": "/"},
        {"env": "plain", "directory": "relative"},
        {"env": "plain", "parts": []},
        {"env": "plain", "keep": -1},
        {"passphrase": "two\nlines"},
        {"passphrase_file": "/nowhere"},
    ],
)
def test_parameters_that_cannot_be_used(changes: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        parameters.parse({**GIVEN, "project": "postiz", "directory": "/b", **changes}, False)


def test_parameters(tmp_path: Path) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text("first line\nsecond\n")
    request = parameters.parse(
        {**GIVEN, "project": "postiz", "directory": "/b/", "passphrase_file": str(phrase)}, False
    )
    assert (request.directory, request.passphrase) == ("/b", "first line")
    assert "first line" not in repr(request)
