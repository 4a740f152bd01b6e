# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which secret a stack gets: the one given, the one kept, or a new one; never one that the data does not fit. Pure."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Dict, Mapping, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, error


@dataclass(frozen=True)
class SecretKind:
    """A secret and the places where it is known. `volume` holds the data that depends on it."""

    option: str
    env_file_name: str
    service: str
    container_name: str
    volume: str
    user: str = ""
    database: str = ""


POSTGRES_PASSWORD = SecretKind(
    option="postgres_password",
    env_file_name="STACK_POSTGRES_PASSWORD",
    service="postiz-postgres",
    container_name="POSTGRES_PASSWORD",
    volume="postgres-volume",
    user="postiz-user",
    database="postiz-db-local",
)
TEMPORAL_POSTGRES_PASSWORD = SecretKind(
    option="temporal_postgres_password",
    env_file_name="STACK_TEMPORAL_POSTGRES_PASSWORD",
    service="temporal-postgresql",
    container_name="POSTGRES_PASSWORD",
    volume="temporal-postgres-data",
    user="temporal",
    database="temporal",
)
JWT_SECRET = SecretKind(
    option="jwt_secret",
    env_file_name="STACK_JWT_SECRET",
    service="postiz",
    container_name="JWT_SECRET",
    volume="postgres-volume",
)
KINDS: Tuple[SecretKind, ...] = (POSTGRES_PASSWORD, TEMPORAL_POSTGRES_PASSWORD, JWT_SECRET)


@lru_cache(maxsize=32)
def _digest(secret: str, salt: str) -> str:
    """Asked several times for each secret, and slow on purpose."""
    return hashlib.scrypt(secret.encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1, dklen=32).hex()


@dataclass(frozen=True)
class Fingerprint:
    """Recognises a secret without containing it; both fields are hexadecimal."""

    salt: str
    digest: str

    @classmethod
    def of(cls, secret: str, salt: Optional[str] = None) -> Fingerprint:
        """A fingerprint with a new salt, unless one is given. scrypt with 4 MiB of memory takes about 10 ms."""
        chosen = salt or secrets.token_hex(16)
        return cls(chosen, _digest(secret, chosen))

    def matches(self, secret: str) -> bool:
        """Whether it was made from this secret."""
        return hmac.compare_digest(self.digest, Fingerprint.of(secret, self.salt).digest)


@dataclass(frozen=True)
class SecretEvidence:
    """What is known about one secret.

    `given` by the user, `kept` in .env, `running` in the container's environment; `accepted` says whether the running
    database takes the candidate as its password (None: not asked); `data_exists` whether its volume exists.
    """

    kind: SecretKind
    data_exists: bool
    given: Optional[str] = field(default=None, repr=False)
    kept: Optional[str] = field(default=None, repr=False)
    running: Optional[str] = field(default=None, repr=False)
    fingerprint: Optional[Fingerprint] = None
    accepted: Optional[bool] = None

    @property
    def candidate(self) -> Optional[str]:
        """The secret that would be used."""
        return self.given or self.kept or self.running

    @property
    def recorded(self) -> bool:
        """The candidate is the one that an earlier run recorded."""
        candidate = self.candidate
        return candidate is not None and self.fingerprint is not None and self.fingerprint.matches(candidate)

    @property
    def settled(self) -> bool:
        """Recorded, and already in .env: nothing else needs to be looked at."""
        return self.candidate == self.kept and self.recorded


def judge(evidence: SecretEvidence, accept_new_jwt_secret: bool) -> Optional[Finding]:
    """Why this secret must not be used, or None."""
    if not evidence.data_exists or evidence.settled:
        return None
    candidate = evidence.candidate
    if candidate is None:
        return _unknown(evidence.kind)
    if _fits(evidence, candidate):
        return None
    if evidence.kind is JWT_SECRET:
        return None if accept_new_jwt_secret else _jwt_changed()
    return _password_mismatch(evidence.kind)


def _fits(evidence: SecretEvidence, candidate: str) -> bool:
    """The running database knows best, then the record of an earlier run, then what the stack runs with."""
    if evidence.accepted is not None:
        return evidence.accepted
    if evidence.fingerprint is not None:
        return evidence.recorded
    known = evidence.kept or evidence.running
    return known is None or known == candidate


def _unknown(kind: SecretKind) -> Finding:
    return error(
        "secret-unknown",
        f"stack_{kind.option}",
        f"The volume {kind.volume} holds data, and the secret that belongs to it is neither in .env nor in a container.",
        f"give it as stack_{kind.option} (from your vault, or from a backup of .env); a new one would lock the data out.",
    )


def _password_mismatch(kind: SecretKind) -> Finding:
    return error(
        "database-password-mismatch",
        f"stack_{kind.option}",
        f"The existing volume {kind.volume} was made with another password, and PostgreSQL takes the variable only when "
        "it creates the data.",
        f"remove stack_{kind.option} (or restore .env) to keep the password in use; or, to change it, run "
        f"ALTER USER \"{kind.user}\" PASSWORD '…' in the service {kind.service}, and this role while that service runs.",
    )


def _jwt_changed() -> Finding:
    return error(
        "jwt-secret-changed",
        "stack_jwt_secret",
        "JWT_SECRET differs from the one in use; it encrypts the credentials of every stored channel.",
        "remove stack_jwt_secret (or restore .env) to keep the one in use; or set stack_accept_new_jwt_secret: true, "
        "then every user signs in anew and every channel must be connected again.",
    )


def choose(evidence: SecretEvidence) -> str:
    """The secret to use: the candidate, or a new one of 32 random bytes."""
    return evidence.candidate or secrets.token_urlsafe(32)


def fingerprints_from(record: Mapping[str, Mapping[str, str]]) -> Dict[str, Fingerprint]:
    """From the JSON form of `state/secrets.json`, by option."""
    return {option: Fingerprint(entry["salt"], entry["digest"]) for option, entry in record.items()}
