"""``lab up``: engine, images, social network, then ``playbooks/provision.yml`` on the lab's inventory."""

from __future__ import annotations

import argparse
import time

from labkit import engine, images, provision, social
from labkit.progress import elapsed
from labkit.stack import DEFAULT_PROJECT


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("up", help="start a stack, or bring it to what its variables say", description=__doc__)
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Compose project (default: %(default)s)")
    parser.add_argument("--release", choices=provision.RELEASES, help="release of the miniature (default: v1)")
    parser.add_argument(
        "--var",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable of the role or the lab's inventory, for example stack_boot_guard=false; the value is YAML",
    )
    parser.add_argument("--social-only", action="store_true", help="only the social network, no stack")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Bring the stack up and say how long that took."""
    since = time.monotonic()
    if arguments.social_only:
        client = engine.ensure()
        images.ensure(client, (social.IMAGE,))
        social.ensure(client)
        print(f"social network: {social.URL}")
        return 0
    variables = provision.parse_variables(arguments.var)
    if arguments.release:
        variables["lab_release"] = arguments.release
    client = provision.prepare(arguments.release or provision.RELEASES[0])
    stack = provision.provision(client, arguments.project, variables)
    print(f"up in {elapsed(time.monotonic() - since)}: {stack.url()}")
    return 0
