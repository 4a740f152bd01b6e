"""Small files out of the engine's tar streams."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.archive import contents
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed

FILES = {"posts/a.js": b"a" * 700, "posts/b.js": b"", "posts/ünder/c.js": b"c" * 1500}


def archive(files: dict[str, bytes]) -> bytes:
    """As Go's writer ends it: with two empty blocks, and no padding behind them."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        folder = tarfile.TarInfo("posts/")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        link = tarfile.TarInfo("posts/link.js")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        end = tar.offset
    return whole.getvalue()[:end] + bytes(1024)


WHOLE = archive(FILES)


def chunks(whole: bytes, size: int) -> Iterator[bytes]:
    for first in range(0, len(whole), size):
        yield whole[first : first + size]


@pytest.mark.parametrize("size", [1, 511, 512, 10_000])
def test_regular_files_by_their_names(size: int) -> None:
    assert contents(chunks(WHOLE, size), len(WHOLE)) == FILES


def test_an_empty_folder_and_padding() -> None:
    assert contents([archive({}), bytes(4096)], 1 << 20) == {}


def test_what_is_too_large_is_not_read_to_its_end() -> None:
    read = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield bytes(1000)

    with pytest.raises(EngineFailed, match=r"larger than 4500 bytes\."):
        contents(endless(), 4500)
    assert len(read) == 5


@pytest.mark.parametrize("cut", range(0, len(WHOLE), 256))
def test_a_stream_that_breaks_off(cut: int) -> None:
    with pytest.raises(EngineFailed, match="The engine sent") as failed:
        contents([WHOLE[:cut]], 1 << 20)
    assert failed.value.remedy == "try again."


@pytest.mark.parametrize("whole", [b"<html></html>" + bytes(1024), b"\x1f\x8b" + bytes(2048), b"x" * 4096])
def test_something_else(whole: bytes) -> None:
    with pytest.raises(EngineFailed, match="The engine sent"):
        contents([whole], 1 << 20)
