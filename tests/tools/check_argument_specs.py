"""Every role's ``defaults/main.yml`` and ``meta/argument_specs.yml`` say the same.

For each role: every default is an option; an option's default is the one in the defaults; an option that is neither
required nor has a default is one that may be left out, so it has no entry in the defaults; each option has a type and a
description; an option that several entry points share is the same in all of them; names carry the role's prefix.

Two names are shared by all roles (SHARED). A role may not set them, its own variables default to them; so their default
stands in the argument spec only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tree import REPOSITORY

SHARED = {"postiz_project", "postiz_dir"}
MISSING = object()


def load(path: Path) -> dict[str, Any]:
    """A YAML mapping; an absent or empty file is an empty one."""
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}


def merged_options(role: Path, specs: dict[str, Any]) -> Iterator[str | tuple[str, dict[str, Any]]]:
    """The options of all entry points, each once; a finding (text) where two entry points disagree."""
    seen: dict[str, tuple[str, dict[str, Any]]] = {}
    for entry, spec in specs.items():
        if not spec.get("short_description") or not spec.get("description"):
            yield f"{role.name}: entry point {entry} needs short_description and description"
        if not any((role / "tasks" / f"{entry}{suffix}").is_file() for suffix in (".yml", ".yaml")):
            yield f"{role.name}: entry point {entry} has no tasks/{entry}.yml"
        for name, option in (spec.get("options") or {}).items():
            if name not in seen:
                seen[name] = (entry, option)
                yield name, option
            elif seen[name][1] != option:
                yield f"{role.name}: {name} differs between entry points {seen[name][0]} and {entry}"


def option_findings(role: str, name: str, option: dict[str, Any], default: object) -> Iterator[str]:
    """What is wrong with one option, given its entry in the defaults."""
    if not option.get("type"):
        yield f"{role}: {name} has no type"
    if not option.get("description"):
        yield f"{role}: {name} has no description"
    if name not in SHARED and not name.startswith(f"{role}_"):
        yield f"{role}: {name} does not carry the prefix {role}_"
    documented = option.get("default", MISSING)
    if name in SHARED:
        if default is not MISSING:
            yield f"{role}: {name} is shared by all roles and has no place in defaults/main.yml"
    elif option.get("required") and (documented is not MISSING or default is not MISSING):
        yield f"{role}: {name} is required and has a default"
    elif documented is MISSING and default is not MISSING:
        yield f"{role}: {name} has a default in defaults/main.yml and none in the argument spec"
    elif documented is not MISSING and default is MISSING:
        yield f"{role}: {name} has a default in the argument spec and none in defaults/main.yml"
    elif documented != default or type(documented) is not type(default):
        yield f"{role}: {name} is {default!r} in defaults/main.yml and {documented!r} in the argument spec"


def role_findings(role: Path) -> Iterator[str]:
    """Everything wrong with one role."""
    specs = load(role / "meta" / "argument_specs.yml").get("argument_specs", {})
    if "main" not in specs:
        yield f"{role.name}: meta/argument_specs.yml has no entry point main"
        return
    defaults = load(role / "defaults" / "main.yml")
    known = set()
    for item in merged_options(role, specs):
        if isinstance(item, str):
            yield item
            continue
        name, option = item
        known.add(name)
        yield from option_findings(role.name, name, option, defaults.get(name, MISSING))
    for name in sorted(set(defaults) - known):
        yield f"{role.name}: {name} is in defaults/main.yml and not in the argument spec"


def main() -> int:
    """Exit code 1 when a role's two files disagree."""
    roles = sorted(path for path in (REPOSITORY / "roles").glob("*") if path.is_dir())
    found = [finding for role in roles for finding in role_findings(role)]
    print("\n".join(found) if found else f"argument specs: {len(roles)} role(s) agree with their defaults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
