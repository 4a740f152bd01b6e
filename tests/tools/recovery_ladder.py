"""The ladder in docs/recover.md from the code; with --check, only whether it is up to date."""

from __future__ import annotations

import sys

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
    text = PAGE.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        print("docs/recover.md has lost the marks around its ladder")
        return 1
    wanted = f"{head}{BEGIN}{table()}{END}{tail}"
    if "--check" in sys.argv[1:]:
        if text != wanted:
            print("docs/recover.md differs from the ladder in the code. Make it anew: make findings")
            return 1
        return 0
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
