"""What the container gate refuses before it looks at anything."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Expectation
from ansible_collections.selfhost.postiz.plugins.module_utils.health.parameters import ARGUMENT_SPEC, HTTP_SPEC, parse


def params(**more: Any) -> dict[str, Any]:
    """As the argument spec hands them over."""
    return {**{name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()}, "project": "x", **more}


def http(**more: Any) -> dict[str, Any]:
    """With one endpoint."""
    defaults = {name: spec.get("default") for name, spec in HTTP_SPEC.items()}
    return params(http=[{**defaults, "service": "web", **more}])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (params(timeout=-1.0), "timeout is -1"),
        (params(timeout=float("nan")), "timeout is nan"),
        (params(timeout=float("inf")), "timeout is inf"),
        (params(stable_for=-0.5), "stable_for is -0.5"),
        (params(restart_window=1e9), "restart_window is 1e"),
        (params(restarts_allowed=-1), "restarts_allowed is -1"),
        (params(log_lines=-1), "log_lines is -1"),
        (params(project=" "), "project is empty"),
        (params(services={"web": "alive"}), "'alive', which is none of: healthy, running"),
        (params(services={"web": True}), "True, which is none of"),
        (params(services={"web": None}), "None, which is none of"),
        (http(timeout=0.0), "lets nothing answer"),
        (http(timeout=float("nan")), "lets nothing answer"),
        (http(status=[20]), "20 is no status"),
        (http(port=70000), "70000 is no port"),
        (http(service=None, url="stack.example.org/api"), "is no URL"),
        (http(service=None, url="ftp://stack.example.org"), "is no URL"),
        (http(service=None, url="http://stack.example.org:port/"), "is no URL"),
        (http(service=None, url="http://[::1"), "is no URL"),
        (http(service=None, url="http://stack.example.org/", path="/api/"), "path goes with service"),
        ({**http(), "services": {"web": "absent"}}, "expected to be absent by services, and to answer by http"),
    ],
)
def test_input_that_cannot_be_meant(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(given)
    assert words in refused.value.message
    assert refused.value.remedy


def test_what_is_understood() -> None:
    found = parse({**http(path="api/", status=[], headers={"X": 1}), "services": {"web": "running"}, "timeout": 0.0})
    assert found.expectations == {"web": Expectation.RUNNING}
    (endpoint,) = found.http
    assert (endpoint.path, endpoint.status, dict(endpoint.headers)) == ("/api/", (200,), {"X": "1"})
