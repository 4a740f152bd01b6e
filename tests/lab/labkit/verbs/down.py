"""``lab down``: stop and remove a stack's containers and networks; its data stays unless you say otherwise."""

from __future__ import annotations

import argparse

from labkit import removal
from labkit.stack import DEFAULT_PROJECT, connect


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("down", help="stop and remove a stack", description=__doc__)
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Compose project (default: %(default)s)")
    parser.add_argument("--volumes", action="store_true", help="remove its data and its directory, too")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Remove one project."""
    stack = connect(arguments.project)
    removed = removal.remove_stack(stack, arguments.volumes)
    print(f"{arguments.project}: {removed}")
    return 0
