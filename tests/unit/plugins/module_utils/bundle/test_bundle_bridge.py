"""Static files of other releases beside one's own, and the release to go back to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    bridge,
    extracting,
    going_back,
    manifest,
    mounts,
    operations,
    present,
    verify,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    Entry,
    ImageFacts,
    Limits,
    Origin,
    Release,
    Rules,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.origins import Located, Opened
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import ARGUMENT_SPEC, Request, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.prebuilt import open_prebuilt
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import Folder, Ownership
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.take import take
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    ContainerDetail,
    ImageConfig,
    Mount,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Severity, error, warning
from fake_engine import FakeEngine

RULES = Rules("", ("cache",), Limits(1 << 20, 100, 0), False)
OLD_IMAGE = ImageFacts("postiz:1", "sha256:1111111111111111")
NEW_IMAGE = ImageFacts("postiz:2", "sha256:2222222222222222")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "next"))


def put(store: Store, build: str, files: dict[str, str], kind: str = "built", image: ImageFacts = OLD_IMAGE) -> Release:
    """A release with these static files; later ones are newer."""
    source = Path(store.folder).parent / f"source-{build}"
    for name, text in {"BUILD_ID": build, **{f"static/{name}": text for name, text in files.items()}}.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    stage = store.stage()
    tree = take(
        open_prebuilt(str(source)),
        RULES,
        Folder(store.staged_tree(stage), Ownership(False), 0),
        build,
        lambda _step: None,
    )
    origin = Origin(kind, build, "/app/apps/frontend/.next", ("cache",))
    made, text = manifest.make(tree, image, origin, f"2026-01-0{len(store.releases()) + 1}T00:00:00.000Z")
    release = store.commit(stage, made, text)
    store.clean()
    return release


def span(store: Store, target: Release, count: int = 2) -> bool:
    return bridge.apply(store, target.name, planned(store, target, count).bridge).changed


def planned(store: Store, target: Release, count: int = 2) -> bridge.Planned:
    sources = bridge.sources(store, target.name, count, "")
    return bridge.plan(store, target.name, store.entries(target), sources)


def damage(store: Store, release: Release) -> verify.Damage:
    bridged = tuple(item.entry for item in store.records.bridge(release.name).items)
    return verify.compare((*store.entries(release), *bridged), store.path(release.name), ("cache",))


def static(store: Store, release: Release) -> dict[str, str]:
    top = Path(store.path(release.name)) / "static"
    return {str(path.relative_to(top)): path.read_text() for path in sorted(top.rglob("*")) if path.is_file()}


def test_the_newest_others_stay_served(store: Store) -> None:
    put(store, "b1", {"chunks/1.js": "one"})
    put(store, "b2", {"chunks/2.js": "two", "b2/_buildManifest.js": "m2"})
    put(store, "b3", {"chunks/3.js": "three", "chunks/2.js": "two"})
    newest = put(store, "b4", {"chunks/4.js": "four"})
    assert not bridge.up_to_date(store, newest.name, 2, "")
    assert span(store, newest)
    assert bridge.up_to_date(store, newest.name, 2, "")
    assert not span(store, newest)
    assert static(store, newest) == {
        "b2/_buildManifest.js": "m2",
        "chunks/2.js": "two",
        "chunks/3.js": "three",
        "chunks/4.js": "four",
    }
    assert damage(store, newest).total == 0
    assert store.records.bridge(newest.name).files == 3
    # What is bridged is no release's own, so it is not handed on.
    assert span(store, newest, 1)
    assert sorted(static(store, newest)) == ["chunks/2.js", "chunks/3.js", "chunks/4.js"]
    assert damage(store, newest).total == 0
    assert span(store, newest, 0)
    assert static(store, newest) == {"chunks/4.js": "four"}
    assert damage(store, newest).total == 0


def test_one_name_with_two_contents(store: Store) -> None:
    put(store, "b1", {"chunks/1.js": "one", "chunks/1.js.map": "a comment"})
    same = put(store, "b2", {"chunks/1.js": "one", "chunks/1.js.map": "another comment"})
    assert not span(store, same)
    assert static(store, same)["chunks/1.js.map"] == "another comment"
    other = put(store, "b3", {"chunks/1.js": "not one"})
    with pytest.raises(Refused) as caught:
        bridge.refuse_conflicts(planned(store, other), frozenset(item.name for item in store.releases()))
    assert [finding.code for finding in caught.value.findings] == ["bundle-asset-conflict"]
    assert "'static/chunks/1.js'" in str(caught.value)
    bridge.refuse_conflicts(planned(store, other), frozenset())


def test_a_run_that_was_killed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each file: what is missing is on record, nothing is there that nobody knows, and the next run does the rest."""
    put(store, "b1", {f"{number}/a.js": f"{number}" for number in range(4)})
    newest = put(store, "b2", {})
    copy = bridge._copy
    for allowed in range(4):
        calls = 0

        def limited(source: str, path: str, entry: Entry, stage: str, allowed: int = allowed) -> bool:
            nonlocal calls
            if calls == allowed:
                raise KeyboardInterrupt
            calls += 1
            return copy(source, path, entry, stage)

        monkeypatch.setattr(bridge, "_copy", limited)
        with pytest.raises(KeyboardInterrupt):
            span(store, newest)
        monkeypatch.undo()
        assert damage(store, newest).extra == ()
        assert not bridge.up_to_date(store, newest.name, 2, "")
        store.clean()
        if allowed % 2:
            assert span(store, newest)
            assert damage(store, newest).total == 0
        span(store, newest, 0)
        assert damage(store, newest).total == 0


def test_a_damaged_release_gives_nothing(store: Store) -> None:
    old = put(store, "b1", {"chunks/1.js": "one"})
    Path(store.path(old.name) + ".files").write_text("")
    newest = put(store, "b2", {})
    assert not span(store, newest)
    Path(store.path(newest.name) + ".bridged").write_text("[1]\n")
    assert not store.records.bridge(newest.name).complete


def test_what_lies_beside_a_release_goes_with_it(store: Store) -> None:
    old = put(store, "b1", {"chunks/1.js": "one"})
    newest = put(store, "b2", {})
    span(store, newest)
    store.records.mark_proven(newest.name)
    assert store.records.proven(newest.name)
    store.remove(newest.name)
    assert sorted(path.name for path in Path(store.path("")).iterdir()) == [
        old.name,
        f"{old.name}.files",
        f"{old.name}.json",
    ]


class OneContainer(FakeEngine):
    def __init__(self, image: ImageFacts) -> None:
        self._image = image

    def project_containers(self, project: str) -> tuple[Container, ...]:
        labels = {"com.docker.compose.service": "postiz", "com.docker.compose.project": project}
        return (Container("1", "postiz-1", "postiz", "running", "", labels, (), (), self._image.identifier),)


def asked(store: Store, release: str = "previous", project: str = "postiz") -> Request:
    given = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    return parse({**given, "dest": store.folder, "release": release, "project": project}, False)


def target(store: Store, image: ImageFacts, **asking: str) -> str:
    return going_back.target(OneContainer(image), asked(store, **asking), store).name  # type: ignore[arg-type]


def code(store: Store, image: ImageFacts, **asking: str) -> str:
    with pytest.raises(Refused) as caught:
        target(store, image, **asking)
    return caught.value.findings[0].code


def test_the_release_to_go_back_to(store: Store) -> None:
    assert code(store, OLD_IMAGE) == "bundle-no-previous"
    own = put(store, "own", {}, kind="image")
    first = put(store, "b1", {})
    second = put(store, "b2", {})
    store.switch(second.name)
    assert target(store, OLD_IMAGE) == own.name
    store.remember_previous(first.name)
    assert target(store, OLD_IMAGE) == first.name
    assert target(store, OLD_IMAGE, project="") == first.name
    assert target(store, OLD_IMAGE, release=second.name) == second.name
    assert code(store, OLD_IMAGE, release="nowhere") == "bundle-no-previous"
    # After an upgrade of the image neither of them fits.
    assert code(store, NEW_IMAGE) == "bundle-image-mismatch"
    assert code(store, NEW_IMAGE, release=first.name) == "bundle-image-mismatch"
    new = put(store, "new", {}, kind="image", image=NEW_IMAGE)
    assert target(store, NEW_IMAGE) == new.name


def test_what_was_never_seen_to_work_is_not_gone_back_to(store: Store) -> None:
    own = put(store, "own", {}, kind="image")
    first = put(store, "b1", {})
    second = put(store, "b2", {})
    assert going_back.remembered(store, own.name)
    store.remember_previous(own.name)
    assert not going_back.remembered(store, first.name)
    store.records.mark_proven(first.name)
    assert going_back.remembered(store, first.name)
    store.remember_previous(first.name)
    assert not going_back.remembered(store, second.name)


class Serving(FakeEngine):
    """A container of which nobody but root can tell what it has mounted."""

    def __init__(self, builds: dict[str, str]) -> None:
        self._builds = builds

    def detail(self, identifier: str) -> ContainerDetail:  # noqa: ARG002
        return ContainerDetail({}, "", "", 0, 0, False, "", "", "", state="running", pid=0)

    def files(self, identifier: str, path: str, max_bytes: int) -> dict[str, bytes]:  # noqa: ARG002
        return {"BUILD_ID": self._builds[identifier].encode()}

    def archives(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return {"create": lambda *_given: "image", "remove": lambda _identifier: None}[name]


def test_a_mount_against_its_image(store: Store) -> None:
    """A patched build has an id of its own; that of another image is the wrong one; so is what nobody knows."""
    path = "/app/apps/frontend/.next"
    put(store, "patched", {})
    store.switch(put(store, "other", {}, image=NEW_IMAGE).name)

    def found(build: str, image: str, source: str = store.current_path) -> str:
        mount = Mount("bind", "", path, source)
        container = Container("served", "postiz-1", "postiz", "running", "", {}, (), (mount,), image)
        engine = Serving({"served": build, "image": f"own of {image}".replace(" ", "-").replace(":", "-")})
        told = verify.served_mismatch(engine, container, path)  # type: ignore[arg-type]
        return told.evidence if told is not None else ""

    assert found("patched", OLD_IMAGE.identifier) == ""
    assert "it serves the build patched" in found("patched", NEW_IMAGE.identifier)
    assert "it serves the build nobodys" in found("nobodys", "sha256:3", "/var/lib/docker/volumes/next/_data")
    assert found("own-of-sha256-4", "sha256:4", "/var/lib/docker/volumes/next/_data") == ""


def test_a_list_with_what_is_bridged_comes_through() -> None:
    entry = Entry("static/ä.js", kind=verify.Kind.FILE, mode=0o644, owner=1, group=2, size=3, digest="aa")
    made = bridge.Bridge(("b1",), True, (bridge.Bridged("b1", entry), bridge.Bridged("b1", replace(entry, size=4))))
    assert manifest.parse_bridge(manifest.bridge_text(made)) == made


def test_served_is_what_is_mounted_in_a_container_of_its_image(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed while the image changed has left the old container: it must be made anew."""
    release = put(store, "b1", {})
    store.switch(release.name)
    monkeypatch.setattr(mounts, "release_of", lambda *_given: release.name)
    wanted = asked(store)

    def served(image: ImageFacts) -> bool:
        return present.is_served(OneContainer(image), wanted, store)  # type: ignore[arg-type]

    assert served(OLD_IMAGE)
    assert not served(NEW_IMAGE)
    untold = put(store, "b2", {}, image=ImageFacts())
    store.switch(untold.name)
    monkeypatch.setattr(mounts, "release_of", lambda *_given: untold.name)
    assert served(NEW_IMAGE)


class Unbuilt(Serving):
    """Its image has no build of its own."""

    def files(self, identifier: str, path: str, max_bytes: int) -> dict[str, bytes]:
        return {} if identifier == "image" else super().files(identifier, path, max_bytes)


def judged(engine: FakeEngine, image: str, source: str) -> Finding | None:
    path = "/app/apps/frontend/.next"
    container = Container(
        "served", "postiz-1", "postiz", "running", "", {}, (), (Mount("bind", "", path, source),), image
    )
    return verify.served_mismatch(engine, container, path)  # type: ignore[arg-type]


def test_what_cannot_be_told_is_no_error() -> None:
    """A store on another host, or one that this user may not read, says nothing about the build that is served."""
    engine = Serving({"served": "patched", "image": "own"})
    told = judged(engine, "sha256:on-another-host", "/opt/elsewhere/next/current")
    assert told is not None
    assert (told.code, told.severity) == ("bundle-image-mismatch", Severity.WARNING)
    named = judged(engine, "sha256:on-another-host", "/opt/elsewhere/next/releases/patched-1")
    assert named is not None
    assert named.severity is Severity.WARNING


def test_an_image_without_a_build_is_no_error() -> None:
    told = judged(Unbuilt({"served": "patched"}), "sha256:unbuilt", "/var/lib/docker/volumes/next/_data")
    assert told is not None
    assert told.severity is Severity.WARNING
    assert "there is no /app/apps/frontend/.next/BUILD_ID" in told.evidence


def test_the_build_id_tells_the_release_to_those_who_see_no_mount(store: Store) -> None:
    first = put(store, "b1", {})
    other = put(store, "b2", {}, image=NEW_IMAGE)

    def found(build: str, image: ImageFacts) -> str:
        mount = Mount("bind", "", "/app/apps/frontend/.next", store.current_path)
        container = Container("served", "postiz-1", "postiz", "running", "", {}, (), (mount,), image.identifier)
        return mounts.release_of(Serving({"served": build}), store, container)  # type: ignore[arg-type]

    assert found("b1", OLD_IMAGE) == first.name
    assert found("b2", OLD_IMAGE) == other.name
    assert found("b3", OLD_IMAGE) == ""
    put(store, "b1", {}, kind="forced")
    assert found("b1", OLD_IMAGE) == ""


class Mounts(FakeEngine):
    """The releases that a container has mounted, as `mounts.look` tells them."""


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names: set[str] = set()
    monkeypatch.setattr(mounts, "look", lambda *_given: mounts.Mounted((), frozenset(names)))
    monkeypatch.setattr(present.origins, "remove_orphans", lambda *_given: None)
    return names


def switched(
    store: Store, release: Release, check: bool = False, engine: Mounts | None = None, **given: Any
) -> Outcome:
    """A run that makes a release that is there the current one."""
    defaults = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    wanted = parse({**defaults, "dest": store.folder, "release": release.name, **given}, check)
    how = extracting.of_release(release)
    return present.present(engine or Mounts(), wanted, store, Clock(), lambda _step: None, how)  # type: ignore[arg-type]


def names(store: Store) -> list[str]:
    return [item.manifest.build_id for item in store.releases()]


@pytest.mark.parametrize(("keep", "left"), [(1, ["b4", "b1", "own"]), (3, ["b4", "b1", "own"])])
def test_what_there_is_to_go_back_to_is_never_pruned(
    store: Store, pinned: set[str], keep: int, left: list[str]
) -> None:
    """Two releases were built and never served; neither that, nor a container that is made anew, costs the former one."""
    put(store, "own", {}, kind="image")
    first = put(store, "b1", {})
    store.switch(first.name)
    store.records.mark_proven(first.name)
    put(store, "b2", {})
    put(store, "b3", {})
    last = put(store, "b4", {})
    pinned.add(first.name)
    assert switched(store, last, keep=keep).changed
    assert (names(store), store.previous()) == (left, first.name)
    pinned.clear()
    pinned.add(last.name)
    for _unchanged in range(2):
        assert not switched(store, last, keep=keep).changed
        store.records.mark_proven(last.name)
    assert names(store) == left


class Images(Mounts):
    """An engine that has these images."""

    def __init__(self, *there: ImageFacts) -> None:
        super().__init__()
        self.there = {item.identifier for item in there}

    def image(self, name: str) -> ImageConfig | None:
        return ImageConfig(name, (), ()) if name in self.there else None


@pytest.mark.parametrize(("there", "left"), [((OLD_IMAGE,), ["n3", "n2", "old"]), ((), ["n3", "n2"])])
def test_what_was_built_for_an_image_that_is_there_is_not_pruned(
    store: Store, pinned: set[str], there: tuple[ImageFacts, ...], left: list[str]
) -> None:
    """Whatever was built for the newer image since: a rollback serves it."""
    assert not pinned
    for build, image in (("spare", OLD_IMAGE), ("old", OLD_IMAGE), ("n1", NEW_IMAGE), ("n2", NEW_IMAGE)):
        switched(store, put(store, build, {}, image=image), keep=9)
    switched(store, put(store, "n3", {}, image=NEW_IMAGE), keep=2, engine=Images(*there))
    assert names(store) == left


def test_fewer_are_kept_when_fewer_shall_be(store: Store, pinned: set[str]) -> None:
    for number in range(4):
        last = put(store, f"b{number}", {}, kind="image")
        switched(store, last, keep=9)
        assert os.path.lexists(f"{store.folder}/previous") is bool(number)
    assert not pinned
    assert switched(store, last, keep=2).changed
    assert names(store) == ["b3", "b2"]


def test_what_a_container_had_mounted_stays_served(store: Store, pinned: set[str]) -> None:
    """Not what was built last: nobody has a page of a release open that was never served."""
    put(store, "own", {"own.js": "own"}, kind="image")
    first = put(store, "b1", {"1.js": "1"})
    switched(store, first, keep=9)
    pinned.add(first.name)
    put(store, "b2", {"2.js": "2"})
    put(store, "b3", {"3.js": "3"})
    last = put(store, "b4", {"4.js": "4"})
    predicted = switched(store, last, True, keep=9)
    assert switched(store, last, keep=9).payload["bridged_from"] == predicted.payload["bridged_from"]
    assert static(store, last) == {"1.js": "1", "4.js": "4", "own.js": "own"}
    pinned.clear()
    assert not switched(store, last, keep=9).changed


def test_a_conflict_never_blocks_what_is_there(store: Store, pinned: set[str]) -> None:
    first = put(store, "b1", {"c.js": "1", "gone.js": "1", "hurt.js": "1"})
    store.switch(first.name)
    second = put(store, "b2", {"c.js": "2", "2.js": "2"})
    top = Path(store.path(first.name)) / "static"
    (top / "gone.js").unlink()
    (top / "hurt.js").write_text("0")
    pinned.add(first.name)
    told = switched(store, second)
    assert static(store, second) == {"2.js": "2", "c.js": "2"}
    assert damage(store, second).total == 0
    assert ["bundle-asset-conflict" in text for text in told.warnings] == [True, False]
    assert "2 static files are not served any longer" in told.warnings[1]
    assert not switched(store, second).changed
    back = switched(store, first)
    assert back.payload["release"] == first.name
    assert static(store, first)["2.js"] == "2"


def test_a_release_that_conflicts_is_never_made(store: Store, pinned: set[str]) -> None:
    """It would stand in the way of every later run."""
    first = put(store, "b1", {"c.js": "1"})
    store.switch(first.name)
    pinned.add(first.name)
    second = put(store, "b2", {"c.js": "2"})
    source = Path(store.folder).parent / "source-b2"
    store.remove(second.name)
    proved: list[str] = []

    @contextmanager
    def opened() -> Iterator[Opened]:
        yield Opened(open_prebuilt(str(source)), "", OLD_IMAGE)

    located = Located(Origin("built", "2", "/app/apps/frontend/.next", ("cache",)), OLD_IMAGE, "b2")
    how = extracting.Recipe(located, opened, proved.append, lambda: None)
    defaults = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    wanted = parse({**defaults, "dest": store.folder, "image": "postiz:1", "min_free_bytes": 0}, False)
    for check in (True, False):
        with pytest.raises(Refused) as caught:
            present.present(
                Mounts(),  # type: ignore[arg-type]
                replace(wanted, check_mode=check),
                store,
                Clock(),
                lambda _step: None,
                how,
            )
        assert caught.value.findings[0].code == "bundle-asset-conflict"
    assert (names(store), proved, store.leftovers()) == (["b1"], [], ())


def test_a_container_reaches_no_other_release(store: Store) -> None:
    """It can write to what it has mounted, so nothing there is another release's own file, nor leads out."""
    first = put(store, "b1", {"chunks/1.js": "one", "more/1.js": "one"})
    newest = put(store, "b2", {"chunks/2.js": "two"})
    top = Path(store.path(newest.name)) / "static"
    outside = Path(store.folder).parent / "outside"
    outside.mkdir()
    (top / "more").symlink_to(outside)
    span(store, newest)
    (top / "chunks/1.js").write_text("evil")
    assert damage(store, first).total == 0
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("finding", "disproves"),
    [
        (error("bundle-image-mismatch", "postiz-1", "x", "y"), True),
        (warning("bundle-image-mismatch", "postiz-1", "x", "y"), False),
        (warning("bundle-not-served", "postiz-1", "x", "y"), True),
    ],
)
def test_what_cannot_be_told_takes_nothing_back(finding: Finding, disproves: bool) -> None:
    assert operations._disproves(finding) is disproves
