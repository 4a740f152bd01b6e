"""The table in docs/post_failures.md from the rules in the code; with --check, only whether it is up to date."""

from __future__ import annotations

import sys

import pages
from ansible_collections.selfhost.postiz.plugins.module_utils.providers import rules
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import META, Rule
from tree import REPOSITORY

PAGE = REPOSITORY / "docs" / "post_failures.md"
BEGIN, END = "<!-- rules: made by `make findings` -->\n", "<!-- end of rules -->\n"


def table() -> str:
    """One line for each rule, in the order in which they are tried."""
    lines = ["| code | network | known by | retry |", "|---|---|---|---|"]
    lines += [
        f"| `{rule.code}` | {_networks(rule)} | {_signs(rule)} | {rule.retry.value} |"
        for rule in (rules.HANDED_OVER, rules.LIVE, *rules.RULES, rules.OVERWRITTEN, rules.UNKNOWN)
    ]
    return "\n".join(lines) + "\n"


def _networks(rule: Rule) -> str:
    if rule.providers == META:
        return "Meta"
    return ", ".join(sorted(rule.providers)) or "any"


def _signs(rule: Rule) -> str:
    special = {
        rules.HANDED_OVER: "the row's release id is `missing`: handed over to the network, as to TikTok's inbox",
        rules.LIVE: "the row has a release id or URL",
        rules.OVERWRITTEN: '`Already posted`, and no earlier text in "Errors"',
        rules.UNKNOWN: "nothing above",
    }
    if rule in special:
        return special[rule]
    found = [f"`{code}`" for code in sorted(rule.codes)]
    found += [f'"{text}"' for text in dict.fromkeys((*rule.starts, *rule.words)) if text not in rule.codes]
    found += [f"failure of type `{kind}`" for kind in sorted(rule.kinds)]
    if rule.timeout:
        found.append("an activity that passed its limit of time")
    return ", ".join(found).replace("<", "&lt;")


def main() -> int:
    """0 if written or up to date."""
    return pages.keep(PAGE, BEGIN, END, table(), "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
