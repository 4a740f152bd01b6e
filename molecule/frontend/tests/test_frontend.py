"""A patched frontend as people see it: in a browser, over a switch, over a failure, over an upgrade of the image."""

from __future__ import annotations

from pathlib import Path

import modules
import pytest
from conftest import PROJECT, Browser, Play
from labkit.stack import Stack
from labkit.waiting import wait_for

LOGIN = "http://127.0.0.1:4152/auth/login"
V2 = "postiz-lab/postiz-build:v2"


def current(stack: Stack) -> Path:
    """The release that the link leads to."""
    return (stack.folder / "my frontend" / "current").resolve()


def ids(stack: Stack) -> dict[str, str]:
    """Containers, by their services."""
    return {service: str(container.id) for service, container in stack.containers().items()}


def look(browser: Browser, title: str, secret: str) -> None:
    """A page, loaded now, is whole."""
    opened = browser.do(open=LOGIN)
    assert (opened.result, opened.errors, opened.failed) == (200, [], [])
    assert browser.do(text="h1").result == title
    clicked = browser.do(click="button")
    assert (clicked.errors, clicked.failed) == ([], [])
    shown = wait_for("the lazy chunk", lambda: browser.do(text="output").result, 10, 0.2)
    assert shown == secret


def test_the_page_is_patched(browser: Browser) -> None:
    look(browser, "Welcome back", "the first secret")


def test_an_open_page_lives_on(browser: Browser, stack: Stack) -> None:
    """What it has not loaded yet is still there after another release took its place; nothing else was recreated."""
    assert browser.do(open=LOGIN).result == 200
    before = ids(stack)
    Play(lab_patch="second").end()
    after = ids(stack)
    assert {service for service in before if before[service] != after[service]} == {"postiz"}
    clicked = browser.do(click="button")
    shown = wait_for("the old page's chunk", lambda: browser.do(text="output").result, 10, 0.2)
    assert (shown, clicked.errors, clicked.failed) == ("the first secret", [], [])
    look(browser, "Hello again", "the second secret")


def test_what_fails_the_gate_is_taken_back(browser: Browser, stack: Stack) -> None:
    """The build starts and answers; only in the stack its page fails."""
    good = current(stack)
    patches = [{"src": f"{Path(__file__).parent.parent}/files/broken.diff"}]
    told = Play(frontend_patches=patches).end(expected=2)
    assert "The new frontend did not pass the gate" in told
    assert "/auth/login answers 500" in told
    assert f"The release {good.name} is served again, and the stack is healthy." in told
    assert current(stack) == good
    look(browser, "Hello again", "the second secret")
    before = ids(stack)
    again = Play(frontend_patches=patches).end(expected=2)
    assert "[frontend-failed-before]" in again
    assert "/auth/login answers 500" in again
    assert (current(stack), ids(stack)) == (good, before)


@pytest.mark.parametrize("moment", ["switched", "recreated"])
def test_killed(browser: Browser, stack: Stack, moment: str) -> None:
    """The next run finishes, whether Postiz was recreated or only the link led elsewhere."""
    release, container = current(stack), ids(stack)["postiz"]
    wanted, title = ("first", "Welcome back") if moment == "switched" else ("second", "Hello again")
    play = Play(lab_patch=wanted)
    if moment == "switched":
        wait_for("the switch", lambda: current(stack) != release, 60, 0.02)
    else:
        wait_for("another container", lambda: ids(stack).get("postiz", container) != container, 60, 0.05)
    play.kill()
    Play(lab_patch=wanted).end()
    look(browser, title, f"the {wanted} secret")


def test_an_upgrade_of_the_image(browser: Browser, stack: Stack) -> None:
    """The old build is never mounted over the new image; a patch that fits makes one of the new release."""
    release = current(stack)
    before = ids(stack)
    assert "[bundle-image-mismatch]" in Play("prepare.yml", lab_release="v2").end(expected=2)
    assert "[frontend-patch-conflict]" in Play(lab_patch="second", lab_release="v2").end(expected=2)
    assert (current(stack), ids(stack)) == (release, before)
    patches = [{"src": f"{Path(__file__).parent.parent}/files/for-v2.diff"}]
    Play(frontend_patches=patches, lab_release="v2").end()
    assert V2 in stack.containers()["postiz"].image.tags, "whatever else names it"
    look(browser, "Welcome to v2", "the third secret")


def test_a_stale_mount_is_found(stack: Stack) -> None:
    """No switch brings the build of one image into a container of another; what somebody mounts by hand is found."""
    dest = str(stack.folder / "my frontend")
    mounted = Path(modules.run("frontend_bundle", dest=dest, state="verified").values["mount"])
    releases = modules.run("frontend_bundle", dest=dest, state="verified").values["releases"]
    old = next(name for name in reversed(releases) if not name.endswith(current(stack).name.rpartition("-")[2]))
    assert not modules.run("frontend_bundle", dest=dest, release=old).failed
    stack.containers()["postiz"].restart(timeout=1)
    told = modules.run("stack_health", project=PROJECT, timeout=60, fail_on_unhealthy=False)
    assert "bundle-image-mismatch" not in told.codes
    mounted.unlink()
    mounted.symlink_to(f"../releases/{old}")
    stack.containers()["postiz"].restart(timeout=1)
    told = modules.run("stack_health", project=PROJECT, timeout=60, fail_on_unhealthy=False)
    assert "bundle-image-mismatch" in told.codes
    refused = modules.run("frontend_bundle", dest=dest, release=old, project=PROJECT)
    assert refused.codes == ["bundle-image-mismatch"]
