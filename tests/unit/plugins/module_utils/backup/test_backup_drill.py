"""What a drill asks of the servers that it has made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import backup_samples as samples
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import (
    databases,
    drill,
    drill_parameters,
    files,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.tools import Tools
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from fake_engine import FakeEngine


@pytest.mark.parametrize(("name", "entrance"), [("postgres", "template1"), ("postiz-db-local", "postgres")])
def test_no_database_is_dropped_by_a_session_on_itself(
    name: str, entrance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {key: option.get("default") for key, option in drill_parameters.ARGUMENT_SPEC.items()}
    request = drill_parameters.parse({**params, "project": "postiz", "directory": "/backups"}, False)
    asked: list[str] = []

    def feed(_engine: Any, _container: str, argv: list[str], *_rest: Any) -> None:
        asked.extend(argv)

    @contextmanager
    def connected(_login: databases.Login, _database: str) -> Iterator[None]:
        yield

    saved = replace(samples.MANIFEST.databases[1], name=name)
    monkeypatch.setattr(files, "feed", feed)
    monkeypatch.setattr(databases, "connected", connected)
    monkeypatch.setattr(databases, "count", lambda *_: databases.Counted(dict(saved.rows), dict(saved.posts), ""))
    login = databases.Login("postiz-postgres", "172.18.0.2", "user", ("password",))
    tools = Tools(FakeEngine(), FakeEngine, Clock(), lambda _step: None)
    found = drill._database(tools, request, Backup("/b", samples.MANIFEST), saved, "c", login)
    assert found == (5, None)
    assert [word for word in asked if word.startswith("--dbname=")] == [f"--dbname={entrance}"]
