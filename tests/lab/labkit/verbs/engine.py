"""``lab engine``: a Docker Engine with Compose v2, installed and started where none answers."""

from __future__ import annotations

import argparse

from labkit import compose, engine


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser(
        "engine", help="make sure that a Docker Engine and Compose v2 are there", description=__doc__
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Prepare the engine and say which one it is."""
    client = engine.ensure()
    version = client.version()
    print(f"engine: {version['Version']} (API {version['ApiVersion']}) at {client.api.base_url}")
    print(f"compose: {compose.ensure()}")
    return 0
