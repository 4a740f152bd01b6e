"""The role posts: every option of the modules is its own, and the burst guard is nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import ACT_SPEC, COMMON_SPEC
from jinja2 import ChainableUndefined
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).parents[5] / "roles/posts"
OMIT = "(omitted)"
# What an inventory may say for reports and repairs.
INVENTORY: dict[str, Any] = {
    "posts_ids": ["p1"],
    "posts_newer_than": "2026-01-31T18:00:00Z",
    "posts_undo_file": "/undo/x.undo.jsonl",
    "posts_not_before": "2026-02-01T00:00:00Z",
    "posts_actions": {"no-workflow": "none"},
    "posts_action_default": "delete",
    "posts_max": 1,
    "posts_spacing": 1,
    "posts_overdue_for": 99999,
    "posts_horizon": 99999,
    "posts_scan_limit": 7,
    "posts_namespace": "own",
    "posts_deadline": 9,
}


def loaded(path: str) -> Any:
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


def arguments(path: str, module: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [task[module] for task in loaded(path) if module in task]
    return found[0]


def rendered(entry: str, inventory: dict[str, Any]) -> dict[str, Any]:
    """What reaches the module in a repair, or in the burst guard."""
    environment = NativeEnvironment(undefined=ChainableUndefined)
    known: dict[str, Any] = {**loaded("defaults/main.yml"), "posts_project": "postiz", "posts_dir": "/opt", **inventory}
    known["omit"] = OMIT
    own = (
        next(task["vars"] for task in loaded("tasks/burst_guard.yml") if "vars" in task)
        if entry == "burst_guard"
        else {}
    )
    for name, value in own.items():
        known[name] = environment.from_string(value).render(known) if isinstance(value, str) else value
    given = arguments("tasks/repair.yml", "selfhost.postiz.stuck_posts")
    values = {name: environment.from_string(text).render(known) for name, text in given.items()}
    return {name: value for name, value in values.items() if value != OMIT}


@pytest.mark.parametrize(
    ("path", "module", "spec"),
    [
        ("tasks/main.yml", "selfhost.postiz.stuck_posts_info", COMMON_SPEC),
        ("tasks/repair.yml", "selfhost.postiz.stuck_posts", ACT_SPEC),
    ],
)
def test_every_option_of_the_module_can_be_given(path: str, module: str, spec: dict[str, Any]) -> None:
    assert set(arguments(path, module)) == set(spec)


def test_the_burst_guard_is_not_narrowed_by_what_is_selected_for_a_repair() -> None:
    found = rendered("burst_guard", INVENTORY)
    connection = {"namespace": "own", "deadline": 9}
    assert found == {**rendered("burst_guard", {}), **connection}
    assert (found["state"], found["posts"]) == ("repaired", [])
    assert not {"undo_file", "newer_than", "not_before"} & set(found)
    assert found["actions"]["no-workflow"] == "reschedule"
    # A plain yes or no of YAML would be no action.
    assert found["action_default"] == "none"


def test_a_repair_takes_all_of_it() -> None:
    found = rendered("main", INVENTORY)
    assert (found["state"], found["undo_file"]) == ("undone", "/undo/x.undo.jsonl")
    assert (found["posts"], found["newer_than"]) == (["p1"], "2026-01-31T18:00:00Z")
    assert (found["actions"], found["action_default"]) == ({"no-workflow": "none"}, "delete")
    assert rendered("main", {})["state"] == "repaired"
    assert "action_default" not in rendered("main", {})
