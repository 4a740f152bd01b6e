"""What an upgrade leaves, what a broken release costs, and the way back. The long ones are in tests/lab/test_upgrade*.py."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from labkit import posts, social
from labkit.stack import Stack, connect
from labkit.waiting import wait_for

PROJECT = "postiz-upgrading"
REGISTRY = "127.0.0.1:4180/postiz"


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack of the scenario."""
    return connect(PROJECT)


def play(playbook: str, **variables: object) -> tuple[int, str]:
    """Exit code, and what the terminal shows as loud as it gets, on one line."""
    command = ["ansible-playbook", "-vvv", "--inventory", str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)]
    command += [f"selfhost.postiz.{playbook}", "--extra-vars", json.dumps(variables)]
    plain = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    done = subprocess.run(command, env=plain, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, " ".join(done.stdout.split())


def assert_no_secret(stack: Stack, text: str) -> None:
    """Of the stack's own .env."""
    pairs = [line.split("=", 1) for line in (stack.folder / ".env").read_text().splitlines() if "=" in line]
    secrets = [value for name, value in pairs if name.endswith(("PASSWORD", "SECRET")) and len(value) > 8]
    assert secrets
    assert not [value for value in secrets if value in text]


def version(stack: Stack) -> str:
    """What runs."""
    return stack.environment("postiz")["NEXT_PUBLIC_VERSION"]


def test_the_new_release_runs_and_the_old_one_is_recorded(stack: Stack) -> None:
    records = sorted((stack.folder / "state" / "releases").glob("[0-9]*/release.json"))
    found = [json.loads(record.read_text()) for record in records]
    assert [record["version"] for record in found] == ["v1.0.0", "v2.0.0"]
    assert version(stack) == "v2.0.0"
    assert Path(found[0]["backup"], "manifest.json").is_file()


def test_a_scheduled_post_is_published_exactly_once(stack: Stack) -> None:
    post = posts.schedule(stack, seconds=3)
    wait_for("the post published", lambda: posts.read(stack, post).state == "PUBLISHED", 90)
    assert social.published(post) == 1


def test_a_broken_release_costs_one_failed_play(stack: Stack) -> None:
    post = posts.schedule(stack, seconds=20)
    code, text = play("upgrade", stack_postiz_image=f"{REGISTRY}:v2.0.1-backend")
    assert code == 2
    assert "The upgrade failed, and release 2 runs again with its data. First cause: " in text
    assert version(stack) == "v2.0.0"
    assert_no_secret(stack, text)
    wait_for("the post published", lambda: posts.read(stack, post).state == "PUBLISHED", 120)
    assert social.published(post) == 1


def test_the_way_back_and_once_more(stack: Stack) -> None:
    post = posts.schedule(stack, seconds=2)
    wait_for("the post published", lambda: posts.read(stack, post).state == "PUBLISHED", 90)
    code, text = play("rollback")
    assert code == 0, text[-3000:]
    assert version(stack) == "v1.0.0"
    assert social.published(post) == 1
    assert_no_secret(stack, text)
    code, text = play("rollback")
    assert code == 0
    assert "runs already: a rollback brought it back" in text
    assert "changed=0" in text
