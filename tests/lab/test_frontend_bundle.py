"""frontend_bundle on the lab's images: extracted, switched, served, killed at every point, cut, refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import contract
import docker
import modules
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.operations import run
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from enginefront import EngineFront
from frontends import Frontend, printed
from labkit import engine, images
from labkit.paths import COLLECTIONS, MADE
from modules import Result

V1 = "postiz-lab/postiz:v1"
V2 = "postiz-lab/postiz:v2"
OTHER = "postiz-lab/redis:7"
PATH = "/app/apps/frontend/.next"
PROJECT = "postiz-bundle"
LABEL = "selfhost.postiz.frontend_bundle"
KILLS = 10
MAX_UNCHANGED_SECONDS = 0.1
BIG = 1 << 40


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    found = engine.ensure()
    tags = {tag for image in found.images.list() for tag in image.tags}
    images.ensure(found, tuple(image for image in (V1, V2, OTHER) if image not in tags))
    return found


@pytest.fixture(autouse=True)
def nothing_stays(client: docker.DockerClient) -> Iterator[None]:
    """No test leaves a container, whatever it killed."""
    yield
    assert client.containers.list(all=True, filters={"label": f"com.docker.compose.project={PROJECT}"}) == []


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "frontend-next"


def act(dest: Path, check: bool = False, environment: dict[str, str] | None = None, **parameters: Any) -> Result:
    given = {"dest": str(dest), "_ansible_check_mode": check, "_ansible_diff": True, **parameters}
    return modules.run("frontend_bundle", environment, **given)


def good(result: Result) -> dict[str, Any]:
    assert not result.failed, result.values["msg"]
    assert contract.disagreements("frontend_bundle", result.values) == []
    return result.values


def bad(result: Result) -> str:
    assert result.failed, result.values
    return str(result.values["msg"])


@pytest.fixture(scope="module")
def extracted(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the release of V1, to be copied."""
    del client
    folder = tmp_path_factory.mktemp("extracted") / "frontend-next"
    good(act(folder, image=V1))
    return folder


@pytest.fixture
def with_v1(extracted: Path, dest: Path) -> Path:
    """A folder that has the release of V1 already."""
    return Path(shutil.copytree(extracted, dest, symlinks=True))


def verify(dest: Path, **parameters: Any) -> Result:
    return act(dest, state="verified", **parameters)


BESIDE = (".json", ".files", ".bridged", ".proven", ".served")


def left(dest: Path, client: docker.DockerClient) -> list[str]:
    """What a run may only leave behind if it was killed."""
    staging = [path.name for path in dest.glob(".staging-*")]
    containers = client.containers.list(all=True, filters={"label": f"{LABEL}={dest.resolve()}"})
    releases = {path.name for path in (dest / "releases").glob("*") if path.is_dir()}
    files = {path.name for path in (dest / "releases").glob("*") if path.is_file()}
    strays = files - {name + ending for name in releases for ending in BESIDE}
    return [*staging, *(container.name for container in containers), *strays]


def current(dest: Path) -> str:
    return (dest / "current").resolve().name if (dest / "current").is_symlink() else ""


def here(dest: Path | str, **parameters: Any) -> dict[str, Any]:
    """The operation in this process, where a test has no use for another one."""
    given = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    wanted = parse({**given, "dest": str(dest), **parameters}, False)
    return run(connect(), wanted, Clock(), lambda _step: None).payload


class Driven:
    """The operation in a process of its own, that is told when to wait and when to die."""

    def __init__(self, parameters: dict[str, Any], step: int = 0, pause: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("driven_bundle.py")), str(step), *([pause] if pause else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(COLLECTIONS))},
        )
        self.tell(json.dumps(parameters))

    def tell(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_step(self, name: str) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.strip() == name:
                return
        raise AssertionError(f"no step {name}")

    def result(self) -> dict[str, Any]:
        text, told = self.process.communicate(timeout=60)
        assert text, told
        found = json.loads(text)
        assert isinstance(found, dict)
        return found


def test_extract_switch_and_back(dest: Path, client: docker.DockerClient) -> None:
    predicted = good(act(dest, check=True, image=V1))
    assert not dest.exists()
    first = good(act(dest, image=V1))
    assert first["changed"]
    assert first["extracted"]
    same = ("release", "changes", "tree_digest", "files", "bytes", "releases", "next_version", "diff")
    assert [predicted[key] for key in same] == [first[key] for key in same]
    own = printed(client, V1, "cat", f"{PATH}/BUILD_ID")
    assert first["build_id"] == own.strip() == (dest / "current/BUILD_ID").read_text().strip()
    assert first["release"].startswith(first["build_id"] + "-")
    assert first["image_id"].removeprefix("sha256:").startswith(first["release"].rpartition("-")[2])
    assert first["next_version"].count(".") == 2
    assert list((dest / "current/cache").iterdir()) == []
    assert os.access(dest / "current/cache", os.W_OK)
    owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in (dest / "current").resolve().rglob("*")}
    assert owners == {(0, 0)}
    again = good(act(dest, image=V1))
    assert not again["changed"]
    assert "diff" not in again

    predicted = good(act(dest, check=True, image=V2))
    assert current(dest) == first["release"]
    second = good(act(dest, image=V2))
    assert [predicted[key] for key in same] == [second[key] for key in same]
    assert second["previous"] == first["release"]
    static = next(change for change in second["changes"] if change["folder"] == "static")
    assert static["added"] + static["changed"] > 0
    assert "static: " in second["diff"]["after"]
    assert current(dest) == second["release"] != first["release"]

    back = good(act(dest, image=V1))
    assert (back["changed"], back["extracted"], back["switched"]) == (True, False, True)
    assert current(dest) == first["release"]
    assert left(dest, client) == []


def test_the_tree_is_the_images(extracted: Path, client: docker.DockerClient) -> None:
    """Byte for byte and mode for mode what find sees in a container, but for the cache."""
    dest = extracted
    script = f"cd {PATH} && find . -path './cache/*' -prune -o -printf '%y %m %U %G %s %p %l\\n'"
    told = printed(client, V1, "sh", "-c", script)
    mine = subprocess.run(["find", ".", "-printf", "%y %m %U %G %s %p %l\n"], cwd=dest / "current", capture_output=True)

    def lines(text: str) -> set[str]:
        # The size of a folder is the file system's own matter.
        rows = (line.split(" ") for line in text.splitlines())
        return {" ".join(row if row[0] != "d" else [*row[:4], *row[5:]]) for row in rows}

    assert lines(mine.stdout.decode()) == lines(told)
    script = f"cd {PATH} && find . -path './cache/*' -prune -o -type f -print0 | sort -z | xargs -0 sha256sum"
    told = printed(client, V1, "sh", "-c", script)
    check = subprocess.run(
        ["sha256sum", "--check", "--quiet"], input=told, cwd=dest / "current", text=True, check=False
    )
    assert check.returncode == 0


def test_unchanged_is_fast(extracted: Path) -> None:
    runs = [Driven({"dest": str(extracted), "image": V1}).result() for _run in range(3)]
    assert not any(run["changed"] for run in runs)
    assert min(run["seconds"] for run in runs) < MAX_UNCHANGED_SECONDS


def test_killed_at_ten_points(tmp_path: Path, client: docker.DockerClient, extracted: Path) -> None:
    old = current(extracted)

    def fresh(name: str) -> Path:
        return Path(shutil.copytree(extracted, tmp_path / name, symlinks=True))

    whole = Driven({"dest": str(fresh("whole")), "image": V2, "keep": 1}).result()
    new, count = whole["release"], whole["steps"]
    # What there is to go back to stays, however few are kept.
    assert (whole["pruned"], whole["releases"]) == ([], [new, old])
    assert count >= KILLS
    points = sorted({1 + round(number * (count - 1) / (KILLS - 1)) for number in range(KILLS)})
    assert len(points) == KILLS
    seen = set()
    for point in points:
        dest = fresh(f"kill-{point}")
        parameters = {"dest": str(dest), "image": V2, "keep": 1}
        killed = Driven(parameters, point)
        killed.process.communicate(timeout=60)
        assert killed.process.returncode == -9
        seen.add(current(dest))
        assert current(dest) in (old, new), point
        assert here(dest, state="verified")["release"] == current(dest)
        finished = here(**parameters)
        assert (finished["release"], finished["releases"]) == (new, [new, old]), point
        assert left(dest, client) == [], point
        assert here(dest, state="verified")["findings"] == []
    assert seen == {old, new}


def test_keep(dest: Path, client: docker.DockerClient) -> None:
    first = good(act(dest, image=V1))["release"]
    second = good(act(dest, image=V2))["release"]
    third = good(act(dest, image=V2, force=True))["release"]
    assert third == f"{second}-2"
    assert good(act(dest, check=True, image=V2, keep=2))["pruned"] == [first]
    pruned = good(act(dest, image=V2, keep=2))
    assert (pruned["pruned"], pruned["releases"], pruned["changed"]) == ([first], [third, second], True)
    assert not good(act(dest, image=V2, keep=2))["changed"]
    mounted = client.containers.run(
        V2,
        ["sleep", "60"],
        entrypoint="",
        detach=True,
        init=True,
        labels=MADE,
        volumes={str(dest / "current"): {"bind": PATH, "mode": "rw"}},
    )
    try:
        again = good(act(dest, image=V1, keep=1))
        # What the container has mounted stays, whatever the link leads to by now.
        assert again["pruned"] == [second]
        assert again["releases"] == [again["release"], third]
    finally:
        mounted.remove(force=True)
    # So does what there is to go back to, and a second run does not catch up on it.
    assert not good(act(dest, image=V1, keep=1))["changed"]
    assert left(dest, client) == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB: one release fits, two do not."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,nr_inodes=600", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_disk_full(small: Path, client: docker.DockerClient) -> None:
    dest = small / "bundle"
    assert "min_free_bytes" in bad(act(dest, image=V1))
    assert not dest.exists()
    release = good(act(dest, image=V1, min_free_bytes=0))["release"]
    # Refused by what the last one needed, before anything is read.
    result = act(dest, image=V2, min_free_bytes=0)
    assert "[bundle-no-space]" in bad(result)
    assert result.codes == ["bundle-no-space"]
    assert current(dest) == release
    assert left(dest, client) == []
    good(act(dest, state="absent"))
    # Without anything to go by: refused at the first file that does not fit.
    filler = small / "filler"
    filler.write_bytes(bytes(7 << 20))
    assert "[bundle-no-space]" in bad(act(dest, image=V1, min_free_bytes=0))
    assert not dest.exists()
    filler.unlink()
    # Bytes enough, and too few inodes: the kernel's own error.
    for number in range(450):
        (small / f"file-{number}").touch()
    assert "[bundle-no-space]" in bad(act(dest, image=V1, min_free_bytes=0))
    assert not dest.exists()


def test_two_runs_at_once(dest: Path, client: docker.DockerClient) -> None:
    first = Driven({"dest": str(dest), "image": V1}, pause="opened")
    first.wait_step("opened")
    told = bad(act(dest, image=V1, lock_timeout=0.3))
    assert f"process {first.process.pid}," in told
    waiting = Driven({"dest": str(dest), "image": V1, "lock_timeout": 30.0})
    assert waiting.process.poll() is None
    first.tell()
    done = first.result()
    after = waiting.result()
    assert (done["extracted"], after["extracted"], after["changed"]) == (True, False, False)
    assert after["releases"] == [done["release"]]
    assert left(dest, client) == []


def test_path_with_spaces(tmp_path: Path, client: docker.DockerClient) -> None:
    dest = tmp_path / "front end" / "ü 'next' $x"
    release = good(act(dest, image=V1))["release"]
    assert good(verify(dest))["release"] == release
    assert left(dest, client) == []
    good(act(dest, state="absent"))
    assert not dest.exists()


def test_no_build_there(dest: Path, client: docker.DockerClient) -> None:
    assert "[bundle-not-built]" in bad(act(dest, image=OTHER))
    assert "[bundle-not-built]" in bad(act(dest, check=True, image=OTHER))
    assert "[bundle-not-built]" in bad(act(dest, image=V1, path="/app/apps/frontend/app"))
    assert "[bundle-not-built]" in bad(act(dest, image=V1, path="/app/apps/frontend/package.json"))
    assert "not on the host" in bad(act(dest, image="postiz-lab/nowhere:1"))
    assert "no container of the service" in bad(act(dest, project="nowhere"))
    assert "no container of the service" in bad(verify(dest, project="nowhere"))
    assert "none of them" in bad(act(dest))
    assert not dest.exists()
    assert left(dest, client) == []


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 0.97])
def test_stream_cut(with_v1: Path, tmp_path: Path, client: docker.DockerClient, share: float) -> None:
    release = current(with_v1)
    size = sum(path.stat().st_size for path in (with_v1 / "current").resolve().rglob("*") if path.is_file())
    # Bytes of files, without those of the headers: always before the stream's end.
    front = EngineFront("next", int(share * size) + 400, tmp_path / "front.sock")
    result = act(with_v1, image=V1, force=True, environment={"DOCKER_HOST": front.address})
    front.close()
    assert "too early" in bad(result)
    assert current(with_v1) == release
    assert left(with_v1, client) == []


def test_through_the_sdk(extracted: Path, dest: Path, client: docker.DockerClient) -> None:
    """Where the engine is not behind a local socket."""
    front = EngineFront("next")
    over_tcp = good(act(dest, image=V1, environment={"DOCKER_HOST": front.address}))
    front.close()
    assert over_tcp["tree_digest"] == here(extracted, state="verified")["tree_digest"]
    front = EngineFront("next", 3 << 20)
    told = bad(act(dest, image=V1, force=True, environment={"DOCKER_HOST": front.address}))
    front.close()
    assert "broke off" in told or "too early" in told
    assert current(dest) == over_tcp["release"]
    assert left(dest, client) == []


@pytest.fixture
def container(client: docker.DockerClient) -> Iterator[docker.models.containers.Container]:
    """A container of a project, that only sleeps."""
    labels = {**MADE, "com.docker.compose.project": PROJECT, "com.docker.compose.service": "postiz"}
    found = client.containers.run(V1, ["sleep", "300"], entrypoint="", detach=True, init=True, labels=labels)
    yield found
    with suppress(docker.errors.NotFound):
        found.remove(force=True, v=True)


def test_of_a_container(
    extracted: Path, dest: Path, client: docker.DockerClient, container: docker.models.containers.Container
) -> None:
    of_image = here(extracted, state="verified")
    of_container = good(act(dest / "container", project=PROJECT))
    assert of_container["build_id"] == of_image["build_id"]
    assert of_container["bytes"] == of_image["bytes"]
    assert not good(act(dest / "container", project=PROJECT))["changed"]
    # A build inside of the container is what the container has.
    assert container.exec_run(["sh", "-c", f"printf rebuilt >{PATH}/BUILD_ID"]).exit_code == 0
    rebuilt = good(act(dest / "container", project=PROJECT))
    assert (rebuilt["build_id"], rebuilt["changed"]) == ("rebuilt", True)
    assert left(dest / "container", client) == []


def test_container_gone(dest: Path, client: docker.DockerClient, container: docker.models.containers.Container) -> None:
    driven = Driven({"dest": str(dest), "project": PROJECT}, pause="staged")
    driven.wait_step("staged")
    container.remove(force=True)
    driven.tell()
    assert "removed meanwhile" in driven.result()["error"]
    assert not dest.exists()
    assert left(dest, client) == []


def test_container_gone_mid_stream(
    dest: Path, client: docker.DockerClient, container: docker.models.containers.Container
) -> None:
    driven = Driven({"dest": str(dest), "project": PROJECT}, pause="32 members")
    driven.wait_step("32 members")
    # The engine may hold the removal back until the stream has ended.
    removal = threading.Thread(target=lambda: container.remove(force=True))
    removal.start()
    time.sleep(0.5)
    driven.tell()
    result = driven.result()
    removal.join(30)
    assert left(dest, client) == []
    if "error" in result:
        assert not dest.exists()
    else:
        assert good(verify(dest))["findings"] == []


def test_served_and_found_stale(with_v1: Path, client: docker.DockerClient) -> None:
    dest = with_v1
    v1 = current(dest)
    frontend = Frontend(client, V1, dest / "current", PROJECT)
    try:
        frontend.serves(dest / "releases" / v1)
        assert good(verify(dest, project=PROJECT))["findings"] == []
        assert "[bundle-mounted]" in bad(act(dest, state="absent"))
        v2 = good(act(dest, image=V2))["release"]
        stale = good(verify(dest, project=PROJECT))
        assert [finding["code"] for finding in stale["findings"]] == ["bundle-not-served"]
        assert v1 in stale["findings"][0]["evidence"]
        # The page goes on until the container starts again.
        frontend.serves(dest / "releases" / v1)
        frontend.container.restart(timeout=0)
        frontend.serves(dest / "releases" / v2)
        mixed = verify(dest, project=PROJECT)
        assert "[bundle-image-mismatch]" in bad(mixed)
        assert contract.disagreements("frontend_bundle", mixed.values) == []
        told = good(verify(dest, project=PROJECT, fail_on_mismatch=False))
        assert [finding["code"] for finding in told["findings"]] == ["bundle-image-mismatch"]
        # The container has a bundle mounted, so its image is what is read.
        repaired = good(act(dest, project=PROJECT))
        assert repaired["release"] == v1
        frontend.container.restart(timeout=0)
        frontend.serves(dest / "releases" / v1)
        assert good(verify(dest, project=PROJECT))["findings"] == []
    finally:
        frontend.container.remove(force=True, v=True)
    good(act(dest, check=True, state="absent"))
    assert current(dest) == v1
    assert good(act(dest, state="absent"))["changed"]
    assert not dest.exists()
    assert not good(act(dest, state="absent"))["changed"]


def test_the_older_container_starts_again_before_it_is_recreated(with_v1: Path, client: docker.DockerClient) -> None:
    """After the switch to another image's release, a container of the older image that starts by itself gets its own."""
    mounted = Path(here(with_v1, state="verified")["mount"])
    build = (mounted / "BUILD_ID").read_text().strip()
    frontend = Frontend(client, V1, mounted, PROJECT)
    try:
        frontend.serves(mounted)
        new = here(with_v1, image=V2)
        assert (new["switched"], Path(new["mount"])) == (
            True,
            (with_v1 / "current").resolve().parents[1] / "images" / Path(new["mount"]).name,
        )
        assert new["build_id"] != build
        for start in (lambda: frontend.container.restart(timeout=0), lambda: frontend.container.kill()):
            start()
            frontend.container.reload()
            if frontend.container.status != "running":
                frontend.container.start()
            frontend.serves(mounted)
            assert frontend.container.exec_run(["cat", f"{PATH}/BUILD_ID"]).output.decode().strip() == build
            told = modules.run("frontend_bundle", dest=str(with_v1), project=PROJECT, state="verified")
            assert "bundle-image-mismatch" not in told.codes
        # Stopped, it keeps its release, whatever `keep` says.
        frontend.container.stop(timeout=0)
        for _number in range(2):
            here(with_v1, image=V2, force=True, keep=1)
        assert (mounted / "BUILD_ID").read_text().strip() == build
        back = here(with_v1, image=V1, release="previous")
        assert (back["build_id"], back["extracted"]) == (build, False)
    finally:
        frontend.remove()


def test_damage(with_v1: Path) -> None:
    dest = with_v1
    release = current(dest)
    (dest / "current/cache/fetch").write_text("Next.js' own")
    assert good(verify(dest))["findings"] == []
    (dest / "current/BUILD_ID").chmod(0o600)
    (dest / "current/package.json").write_text('{"type": "commonjs2"}')
    (dest / "current/build-manifest.json").unlink()
    (dest / "current/static/new.js").write_text("new")
    result = verify(dest)
    assert "[bundle-damaged]" in bad(result)
    found = good(verify(dest, fail_on_mismatch=False))
    assert found["missing"] == ["build-manifest.json"]
    assert found["changed_files"] == ["BUILD_ID", "package.json"]
    assert found["extra"] == ["static/new.js"]
    assert not found["changed"]
    assert good(act(dest, image=V1, force=True))["release"] == f"{release}-2"
    assert good(verify(dest))["findings"] == []
    (dest / "releases" / f"{release}-2.files").write_text("")
    assert "own list" in bad(verify(dest))
    (dest / "current").unlink()
    assert "[bundle-missing]" in bad(verify(dest))
    (dest / "current").mkdir()
    assert "no link of this module" in bad(act(dest, image=V1))


@pytest.mark.parametrize("shape", ["folder", "tar", "tar.gz", "tar.xz"])
def test_prebuilt(extracted: Path, dest: Path, tmp_path: Path, shape: str) -> None:
    original = here(extracted, state="verified")
    build = tmp_path / ".next"
    shutil.copytree(extracted / "current", build, symlinks=True)
    (build / "cache/webpack").mkdir()
    (build / "cache/webpack/0.pack").write_bytes(bytes(100_000))
    source = build
    if shape != "folder":
        source = tmp_path / f"next.{shape}"
        fast = {**os.environ, "XZ_OPT": "-0"}
        subprocess.run(["tar", "-C", str(tmp_path), "-caf", str(source), ".next"], check=True, env=fast)
    built = good(act(dest / "built", prebuilt=str(source), image=V1))
    assert built["tree_digest"] == original["tree_digest"]
    assert not good(act(dest / "built", prebuilt=str(source), image=V1))["changed"]
    if shape == "folder":
        assert (
            good(act(dest / "other", check=True, prebuilt=str(source), image=V1))["tree_digest"] == built["tree_digest"]
        )
        (build / "package.json").write_text("{}")
        assert good(act(dest / "built", prebuilt=str(source), image=V1))["extracted"]
        os.mkfifo(build / "fifo")
        assert "[bundle-hostile]" in bad(act(dest / "built", prebuilt=str(source), image=V1))
    elif shape == "tar":
        source.write_bytes(source.read_bytes()[:2_000_000])
        assert "too early" in bad(act(dest / "built", prebuilt=str(source), image=V1))
    elif shape == "tar.gz":
        source.write_bytes(source.read_bytes()[:500_000])
        assert "cannot be read" in bad(act(dest / "built", prebuilt=str(source), image=V1))
    assert [path.name for path in (dest / "built").glob(".staging*")] == []


def test_hostile_bundle(dest: Path, tmp_path: Path) -> None:
    source = tmp_path / "hostile.tar"
    target = tmp_path / "planted"
    with tarfile.open(source, "w") as tar:
        for name, content in (("BUILD_ID", b"build"), ("../../planted", b"x"), (str(target), b"x")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    result = act(dest, prebuilt=str(source))
    assert "[bundle-hostile]" in bad(result)
    assert not dest.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.tar"]


def test_what_is_left_out(dest: Path, client: docker.DockerClient) -> None:
    """A file and a folder, at the top and below, and what is not there."""
    exclude = ["cache", "trace", "server/app", "nowhere/at/all"]
    release = good(act(dest, image=V1, exclude=exclude))
    assert not (dest / "current/trace").exists()
    assert list((dest / "current/server/app").iterdir()) == []
    assert (dest / "current/server/pages").exists()
    whole = good(act(dest, image=V1, exclude=[]))
    assert whole["bytes"] > release["bytes"] + (30 << 20)
    assert left(dest, client) == []


def test_limits(dest: Path) -> None:
    assert "[bundle-too-large]" in bad(act(dest, image=V1, max_bytes=1 << 20))
    assert "[bundle-too-large]" in bad(act(dest, image=V1, max_files=50))
    assert "[bundle-no-space]" in bad(act(dest, image=V1, min_free_bytes=BIG))
    assert not dest.exists()
