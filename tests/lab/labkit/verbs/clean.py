"""``lab clean``: remove every container, volume and network that this checkout's lab made, and nothing else."""

from __future__ import annotations

import argparse

from labkit import removal
from labkit.stack import connect


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("clean", help="remove everything that the lab created", description=__doc__)
    parser.add_argument(
        "--images", action="store_true", help="remove the lab's images, too (building them takes minutes)"
    )
    parser.add_argument(
        "--all-checkouts",
        action="store_true",
        help="also what other checkouts made, and what was made by hand from the lab's images",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Remove it and say what is left."""
    client = connect().client
    print(f"removed: {removal.remove_all(client, arguments.images, arguments.all_checkouts)}")
    others = removal.left_alone(client)
    if others:
        print(f"left alone (lab clean --all-checkouts): {', '.join(others)}")
    if not arguments.images:
        print("kept: images (lab clean --images) and the git-ignored folder .cache (may be deleted at any time)")
    return 0
