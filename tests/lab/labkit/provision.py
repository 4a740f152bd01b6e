"""``playbooks/provision.yml`` on the lab's inventory, as a person would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from labkit import catalog, compose, engine, images, social
from labkit.errors import LabError
from labkit.paths import INVENTORY, MADE, REPOSITORY
from labkit.stack import DEFAULT_PROJECT, Stack

PLAYBOOK = REPOSITORY / "playbooks" / "provision.yml"
UPSTREAM = "upstream"
REPOSITORY_OF_POSTIZ = catalog.POSTIZ.rpartition(":")[0]
RELEASES = ("v1", *catalog.OTHER_RELEASES)


def uses_upstream_images() -> bool:
    """Whether the published images are wanted instead of the lab's own."""
    return os.environ.get("LAB_IMAGES") == UPSTREAM


def stack_images(release: str) -> tuple[str, ...]:
    """Images of one stack: of the miniature's releases, only this one."""
    others = {f"{REPOSITORY_OF_POSTIZ}:{name}" for name in RELEASES if name != release}
    return tuple(name for name in catalog.SHIPPED if name not in others)


def parse_variables(pairs: list[str]) -> dict[str, object]:
    """``name=value`` with a YAML value, so that ``false`` is no string."""
    found: dict[str, object] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise LabError(f"--var wants name=value, not {pair!r}")
        found[name] = yaml.safe_load(value)
    return found


def prepare(release: str = RELEASES[0]) -> engine.Client:
    """Engine, Compose, the images of a stack with this release of the miniature, and the social network."""
    client = engine.ensure()
    compose.ensure()
    images.ensure(client, (social.IMAGE,) if uses_upstream_images() else stack_images(release))
    social.ensure(client)
    return client


def provision(
    client: engine.Client, project: str = DEFAULT_PROJECT, variables: Mapping[str, object] | None = None
) -> Stack:
    """Run the playbook; its output goes to the terminal."""
    stack = Stack(client, project)
    extra = {"postiz_project": project, "postiz_dir": str(stack.folder), **(variables or {})}
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        *("-i", str(INVENTORY), str(PLAYBOOK), "--extra-vars", json.dumps(extra)),
    ]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False)
    if done.returncode:
        raise LabError(f"provision.yml ended with {done.returncode}; the reason is above. More: tests/lab/lab logs")
    return stack


def push_schema(stack: Stack, release: str) -> None:
    """Only the schema push of a release's boot, against the stack's database."""
    container = stack.container("postiz")
    stack.client.containers.run(
        f"{REPOSITORY_OF_POSTIZ}:{release}",
        ["pnpm", "run", "prisma-db-push"],
        environment={"DATABASE_URL": stack.environment("postiz")["DATABASE_URL"]},
        network=f"{stack.project}_postiz-network",
        labels=MADE,
        working_dir=container.attrs["Config"]["WorkingDir"] or None,
        remove=True,
    )
