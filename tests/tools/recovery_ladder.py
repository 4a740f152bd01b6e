"""The ladder in docs/recover.md from the code; with --check, only whether it is up to date."""

from __future__ import annotations

import sys

import pages
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.ladder import LADDERS, Ladder
from tree import REPOSITORY

PAGE = REPOSITORY / "docs" / "recover.md"
BEGIN, END = "<!-- ladder: made by `make findings` -->\n", "<!-- end of the ladder -->\n"


def table() -> str:
    """One line for each finding that stops work."""
    lines = ["| finding | waited for | steps, the least first |", "|---|---|---|"]
    lines += [f"| `{code}` | {_patience(steps)} | {_steps(steps)} |" for code, steps in sorted(LADDERS.items())]
    return "\n".join(lines) + "\n"


def _patience(steps: Ladder) -> str:
    return f"{steps.patience:.0f} s" if steps.patience else "-"


def _steps(steps: Ladder) -> str:
    if not steps.rungs:
        return f"a person: {steps.why}"
    return " → ".join(f"`{rung.value}`" for rung in steps.rungs)


def main() -> int:
    """0 if written or up to date."""
    return pages.keep(PAGE, BEGIN, END, table(), "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
