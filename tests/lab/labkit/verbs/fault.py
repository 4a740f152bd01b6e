"""``lab fault NAME``: break the running stack the way it breaks in the field, and show that it is broken."""

from __future__ import annotations

import argparse

from labkit import faults
from labkit.errors import LabError
from labkit.faults.base import Fault, Options
from labkit.stack import DEFAULT_PROJECT, connect


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("fault", help="break the stack", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help="which fault; see --list")
    parser.add_argument("--list", action="store_true", help="every fault: what it breaks, how, and what heals it")
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Compose project (default: %(default)s)")
    parser.add_argument(
        "--yes-restart-engine",
        action="store_true",
        help="engine-restart may restart an engine that the lab did not start",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Apply one fault, or list all."""
    if arguments.list:
        print("\n\n".join(_described(kind) for kind in faults.ALL))
        return 0
    if arguments.name is None:
        raise LabError("which fault? See: tests/lab/lab fault --list")
    options = Options(restart_engine=arguments.yes_restart_engine)
    fault = faults.named(arguments.name, connect(arguments.project), options)
    print(f"{fault.name}: {faults.apply(fault)}")
    print(f"heal it: tests/lab/lab heal {fault.name}")
    return 0


def _described(kind: type[Fault]) -> str:
    return f"{kind.name}\n  breaks: {kind.breaks}\n  how:    {kind.how}\n  heal:   {kind.healed_by}"
