# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take tokens out of texts that others wrote. What looks like one goes, even if it is none."""

from __future__ import annotations

import re

from ansible_collections.selfhost.postiz.plugins.module_utils.redact import PLACEHOLDER, Redactor

_NAMES = (
    r"(?P<name>(?:access|refresh|page|user|id)?_?-?token|client_secret|client_key|appsecret_proof|secret|password|passwd"
    r"|authorization|api_?key|cookie|session_?id|signature)"
)
# A part of each name: most texts have none of them, and need no slow look.
_PARTS = ("token", "secret", "client", "passw", "authorization", "api", "cookie", "session", "signature")
_VALUE = r"(?:bearer\s+)?[^\s\\\"'&,;}\])]+"
_ASSIGNED = re.compile(_NAMES + r"(?P<between>\s*=\s*[\\\"']*|[\\\"']+\s*[=:]\s*[\\\"']*)" + _VALUE, re.IGNORECASE)
# "access token: Session has expired" is prose; a value has a digit.
_SAID = re.compile(_NAMES + r"(?P<between>\s*:\s*)(?=\S{0,200}\d)" + _VALUE, re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[^\s\\\"',;]+", re.IGNORECASE)
# Prefixes of Meta (EAA, IGQ, IGA, THQ, THA), TikTok (act., rft., clt.), Postiz (pos_) and of signed JSON (eyJ).
_PREFIXED = re.compile(r"\b(?:EAA|IGQ|IGA|THQ|THA|act\.|rft\.|clt\.|pos_|eyJ)[\w!.*=-]{6,}")
# A digit is asked for: TikTok's longest error code has 50 letters and none.
_LONG = re.compile(r"(?<![\w+/=.!-])(?=[\w+/=.!-]*\d)[\w+/=.!-]{32,}")
_QUERY = re.compile(r"(?P<url>https?://[^\s?\\\"'<>]{1,2000})\?[^\s\\\"'<>]+", re.IGNORECASE)
_URL_PASSWORDS = Redactor()


def scrub(text: str) -> str:
    """The text without tokens, query strings of URLs and passwords in URLs."""
    text = _QUERY.sub(lambda match: f"{match.group('url')}?{PLACEHOLDER}", text)
    text = _BEARER.sub(lambda match: f"{match.group(1)} {PLACEHOLDER}", text)
    lower = text.lower()
    for pattern in (_ASSIGNED, _SAID) if any(part in lower for part in _PARTS) else ():
        text = pattern.sub(lambda match: f"{match.group('name')}{match.group('between')}{PLACEHOLDER}", text)
    text = _PREFIXED.sub(PLACEHOLDER, text)
    return _URL_PASSWORDS.text(_LONG.sub(PLACEHOLDER, text))
