"""What the role frontend does with what its modules say: the roles are these, every module only answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stand_ins import RolePlay

IMAGE = "ghcr.io/gitroomhq/postiz-app:v2.23.0"
MODULES = {
    "selfhost/postiz": (
        "frontend_mount",
        "frontend_build",
        "frontend_bundle",
        "stack_preflight",
        "stack_config",
        "stack_release",
    ),
    "community/docker": ("docker_compose_v2", "docker_image_pull"),
}
RELEASE = {"release": "r2", "proven": True, "served": True, "switched": False, "extracted": False}
ANSWERS: dict[str, dict[str, Any]] = {
    "frontend_mount": {
        "directory": "/opt/postiz",
        "files": ["/opt/postiz/compose.yaml"],
        "managed": True,
        "mounted": True,
        "image": IMAGE,
        "image_id": "sha256:1",
        "configured_image_id": "sha256:1",
        "container": "postiz-1",
        "container_id": "1",
        "running": True,
        "configured": True,
        "configured_source": "/opt/postiz/frontend-next/images/1",
        "configured_image": IMAGE,
    },
    "frontend_build": RELEASE,
    "frontend_bundle": RELEASE,
    "stack_preflight": {"missing_libraries": [], "missing_images": [], "files_differ": False},
}
SWITCHED = {**RELEASE, "switched": True, "served": False, "proven": False, "changed": True}


class Play(RolePlay):
    """One run of the role frontend, beside the role stack."""

    def __init__(
        self, folder: Path, answers: dict[str, dict[str, Any]], *words: str, entry: str = "main", bundle: bool = False
    ) -> None:
        told = {name: {**ANSWERS.get(name, {}), **answers.get(name, {})} for name in {*ANSWERS, *answers}}
        dest = folder / "next"
        if bundle:
            (dest / "current").mkdir(parents=True)
        given = {
            "frontend_patches": [{"diff": "x"}],
            "frontend_dest": str(dest),
            "stack_frontend_bundle": f"{dest}/current",
            "__frontend_poll": 1,
        }
        healthy = "[{set_fact: {health_result: {verdict: healthy}}}]"
        super().__init__(folder, "frontend", entry, MODULES, told, healthy, given, words, beside=("stack",))


def test_the_first_cause_is_told_beside_the_second(tmp_path: Path) -> None:
    failing = {
        "frontend_bundle/verified": {"failed": True, "msg": "FIRST"},
        "frontend_bundle/previous": {"failed": True, "msg": "SECOND"},
    }
    play = Play(tmp_path, {"frontend_build": SWITCHED, **failing})
    assert "did not pass the gate: FIRST" in play.output
    assert "could not be gone back: SECOND" in play.output
    assert [call["dependencies"] for call in play.of("docker_compose_v2")] == [False]
    # The next run with the same patch is told so before it builds, or serves, the same again.
    assert [call["failed"] for call in play.of("frontend_bundle") if call.get("release")] == ["FIRST"]


def test_a_container_that_was_not_recreated_is_left_alone(tmp_path: Path) -> None:
    back = {**SWITCHED, "served": True}
    failing = {"docker_compose_v2": {"failed": True, "msg": "FIRST"}}
    play = Play(tmp_path, {"frontend_build": SWITCHED, "frontend_bundle/previous": back, **failing})
    assert "was not recreated, and serves what it served before: FIRST" in play.output
    assert len(play.of("docker_compose_v2")) == 1


@pytest.mark.parametrize("there", [True, False])
def test_check_mode_of_an_upgrade(tmp_path: Path, there: bool) -> None:
    answers = {"frontend_build": SWITCHED, "docker_image_pull": {"changed": not there}}
    play = Play(tmp_path, answers, "--check", "-e", "stack_postiz_image=postiz:2")
    assert play.good, play.output
    assert bool(play.of("frontend_build")) == there
    assert ("A real run would pull postiz:2" in play.output) != there
    assert not any(call["judge_frontend"] for call in play.of("stack_preflight"))


@pytest.mark.parametrize(
    ("answers", "words", "told"),
    [
        ({"stack_preflight": {"files_differ": True}}, (), "asks for more than another frontend"),
        ({}, ("-e", "frontend_image=postiz:9"), "would run " + IMAGE),
        ({}, ("-e", "stack_frontend_path=/other"), "stack_frontend_path is /other"),
    ],
)
def test_what_is_refused_before_a_build(tmp_path: Path, answers: Any, words: tuple[str, ...], told: str) -> None:
    play = Play(tmp_path, answers, *words)
    assert not play.good
    assert told in play.output
    assert not play.of("frontend_build")


def test_the_roles_own_default_is_the_image_to_build_for(tmp_path: Path) -> None:
    old = {**ANSWERS["frontend_mount"], "image": "postiz:old", "configured_image": "postiz:old"}
    play = Play(tmp_path, {"frontend_mount": old})
    assert play.good, play.output
    assert [call["image"] for call in play.of("frontend_build")] == [IMAGE]


@pytest.mark.parametrize(("image", "asked"), [("postiz:older", ["postiz:older"]), (IMAGE, [])])
def test_another_image_than_runs_is_judged_as_an_upgrade(tmp_path: Path, image: str, asked: list[str]) -> None:
    """The inventory may still have the image of before an upgrade, whose schema push would drop columns."""
    refusal = {"stack_release": {"failed": True, "msg": "GOES BACK"}}
    play = Play(tmp_path, refusal, "-e", f"stack_postiz_image={image}")
    assert [call["images"][0]["image"] for call in play.of("stack_release")] == asked
    assert (play.good, "GOES BACK" in play.output) == (not asked, bool(asked))
    assert bool(play.of("frontend_build")) == play.good


NEWER = ("-e", "stack_postiz_image=postiz:new")


@pytest.mark.parametrize("state", ["previous", "absent"])
def test_another_image_of_the_inventory_waits_while_it_is_gone_back(tmp_path: Path, state: str) -> None:
    there = {"stack_preflight": {"files_differ": True}}
    words = ("-e", f"frontend_state={state}", "-e", "frontend_accept_pending=true")
    play = Play(tmp_path, {**there, "frontend_bundle": SWITCHED}, *words, *NEWER)
    assert play.good, play.output
    assert {call["postiz_image"] for call in (*play.of("stack_preflight"), *play.of("stack_config"))} == {IMAGE}
    assert all("failed" not in call for call in play.of("frontend_bundle"))
    assert not play.of("frontend_build")
    assert not play.of("docker_image_pull")


def test_going_back_changes_no_image_by_the_way(tmp_path: Path) -> None:
    moved = {**ANSWERS["frontend_mount"], "configured_image": "postiz:new", "configured_image_id": "sha256:2"}
    play = Play(tmp_path, {"frontend_mount": moved}, "-e", "frontend_state=previous")
    assert not play.good
    assert "names by now, which is postiz:new" in play.output
    assert not play.of("frontend_bundle")
    assert not play.of("docker_compose_v2")


def test_a_container_that_started_again_with_the_new_release_is_recreated(tmp_path: Path) -> None:
    """It got what was switched to, in the moment before it would have been recreated, so it is not left alone."""
    answers = {
        "frontend_build": SWITCHED,
        "frontend_bundle/previous": {**SWITCHED, "served": False},
        "docker_compose_v2": {"failed": True, "msg": "FIRST"},
    }
    play = Play(tmp_path, answers)
    assert "And it could not be gone back" in play.output
    assert len(play.of("docker_compose_v2")) == 2


IMAGE_ID = ("-e", "frontend_image=sha256:2")


@pytest.mark.parametrize(("bundle", "patches"), [(True, [{"diff": "x"}]), (True, []), (False, [{"diff": "x"}])])
def test_patches_are_judged_before_an_image_changes(tmp_path: Path, bundle: bool, patches: list[Any]) -> None:
    """Only where there is something to judge, and nothing is built for it, also by a run that is no check."""
    words = ("-e", json.dumps({"frontend_patches": patches}))
    refusal = {"frontend_build": {"failed": True, "msg": "CONFLICT"}}
    play = Play(tmp_path, refusal, *IMAGE_ID, *words, entry="before_image_change", bundle=bundle)
    judged = bundle and bool(patches)
    assert [(call["image"], call["_ansible_check_mode"]) for call in play.of("frontend_build")] == (
        [("sha256:2", True)] if judged else []
    )
    assert (play.good, "CONFLICT" in play.output) == (not judged, judged)


def test_patches_that_fit_are_only_judged(tmp_path: Path) -> None:
    play = Play(tmp_path, {"frontend_build": SWITCHED}, *IMAGE_ID, entry="before_image_change", bundle=True)
    assert play.good, play.output
    assert "changed=0" in play.output
    assert len(play.calls) == 1


@pytest.mark.parametrize(("bundle", "mounted"), [(True, False), (False, True), (False, False)])
def test_going_back_to_an_image_whose_files_mount_a_bundle(tmp_path: Path, bundle: bool, mounted: bool) -> None:
    """Somebody may have removed it since: without one there, the engine would refuse to start Postiz."""
    words = (*IMAGE_ID, "-e", json.dumps({"__frontend_mounted": mounted}))
    answers = {"frontend_bundle": {**RELEASE, "extracted": mounted}}
    play = Play(tmp_path, answers, *words, entry="back_to_image", bundle=bundle)
    assert play.good, play.output
    asked = [(call["image"], call["release"]) for call in play.of("frontend_bundle")]
    assert asked == ([("sha256:2", "previous")] if bundle or mounted else [])
    assert ("its own frontend was taken, without" in play.output) == mounted
