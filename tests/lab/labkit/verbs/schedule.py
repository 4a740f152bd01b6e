"""``lab schedule``: posts through Postiz' public API, or overdue rows that have no workflow. Prints their ids."""

from __future__ import annotations

import argparse

from labkit import posts
from labkit.stack import DEFAULT_PROJECT, connect

DEFAULT_SECONDS = 5.0


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("schedule", help="schedule posts and print their ids", description=__doc__)
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Compose project (default: %(default)s)")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument(
        "--channel", default=posts.CHANNEL, metavar="C", help="provider of the channel (default: %(default)s)"
    )
    parser.add_argument(
        "--children", type=int, default=0, metavar="N", help="posts of the thread below each (default: 0)"
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--in", dest="ahead", type=float, default=DEFAULT_SECONDS, metavar="SECONDS", help="due then (default: 5)"
    )
    when.add_argument(
        "--overdue", type=float, metavar="SECONDS", help="rows that fell due so long ago; only the sweep finds them"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the posts; one line per post: the root's id, then its thread's."""
    stack = connect(arguments.project)
    for _ in range(arguments.count):
        if arguments.overdue is None:
            root = posts.schedule(stack, arguments.ahead, arguments.channel, arguments.children)
            ids = posts.thread(stack, root)
        else:
            ids = posts.insert(stack, arguments.overdue, arguments.channel, arguments.children)
        print(" ".join(ids), flush=True)
    return 0
