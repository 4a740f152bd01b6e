# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endpoints that must answer: where they are, and what is wrong with an answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Http, Snapshot

BAD_GATEWAY = (502, 503, 504)
_SHOWN = 120
_NOT_ANSWERED: Mapping[str, str] = {
    "http-refused": "cannot be reached{0} ({1})",
    "http-timeout": "does not answer{0} within {2.timeout_seconds:g} s",
    "http-tls": "answers{0} with a certificate or a protocol that cannot be trusted ({1})",
}


@dataclass(frozen=True)
class Answer:
    """`status` is 0 when nothing answered; then `failure` is the code of the finding, and `problem` says why."""

    status: int
    body: str
    headers: Mapping[str, str]
    problem: str = ""
    failure: str = "http-refused"


def resolve(endpoint: Http, snapshot: Snapshot) -> Tuple[Http, Optional[Trouble]]:
    """With the URL of a service's published port filled in, or why there is none."""
    if endpoint.url:
        return endpoint, None
    wanted = f"->{endpoint.port}" if endpoint.port else "->"
    for container in snapshot.containers:
        if container.service == endpoint.service:
            for port in container.ports:
                if wanted in port and (not endpoint.port or port.endswith(wanted)):
                    address, _separator, number = port.partition("->")[0].rpartition(":")
                    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}.get(address, address)
                    return replace(endpoint, url=f"{endpoint.scheme}://{host}:{number}{endpoint.path}"), None
    port_text = f"port {endpoint.port}" if endpoint.port else "a port"
    state = f"does not publish {port_text} at the moment"
    return endpoint, Trouble("http-refused", endpoint.service, "", state)


def judge(endpoint: Http, answer: Answer) -> Optional[Trouble]:
    """What is wrong with an answer, or None."""
    component = endpoint.service or endpoint.url
    where = f"answers {endpoint.url} with" if endpoint.service else "answers with"

    def trouble(code: str, state: str) -> Trouble:
        return Trouble(code, component, "", state)

    if answer.status == 0:
        target = f" at {endpoint.url}" if endpoint.service else ""
        return trouble(answer.failure, _NOT_ANSWERED[answer.failure].format(target, answer.problem, endpoint))
    if answer.status not in endpoint.status:
        if answer.status in BAD_GATEWAY:
            state = f"{where} {answer.status}: the proxy is up, and nothing listens behind it"
            return trouble("http-502", state)
        wanted = " or ".join(str(status) for status in endpoint.status)
        return trouble("http-status", f"{where} {answer.status}, and shall with {wanted}")
    if endpoint.body and endpoint.body not in answer.body:
        shown = " ".join(answer.body.split())[:_SHOWN]
        return trouble("http-body", f"{where} {answer.status} and the text {shown!r}, without {endpoint.body!r}")
    for name, wanted in endpoint.headers.items():
        value = answer.headers.get(name.lower())
        if value is None or wanted not in value:
            seen = "is missing" if value is None else f"is {value!r}"
            return trouble(
                "http-header", f"{where} {answer.status}; the header {name} {seen}, and shall have {wanted!r}"
            )
    return None
