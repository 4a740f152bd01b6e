"""Which secret a stack gets, and which ones are refused."""

from __future__ import annotations

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import secrets
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import (
    JWT_SECRET,
    POSTGRES_PASSWORD,
    Fingerprint,
    SecretEvidence,
    SecretKind,
)

OLD, NEW = "the-old-secret", "the-new-secret"
RECORD = Fingerprint.of(OLD)


def code(
    accept: bool = False, kind: SecretKind = POSTGRES_PASSWORD, exists: bool = True, **known: object
) -> str | None:
    finding = secrets.judge(SecretEvidence(kind, exists, **known), accept)  # type: ignore[arg-type]
    return finding.code if finding else None


def test_without_data_any_secret_will_do() -> None:
    assert code(exists=False) is None
    assert code(exists=False, given=NEW, kept=OLD, fingerprint=RECORD) is None


def test_the_kept_secret_stays() -> None:
    assert code(kept=OLD, fingerprint=RECORD) is None
    assert code(given=OLD, kept=OLD) is None
    assert secrets.choose(SecretEvidence(POSTGRES_PASSWORD, True, kept=OLD)) == OLD


def test_data_without_a_known_secret_gets_no_new_one() -> None:
    assert code() == "secret-unknown"
    assert code(fingerprint=RECORD) == "secret-unknown"


@pytest.mark.parametrize(
    "known",
    [
        {"given": NEW, "kept": OLD},
        {"given": NEW, "running": OLD},
        {"given": NEW, "fingerprint": RECORD},
        {"kept": NEW, "fingerprint": RECORD},
        {"given": NEW, "accepted": False},
    ],
)
def test_another_password_than_the_data_has_is_refused(known: dict[str, object]) -> None:
    assert code(**known) == "database-password-mismatch"


def test_a_password_that_the_running_database_accepts_is_right() -> None:
    assert code(given=NEW, kept=OLD, fingerprint=RECORD, accepted=True) is None


def test_a_new_jwt_secret_needs_consent() -> None:
    assert code(kind=JWT_SECRET, given=NEW, kept=OLD) == "jwt-secret-changed"
    assert code(kind=JWT_SECRET, given=NEW, kept=OLD, accept=True) is None


def test_the_secret_of_an_adopted_stack_is_taken_over() -> None:
    evidence = SecretEvidence(JWT_SECRET, True, running=OLD)
    assert secrets.judge(evidence, False) is None
    assert secrets.choose(evidence) == OLD


def test_a_new_secret_is_long_and_never_the_same() -> None:
    evidence = SecretEvidence(JWT_SECRET, False)
    first, second = secrets.choose(evidence), secrets.choose(evidence)
    assert first != second
    assert len(first) >= 43


def test_evidence_and_findings_show_no_secret() -> None:
    evidence = SecretEvidence(POSTGRES_PASSWORD, True, given=NEW, kept=OLD, running=OLD, fingerprint=RECORD)
    assert OLD not in repr(evidence)
    assert NEW not in repr(evidence)
    assert NEW not in repr(secrets.judge(evidence, False))
