# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that asks an endpoint, through Ansible's own client: proxies, certificates and authorities as in `uri`."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from typing import Mapping
from urllib.error import HTTPError

from ansible.module_utils.urls import SSLValidationError, open_url
from ansible_collections.selfhost.postiz.plugins.module_utils.health.endpoints import Answer
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Http

MAX_BODY_BYTES = 1 << 20
_TIMED_OUT = Answer(0, "", {}, failure="http-timeout")


def ask(endpoint: Http) -> Answer:
    """One GET, redirects not followed, the whole of it within the endpoint's time."""
    answers: queue.Queue[Answer] = queue.Queue()
    # The client's own time limit is one of each read: an answer that drips would never end.
    threading.Thread(target=lambda: answers.put(_ask(endpoint)), daemon=True).start()
    try:
        return answers.get(timeout=endpoint.timeout_seconds)
    except queue.Empty:
        return _TIMED_OUT


def _ask(endpoint: Http) -> Answer:
    try:
        response = open_url(
            endpoint.url,
            headers={"Host": endpoint.host} if endpoint.host else None,
            validate_certs=endpoint.validate_certs,
            timeout=endpoint.timeout_seconds,
            follow_redirects="none",
            http_agent="selfhost.postiz",
            # A published port is on this host; a proxy of the environment would look for it on its own.
            use_proxy=not endpoint.service,
        )
        return _answer(response.getcode(), response.read(MAX_BODY_BYTES), dict(response.headers))
    except HTTPError as answer:
        return _answered_badly(answer)
    except Exception as problem:  # a stranger at the port may break the client in any way
        return _failed(problem)


def _answered_badly(answer: HTTPError) -> Answer:
    try:
        return _answer(answer.code, answer.read(MAX_BODY_BYTES), dict(answer.headers))
    except Exception as problem:  # see above
        return _failed(problem)


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    return Answer(status, body.decode("utf-8", "replace"), {name.lower(): value for name, value in headers.items()})


def _failed(problem: Exception) -> Answer:
    reason = getattr(problem, "reason", problem)
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return _TIMED_OUT
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    tls = isinstance(reason, (ssl.SSLError, SSLValidationError))
    return Answer(0, "", {}, text.rstrip("."), "http-tls" if tls else "http-refused")
