"""Values of a build's environment stay out of its log and of what is told; its limits hold without anybody who watches."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import building, room
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.build_parameters import (
    ARGUMENT_SPEC,
    START_ENVIRONMENT,
    BuildRequest,
    parse,
    secret_inputs,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput

PATCH = {"path": "a.js", "content": "x", "upstream": {"a.js": "absent"}}
DEFAULTS = {name: entry.get("default") for name, entry in ARGUMENT_SPEC.items()}


def wanted(**given: Any) -> BuildRequest:
    return parse({**DEFAULTS, "dest": "/opt/next", "project": "postiz", "patches": [PATCH], **given}, False)


def test_values_are_secrets_and_the_documented_ones_are_not() -> None:
    given = {"environment": json.dumps({"TOKEN": "planted-1", "ON": True}), "start_environment": None}
    assert "planted-1" in secret_inputs(given)
    assert not set(START_ENVIRONMENT.values()) & set(secret_inputs(given))
    assert "planted-1" in secret_inputs({**given, "environment": "planted-1"})
    assert "planted-1" not in repr(wanted(**given))
    assert wanted(**given).environment == {"TOKEN": "planted-1", "ON": "true"}
    with pytest.raises(BadInput, match="environment is not a dictionary"):
        wanted(environment="[1]")


@pytest.mark.parametrize("size", [1, 2, 5, 7, 100])
def test_no_part_of_the_log_has_them(size: int) -> None:
    heard: list[bytes] = []
    tell = wanted(environment={"TOKEN": "planted-1"}).censored(heard.append)
    said = b"using planted-1 and plan B, planted-1\ndone\n"
    for start in range(0, len(said), size):
        tell(said[start : start + size])
    assert b"".join(heard) == b"using ******** and plan B, ********\ndone\n"


def test_the_stacks_own_network_is_refused() -> None:
    with pytest.raises(BadInput, match="stack's own network"):
        wanted(network="postiz_postiz-network")


def test_a_build_that_nobody_watches_ends() -> None:
    assert "timeout -k 30 3660" in building.script(wanted(), [])
    text = building.bounded("exit 3", 1.0)
    assert subprocess.run(["sh", "-c", text], check=False).returncode == 3
    ended = subprocess.run(["sh", "-c", text.replace("-k 30 61", "-k 1 0.2").replace("exit 3", "sleep 9")], check=False)
    assert ended.returncode == 124


@pytest.mark.parametrize(
    ("limit", "extracted", "warned"), [(1, True, 0), (4096, True, 1), (0, True, 1), (4096, False, 0)]
)
def test_memory_that_the_host_has_not(tmp_path: Path, limit: int, extracted: bool, warned: int) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:       2 kB\n")
    outcome = room.with_warning(limit, lambda: Outcome(True, {"extracted": extracted}), str(tmp_path / "meminfo"))
    assert len(outcome.warnings) == warned
    assert room.available_bytes(str(tmp_path / "none")) is None
