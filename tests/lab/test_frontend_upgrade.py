"""A frontend that is patched and mounted from a bundle, through upgrade and rollback of the stack: `make frontend-upgrades`.

What a test leaves is what the next one begins with: v1 with two patches, of which one fits v2 as well.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
import modules
import pytest
import upgrades
from frontends import LOGIN, patch, source
from labkit import catalog, engine, images, registry
from labkit.catalog import BUILDABLE
from labkit.faults import repair
from labkit.paths import STACKS
from labkit.stack import Stack
from labkit.waiting import wait_for
from upgrades import Play, Played

PROJECT = "postiz-frontend-upgrade"
FOLDER = STACKS / PROJECT
DEST = FOLDER / "frontend-next"
LAYOUT = "apps/frontend/app/layout.js"
V1, V2 = BUILDABLE["v1"], BUILDABLE["v2"]
VARIABLES: Mapping[str, object] = {
    "stack_port": 4181,
    "stack_temporal_ui_port": 8181,
    "stack_frontend_bundle": str(DEST / "current"),
    "frontend_build_network": "none",
    "frontend_build_memory": 1500 << 20,
    "upgrade_wait_timeout": 120,
    "upgrade_soak": 3,
    # Only what is on the host counts.
    "upgrade_pull": "never",
}
OWN = "Sign In"
GREETING = "Welcome back"
FOOTER = "Patched for both"
OTHER_FOOTER = "Patched once more"


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    found = engine.ensure()
    images.ensure(found, (V1, V2))
    return found


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables(client: docker.DockerClient) -> Mapping[str, object]:
    del client
    return {**VARIABLES, "stack_postiz_image": V1}


@pytest.fixture(scope="module")
def only_v1(client: docker.DockerClient) -> dict[str, Any]:
    """A patch of a file that is another one in v2."""
    page = source(client, V1)
    return patch(page, page.replace(OWN, GREETING))


def footer(client: docker.DockerClient, text: str) -> dict[str, Any]:
    """A patch of a file that is the same in both."""
    layout = source(client, V1, LAYOUT)
    made = patch(layout, layout.replace("{children}</body>", f"{{children}}<footer>{text}</footer></body>"), LAYOUT)
    return {**made, "name": "footer"}


@pytest.fixture(scope="module")
def both(client: docker.DockerClient) -> dict[str, Any]:
    return footer(client, FOOTER)


def wanted(image: str, patches: list[dict[str, Any]], **more: object) -> dict[str, object]:
    return {**VARIABLES, "stack_postiz_image": image, "frontend_patches": patches, **more}


def run(stack: Stack, playbook: str, *words: str, code: int = 0, **variables: object) -> Played:
    seen = Play(stack, playbook, variables, *words).played()
    assert seen.code == code, seen.text[-6000:]
    return seen


def page(stack: Stack) -> str:
    """What nginx of the stack serves; empty while it does not."""
    try:
        with urllib.request.urlopen(f"{stack.url()}/auth/login", timeout=5) as answer:
            return str(answer.read().decode())
    except (OSError, urllib.error.HTTPError):
        return ""


def serves(stack: Stack, version: str, *texts: str) -> None:
    """The page of this release with these texts; the bundle that the container has is of its image, and health agrees."""
    repair.wait_works(stack)
    text = wait_for("the page", lambda: page(stack), 60)
    assert f'data-version="{version}"' in text
    assert [item for item in (OWN, GREETING, FOOTER, OTHER_FOOTER) if item in text] == list(texts)
    assert upgrades.running(stack) == version
    told = modules.run("stack_health", project=PROJECT, timeout=60, fail_on_unhealthy=False)
    assert (told.values["verdict"], told.codes) == ("healthy", []), told.values["report"]


def bundled(stack: Stack) -> str:
    """Name of the release that the container has mounted, which must be of its image."""
    container = stack.container("postiz")
    build = stack.run("postiz", "cat", "/app/apps/frontend/.next/BUILD_ID").text.strip()
    seen = modules.run("frontend_bundle", dest=str(DEST), state="verified", project=PROJECT).values
    assert (seen["findings"], seen["served"], seen["build_id"]) == ([], True, build)
    manifest = json.loads((DEST / "releases" / f"{seen['release']}.json").read_text())
    assert manifest["image"]["identifier"] == container.image.id
    return str(seen["release"])


def ids(stack: Stack) -> dict[str, str]:
    return {service: str(container.id) for service, container in stack.containers().items()}


@contextmanager
def visited(stack: Stack) -> Iterator[list[str]]:
    """Pages that somebody gets meanwhile, again and again."""
    seen: list[str] = []
    done = threading.Event()

    def visit() -> None:
        while not done.is_set():
            seen.append(page(stack))
            time.sleep(0.2)

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join(20)


def test_two_patches_of_v1(stack: Stack, both: dict[str, Any], only_v1: dict[str, Any]) -> None:
    serves(stack, "v1.0.0", OWN)
    run(stack, "patch_frontend", **wanted(V1, [both, only_v1]))
    serves(stack, "v1.0.0", GREETING, FOOTER)
    bundled(stack)


def test_a_patch_that_does_not_fit_is_told_before_anything(
    stack: Stack, both: dict[str, Any], only_v1: dict[str, Any]
) -> None:
    before, release = ids(stack), bundled(stack)
    with visited(stack) as seen:
        for words in (["--check"], []):
            told = run(stack, "upgrade", *words, code=2, **wanted(V2, [both, only_v1]))
            text = " ".join(told.text.split())
            assert "[frontend-patch-conflict]" in text
            assert LOGIN in text
            assert "greeting: its SHA-256 is" in text
    assert len(seen) > 5
    assert all(GREETING in text and FOOTER in text for text in seen)
    assert upgrades.journal(stack) == []
    assert (ids(stack), bundled(stack)) == (before, release)


def test_a_build_that_fails_costs_nothing(stack: Stack, client: docker.DockerClient, both: dict[str, Any]) -> None:
    """It is found out after the journal was taken, and before anything was stopped."""
    layout = source(client, V1, LAYOUT)
    broken = {**patch(layout, layout.replace("</body>", "</boddy>"), LAYOUT), "name": "typo"}
    before, release = ids(stack), bundled(stack)
    with visited(stack) as seen:
        told = " ".join(run(stack, "upgrade", code=2, **wanted(V2, [broken])).text.split())
    assert "[frontend-build-failed]" in told
    assert "runs again with its data" in told
    assert all(GREETING in text and FOOTER in text for text in seen)
    assert "stop" not in upgrades.steps(stack)
    assert not upgrades.is_open(stack)
    assert (ids(stack), bundled(stack)) == (before, release)
    serves(stack, "v1.0.0", GREETING, FOOTER)
    again = run(stack, "upgrade", code=2, **wanted(V2, [broken]))
    assert "[frontend-failed-before]" in again.text
    assert both["name"] not in again.text


def test_an_upgrade_carries_the_patch(stack: Stack, both: dict[str, Any]) -> None:
    before = upgrades.journal(stack)
    told = run(stack, "upgrade", "--check", **wanted(V2, [both]))
    assert "Judge whether the patches fit the sources of the image" in told.text
    assert upgrades.journal(stack) == before
    run(stack, "upgrade", **wanted(V2, [both]))
    serves(stack, "v2.0.0", OWN, FOOTER)
    bundled(stack)
    again = run(stack, "upgrade", **wanted(V2, [both]))
    assert again.changed == 0
    assert run(stack, "patch_frontend", **wanted(V2, [both])).changed == 0


def test_killed_while_it_builds(stack: Stack, client: docker.DockerClient) -> None:
    """SIGKILL for Ansible in the middle of the build: nothing of it is seen, and the next run finishes."""
    patches = [footer(client, OTHER_FOOTER)]
    before, release = ids(stack), bundled(stack)
    label = {"label": f"selfhost.postiz.frontend_bundle={DEST}"}
    play = Play(stack, "patch_frontend", wanted(V2, patches))
    wait_for("the build", lambda: client.containers.list(filters=label), 120, 0.1)
    play.kill()
    assert (ids(stack), bundled(stack)) == (before, release)
    run(stack, "patch_frontend", **wanted(V2, patches))
    serves(stack, "v2.0.0", OWN, OTHER_FOOTER)
    bundled(stack)
    assert client.containers.list(all=True, filters=label) == []


def test_a_rollback_serves_what_the_old_release_served(stack: Stack, both: dict[str, Any]) -> None:
    """Both patches of then, although the inventory has another one by now."""
    run(stack, "rollback", **wanted(V2, [both]))
    serves(stack, "v1.0.0", GREETING, FOOTER)
    bundled(stack)


def test_a_rollback_after_the_bundle_was_removed(stack: Stack, both: dict[str, Any]) -> None:
    """The files of the older release mount it: its image's own takes the place."""
    run(stack, "upgrade", **wanted(V2, [both]))
    run(stack, "patch_frontend", **wanted(V2, [both], frontend_state="absent"))
    serves(stack, "v2.0.0", OWN)
    assert not DEST.exists()
    told = run(stack, "rollback", **wanted(V2, [both], stack_frontend_bundle=""))
    assert "its own frontend was taken, without patches" in " ".join(told.text.split())
    serves(stack, "v1.0.0", OWN)
    bundled(stack)
    run(stack, "patch_frontend", **wanted(V1, [both]))
    serves(stack, "v1.0.0", OWN, FOOTER)


def test_a_rollback_to_a_release_without_a_bundle(stack: Stack, both: dict[str, Any]) -> None:
    run(stack, "patch_frontend", **wanted(V1, [both], frontend_state="absent"))
    run(stack, "upgrade", **wanted(V2, [both]))
    serves(stack, "v2.0.0", OWN)
    run(stack, "patch_frontend", **wanted(V2, [both]))
    serves(stack, "v2.0.0", OWN, FOOTER)
    run(stack, "rollback", **wanted(V2, [both]))
    serves(stack, "v1.0.0", OWN)
    assert not any("frontend-next" in mount["Source"] for mount in stack.container("postiz").attrs["Mounts"])


@pytest.fixture
def own_registry(client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One of this file's: that of the lab is taken away by whoever is done with it first."""
    host = "127.0.0.1:4182"
    names = {"NAME": "postiz-frontend-registry", "VOLUME": "postiz-frontend-registry", "PORT": 4182}
    for name, value in {**names, "HOST": host, "REPOSITORY": f"{host}/postiz"}.items():
        monkeypatch.setattr(registry, name, value)
    images.ensure(client, (catalog.REGISTRY,))
    registry.ensure(client)
    yield
    registry.remove(client)
    client.volumes.get(registry.VOLUME).remove(force=True)
    registry.forget(client, registry.image("stable"))


@pytest.mark.usefixtures("own_registry")
def test_a_tag_that_moves_at_its_registry(stack: Stack, client: docker.DockerClient, both: dict[str, Any]) -> None:
    """The name stays, and so do all files but for the mount, which must be that of the new image."""
    registry.push(client, V1, "stable")
    name = registry.image("stable")
    run(stack, "patch_frontend", **wanted(name, [both]))
    serves(stack, "v1.0.0", OWN, FOOTER)
    registry.push(client, V2, "stable")
    client.images.get(V1).tag(registry.REPOSITORY, "stable")
    run(stack, "upgrade", **wanted(name, [both], upgrade_pull="always"))
    serves(stack, "v2.0.0", OWN, FOOTER)
    bundled(stack)
    run(stack, "rollback", **wanted(name, [both]))
    serves(stack, "v1.0.0", OWN, FOOTER)
    bundled(stack)
    assert not list(DEST.glob(".staging*"))
