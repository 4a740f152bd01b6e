"""No file may name a package host or a folder of the machine that it was written on.

Hosts belong to the settings of the machine's own clients (pip, apt, npm, go, Maven), so that a mirror or a proxy keeps
working. They are put together here from parts, or this file would be its own finding.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tree import REPOSITORY, files

HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("galaxy", "ansible", "com"),
    )
)
SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "NPM_CONFIG_REGISTRY", "GOPROXY")
INSTALLED_AT = Path("/opt/postiz")
"""Default of postiz_dir: a checkout that happens to lie there is not a leak."""


def patterns() -> dict[str, re.Pattern[str]]:
    """What must not occur, by the name under which it is reported."""
    wanted = {f"package host {host}": re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w-])") for host in HOSTS}
    for variable in SETTINGS:
        for host in re.findall(r"https?://(?:[^/@\s]*@)?([^/:\s,|]+)", os.environ.get(variable, "")):
            wanted[f"host of ${variable}"] = re.compile(re.escape(host))
    if REPOSITORY != INSTALLED_AT:
        wanted["path of this checkout"] = re.compile(rf"{re.escape(str(REPOSITORY))}(?![\w-])")
    home = Path.home()
    if home not in (Path("/"), Path("/root")):
        wanted["home directory"] = re.compile(rf"{re.escape(str(home))}(?![\w-])")
    return wanted


def findings() -> list[str]:
    """``path:line: what``, one for each place."""
    wanted = patterns()
    found = []
    for path in files():
        try:
            text = (REPOSITORY / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{path}:{number}: {what}" for what, pattern in wanted.items() if pattern.search(line)]
    return found


def main() -> int:
    """Exit code 1 when something was found."""
    found = findings()
    print("\n".join(found) if found else "tree: no package hosts, no local paths")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
