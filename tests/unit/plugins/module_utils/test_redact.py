"""Planted secrets do not come out."""

from __future__ import annotations

import time

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor, is_secret_name, secret_values

PLANTED = "pl@nted/secret"


def test_nested_values_and_percent_encoded_forms() -> None:
    result = Redactor([PLANTED]).value({"a": [f"x{PLANTED}y", {"b": "pl%40nted%2Fsecret"}], "n": 4007})
    assert "nted" not in repr(result)
    assert result["n"] == 4007


def test_passwords_in_urls_of_any_kind() -> None:
    assert Redactor().text("postgresql://user:hunter2@db:5432/x") == "postgresql://user:********@db:5432/x"
    assert Redactor().text("http://localhost:5000/") == "http://localhost:5000/"


def test_one_secret_inside_another() -> None:
    assert Redactor(["secret", "secret-longer"]).text("secret-longer") == "********"


def test_short_values_censor_nothing() -> None:
    assert Redactor(["true", "1"]).text("port 4107 is true") == "port 4107 is true"


@pytest.mark.parametrize("name", ["JWT_SECRET", "POSTGRES_PWD", "X_API_KEY", "DATABASE_URL", "DISCORD_BOT_TOKEN_ID"])
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)
    assert secret_values({name: "value", "PLAIN": "shown"}) == {"value"}


def test_a_password_that_is_shown_elsewhere_anyway_is_no_secret() -> None:
    assert secret_values({"POSTGRES_USER": "temporal", "POSTGRES_PASSWORD": "temporal"}) == set()


def test_a_long_word_takes_no_long_time() -> None:
    since = time.monotonic()
    Redactor().text("a" * 200_000)
    assert time.monotonic() - since < 2
