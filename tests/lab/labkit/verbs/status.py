"""``lab status``: services with state, health, memory and ports; PM2's apps, ghosts, pollers, the sweep."""

from __future__ import annotations

import argparse

from labkit import view
from labkit.stack import DEFAULT_PROJECT, connect


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("status", help="show the stack and whether work flows", description=__doc__)
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Compose project (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print both tables; exit code 1 where something does not run."""
    stack = connect(arguments.project)
    print(view.services(stack))
    if "postiz" not in stack.containers():
        print(f"\nthe stack {stack.project} does not run. Start it: tests/lab/lab up")
        return 1
    print(f"\n{view.work(stack)}")
    return 0 if stack.is_up() else 1
