"""What the tests of the frontend share: patches of the miniature's pages, and containers that serve a bundle."""

from __future__ import annotations

import difflib
import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import docker
from labkit.paths import MADE
from labkit.waiting import wait_for

PATH = "/app/apps/frontend/.next"
LOGIN = "apps/frontend/app/auth/login/page.js"
START = ["node", "/app/node_modules/next/dist/bin/next", "start", "-p", "4200"]
SMALL = {"network": "none", "memory": 1500 << 20}


def printed(client: docker.DockerClient, image: str, *argv: str) -> str:
    """What a program of an image prints; the SDK's own way loses it now and then under load."""
    container = client.containers.run(image, list(argv), entrypoint="", detach=True, labels=MADE)
    try:
        assert container.wait()["StatusCode"] == 0
        return str(container.logs().decode())
    finally:
        container.remove(force=True, v=True)


def source(client: docker.DockerClient, image: str, path: str = LOGIN) -> str:
    """A file of an image's sources."""
    return printed(client, image, "cat", f"/app/{path}")


def patch(before: str, after: str, path: str = LOGIN) -> dict[str, Any]:
    """A diff, with the checksum that it is made for."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}")
    return {"name": "greeting", "diff": "".join(lines), "upstream": {path: hashlib.sha256(before.encode()).hexdigest()}}


class Frontend:
    """`next start` of an image, with a bundle mounted over its own, as the container of a project."""

    def __init__(self, client: docker.DockerClient, image: str, mounted: Path, project: str) -> None:
        labels = {**MADE, "com.docker.compose.project": project, "com.docker.compose.service": "postiz"}
        self.container = client.containers.run(
            image,
            START,
            entrypoint="",
            working_dir="/app/apps/frontend",
            detach=True,
            init=True,
            labels=labels,
            volumes={str(mounted): {"bind": PATH, "mode": "rw"}},
        )

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 if nobody answers."""
        self.container.reload()
        networks = self.container.attrs["NetworkSettings"]["Networks"].values()
        address = next(network["IPAddress"] for network in networks)
        try:
            with urllib.request.urlopen(f"http://{address}:4200{path}", timeout=5) as answer:
                return int(answer.status), answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as answer:
            return answer.code, ""
        except (OSError, ValueError):
            return 0, ""

    def status(self, path: str) -> int:
        """Only that."""
        return self.get(path)[0]

    def serves(self, release: Path) -> None:
        """The page, a chunk, and the file whose path has the build id."""
        build = (release / "BUILD_ID").read_text().strip()
        wait_for("next start", lambda: self.status(f"/_next/static/{build}/_buildManifest.js") == 200, 30, 0.2)
        chunk = next((release / "static/chunks").glob("*.js")).relative_to(release)
        assert self.status(f"/_next/{chunk}") == 200
        assert self.status("/") in (200, 302, 307)

    def remove(self) -> None:
        """It serves no more."""
        self.container.remove(force=True, v=True)
