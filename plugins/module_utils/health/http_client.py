# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that asks an endpoint, through Ansible's own client: proxies, certificates and authorities as in `uri`."""

from __future__ import annotations

import socket
from typing import Mapping
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import ConnectionError as UrlsError
from ansible.module_utils.urls import open_url
from ansible_collections.selfhost.postiz.plugins.module_utils.health.endpoints import Answer
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Http

MAX_BODY_BYTES = 1 << 20


def ask(endpoint: Http) -> Answer:
    """One GET, redirects not followed."""
    try:
        response = open_url(
            endpoint.url,
            headers={"Host": endpoint.host} if endpoint.host else None,
            validate_certs=endpoint.validate_certs,
            timeout=endpoint.timeout_seconds,
            follow_redirects="none",
            http_agent="selfhost.postiz",
        )
    except HTTPError as answer:
        return _answer(answer.code, answer.read(MAX_BODY_BYTES), dict(answer.headers))
    except (URLError, UrlsError, OSError, ValueError) as problem:
        reason = getattr(problem, "reason", problem)
        timed_out = isinstance(reason, (socket.timeout, TimeoutError))
        return Answer(0, "", {}, str(reason) or type(reason).__name__, timed_out)
    try:
        return _answer(response.getcode(), response.read(MAX_BODY_BYTES), dict(response.headers))
    except OSError as problem:
        return Answer(0, "", {}, f"the answer broke off: {problem}")


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    return Answer(status, body.decode("utf-8", "replace"), {name.lower(): value for name, value in headers.items()})
