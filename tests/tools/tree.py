"""The files that make up the checkout: tracked by git, or new and not ignored."""

from __future__ import annotations

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def files() -> list[Path]:
    """Paths relative to the repository, sorted; files deleted in the work tree are left out."""
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name}
    return sorted(Path(name) for name in names if (REPOSITORY / name).is_file() or (REPOSITORY / name).is_symlink())
