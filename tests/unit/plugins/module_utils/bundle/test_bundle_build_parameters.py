"""Parameters of a build, the script that its container runs, and what a page's answer means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import build, building, manifest, prove
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.build_parameters import (
    ARGUMENT_SPEC,
    BuildRequest,
    parse,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import Bridge, Tree
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    ContainerDetail,
    ExecResult,
    ImageConfig,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, Refused
from fake_engine import FakeEngine

PATCH = {"path": "a.js", "content": "x", "upstream": {"a.js": "absent"}}
PAGE = "http://127.0.0.1:4200/auth/login"


def wanted(**given: Any) -> BuildRequest:
    defaults = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}
    return parse({**defaults, "dest": "/opt/next", "image": "postiz:1", "patches": [PATCH], **given}, False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"memory": -1}, "memory is -1"),
        ({"cpus": -0.5}, "cpus is -0.5"),
        ({"timeout": 0.0}, "timeout is 0"),
        ({"start_timeout": -1.0}, "start_timeout is -1"),
        ({"patches": []}, "no patches"),
        ({"image": None}, "what to build"),
        ({"root": "app"}, "root is"),
        ({"network": "host"}, "could reach"),
        ({"network": "container:postiz"}, "could reach"),
        ({"bridge": -1}, "bridge is -1"),
    ],
)
def test_parameters_that_cannot_be_used(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        wanted(**given)


def test_what_the_container_runs() -> None:
    text = building.script(wanted(command="make 'it'", environment={"A": True, "B": 1}), ["a b.js"])
    assert "rm -rf -- /app/apps/frontend/.next/BUILD_ID '/app/a b.js'" in text
    assert "rm -rf -- /app/apps/frontend/.next/cache; mkdir -p -- /app/apps/frontend/.next/cache" in text
    assert "sh -c 'make '\"'\"'it'\"'\"''" in text
    assert wanted(environment={"A": True, "B": 1}).environment == {"A": "true", "B": "1"}


class Told(FakeEngine):
    """A container that is in these states, and whose page answers so, one after the other; the last ones stay."""

    def __init__(self, states: list[str], answers: list[dict[str, Any]]) -> None:
        self._states = states
        self._answers = answers

    def detail(self, identifier: str) -> ContainerDetail:  # noqa: ARG002
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return ContainerDetail({}, "", "", 0, 0, False, "", "", "", state=state)

    def execute(self, identifier: str, argv: Any, timeout_seconds: float, max_bytes: int = 0) -> ExecResult:  # noqa: ARG002
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return ExecResult(0, json.dumps(answer).encode(), b"")


class Passing(Clock):
    """Time passes only while somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def answer(status: int, missing: tuple[tuple[str, int], ...] = ()) -> dict[str, Any]:
    return {"status": status, "chunks": 4, "missing": missing}


REFUSED = {"problem": "ECONNREFUSED"}


@pytest.mark.parametrize(
    ("states", "answers", "words", "seconds"),
    [
        (["running"], [REFUSED, REFUSED, answer(200)], "", 0.6),
        (["running"], [REFUSED], "does not answer (ECONNREFUSED)", 10.2),
        (["running"], [answer(500)], "answers 500", 2.0),
        (["running"], [answer(500), answer(200)], "", 1.0),
        (
            ["running"],
            [answer(200, (("/_next/a.js", 404),))],
            "1 of 4 chunks that are not served, such as /_next/a.js",
            2.0,
        ),
        (["running"], [{**answer(200), "chunks": 0}], "loads no chunk", 2.0),
        (["running", "exited"], [REFUSED], "ended", 0.3),
        (["restarting", "running"], [answer(200)], "", 0.3),
        (["running"], [{"other": 1}], "nobody could ask it", 10.2),
    ],
)
def test_a_page_is_waited_for(states: list[str], answers: list[dict[str, Any]], words: str, seconds: float) -> None:
    clock = Passing()
    found = prove.wait(Told(states, answers), "1", PAGE, 10.0, clock)  # type: ignore[arg-type]
    text = "ended" if found is None else "" if found.good else found.text(PAGE)
    assert words in text
    assert bool(words) == bool(text)
    assert clock.time == pytest.approx(seconds)


class Imaged(FakeEngine):
    """The image is there, and nothing runs."""

    def image(self, name: str) -> ImageConfig:  # noqa: ARG002
        return ImageConfig("sha256:1111", (), (), ())

    def containers(self) -> tuple[Container, ...]:
        return ()


@pytest.mark.parametrize(("digest", "fits"), [("1" * 64, True), ("2" * 64, False)])
def test_checksums_are_judged_also_where_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest: str, fits: bool
) -> None:
    """The same patch with another checksum: what it was made for is no longer what is in the image."""
    patch = {**PATCH, "upstream": {"a.js": digest}}
    asked = wanted(dest=str(tmp_path / "next"), patches=[patch])
    engine = Imaged()
    located = build._located(engine, asked)  # type: ignore[arg-type]
    store = Store(asked.bundle.dest)
    stage = store.stage()
    Path(store.staged_tree(stage)).mkdir()
    made, text = manifest.make(
        Tree((), "b"), located.image, located.origin, "2026-01-01T00:00:00.000Z", {"a.js": "1" * 64}
    )
    release = store.commit(stage, made, text)
    store.clean()
    store.switch(release.name)
    store.records.write_bridge(release.name, Bridge())
    monkeypatch.setattr(build.building, "sources", lambda *_given: pytest.fail("the sources are read"))
    if fits:
        told = build.run(engine, asked, Passing(), lambda _step: None)  # type: ignore[arg-type]
        assert (told.changed, told.payload["sources"]) == (False, [{"path": "a.js", "sha256": digest}])
    else:
        with pytest.raises(Refused, match="the patch was made for"):
            build.run(engine, asked, Passing(), lambda _step: None)  # type: ignore[arg-type]
