"""Judgement of what the user wrote."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import rules


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@pytest.mark.parametrize("name", ["postiz", "a", "postiz-2", "0_x"])
def test_project_names_that_compose_takes(name: str) -> None:
    assert codes(rules.project_name(name)) == []


@pytest.mark.parametrize("name", ["", "Postiz", "-postiz", "post iz", "postiz.example", "pöstiz", "postiz\n"])
def test_project_names_that_compose_refuses(name: str) -> None:
    assert codes(rules.project_name(name)) == ["project-name-invalid"]


@pytest.mark.parametrize(
    "url", ["https://postiz.example.org", "http://localhost:4007", "https://h/sub", "http://[::1]:80"]
)
def test_urls_that_work(url: str) -> None:
    assert codes(rules.url(url)) == []


@pytest.mark.parametrize(
    "url",
    [
        "postiz.example.org",
        "ftp://postiz.example.org",
        "https://",
        "https://postiz.example.org/",
        "https://post iz.example.org",
        "https://user:hunter2@postiz.example.org",
        "https://postiz.example.org?x=1",
        "https://postiz.example.org:99999",
        "https://postiz.example.org:0",
        "https://-x.example.org",
    ],
)
def test_urls_that_do_not(url: str) -> None:
    assert codes(rules.url(url)) == ["url-malformed"]


def test_environment_shows_names_and_never_values() -> None:
    findings = list(
        rules.environment({"1X": "hunter2", "JWT_SECRET": "hunter2", "OK": "hunter2", "LINES": "hunter2\nx"})
    )
    assert [finding.code for finding in findings] == ["environment-invalid"] * 3
    assert "hunter2" not in repr(findings)


@pytest.mark.parametrize("text", ["", "{}", "a.b:\n  - value: 1\n    constraints: {}\n"])
def test_dynamic_configuration_that_temporal_reads(text: str) -> None:
    assert codes(rules.dynamic_config(text, "here")) == []


@pytest.mark.parametrize("text", ["a: [", "- a", "a: 1", "a: [1]", "a: [{constraints: {}}]", "\tx: y"])
def test_dynamic_configuration_that_temporal_refuses(text: str) -> None:
    assert codes(rules.dynamic_config(text, "here")) == ["dynamic-config-invalid"]


def test_a_missing_dynamic_configuration_names_its_file() -> None:
    (finding,) = rules.dynamic_config(None, "files/own.yaml")
    assert (finding.code, finding.component) == ("dynamic-config-missing", "files/own.yaml")
