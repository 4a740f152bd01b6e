"""The machine's own package-client settings, for builder containers.

People behind a company proxy have mirrors, proxies and private certificate authorities configured
on their machine. Builders run with the same settings; only the Debian mirror and the certificate
authorities become part of the lab's images, which never leave the machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")
PASSED_VARIABLES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT",
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOPRIVATE",
    "GOINSECURE",
)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SYSTEM_BUNDLES = (Path(BUNDLE), Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"))
BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
)
CLIENT_FILES = (
    ("/etc/pip.conf", "/etc/pip.conf"),
    ("~/.config/pip/pip.conf", "/root/.config/pip/pip.conf"),
    ("~/.pip/pip.conf", "/root/.pip/pip.conf"),
    ("~/.npmrc", "/root/.npmrc"),
    ("~/.config/go/env", "/root/.config/go/env"),
    ("~/.m2/settings.xml", "/root/.m2/settings.xml"),
)
CA_FOLDERS = (Path("/usr/local/share/ca-certificates"), Path("/etc/pki/ca-trust/source/anchors"))


@dataclass(frozen=True)
class DebianMirror:
    """Mirror addresses of the main and the security archive; None: the tools' own defaults."""

    main: str | None
    security: str | None


def proxies() -> dict[str, str]:
    """Proxy variables of this process, in both spellings, as the clients want them."""
    found: dict[str, str] = {}
    for name in PROXY_VARIABLES:
        value = os.environ.get(name) or os.environ.get(name.lower())
        if value:
            found[name] = value
            found[name.lower()] = value
    return found


def java_proxy() -> str:
    """The proxy as Java's system properties: Maven reads no proxy variables."""
    address = proxies().get("HTTPS_PROXY") or proxies().get("HTTP_PROXY")
    parts = urlsplit(address if address and "://" in address else f"//{address or ''}")
    if not parts.hostname:
        return ""
    port = parts.port or 80
    return " ".join(f"-D{kind}.proxyHost={parts.hostname} -D{kind}.proxyPort={port}" for kind in ("http", "https"))


def builder_environment() -> dict[str, str]:
    """Environment of a builder container."""
    passed = {name: os.environ[name] for name in PASSED_VARIABLES if os.environ.get(name)}
    caches = {"PIP_CACHE_DIR": "/cache/pip", "npm_config_cache": "/cache/npm"}
    return {
        **proxies(),
        **passed,
        **caches,
        **dict.fromkeys(BUNDLE_VARIABLES, BUNDLE),
        "MAVEN_OPTS": os.environ.get("MAVEN_OPTS") or java_proxy(),
    }


def build_arguments(dockerfile: str) -> dict[str, str]:
    """Build arguments: the proxies (known to every build) and what the Dockerfile declares of the other settings."""
    declared = set(re.findall(r"^ARG\s+(\w+)", dockerfile, re.MULTILINE))
    return {**proxies(), **{name: value for name, value in builder_environment().items() if name in declared}}


def builder_mounts() -> dict[str, dict[str, str]]:
    """Client configuration files that exist here, as read-only bind mounts of the docker SDK."""
    mounts: dict[str, dict[str, str]] = {}
    for source, target in CLIENT_FILES:
        path = Path(source).expanduser()
        if path.is_file():
            mounts[str(path)] = {"bind": target, "mode": "ro"}
    return mounts


def extra_certificates() -> list[Path]:
    """Certificate authorities that this machine's administrator added, and the user's own bundle."""
    found = [path for folder in CA_FOLDERS for kind in ("*.crt", "*.pem") for path in sorted(folder.rglob(kind))]
    given = Path(os.environ.get("SSL_CERT_FILE") or BUNDLE)
    if given.is_file() and given.resolve() not in SYSTEM_BUNDLES:
        found.append(given)
    return found


def apt_settings() -> list[str]:
    """What the host's apt was told about proxies, certificates and dates."""
    if not shutil.which("apt-config"):
        return []
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    wanted = re.compile(r"^Acquire::https?::(?:Proxy|Verify)|^Acquire::Check-(?:Valid-Until|Date)\b", re.IGNORECASE)
    return [line for line in dump.stdout.splitlines() if wanted.match(line)]


def parse_debian_mirror(sources: str) -> DebianMirror:
    """Mirror of Debian's archives out of the text of apt's sources (one-line and deb822 style)."""
    addresses = re.findall(r"(?:^deb\s+(?:\[[^\]]*\]\s+)?|^URIs:\s*)(\S+)", sources, re.MULTILINE)
    main = next((a for a in addresses if re.search(r"/debian/?$", a)), None)
    security = next((a for a in addresses if re.search(r"/debian-security/?$", a)), None)
    return DebianMirror(main, security)


def debian_mirror() -> DebianMirror:
    """The Debian mirror of this machine (or of LAB_DEBIAN_MIRROR)."""
    given = os.environ.get("LAB_DEBIAN_MIRROR")
    if given:
        return DebianMirror(given, None)
    folder = Path("/etc/apt/sources.list.d")
    files = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]
    return parse_debian_mirror("\n".join(f.read_text(errors="replace") for f in files if f.is_file()))
