"""Temporal behind TLS and an API key, as a hosted one is: the gate, and the boot guard of Postiz."""

from __future__ import annotations

import datetime
import io
import tarfile
from collections.abc import Iterator
from typing import Any

import modules
import pytest
from contract import disagreements
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from docker.models.containers import Container
from labkit.paths import MADE
from labkit.stack import Stack
from labkit.waiting import wait_for
from modules import Result
from shared import PROJECT, VARIABLES

IMAGE = "postiz-lab/postiz:v1"
NAME = "gateway"
ADDRESS = f"{NAME}:7443"
KEY = "planted-api-key-5e1a"
FOLDER = "/srv/gateway"
SETTINGS = f"""
events {{}}
http {{
  server {{
    listen 7443 ssl http2;
    ssl_certificate {FOLDER}/ca.pem;
    ssl_certificate_key {FOLDER}/ca.key;
    location / {{
      if ($http_authorization != "Bearer {KEY}") {{ return 401; }}
      grpc_pass grpc://temporal:7233;
    }}
  }}
}}
"""


@pytest.fixture(scope="module")
def project() -> str:
    return PROJECT


@pytest.fixture(scope="module")
def variables() -> dict[str, object]:
    return VARIABLES


def authority() -> dict[str, bytes]:
    """A certificate for the gateway that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return {
        "ca.pem": certificate.public_bytes(serialization.Encoding.PEM),
        "ca.key": key.private_bytes(serialization.Encoding.PEM, *form),
    }


def put(container: Container, files: dict[str, bytes]) -> None:
    """Files in the container's folder for them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{FOLDER.strip('/')}/{name}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    assert container.put_archive("/", stream.getvalue())


@pytest.fixture(scope="module")
def gateway(stack: Stack) -> Iterator[dict[str, bytes]]:
    """nginx in front of the stack's Temporal; its certificate and the API key are in the client's container as well."""
    files = authority()
    made = stack.client.containers.create(
        IMAGE,
        ["nginx", "-g", "daemon off;", "-c", f"{FOLDER}/nginx.conf"],
        entrypoint=[],
        hostname=NAME,
        labels=MADE,
        network=f"{stack.project}_temporal-network",
        networking_config={
            f"{stack.project}_temporal-network": stack.client.api.create_endpoint_config(aliases=[NAME])
        },
        init=True,
    )
    client = stack.container("temporal-admin-tools")
    try:
        put(made, {**files, "nginx.conf": SETTINGS.encode()})
        made.start()
        put(client, {"ca.pem": files["ca.pem"], "key": KEY.encode(), "wrong": b"another-key"})
        yield files
    finally:
        made.remove(force=True, v=True)
        client.exec_run(["rm", "-rf", FOLDER], user="root")


def ask(stack: Stack, **parameters: Any) -> Result:
    given = {"address": ADDRESS, "tls": True, "tls_ca_path": f"{FOLDER}/ca.pem", "api_key_path": f"{FOLDER}/key"}
    return modules.run(
        "temporal_health", project=stack.project, timeout=0, fail_on_unhealthy=False, **{**given, **parameters}
    )


@pytest.mark.usefixtures("gateway")
def test_the_gate_asks_through_tls_with_the_key(stack: Stack) -> None:
    result = wait_for("the gateway", lambda: (found := ask(stack)).values["verdict"] == "healthy" and found, 20)
    assert result.values["address"] == ADDRESS
    assert result.values["queues"][0]["workflow_pollers"] == 1
    assert KEY not in result.text
    assert disagreements("temporal_health", result.values) == []


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"api_key_path": f"{FOLDER}/wrong"}, "401"),
        ({"tls_ca_path": None}, "certificate"),
    ],
    ids=["key", "authority"],
)
def test_the_gate_says_what_is_refused(stack: Stack, parameters: dict[str, Any], words: str) -> None:
    result = ask(stack, **parameters)
    print(result.values["report"])
    assert result.codes == ["temporal-refused"]
    assert words in result.finding("temporal-refused")["evidence"]
    assert "api_key_path" in result.values["report"].splitlines()[-1]
    assert KEY not in result.text


def guard(stack: Stack, key: str) -> Container:
    """The boot guard's wait, as the container of Postiz runs it."""
    made: Container = stack.client.containers.create(
        IMAGE,
        ["node", "/boot-guard/wait-for-temporal.js"],
        entrypoint=[],
        environment={
            "TEMPORAL_ADDRESS": ADDRESS,
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_TLS": "true",
            "TEMPORAL_API_KEY": key,
            "NODE_EXTRA_CA_CERTS": f"{FOLDER}/ca.pem",
        },
        labels=MADE,
        network=f"{stack.project}_temporal-network",
        volumes={str(stack.folder / "boot-guard"): {"bind": "/boot-guard", "mode": "ro"}},
        init=True,
    )
    return made


@pytest.mark.parametrize(("key", "opens"), [(KEY, True), ("another-key", False)])
def test_the_boot_guard_waits_for_a_temporal_that_takes_its_key(
    stack: Stack, gateway: dict[str, bytes], key: str, opens: bool
) -> None:
    container = guard(stack, key)
    try:
        put(container, {"ca.pem": gateway["ca.pem"]})
        container.start()
        said = wait_for("its word", lambda: container.logs().decode(), 20)
        if opens:
            assert container.wait(timeout=20)["StatusCode"] == 0
            assert f"Temporal at {ADDRESS} serves namespace default" in container.logs().decode()
        else:
            assert f"waiting for Temporal at {ADDRESS}" in said
            container.reload()
            assert container.status == "running"
        assert key not in container.logs().decode()
    finally:
        container.remove(force=True, v=True)
