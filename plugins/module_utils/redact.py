# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep secrets out of everything that a module returns."""

from __future__ import annotations

import re
from typing import Any, FrozenSet, Iterable, Mapping
from urllib.parse import quote

PLACEHOLDER = "********"

# Shorter values would censor ordinary words and numbers; a secret of that length protects nothing anyway.
MIN_SECRET_LENGTH = 6

# PWD is Temporal's spelling (POSTGRES_PWD); DATABASE_URL carries a password.
_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|PWD|SECRET|TOKEN|PASSPHRASE|API_?KEY|_KEY$|PRIVATE|CREDENTIAL|DATABASE_URL|REDIS_URL|DSN",
    re.IGNORECASE,
)
# The scheme is bounded, or a long word without any would take time by its square.
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]{0,30}://[^\s:/@]*:)(?P<password>[^\s@/]+)(?=@)", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether an environment variable of this name is treated as a secret."""
    return bool(_SECRET_NAME.search(name))


def secret_values(environment: Mapping[str, str]) -> FrozenSet[str]:
    """The values that stand under secret-looking names, and not under an open one as well (upstream: user = password)."""
    shown = {value for name, value in environment.items() if not is_secret_name(name)}
    return frozenset(value for name, value in environment.items() if is_secret_name(name) and value not in shown | {""})


class Redactor:
    """Replaces known secret values, and passwords inside URLs, by a placeholder."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH}
        known |= {quote(secret, safe="") for secret in known}
        # Longest first: one secret may contain another.
        self._known = sorted(known, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known:
            text = text.replace(secret, PLACEHOLDER)
        if "://" not in text:
            return text
        return _URL_PASSWORD.sub(lambda match: match.group("head") + PLACEHOLDER, text)

    def value(self, value: Any) -> Any:
        """The same for nested lists and dictionaries; other types pass unchanged."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value
