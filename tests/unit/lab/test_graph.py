"""Content hashes and the order of work."""

from __future__ import annotations

from pathlib import Path

import pytest
from labkit.catalog import IMAGES, TOOLS, Image, Tool
from labkit.graph import closure, folder_hash, graph, urgency

COMPILER = Image("builder", "builder", ("base",))
TOOL = Tool("tool", "builder", "tool/fetch", "compiling", seconds=100)
BASE = Image("base", "base")
SERVER = Image("server", "server", ("base",), ("tool",), {"A": "1"})
OTHER = Image("other", "other", ("base",))
FOLDERS = {"base": "b", "builder": "c", "tool/fetch": "t", "server": "s", "other": "o"}


def hashes(folders: dict[str, str] = FOLDERS, salts: dict[str, str] | None = None) -> dict[str, str]:
    nodes = graph((TOOL,), (BASE, COMPILER, SERVER, OTHER), folders, salts or {})
    return {name: node.hash for name, node in nodes.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("other", {"other"}),
        ("tool/fetch", {"tool", "server"}),
        ("base", {"base", "builder", "server", "other"}),
    ],
)
def test_a_changed_folder_changes_what_is_made_from_it(folder: str, expected: set[str]) -> None:
    assert changed(hashes(), hashes({**FOLDERS, folder: "new"})) == expected


def test_the_machine_s_settings_leave_tools_valid() -> None:
    assert changed(hashes(), hashes(salts={"base": "another mirror"})) == {"base", "builder", "server", "other"}


def test_arguments_count() -> None:
    one, two = (
        graph((), (Image("x", "base", arguments={"RELEASE": value}),), FOLDERS, {})["x"].hash for value in ("v1", "v2")
    )
    assert one != two


def test_closure_is_parents_first_and_stops_at_what_is_present() -> None:
    nodes = graph((TOOL,), (BASE, COMPILER, SERVER, OTHER), FOLDERS, {})
    assert [node.name for node in closure(nodes, ("server",), frozenset())] == ["base", "builder", "tool", "server"]
    assert [node.name for node in closure(nodes, ("server",), frozenset({"tool"}))] == ["base", "server"]
    assert closure(nodes, ("server",), frozenset({"server"})) == []


def test_the_longest_chain_is_the_most_urgent() -> None:
    seconds = urgency(graph((TOOL,), (BASE, COMPILER, SERVER, OTHER), FOLDERS, {}))
    assert seconds["base"] > seconds["builder"] > seconds["tool"] > seconds["server"] == seconds["other"]


def test_a_cycle_is_named() -> None:
    with pytest.raises(ValueError, match="a → b → a"):
        graph((), (Image("a", "base", ("b",)), Image("b", "base", ("a",))), FOLDERS, {})


def test_folder_hash_sees_bytes_names_and_modes_but_not_leftovers(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("one")
    seen = {folder_hash(tmp_path)}
    for change in (
        lambda: script.write_text("two"),
        lambda: script.chmod(0o755),
        lambda: script.rename(tmp_path / "b"),
    ):
        change()
        seen.add(folder_hash(tmp_path))
    assert len(seen) == 4
    for name in ("node_modules", "fetch", "__pycache__"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    assert folder_hash(tmp_path) in seen


def test_the_catalogue_is_whole() -> None:
    folders = {item.folder: "" for item in (*TOOLS, *IMAGES)}
    assert len(graph(TOOLS, IMAGES, folders, {})) == len(TOOLS) + len(IMAGES)
