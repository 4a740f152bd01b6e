"""The machine's client settings, as builders get them."""

from __future__ import annotations

from pathlib import Path

import pytest
from labkit import clientsettings
from labkit.clientsettings import DebianMirror, build_arguments, extra_certificates, parse_debian_mirror, proxies

DEB822 = """\
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
"""
ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] https://mirror.example/debian/ bookworm main
deb https://vendor.example/apt stable main
"""


@pytest.mark.parametrize(
    ("text", "mirror"),
    [
        (DEB822, DebianMirror("http://mirror.example/debian", "http://mirror.example/debian-security")),
        (ONE_LINE, DebianMirror("https://mirror.example/debian/", None)),
        ("deb https://vendor.example/apt stable main\n", DebianMirror(None, None)),
        ("", DebianMirror(None, None)),
    ],
)
def test_debian_mirror(text: str, mirror: DebianMirror) -> None:
    assert parse_debian_mirror(text) == mirror


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> str:
    for name in clientsettings.PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    return "http://proxy.example:3128"


def test_proxies_come_in_both_spellings(proxy: str) -> None:
    assert proxies() == {"HTTPS_PROXY": proxy, "https_proxy": proxy}


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("http://proxy.example:3128", "proxy.example", 3128), ("proxy.example:8080", "proxy.example", 8080)],
)
def test_maven_gets_the_proxy_as_properties(
    monkeypatch: pytest.MonkeyPatch, address: str, host: str, port: int
) -> None:
    monkeypatch.setattr(clientsettings, "proxies", lambda: {"HTTPS_PROXY": address})
    assert f"-Dhttps.proxyHost={host} -Dhttps.proxyPort={port}" in clientsettings.java_proxy()


def test_maven_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clientsettings, "proxies", dict)
    assert clientsettings.java_proxy() == ""


def test_only_declared_settings_become_build_arguments(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("GOPROXY", "https://go.example")
    assert build_arguments("FROM x\nARG PIP_INDEX_URL\nARG RELEASE=v1\n") == {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "PIP_INDEX_URL": "https://index.example/simple",
    }


def test_certificates_of_the_administrator_and_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "anchors"
    (folder / "team").mkdir(parents=True)
    for name in ("b.crt", "team/a.pem", "README"):
        (folder / name).write_text(name)
    bundle = tmp_path / "company.pem"
    bundle.write_text("bundle")
    monkeypatch.setattr(clientsettings, "CA_FOLDERS", (folder, tmp_path / "missing"))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert extra_certificates() == [folder / "b.crt", folder / "team/a.pem", bundle]
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    assert extra_certificates() == [folder / "b.crt", folder / "team/a.pem"]
