"""Patches of sources: what git makes is applied as git does, and what does not fit is refused with what was seen."""

from __future__ import annotations

import difflib
import hashlib
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import patches
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, Refused
from hypothesis import given, settings
from hypothesis import strategies as st

PAGE = "apps/frontend/app/page.js"
OLD = b"one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n"
NEW = b"one\n2\nthree\nfour\nfive\nsix\n7\neight\n"
TEXTS = st.lists(st.sampled_from(["", "a", "b", "  c", "d\r", "--- e", "+++ f", "@@ g", "ä"]), max_size=12).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "\n".join([*lines, ""])])
)


def diff(old: bytes, new: bytes, path: str = PAGE, context: int = 3) -> str:
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        old.splitlines(True),
        new.splitlines(True),
        f"a/{path}".encode(),
        f"b/{path}".encode(),
        n=context,
    )
    return b"".join(lines).decode()


def apply(sources: dict[str, bytes | None], *items: dict[str, Any]) -> dict[str, bytes | None]:
    return patches.apply(patches.parse(items), sources)


def refusal(sources: dict[str, bytes | None], *items: dict[str, Any]) -> str:
    with pytest.raises(Refused) as caught:
        apply(sources, *items)
    assert {finding.code for finding in caught.value.findings} == {"frontend-patch-conflict"}
    return str(caught.value)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


EMPTY = "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n"


def added(mode: str) -> str:
    header = f"diff --git a/l b/l\nnew file mode {mode}\nindex 0000000..e69de29\n"
    return header + "--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n"


@settings(max_examples=60, deadline=None)
@given(old=TEXTS, new=TEXTS, context=st.integers(0, 3))
def test_what_git_makes_is_applied(old: str, new: str, context: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a").mkdir()
        (folder / "b").mkdir()
        (folder / "a/file").write_bytes(old.encode())
        (folder / "b/file").write_bytes(new.encode())
        made = subprocess.run(
            ["git", "diff", "--no-index", "--no-color", "--no-prefix", f"-U{context}", "a/file", "b/file"],
            cwd=folder,
            capture_output=True,
            check=False,
        ).stdout.decode()
    if old == new:
        assert made == ""
        return
    upstream = {"file": sha256(old.encode())}
    assert apply({"file": old.encode()}, {"diff": made, "upstream": upstream}) == {"file": new.encode()}


@settings(max_examples=60, deadline=None)
@given(old=TEXTS, new=TEXTS, other=TEXTS)
def test_what_git_refuses_is_refused(old: str, new: str, other: str) -> None:
    """Whatever is applied, git applies to the same result."""
    made = diff(old.encode().replace(b"\r", b""), new.encode().replace(b"\r", b""), "file")
    if not made or "\n\\" in made or not made.endswith("\n") or not old.endswith("\n") or not new.endswith("\n"):
        return
    source = other.encode().replace(b"\r", b"")
    try:
        mine = apply({"file": source}, {"diff": made})["file"]
    except Refused:
        return
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "file").write_bytes(source)
        subprocess.run(["git", "apply", "--unidiff-zero", "-"], cwd=name, input=made.encode(), check=True)
        assert (Path(name) / "file").read_bytes() == mine


def test_two_patches_of_one_file_and_a_whole_file() -> None:
    logo = {"path": "apps/frontend/logo.svg", "content": "<svg/>", "upstream": {"apps/frontend/logo.svg": "absent"}}
    middle = OLD.replace(b"two", b"2")
    found = apply(
        {PAGE: OLD, "apps/frontend/logo.svg": None},
        {"diff": diff(OLD, middle), "upstream": {PAGE: sha256(OLD)}},
        # The checksum is of the file in the image, not of what the patch above made of it.
        {"diff": diff(middle, NEW), "upstream": {PAGE: f"sha256:{sha256(OLD)}"}},
        logo,
    )
    assert found == {PAGE: NEW, "apps/frontend/logo.svg": b"<svg/>"}


def test_files_that_come_and_go() -> None:
    new = f"--- /dev/null\n+++ b/{PAGE}\n@@ -0,0 +1,2 @@\n+one\n+two\n"
    gone = f"--- a/{PAGE}\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n"
    assert apply({PAGE: None}, {"diff": new}) == {PAGE: b"one\ntwo\n"}
    assert apply({PAGE: b"one\ntwo\n"}, {"diff": gone}) == {PAGE: None}
    assert "it is there" in refusal({PAGE: b"one\n"}, {"diff": new})
    assert "it is not there" in refusal({PAGE: None}, {"diff": gone})
    assert "it would not be empty" in refusal({PAGE: b"one\ntwo\nthree\n"}, {"diff": gone})


def test_conflicts_say_file_hunk_and_checksums() -> None:
    moved = OLD.replace(b"seven", b"sieben")
    told = refusal(
        {PAGE: moved}, {"name": "numbers", "diff": diff(OLD, NEW, context=0), "upstream": {PAGE: sha256(OLD)}}
    )
    assert PAGE in told
    assert sha256(OLD) in told
    assert sha256(moved) in told
    assert "hunk 2 (@@ -7 +7 @@) does not fit: line 7 is 'sieben', and the patch expects 'seven'" in told
    told = refusal({PAGE: b"zero\n" + OLD}, {"diff": diff(OLD, NEW)})
    assert "line 1 is 'zero', and the patch expects 'one'" in told
    told = refusal({PAGE: OLD + b"nine\n"}, {"diff": diff(OLD, NEW, context=0), "upstream": {PAGE: sha256(OLD)}})
    assert "its hunks still fit" in told
    whole = {"path": PAGE, "content": "mine\n", "upstream": {PAGE: sha256(OLD)}}
    assert "would undo what changed" in refusal({PAGE: moved}, whole)
    assert "2 problems" in refusal({PAGE: moved, "b": None}, whole, {"diff": diff(b"b\n", b"c\n", "b")})


def test_the_key_is_the_content() -> None:
    one = patches.parse([{"name": "a", "diff": diff(OLD, NEW)}])
    same = patches.parse([{"name": "b", "diff": "A word before.\n" + diff(OLD, NEW), "upstream": {PAGE: sha256(OLD)}}])
    other = patches.parse([{"diff": diff(OLD, NEW + b"nine\n")}])
    assert patches.digest(one) == patches.digest(same) != patches.digest(other)
    assert patches.paths(one) == (PAGE,)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({}, "neither a diff nor a whole file"),
        ({"diff": "x", "path": "a", "content": ""}, "neither a diff nor a whole file"),
        ({"path": "a"}, "neither a diff nor a whole file"),
        ({"path": "a", "content": ""}, "whatever is in it"),
        ({"path": "/etc/passwd", "content": "", "upstream": {}}, "no path below the sources"),
        ({"path": "a/../../b", "content": "", "upstream": {}}, "no path below the sources"),
        ({"diff": diff(OLD, NEW, "../b")}, "no path below the sources"),
        ({"diff": diff(OLD, NEW, "/b").replace("a//b", "/b").replace("b//b", "/b")}, "no path below the sources"),
        ({"diff": diff(OLD, NEW), "upstream": {PAGE: "12"}}, "no SHA-256"),
        ({"diff": diff(OLD, NEW), "upstream": {"b": "absent"}}, "does not touch"),
        ({"diff": "nothing\n"}, "no unified diff"),
        ({"diff": "rename from a\nrename to b\n"}, "cannot be done"),
        ({"diff": "GIT binary patch\n"}, "cannot be done"),
        ({"diff": '--- "a/\\303"\n+++ "b/\\303"\n'}, "quoted"),
        ({"diff": "--- a/b\n@@ -1 +1 @@\n"}, "a line with +++ is missing"),
        ({"diff": "--- a/b\n+++ b/b\n"}, "changes nothing"),
        ({"diff": "--- a/b\n+++ b/b\n@@ -1,2 +1 @@\n-x\n"}, "ends too early"),
        ({"diff": "--- a/b\n+++ b/b\n@@ -1,2 +1 @@\n-x\nand more\n"}, "ends too early"),
        ({"diff": "--- a/b\n+++ b/b\n@@ -1 +1 @@\n-x\n+y\n+z\n"}, "belongs to no hunk"),
        ({"diff": diff(OLD, NEW) + diff(OLD, NEW)}, "twice"),
        ({"diff": f"--- a/{PAGE}\n+++ b/{PAGE}\n@@ -2,0 +3 @@\n+x\n"}, "without a line around them"),
        ({"diff": EMPTY + diff(OLD, NEW)}, "diff --git a/e b/e"),
        ({"diff": f"diff --git a/{PAGE} b/{PAGE}\n" + diff(OLD, NEW) + EMPTY}, "diff --git a/e b/e"),
        ({"diff": EMPTY + f"diff --git a/{PAGE} b/{PAGE}\n" + diff(OLD, NEW)}, "diff --git a/e b/e"),
        ({"diff": added("120000")}, "new file mode 120000"),
        ({"diff": added("100755")}, "new file mode 100755"),
        (
            {"diff": added("100644").replace("new file", "deleted file").replace("644", "755")},
            "deleted file mode 100755",
        ),
        ({"diff": f"diff --git a/{PAGE} b/{PAGE}\nindex 12..34 100755\n" + diff(OLD, NEW)}, "index 12..34 100755"),
    ],
)
def test_unusable_input(item: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message.replace("+", r"\+")):
        patches.parse([item])


def test_what_git_says_about_ordinary_files_is_understood() -> None:
    """A mail with text around it, too, in which the words of a header mean nothing."""
    header = f"diff --git a/{PAGE} b/{PAGE}\nindex 12ab..34cd 100644\n"
    mail = (
        "index 1..2 100755\nnew file mode 120000\n---\n" + added("100644") + header + diff(OLD, NEW) + "-- \n2.47.3\n"
    )
    assert apply({PAGE: OLD, "l": None}, {"diff": mail}) == {PAGE: NEW, "l": b"/etc/passwd\n"}


def test_a_hunk_without_context_needs_a_checksum() -> None:
    inserted = f"--- a/{PAGE}\n+++ b/{PAGE}\n@@ -2,0 +3 @@\n+x\n"
    item = {"diff": inserted, "upstream": {PAGE: sha256(OLD)}}
    assert apply({PAGE: OLD}, item) == {PAGE: OLD.replace(b"two\n", b"two\nx\n")}
    assert "the patch was made for" in refusal({PAGE: b"totally\nother\n"}, item)


def test_checksums_are_judged_without_the_sources() -> None:
    parsed = patches.parse([{"name": "numbers", "diff": diff(OLD, NEW), "upstream": {PAGE: sha256(OLD)}}])
    patches.judge(parsed, {PAGE: sha256(OLD)})
    patches.judge(patches.parse([{"diff": diff(OLD, NEW)}]), {PAGE: sha256(OLD)})
    with pytest.raises(Refused) as caught:
        patches.judge(parsed, {PAGE: sha256(NEW)})
    assert caught.value.findings[0].code == "frontend-patch-conflict"
    assert sha256(NEW) in str(caught.value)
