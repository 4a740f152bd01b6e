"""In which order the role restore does what, and what it leaves when something fails: every module only answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stand_ins import RolePlay

KEY = """(
    "look" if given.get("_ansible_check_mode")
    else "running" if "status" in (given.get("containers_filters") or {})
    else given.get("step") or given.get("state") or ""
)"""
MODULES = {
    "selfhost/postiz": ("stack_restore", "stack_backup"),
    "community/docker": ("docker_compose_v2", "docker_compose_v2_pull", "docker_host_info"),
}
PLAN: dict[str, Any] = {
    "project": "postiz",
    "backup": "/opt/postiz/backups/1",
    "parts": ["database", "temporal", "uploads", "config"],
    "under_way": False,
    "done": [],
    "database_services": ["postgres"],
    "other_services": ["postgres", "redis", "temporal"],
    "project_files": [],
    "project_files_now": [],
    "report": "told",
}
ANSWERS: dict[str, dict[str, Any]] = {
    "stack_restore": PLAN,
    "stack_backup": {"backup": "/opt/postiz/backups/2-before-restore"},
    "docker_host_info": {"containers": [{"Id": "1"}]},
}
STEPS = ["plan", "files", "volumes", "databases", "workflows"]
REFUSED = {"failed": True, "msg": "REFUSED"}


class Play(RolePlay):
    """One run of the role restore."""

    def __init__(
        self, folder: Path, answers: dict[str, dict[str, Any]], healthy: bool = True, entry: str = "main", **given: Any
    ) -> None:
        told = {name: {**ANSWERS.get(name, {}), **answers.get(name, {})} for name in {*ANSWERS, *answers}}
        folder.mkdir(exist_ok=True)
        gate = json.dumps([{"ansible.builtin.assert": {"that": healthy, "fail_msg": "SICK"}}])
        super().__init__(folder, "restore", entry, MODULES, told, gate, given, key=KEY)

    @property
    def steps(self) -> list[str]:
        return [call["step"] for call in self.of("stack_restore")]

    @property
    def order(self) -> list[str]:
        return [f"{call['module']}/{call['key']}".rstrip("/") for call in self.calls]


def test_what_cannot_be_backed_up_is_told_before_postiz_is_stopped(tmp_path: Path) -> None:
    exclude = [{"name": "volume:notes", "reason": "kept elsewhere"}]
    play = Play(tmp_path, {"stack_backup/look": REFUSED}, backup_exclude=exclude)
    assert not play.good
    assert play.steps == ["plan"]
    (backup,) = play.of("stack_backup")
    assert backup["exclude"] == exclude
    assert all(call["key"] != "stopped" for call in play.calls)
    assert "Postiz runs as before. What refused the backup: REFUSED" in play.output
    assert "restore_safety_backup=false" in play.output


def test_postiz_runs_again_when_the_backup_of_what_is_there_fails(tmp_path: Path) -> None:
    play = Play(tmp_path, {"stack_backup": REFUSED, "stack_backup/look": {"failed": False}})
    assert not play.good
    assert [call["key"] or "started" for call in play.of("docker_compose_v2")] == ["stopped", "started"]
    again = play.of("docker_compose_v2")[-1]
    assert (again["services"], again["recreate"], again["dependencies"]) == (["postiz"], "never", False)
    assert play.steps == ["plan"]
    assert "Postiz runs as before. What refused the backup: REFUSED" in play.output


def test_postiz_that_did_not_run_is_not_started(tmp_path: Path) -> None:
    play = Play(tmp_path, {"stack_backup/look": REFUSED, "docker_host_info/running": {"containers": []}})
    assert not play.good
    assert not play.of("docker_compose_v2")
    assert "Postiz did not run." in play.output


@pytest.mark.parametrize(("begun", "ran"), [(False, True), (False, False), (True, True)])
def test_a_restore_that_is_refused_late_leaves_postiz_as_it_was(tmp_path: Path, begun: bool, ran: bool) -> None:
    """The backup of what is there has stopped it. One that has begun is carried on instead."""
    there = {"docker_host_info/running": {"containers": [{"Id": "1"}] if ran else []}}
    answers = {"stack_restore/files": REFUSED, "stack_restore/look": {"under_way": begun}}
    play = Play(tmp_path, {**answers, **there})
    assert not play.good
    assert play.steps == ["plan", "files", "plan"]
    started = [call["services"] for call in play.of("docker_compose_v2") if call["key"] != "stopped"]
    assert started == ([["postiz"]] if ran and not begun else [])
    end = "The restore has begun: run the same playbook again, and it goes on."
    if not begun:
        end = f"Nothing was restored. Postiz {'runs as before' if ran else 'did not run'}."
    assert f"REFUSED {end}" in play.output


def test_where_another_restore_may_be_in_the_middle_postiz_is_not_started(tmp_path: Path) -> None:
    play = Play(tmp_path, {"stack_restore/files": REFUSED, "stack_restore/look": {**REFUSED, "under_way": None}})
    assert not play.good
    assert [call["key"] for call in play.of("docker_compose_v2")] == ["stopped"]
    assert "Another restore is not finished" in play.output


def test_a_restore_without_a_backup_of_what_is_there_is_refused_late(tmp_path: Path) -> None:
    play = Play(tmp_path, {"stack_restore/files": REFUSED}, restore_safety_backup=False)
    assert not play.good
    assert not play.of("docker_compose_v2")
    assert "REFUSED Nothing was restored." in play.output


def test_files_alone_need_no_backup_of_data(tmp_path: Path) -> None:
    play = Play(tmp_path, {"stack_restore": {**PLAN, "parts": ["config"]}})
    assert not play.of("stack_backup")
    assert play.steps[:5] == STEPS
    assert play.good, play.output


@pytest.mark.parametrize("healthy", [True, False])
def test_the_restore_is_under_way_until_postiz_was_started_and_judged(tmp_path: Path, healthy: bool) -> None:
    play = Play(tmp_path, {}, healthy=healthy)
    assert (play.good, "SICK" in play.output) == (healthy, not healthy)
    assert play.steps == [*STEPS, "done"]
    assert play.order[-2:] == ["docker_compose_v2", "stack_restore/done"]


def test_a_stack_that_does_not_start_leaves_the_restore_under_way(tmp_path: Path) -> None:
    play = Play(tmp_path, {"docker_compose_v2": REFUSED}, restore_safety_backup=False)
    assert not play.good
    assert "done" not in play.steps


def test_a_run_that_was_killed_at_the_end_only_starts_and_waits(tmp_path: Path) -> None:
    play = Play(tmp_path, {"stack_restore": {**PLAN, "under_way": True, "done": STEPS[1:]}})
    assert play.good, play.output
    assert play.steps == ["plan", "done"]
    (start,) = play.of("docker_compose_v2")
    assert "files" not in start
    assert (start["key"], start.get("services")) == ("", None)
    assert not play.of("stack_backup")


def test_a_caller_that_starts_postiz_itself_finds_the_restore_closed(tmp_path: Path) -> None:
    play = Play(tmp_path, {}, entry="run", restore_start=False, restore_carry_published_from="/b/2-failed-release")
    assert play.good, play.output
    assert play.steps == [*STEPS, "done"]
    assert play.order[-1] == "stack_restore/done"
    assert "docker_compose_v2" not in play.order[-2:]


def test_compose_is_told_files_that_it_does_not_find_by_their_names(tmp_path: Path) -> None:
    files = {"project_files": ["a.yml", "prod.yml"], "project_files_now": ["a.yml", "old.yml"]}
    play = Play(tmp_path, {"stack_restore": {**PLAN, **files}})
    assert play.good, play.output
    asked = [*play.of("docker_compose_v2"), *play.of("docker_compose_v2_pull")]
    stop, *rest = [call["files"] for call in asked]
    assert stop == files["project_files_now"]
    assert rest == [files["project_files"]] * 5
