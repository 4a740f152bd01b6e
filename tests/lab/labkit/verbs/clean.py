"""``lab clean``: remove every container, volume and network that carries the lab's label, and nothing else."""

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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Remove it and say what is left."""
    client = connect().client
    print(f"removed: {removal.remove_all(client, arguments.images)}")
    if not arguments.images:
        print("kept: images (lab clean --images) and the git-ignored folder .cache (may be deleted at any time)")
    return 0
