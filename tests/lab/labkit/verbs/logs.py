"""``lab logs``: the log of a service, or of an app that PM2 runs in the Postiz container."""

from __future__ import annotations

import argparse
import sys

from labkit import pm2
from labkit.errors import LabError
from labkit.stack import DEFAULT_PROJECT, SERVICES, connect


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("logs", help="show logs", description=__doc__)
    parser.add_argument(
        "name",
        nargs="?",
        default="postiz",
        metavar="NAME",
        help=f"a service or one of {', '.join(pm2.APPS)} (default: postiz)",
    )
    parser.add_argument("--tail", type=int, default=100, metavar="N", help="how many lines (default: 100)")
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Compose project (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the last lines."""
    stack = connect(arguments.project)
    name, tail = arguments.name, str(arguments.tail)
    if name in pm2.APPS:
        files = [f"/root/.pm2/logs/{name}-{kind}.log" for kind in ("out", "error")]
        print(stack.run("postiz", "tail", "-n", tail, *files, check=False).text, end="")
    elif name in SERVICES:
        sys.stdout.buffer.write(stack.container(name).logs(tail=arguments.tail))
    else:
        raise LabError(f"nothing here is called {name!r}. Services: {', '.join(SERVICES)}; apps: {', '.join(pm2.APPS)}")
    return 0
