"""The checks of this folder find what they are there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import check_argument_specs
import check_tree
import pytest
import steps

SPEC = """
argument_specs:
  main:
    short_description: A role
    description: A role
    options:
      web_port:
        description: Where it listens.
        type: int
        default: {default}
      web_secret:
        description: May be left out.
        type: str
"""


def role(folder: Path, spec: str, defaults: str) -> Path:
    """A role called ``web`` with these two files."""
    for name, text in {
        "meta/argument_specs.yml": spec,
        "defaults/main.yml": defaults,
        "tasks/main.yml": "[]",
    }.items():
        path = folder / "web" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder / "web"


@pytest.mark.parametrize(
    ("spec", "defaults", "finding"),
    [
        ("80", "web_port: 80", None),
        ("80", "web_port: 81", "web_port is 81 in defaults/main.yml and 80 in the argument spec"),
        ("80", "web_port: '80'", "web_port is '80' in defaults/main.yml and 80 in the argument spec"),
        ("80", "{}", "web_port has a default in the argument spec and none in defaults/main.yml"),
        ("80", "{web_port: 80, web_host: x}", "web_host is in defaults/main.yml and not in the argument spec"),
        (
            "80",
            "{web_port: 80, web_secret: x}",
            "web_secret has a default in defaults/main.yml and none in the argument spec",
        ),
    ],
)
def test_drift_of_argument_specs(tmp_path: Path, spec: str, defaults: str, finding: str | None) -> None:
    found = list(check_argument_specs.role_findings(role(tmp_path, SPEC.format(default=spec), defaults)))
    assert found == ([f"web: {finding}"] if finding else [])


def test_option_without_the_prefix(tmp_path: Path) -> None:
    spec = SPEC.format(default="80").replace("web_secret", "secret")
    found = list(check_argument_specs.role_findings(role(tmp_path, spec, "web_port: 80")))
    assert found == ["web: secret does not carry the prefix web_"]


def test_every_package_host_is_found() -> None:
    wanted = check_tree.patterns()
    for host in check_tree.HOSTS:
        pattern = wanted[f"package host {host}"]
        assert pattern.search(f"https://{host}/simple")
        assert not pattern.search(f"docs.{host}")


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("12 passed in 3.10s", {"passed": 12}),
        ("  \x1b[2m│\x1b[0m 12 passed, 1 skipped in 3.10s", {"passed": 12, "skipped": 1}),
        ("=== 1 failed, 3 passed, 2 warnings in 69.12s (0:01:09) ===", {"failed": 1, "passed": 3}),
        ("2 errors in 0.10s", {"error": 2}),
        ("the demo passed in 3.10s", {}),
    ],
)
def test_counts_of_pytest(line: str, counts: dict[str, int]) -> None:
    assert steps.counts(line) == counts


def test_steps_beside_another_are_shown_whole_and_counted(tmp_path: Path) -> None:
    """The first one ends only when the second of those beside it has begun; a failure of one does not hide the others."""
    (tmp_path / "Makefile").write_text(
        "slow:\n\t@echo slow begins; while [ ! -e last ]; do sleep 0.05; done; echo 3 passed in 1.00s\n"
        "broken:\n\t@echo broken speaks; exit 1\n"
        "last:\n\t@echo last speaks; touch last; echo 2 passed in 1.00s\n"
    )
    done = subprocess.run(
        [sys.executable, str(Path(steps.__file__)), "slow/broken+last"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "\n=== broken ===\nbroken speaks\n" in done.stdout
    assert "\n=== last ===\nlast speaks\n2 passed in 1.00s\n=== last: passed in " in done.stdout
    rows = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith(("slow ", "broken ", "last "))]
    assert [row for row in rows if row[1] in ("passed", "FAILED")] == [
        ["slow", "passed"],
        ["broken", "FAILED"],
        ["last", "passed"],
    ]
    assert done.stdout.splitlines()[-1].startswith("5 passed, 1 failed in ")
