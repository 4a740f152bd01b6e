"""The backup that a transaction takes by itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import error
from ansible_collections.selfhost.postiz.plugins.module_utils.release import saving
from fake_engine import FakeEngine

GIVEN = {"directory": "/opt/postiz/backups", "label": "before-upgrade", "exclude": []}


def test_it_is_of_the_databases_prunes_nothing_and_waits_for_nobody_for_long() -> None:
    wanted = saving.request("postiz", "app", GIVEN)
    assert (wanted.project, wanted.service, wanted.label, wanted.keep) == ("postiz", "app", "before-upgrade", 0)
    assert wanted.chosen.parts == ("database", "temporal")
    assert wanted.lock_seconds == 30.0


@pytest.mark.parametrize(("consistency", "good"), [("stopped", True), ("paused", False), ("online", False)])
def test_one_that_a_worker_wrote_into_does_not_count(
    monkeypatch: pytest.MonkeyPatch, consistency: str, good: bool
) -> None:
    made = SimpleNamespace(payload={"backup": "/b/1", "manifest": {"consistency": consistency}})
    monkeypatch.setattr(saving, "backup", lambda _tools, _wanted: made)
    wanted = saving.request("postiz", "postiz", GIVEN)
    if good:
        assert saving.save(wanted, FakeEngine(), Clock()) == "/b/1"
        return
    with pytest.raises(Unfinished, match="postiz was stopped and ran again"):
        saving.save(wanted, FakeEngine(), Clock())


def test_a_refusal_says_what_and_to_run_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_given: object) -> None:
        raise Refused((error("backup-no-space", str(tmp_path), "It is full.", "free space."),))

    monkeypatch.setattr(saving, "backup", refused)
    with pytest.raises(Unfinished) as caught:
        saving.save(saving.request("postiz", "postiz", GIVEN), FakeEngine(), Clock())
    assert caught.value.message == f"The databases could not be backed up: [backup-no-space] {tmp_path}: It is full."
    assert caught.value.remedy == "free space. Then run the same playbook again."
