"""The folder on the host, its lock, its manifest, and what is told about differences."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import changes, manifest, mounts
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import Busy, held
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    Entry,
    ImageFacts,
    Kind,
    Origin,
    Release,
    Tree,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.mounts import mount_source
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.places import below
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail, Mount
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from fake_engine import FakeEngine
from hypothesis import given
from hypothesis import strategies as st

IMAGE = ImageFacts("postiz:1", "sha256:0123456789abcdef", "sha256:fedc", "16.2.6")
ORIGIN = Origin("image", "sha256:0123456789abcdef", "/app/apps/frontend/.next", ("cache",))
TOP = Entry(".", Kind.FOLDER, 0o755, 0, 0, 0)


def file(name: str, digest: str = "aa", size: int = 10) -> Entry:
    return Entry(name, Kind.FILE, 0o644, 0, 0, size, digest)


TREE = Tree(
    (TOP, file("BUILD_ID"), file("static/a.js"), Entry("static/b.js", Kind.LINK, 0o777, 0, 0, 0, "", "a.js")), "b1"
)


def put(store: Store, build: str, created: str, image: ImageFacts = IMAGE) -> Release:
    stage = store.stage()
    Path(store.staged_tree(stage)).mkdir()
    made, text = manifest.make(replace(TREE, build_id=build), image, ORIGIN, created)
    release = store.commit(stage, made, text)
    store.clean()
    return release


def test_releases_side_by_side(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "next"))
    assert (store.releases(), store.current(), store.exists()) == ((), "", False)
    old = put(store, "b1", "2026-01-01T00:00:00.000Z")
    new = put(store, "b2", "2026-01-02T00:00:00.000Z")
    again = put(store, "b2", "2026-01-03T00:00:00.000Z")
    assert old.name == "b1-0123456789ab"
    assert again.name == "b2-0123456789ab-2"
    assert store.releases() == (again, new, old)
    assert store.entries(old) == TREE.entries
    for release in (old, new):
        store.switch(release.name)
        assert store.current() == release.name
        assert str(Path(store.current_path).readlink()) == "images/0123456789ab"
        assert str(Path(store.image_path(IMAGE.identifier)).readlink()) == f"../releases/{release.name}"
        assert store.of_image(IMAGE.identifier) == release.name
    store.remove(old.name)
    assert store.releases() == (again, new)
    assert store.leftovers() == ()
    store.remove_all()
    assert not (tmp_path / "next").exists()


def test_what_a_killed_run_left_is_found_and_removed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    release = put(store, "b1", "2026-01-01T00:00:00.000Z")
    store.switch(release.name)
    store.stage()
    (tmp_path / ".staging-1-link").symlink_to("releases/nowhere")
    (tmp_path / "releases/gone.json").write_text("{}")
    (tmp_path / "releases/gone.files").write_text("")
    (tmp_path / "mine.txt").write_text("not of this module")
    assert len(store.leftovers()) == 4
    store.clean()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "images", "mine.txt", "releases"]
    assert (store.current(), store.releases()) == (release.name, (release,))
    store.remove_all()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_each_image_keeps_its_own_release(tmp_path: Path) -> None:
    """What a container of the older image mounts does not move when the current release becomes one of another image."""
    store = Store(str(tmp_path))
    other = ImageFacts("postiz:2", "sha256:ffffffffffffffff")
    old = put(store, "b1", "2026-01-01T00:00:00.000Z")
    store.switch(old.name)
    mounted = tmp_path / "images/0123456789ab"
    assert str(mounted) == store.image_path(IMAGE.identifier) == mount_source(store.current_path, IMAGE.identifier)
    new = put(store, "b2", "2026-01-02T00:00:00.000Z", other)
    store.switch(new.name)
    assert (store.current(), mounted.resolve().name) == (new.name, old.name)
    assert mount_source(store.current_path, other.identifier) == f"{tmp_path}/images/ffffffffffff"
    store.switch(old.name)
    assert (store.current(), store.of_image(other.identifier)) == (old.name, new.name)
    store.remove(new.name)
    assert (store.of_image(other.identifier), store.leftovers()) == ("", ())


def test_a_release_of_an_image_that_nobody_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    release = put(store, "b1", "2026-01-01T00:00:00.000Z", ImageFacts())
    store.switch(release.name)
    assert store.current() == release.name
    assert store.image_path("") == store.current_path == mount_source(store.current_path, IMAGE.identifier)


@pytest.mark.parametrize("state", ["running", "exited", "created"])
def test_what_a_stopped_container_gets_with_its_next_start_is_pinned(tmp_path: Path, state: str) -> None:
    store = Store(str(tmp_path))
    old = put(store, "b1", "2026-01-01T00:00:00.000Z")
    store.switch(old.name)

    class One(FakeEngine):
        def containers(self) -> tuple[Container, ...]:
            mount = Mount("bind", "", "/app/.next", store.image_path(IMAGE.identifier))
            return (Container("4c01", "postiz-1", "postiz:1", state, "", {}, (), (mount,)),)

        def detail(self, _identifier: str) -> ContainerDetail:
            return ContainerDetail({}, "", "", 0, 0, False, "", "", "", pid=0)

    pinned = mounts.look(One(), store).pinned  # type: ignore[arg-type]
    # Nobody can tell what a running one, which this process cannot look into, has mounted.
    assert pinned == (None if state == "running" else frozenset((old.name,)))


def test_a_link_to_nothing_is_no_current_release(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for target in ("releases/gone", "/etc", "elsewhere"):
        (tmp_path / "current").symlink_to(target)
        assert store.current() == ""
        (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()
    with pytest.raises(BadInput, match="no link of this module"):
        store.current()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', "null", '{"version": 1, "image": {"x": 1}}'])
def test_a_release_with_a_broken_manifest_is_none(tmp_path: Path, text: str) -> None:
    store = Store(str(tmp_path))
    release = put(store, "b1", "2026-01-01T00:00:00.000Z")
    Path(store.path(release.name) + ".json").write_text(text)
    assert store.releases() == ()


def test_a_list_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    release = put(store, "b1", "2026-01-01T00:00:00.000Z")
    Path(store.path(release.name) + ".files").write_text(manifest.list_text(TREE.entries[:2]))
    with pytest.raises(ValueError, match="not the manifest's"):
        store.entries(release)


NAMES = st.text(min_size=1, max_size=20) | st.just("\udcff\udc80")


@given(st.lists(NAMES, max_size=5, unique=True))
def test_lists_come_back_as_they_were(names: list[str]) -> None:
    entries = tuple(file(name) for name in names)
    assert manifest.parse_list(manifest.list_text(entries)) == entries


def test_manifests_come_back_as_they_were() -> None:
    made, _text = manifest.make(TREE, IMAGE, ORIGIN, "2026-01-01T00:00:00.000Z")
    assert manifest.parse_head(manifest.head_text(made)) == made
    built, _text = manifest.make(TREE, IMAGE, ORIGIN, "2026-01-01T00:00:00.000Z", {"b.js": "absent", "a.js": "12"})
    assert built.sources == (("a.js", "12"), ("b.js", "absent"))
    assert manifest.parse_head(manifest.head_text(built)) == built
    assert (made.files, made.bytes) == (2, 20)


def test_a_lock_waits_and_then_names_its_holder(tmp_path: Path) -> None:
    folder = str(tmp_path / "new" / "folder")
    with held(folder, 0, Clock()), pytest.raises(Busy, match=f"process {os.getpid()},"), held(folder, 0.15, Clock()):
        raise AssertionError("two hold it")
    with held(folder, 0, Clock()):
        assert Path(folder, ".lock").read_text() == str(os.getpid())


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(tmp_path: Path) -> None:
    class Removing(Clock):
        def sleep(self, seconds: float) -> None:  # noqa: ARG002
            first.__exit__(None, None, None)
            (tmp_path / ".lock").unlink()

    first = held(str(tmp_path), 0, Clock())
    first.__enter__()
    with held(str(tmp_path), 5, Removing()):
        assert (tmp_path / ".lock").exists()


def test_differences_are_numbers_and_bytes() -> None:
    before = (TOP, file("BUILD_ID", "aa"), file("static/old.js", "aa", 7), file("static/same.js"))
    after = (
        TOP,
        file("BUILD_ID", "bb", 12),
        file("static/new.js", "aa", 9),
        file("static/same.js"),
        file("server/x", "a", 1),
    )
    found = changes.between(before, after)
    assert found == (
        changes.Change("(top)", changed=1, changed_bytes=12),
        changes.Change("server", added=1, added_bytes=1),
        changes.Change("static", added=1, added_bytes=9, removed=1, removed_bytes=7),
    )
    assert changes.between(after, after) == ()
    assert "static: 1 added (9 bytes), 0 changed (0 bytes), 1 removed (7 bytes)\n" in changes.lines(found)


def test_paths_of_mounts(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = str(tmp_path / "link")
    assert next(below(folder, f"{folder}/current"), None) == "current"
    assert next(below(folder, str(tmp_path / "real/releases/x/")), None) == "releases/x"
    assert next(below(folder, folder), None) == "."
    assert next(below(folder, f"{folder}-other/current"), None) is None
    assert next(below(folder, str(tmp_path)), None) is None


def container(source: str, state: str, name: str) -> Container:
    mount = Mount("bind", "", "/app/apps/frontend/.next", source)
    return Container(name, name, "postiz:1", state, "", {}, (), (mount,))


class Engine(FakeEngine):
    """With these containers, all of which run in this very process."""

    def __init__(self, *containers: Container) -> None:
        self._containers = containers

    def containers(self) -> tuple[Container, ...]:
        return self._containers

    def detail(self, _identifier: str) -> Any:
        return ContainerDetail({}, "", "", 0, 0, False, "", "", "", pid=os.getpid())


def test_what_is_mounted_is_known_or_said_to_be_unknown(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    release = put(store, "b1", "2026-01-01T00:00:00.000Z")
    link = store.current_path
    stopped = container(link, "exited", "stopped")
    direct = container(store.path(release.name), "created", "direct")
    running = container(link, "running", "running")
    beside = container("/somewhere", "running", "beside")
    assert mounts.look(Engine(stopped, beside), store) == mounts.Mounted(("stopped",), frozenset())
    assert mounts.look(Engine(direct), store) == mounts.Mounted(("direct",), frozenset({release.name}))
    # This process has no such folder, as when the engine is on another machine.
    assert mounts.look(Engine(running), store) == mounts.Mounted(("running",), None)
    seen = replace(running, mounts=(Mount("bind", "", store.path(release.name), link),))
    assert mounts.look(Engine(seen), store) == mounts.Mounted(("running",), frozenset({release.name}))


@pytest.mark.parametrize(
    ("given_parameters", "told"),
    [
        ({"keep": 0}, "keep is 0"),
        ({"max_bytes": 0}, "max_bytes is 0"),
        ({"lock_timeout": -1.0}, "lock_timeout is -1"),
        ({"dest": "relative"}, "dest is 'relative'"),
        ({"dest": "/.."}, "no folder of its own"),
        ({"path": "app/.next"}, "path is"),
        ({"path": "/app/../.next"}, "path is"),
        ({"path": "/"}, "path is"),
        ({"image": None}, "none of them"),
        ({"release": "x"}, "has its own image"),
        ({"image": None, "prebuilt": "/x", "release": "x"}, "prebuilt and release"),
        ({"bridge": -1}, "bridge is -1"),
        ({"state": "proven"}, "without a project"),
        ({"exclude": ["../x"]}, "exclude has"),
        ({"exclude": ["."]}, "exclude has"),
        ({"exclude": ["/x"]}, "exclude has"),
        ({"exclude": ["a//b"]}, "exclude has"),
    ],
)
def test_parameters_that_cannot_be_used(given_parameters: dict[str, Any], told: str) -> None:
    defaults = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    with pytest.raises(BadInput, match=told):
        parse({**defaults, "dest": "/opt/next", "image": "postiz:1", **given_parameters}, False)


def test_parameters() -> None:
    defaults = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    wanted = parse({**defaults, "dest": "/opt//next/", "prebuilt": "/x", "image": "p", "exclude": ["cache/"]}, True)
    assert (wanted.dest, wanted.exclude, wanted.check_mode, wanted.foreign_links) == (
        "/opt/next",
        ("cache",),
        True,
        False,
    )
