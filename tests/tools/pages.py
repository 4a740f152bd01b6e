"""A part of a page in docs/ that is made from the code."""

from __future__ import annotations

from pathlib import Path


def keep(page: Path, begin: str, end: str, made: str, check: bool) -> int:
    """Put what was made between two marks; with `check`, only tell whether it is there. 0 if it is in the end."""
    text = page.read_text(encoding="utf-8")
    head, found, rest = text.partition(begin)
    _old, closed, tail = rest.partition(end)
    if not found or not closed:
        print(f"docs/{page.name} has lost the marks around what is made from the code")
        return 1
    wanted = f"{head}{begin}{made}{end}{tail}"
    if check and text != wanted:
        print(f"docs/{page.name} differs from the code. Make it anew: make findings")
        return 1
    if not check:
        page.write_text(wanted, encoding="utf-8")
    return 0
