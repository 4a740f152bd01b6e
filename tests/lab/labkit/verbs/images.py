"""``lab images``: build the images that are missing."""

from __future__ import annotations

import argparse
import time

from labkit import catalog, engine, images
from labkit.progress import elapsed


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("images", help="build the lab's images that are missing", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="IMAGE",
        help="only these (default: all that the lab runs); postiz:v1 is short for postiz-lab/postiz:v1",
    )
    parser.add_argument("--list", action="store_true", help="show each image, its hash and whether it is there")
    parser.add_argument("--force", action="store_true", help="build the named images again")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Build, or list."""
    client = engine.ensure()
    if arguments.list:
        return _list(client)
    since = time.monotonic()
    names = tuple(catalog.full_name(name) for name in arguments.names)
    made = images.ensure(client, names or catalog.SHIPPED, arguments.force)
    print(f"images: {f'{made} steps done' if made else 'all there'} in {elapsed(time.monotonic() - since)}")
    return 0


def _list(client: engine.Client) -> int:
    nodes = images.load_graph()
    there = images.present(client, nodes)
    for name in sorted(nodes):
        print(f"{name:<44} {nodes[name].hash}  {'present' if name in there else 'missing'}")
    return 0
