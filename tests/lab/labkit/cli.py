"""The front of ``lab``: one verb, one module in ``labkit.verbs`` with ``add_parser`` and ``run``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

from labkit.errors import LabError

VERBS = (
    *("engine", "images", "up", "down", "status", "demo", "schedule", "ledger", "fault", "heal", "logs", "registry"),
    "clean",
)
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parsed = _parser(words).parse_args(words)
    try:
        return int(parsed.run(parsed))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; what is still buffered must not fail at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\nlab: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with all verbs, or with the named one only: a verb loads nothing of the others."""
    parser = argparse.ArgumentParser(prog="lab", description="A real Postiz + Temporal stack to run and to break.")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    named = tuple(verb for verb in VERBS if words and words[0] == verb)
    for verb in named or VERBS:
        name = f"labkit.verbs.{verb}"
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name).add_parser(verbs)
    return parser
