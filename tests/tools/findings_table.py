"""docs/findings.md from the one table of finding codes; with --check, only whether it is up to date."""

from __future__ import annotations

import sys

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.table import CODES, DOMAINS
from tree import REPOSITORY

PAGE = REPOSITORY / "docs" / "findings.md"
HEADING = """# Findings

Every finding has a stable code, a component, its evidence and a remedy. This page is made from the table in the code
by `make findings`; `make lint` proves that it is up to date.
"""


def page() -> str:
    """The whole page."""
    parts = [HEADING]
    for title, codes in DOMAINS.items():
        if codes:
            parts.append(f"## {title}\n\n| code | meaning | evidence | remedy |\n|---|---|---|---|")
            parts.append(
                "\n".join(
                    f"| `{code}` | {entry.meaning} | {entry.evidence} | {entry.remedy} |"
                    for code, entry in sorted(codes.items())
                )
                + "\n"
            )
    return "\n".join(parts)


def main() -> int:
    """0 if written or up to date."""
    if len(CODES) != sum(len(codes) for codes in DOMAINS.values()):
        print("a finding code is in two tables of plugins/module_utils/codes")
        return 1
    wanted = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != wanted:
            print("docs/findings.md differs from the table in the code. Make it anew: make findings")
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
