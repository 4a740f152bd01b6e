"""``ansible-test sanity`` on a copy of the files that the collection ships, at the path that ansible-test insists on.

Everything that ansible-test installs stays below ``.cache/sanity`` (its HOME is there) and is used again by the next
run. The list of tests is explicit: a test that is neither run nor left out below with the reason is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import yaml
from tree import REPOSITORY, files

CACHE = REPOSITORY / ".cache" / "sanity"
HOME = CACHE / "home"
COPY = CACHE / "ansible_collections" / "selfhost" / "postiz"
COLLECTIONS = REPOSITORY / ".cache" / "collections" / "ansible_collections"

RUN = (
    "action-plugin-docs",
    "ansible-doc",
    "changelog",
    "compile",
    "empty-init",
    "ignores",
    "import",
    "line-endings",
    "no-assert",
    "no-get-exception",
    "no-illegal-filenames",
    "no-smart-quotes",
    "pep8",
    "pylint",
    "replace-urlopen",
    "runtime-metadata",
    "shebang",
    "shellcheck",
    "symlinks",
    "use-argspec-type-path",
    "use-compat-six",
    "validate-modules",
    "yamllint",
)
LEFT_OUT = {
    "pslint": "there is no PowerShell in the collection",
}
PIP_SETTING = re.compile(r"^(?P<section>[\w:-]+)\.(?P<name>[\w-]+)='(?P<value>.*)'$", re.MULTILINE)


def ansible_test(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it in the copy, with a HOME of its own."""
    environment = {**os.environ, "HOME": str(HOME)}
    environment.pop("ANSIBLE_COLLECTIONS_PATH", None)
    environment.pop("ANSIBLE_CONFIG", None)
    capture = subprocess.PIPE if "--list-tests" in words else None
    return subprocess.run(["ansible-test", *words], cwd=COPY, env=environment, check=False, text=True, stdout=capture)


def shipped() -> list[Path]:
    """The checkout's files without those that galaxy.yml keeps out of the built collection."""
    ignored = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())["build_ignore"]
    return [
        path
        for path in files()
        if not any(fnmatch(str(path), pattern) or path.is_relative_to(pattern) for pattern in ignored)
    ]


def copy_checkout() -> None:
    """Files as they are now, committed or not; those that vanished since the last run vanish here too."""
    shutil.rmtree(COPY, ignore_errors=True)
    for path in shipped():
        target = COPY / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / path, target, follow_symlinks=False)
    # ansible-test asks the nearest repository above for its files: without its own, the copy is an ignored folder
    subprocess.run(["git", "init", "--quiet", str(COPY)], check=True)
    link = COPY.parents[1] / "community"
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(COLLECTIONS / link.name, link.parent), target_is_directory=True)


def prepare_home() -> None:
    """pip for ansible-test's environments, and the settings that pip has on this machine."""
    bootstrap = HOME / ".ansible" / "test" / "cache"
    version = (REPOSITORY / "requirements" / "sanity.txt").read_text().strip().rpartition("==")[2]
    if not list(bootstrap.glob(f"pip-{version}-*.whl")):
        shutil.rmtree(bootstrap, ignore_errors=True)
        bootstrap.mkdir(parents=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "-r", "requirements/sanity.txt", "--dest", str(bootstrap)], cwd=REPOSITORY, check=True)
    shutil.copy2(Path(__file__).with_name("get_pip.py"), bootstrap / f"get_pip_{version.replace('.', '_')}.py")
    settings = HOME / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(pip_settings())


def pip_settings() -> str:
    """The machine's settings of pip as a file: ansible-test hands down neither environment variables nor HOME."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    sections: dict[str, dict[str, str]] = {"global": {"quiet": "1", "disable-pip-version-check": "true"}}
    if proxy := os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        sections["global"]["proxy"] = proxy
    for found in sorted(PIP_SETTING.finditer(listed), key=lambda setting: setting["section"] == ":env:"):
        section = "global" if found["section"] == ":env:" else found["section"]
        sections.setdefault(section, {})[found["name"]] = found["value"]
    return "".join(
        f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
        for section, values in sections.items()
    )


def check_list() -> None:
    """Nothing is skipped in silence: each test that exists is in one of the two lists."""
    listed = ansible_test("sanity", "--list-tests")
    offered = set(listed.stdout.split())
    unknown, gone = offered - set(RUN) - set(LEFT_OUT), (set(RUN) | set(LEFT_OUT)) - offered
    if listed.returncode or unknown or gone:
        sys.exit(f"error: tests/tools/sanity.py: new tests {sorted(unknown)}, tests that are gone {sorted(gone)}")


def main() -> int:
    """Exit code of ansible-test."""
    copy_checkout()
    prepare_home()
    check_list()
    for name, reason in LEFT_OUT.items():
        print(f"left out: {name} ({reason})", flush=True)
    selected = [word for name in RUN for word in ("--test", name)]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return ansible_test("sanity", "--color", "no", "--requirements", "--python", python, *selected).returncode


if __name__ == "__main__":
    sys.exit(main())
