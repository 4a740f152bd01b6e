"""``lab heal``: undo a fault, or every fault that is on record."""

from __future__ import annotations

import argparse

from labkit import faults
from labkit.errors import LabError
from labkit.stack import DEFAULT_PROJECT, connect


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("heal", help="undo faults", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("name", nargs="?", metavar="NAME", help="which fault (default: those on record)")
    which.add_argument("--all", action="store_true", help="every fault on record, which is also the default")
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Compose project (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Heal the newest fault first."""
    stack = connect(arguments.project)
    names = [arguments.name] if arguments.name else list(reversed(faults.on_record(stack)))
    if not names:
        print("no fault is on record")
        return 0
    failed = []
    for name in names:
        try:
            faults.heal(faults.named(name, stack))
            print(f"{name}: healed")
        except LabError as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise LabError("\n".join(failed))
    return 0
