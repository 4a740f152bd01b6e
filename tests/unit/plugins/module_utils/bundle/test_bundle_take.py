"""Taking a bundle out of an archive: what is taken, how it lies there, and everything that is refused."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import names
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Kind, Member
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import Folder, Nowhere, Ownership
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.take import take
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.tarstream import BrokenArchive, TarStream
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.verify import compare
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError
from bundle_archives import BUILD, Bytes, add, archive, extract, rules, start
from hypothesis import given, settings
from hypothesis import strategies as st

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def ordinary(tar: tarfile.TarFile) -> None:
    start(tar)
    add(tar, ".next/cache", kind=tarfile.DIRTYPE, mode=0o555)
    add(tar, ".next/cache/webpack", kind=tarfile.DIRTYPE)
    add(tar, ".next/cache/webpack/0.pack", b"x" * 5000)
    add(tar, ".next/server", kind=tarfile.DIRTYPE, mode=0o555)
    add(tar, ".next/server/page.js", b"page" * 700, mode=0o640, mtime=1_600_000_000)
    add(tar, ".next/server/same.js", kind=tarfile.LNKTYPE, linkname=".next/server/page.js")
    add(tar, ".next/static/deep/chunk.js", b"", mode=0o444)
    add(tar, ".next/static/link", kind=tarfile.SYMTYPE, linkname="../server/page.js")


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("most", [1, 511, 512, 1 << 20])
def test_an_ordinary_build(tmp_path: Path, style: int, most: int) -> None:
    tree = extract(archive(ordinary, style), tmp_path / "tree", most=most)
    assert tree.build_id == "a-build-id"
    assert (tree.files, tree.size) == (4, len(BUILD) + 2 * 2800)
    assert (tmp_path / "tree/server/page.js").read_bytes() == b"page" * 700
    assert stat.S_IMODE((tmp_path / "tree/server/page.js").stat().st_mode) == 0o640
    assert (tmp_path / "tree/server/page.js").stat().st_mtime == 1_600_000_000
    assert stat.S_IMODE((tmp_path / "tree/server").stat().st_mode) == 0o555
    assert (tmp_path / "tree/server/same.js").read_bytes() == b"page" * 700
    assert str((tmp_path / "tree/static/link").readlink()) == "../server/page.js"
    assert list((tmp_path / "tree/cache").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "tree/cache").stat().st_mode) & 0o700 == 0o700
    assert compare(tree.entries, str(tmp_path / "tree"), ("cache",)).total == 0


def test_set_id_of_folders_is_dropped(tmp_path: Path) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        start(tar)
        add(tar, ".next/server", kind=tarfile.DIRTYPE, mode=0o2775)

    extract(archive(fill), tmp_path / "tree")
    assert stat.S_IMODE((tmp_path / "tree/server").stat().st_mode) == 0o775


def member(name: str, content: bytes = b"", **fields: object) -> Callable[[tarfile.TarFile], None]:
    kind = fields.pop("kind", tarfile.REGTYPE)
    assert isinstance(kind, bytes)
    return lambda tar: add(tar, name, content, kind, **fields)


def both(*parts: Callable[[tarfile.TarFile], None]) -> Callable[[tarfile.TarFile], None]:
    def fill(tar: tarfile.TarFile) -> None:
        for part in parts:
            part(tar)

    return fill


def link(name: str, target: str) -> Callable[[tarfile.TarFile], None]:
    return member(name, kind=tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> Callable[[tarfile.TarFile], None]:
    return member(name, kind=tarfile.LNKTYPE, linkname=target)


HOSTILE: dict[str, Callable[[tarfile.TarFile], None]] = {
    "absolute name": member("/etc/cron.d/x", b"x"),
    "absolute name below the top": member("//.next/x", b"x"),
    "parent": member("../x", b"x"),
    "parent in the middle": member(".next/../../x", b"x"),
    "parent that comes back": member(".next/../.next/x", b"x"),
    "parent at the end": member(".next/server/..", kind=tarfile.DIRTYPE),
    "beside the top": member("other/x", b"x"),
    "the top's name as a start": member(".next2/x", b"x"),
    "absolute link": link(".next/x", "/etc/passwd"),
    "link out": link(".next/x", "../x"),
    "link far out": link(".next/a/b/x", "../../../../../../etc/passwd"),
    "link out by a detour": link(".next/x", "a/../../x"),
    "link through a link": both(link(".next/a/s", "../b"), link(".next/x", "a/s/../../../x")),
    "empty link": link(".next/x", ""),
    "link of a huge target": link(".next/x", "a/" * 3000),
    "file through a link": both(link(".next/s", "server"), member(".next/s/x", b"x")),
    "file through a link to its own folder": both(link(".next/s", "."), member(".next/s/x", b"x")),
    "folder over a link": both(link(".next/s", "server"), member(".next/s", kind=tarfile.DIRTYPE)),
    "file over a link": both(link(".next/s", "x"), member(".next/s", b"x")),
    "link over a file": both(member(".next/s", b"x"), link(".next/s", "server")),
    "link over a folder": both(member(".next/s", kind=tarfile.DIRTYPE), link(".next/s", "server")),
    "file twice": both(member(".next/x", b"1"), member(".next/x", b"2")),
    "file twice, spelled otherwise": both(member(".next/x", b"1"), member(".next/./x", b"2")),
    "file below a file": both(member(".next/x", b"1"), member(".next/x/y", b"2")),
    "build id twice": member(".next/BUILD_ID", b"other"),
    "hard link out": hard(".next/x", "/etc/shadow"),
    "hard link up": hard(".next/x", "../../etc/shadow"),
    "hard link beside": hard(".next/x", "etc/shadow"),
    "hard link to nothing": hard(".next/x", ".next/later"),
    "hard link to a link": both(link(".next/s", "BUILD_ID"), hard(".next/x", ".next/s")),
    "hard link to a folder": both(member(".next/s", kind=tarfile.DIRTYPE), hard(".next/x", ".next/s")),
    "hard link to what is left out": both(member(".next/cache/x", b"x"), hard(".next/x", ".next/cache/x")),
    "character device": member(".next/x", kind=tarfile.CHRTYPE, devmajor=1, devminor=5),
    "block device": member(".next/x", kind=tarfile.BLKTYPE, devmajor=8),
    "fifo": member(".next/x", kind=tarfile.FIFOTYPE),
    "unknown type": member(".next/x", kind=b"Z"),
    "sparse file": member(".next/x", b"x", kind=tarfile.GNUTYPE_SPARSE),
    "pax sparse file": member(".next/x", b"x", pax_headers={"GNU.sparse.major": "1"}),
    "set-user-id": member(".next/x", b"x", mode=0o4755),
    "set-group-id": member(".next/x", b"x", mode=0o2755),
    "deep path": member(".next/" + "d/" * 80 + "x", b"x"),
    "long name": member(".next/" + "n" * 300, b"x"),
    "long path": member(".next/" + "/".join(["n" * 200] * 15), b"x"),
    "huge pax header": member(".next/x", b"x", pax_headers={"comment": "c" * 200_000}),
    "huge long name": member(".next/" + "d/" * 40_000 + "x", b"x"),
}


CASES = [(name, style) for name in HOSTILE for style in FORMATS[1:] if style == tarfile.PAX_FORMAT or "pax" not in name]


@pytest.mark.parametrize(("name", "style"), CASES)
def test_hostile(tmp_path: Path, name: str, style: int) -> None:
    content = archive(both(start, HOSTILE[name]), style)
    (tmp_path / "in").mkdir()
    with pytest.raises(Refused) as refused:
        extract(content, tmp_path / "in" / "tree")
    assert [finding.code for finding in refused.value.findings] == ["bundle-hostile"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["tree"]
    assert not any(path.is_symlink() and not path.resolve().is_relative_to(tmp_path) for path in tmp_path.rglob("*"))


def test_links_out_of_the_tree_can_be_kept(tmp_path: Path) -> None:
    content = archive(both(start, link(".next/node_modules/next-1", "../../../node_modules/next")))
    with pytest.raises(Refused, match="foreign_links"):
        extract(content, tmp_path / "refused")
    extract(content, tmp_path / "kept", rules(foreign_links=True))
    assert str((tmp_path / "kept/node_modules/next-1").readlink()) == "../../../node_modules/next"


def test_nothing_follows_a_link_that_was_kept(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    content = archive(both(start, link(".next/s", str(outside)), member(".next/s/x", b"x")))
    with pytest.raises(Refused, match="which is no folder"):
        extract(content, tmp_path / "tree", rules(foreign_links=True))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(("most_bytes", "most_files"), [(len(BUILD) + 99, 1000), (1000, 3)])
def test_limits(tmp_path: Path, most_bytes: int, most_files: int) -> None:
    content = archive(both(start, member(".next/x", b"x" * 100), member(".next/y", b"")))
    with pytest.raises(Refused) as refused:
        extract(content, tmp_path / "tree", rules(most_bytes, most_files))
    assert [finding.code for finding in refused.value.findings] == ["bundle-too-large"]
    extract(content, tmp_path / "again", rules(len(BUILD) + 100, 4))


def test_a_size_that_is_a_lie_is_refused_before_it_is_written(tmp_path: Path) -> None:
    info = tarfile.TarInfo(".next/x")
    info.size = 1 << 40
    content = _without_end(archive(start)) + info.tobuf()
    with pytest.raises(Refused, match="max_bytes"):
        extract(content, tmp_path / "tree")
    assert not (tmp_path / "tree/x").exists()


def test_what_is_left_out_is_bounded_too(tmp_path: Path) -> None:
    content = archive(both(start, member(".next/cache/x", b"x" * 2000)))
    with pytest.raises(Refused, match="left out"):
        extract(content, tmp_path / "tree", rules(most_bytes=100))


def _without_end(content: bytes) -> bytes:
    """Up to the two blocks of zeros, which end an archive."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        last = tar.getmembers()[-1]
    return content[: last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE]


def test_a_stream_that_breaks_off_anywhere_is_refused() -> None:
    whole = archive(ordinary, tarfile.GNU_FORMAT)
    end = len(_without_end(whole)) + 2 * tarfile.BLOCKSIZE
    cuts = {*range(0, end, 97), *range(0, end, tarfile.BLOCKSIZE), end - 1, end - tarfile.BLOCKSIZE}
    for cut in sorted(cuts):
        with TemporaryDirectory() as folder, pytest.raises(BrokenArchive, match="too early"):
            extract(whole[:cut], Path(folder) / "tree")


def test_more_behind_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenArchive, match="behind its end"):
        extract(archive(ordinary) + bytes(3 << 20), tmp_path / "tree")


def test_a_broken_header_is_refused(tmp_path: Path) -> None:
    content = bytearray(archive(ordinary, tarfile.USTAR_FORMAT))
    content[tarfile.BLOCKSIZE + 3] ^= 0x20
    with pytest.raises(BrokenArchive, match="header"):
        extract(bytes(content), tmp_path / "tree")


def test_no_build_id(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="BUILD_ID"):
        extract(archive(member(".next", kind=tarfile.DIRTYPE)), tmp_path / "tree")


@pytest.mark.parametrize("content", [b"../../etc", b"", b"two words", b"x" * 300, b"\xff\xfe", b".hidden"])
def test_a_build_id_that_is_none(tmp_path: Path, content: bytes) -> None:
    fill = both(member(".next", kind=tarfile.DIRTYPE), member(".next/BUILD_ID", content))
    with pytest.raises(Refused) as refused:
        extract(archive(fill), tmp_path / "tree")
    assert [finding.code for finding in refused.value.findings] == ["bundle-not-built"]


def test_the_top_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no folder"):
        extract(archive(member(".next", b"x")), tmp_path / "tree")


def test_check_mode_finds_the_same_and_writes_nothing(tmp_path: Path) -> None:
    content = archive(ordinary)
    written = extract(content, tmp_path / "tree")
    sink = Nowhere(Ownership(keep=False))
    read = take(TarStream(Bytes(content), "a test"), rules(), sink, "a test", lambda _step: None)
    assert read == written


def test_a_file_that_does_not_fit_is_refused_before_it_is_written(tmp_path: Path) -> None:
    sink = Folder(str(tmp_path / "tree"), Ownership(keep=False), reserve_bytes=1 << 60)
    with pytest.raises(Refused) as refused:
        take(TarStream(Bytes(archive(ordinary)), "a test"), rules(), sink, "a test", lambda _step: None)
    assert [finding.code for finding in refused.value.findings] == ["bundle-no-space"]
    assert [path.name for path in (tmp_path / "tree").rglob("*")] == []


NAMES = st.text(st.sampled_from("ab./\0\u00e9-"), min_size=1, max_size=12)


@given(NAMES)
def test_a_clean_name_never_leaves_the_tree(name: str) -> None:
    try:
        clean = names.clean(name, "")
    except Refused:
        return
    assert not clean.startswith("/")
    assert ".." not in clean.split("/")
    assert os.path.normpath(clean) == clean


LINKS = st.tuples(
    st.lists(st.sampled_from("ab"), min_size=1, max_size=3), st.lists(st.sampled_from(["..", ".", "a", "b"]))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINKS, max_size=6))
def test_no_link_leads_out(links: list[tuple[list[str], list[str]]]) -> None:
    """The kernel's own resolution is the judge, of links through links, too."""

    def fill(tar: tarfile.TarFile) -> None:
        start(tar)
        for where, target in links:
            add(tar, ".next/" + "/".join(where), kind=tarfile.SYMTYPE, linkname="/".join(target))

    with TemporaryDirectory() as folder:
        top = Path(folder).resolve() / "tree"
        try:
            extract(archive(fill), top)
        except Refused:
            return
        for path in top.rglob("*"):
            assert Path(os.path.realpath(path)).is_relative_to(top)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 700))
def test_garbage_is_an_error_for_people(garbage: bytes, most: int) -> None:
    with TemporaryDirectory() as folder, pytest.raises(StackError):
        extract(garbage, Path(folder) / "tree", most=most)


FILES = st.dictionaries(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
        lambda name: name not in (".", "..", "cache", "BUILD_ID") and name.strip() == name
    ),
    st.binary(max_size=2000),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(FILES, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), st.integers(1, 5000))
def test_what_goes_in_comes_out(files: dict[str, bytes], style: int, most: int) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        start(tar)
        for name, content in files.items():
            add(tar, f".next/{name}", content)

    with TemporaryDirectory() as folder:
        top = Path(folder) / "tree"
        tree = extract(archive(fill, style), top, most=most)
        found = {entry.name: (top / entry.name).read_bytes() for entry in tree.entries if entry.kind is Kind.FILE}
        assert found == {**files, "BUILD_ID": BUILD}


def test_an_interrupted_reader_is_not_a_member() -> None:
    stream = TarStream(Bytes(archive(ordinary)), "a test")
    first = next(iter(stream.members()))
    assert isinstance(first, Member)
    assert (first.name, first.kind) == (".next", Kind.FOLDER)


def test_what_is_left_out_is_an_empty_folder_also_where_there_was_none(tmp_path: Path) -> None:
    """Next.js makes what it misses, and its release would not be whole any more."""
    top = tmp_path / "tree"
    tree = extract(archive(start), top)
    assert [entry.name for entry in tree.entries if entry.kind is Kind.FOLDER] == [".", "cache"]
    assert stat.S_IMODE((top / "cache").stat().st_mode) & 0o700 == 0o700
    (top / "cache/images").mkdir()
    assert compare(tree.entries, str(top), ("cache",)).total == 0
    # Of a release that was made without the folder, too.
    without = tuple(entry for entry in tree.entries if entry.name != "cache")
    assert compare(without, str(top), ("cache",)).total == 0
    assert compare(without, str(top), ()).extra == ("cache", "cache/images")


@pytest.mark.parametrize(("path", "there"), [("a/b", True), ("trace", False), ("trace/deeper", False)])
def test_no_folder_takes_the_place_of_a_file(tmp_path: Path, path: str, there: bool) -> None:
    source = Bytes(archive(both(start, member(".next/trace", b"x"))))
    wanted = replace(rules(), exclude=(path,))
    sink = Folder(str(tmp_path / "tree"), Ownership(keep=False), 0)
    tree = take(TarStream(source, "a test"), wanted, sink, "a test", lambda _step: None)
    assert (tmp_path / "tree" / path).is_dir() is there
    assert compare(tree.entries, str(tmp_path / "tree"), (path,)).total == 0
