"""The record on the host: what a killed run leaves behind, and what the next one makes of it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.recover import record, report
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Rung, Step
from hypothesis import given, settings
from hypothesis import strategies as st

STEP = Step(Rung.RESTART_CONTAINER, "postiz", "", "not-listening", "not-listening backend", "because.")


def begin(folder: str, number: int, at: float) -> None:
    record.append(folder, "begun", at, **record.begun(STEP, "run", number))


def test_what_is_written_is_there_for_its_owner_only(tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    begin(folder, 1, 100.0)
    assert (Path(folder) / record.FILE).stat().st_mode & 0o777 == 0o600
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    told = record.history(record.events(folder))
    assert told.open
    assert [(item.number, item.rung, item.finished_at) for item in told.tried] == [(1, Rung.RESTART_CONTAINER, 0.0)]


def test_a_step_is_told_with_its_end_and_its_proof(tmp_path: Path) -> None:
    folder = str(tmp_path)
    begin(folder, 1, 100.0)
    record.append(folder, "spread", 101.0, number=1)
    record.append(folder, "ended", 105.0, number=1, outcome="")
    record.append(folder, "proved", 120.0, number=1, helped=True, outcome="healthy")
    record.append(folder, "closed", 120.0)
    told = record.history(record.events(folder))
    assert not told.open
    (step,) = told.tried
    assert (step.spread, step.finished_at, step.helped, step.outcome) == (True, 105.0, True, "healthy")
    assert record.next_number(record.events(folder)) == 2


def test_a_step_that_a_later_run_resumes_stays_one_step(tmp_path: Path) -> None:
    folder = str(tmp_path)
    begin(folder, 1, 100.0)
    begin(folder, 1, 160.0)
    told = record.history(record.events(folder))
    assert [item.begun_at for item in told.tried] == [160.0]


def test_quarantine_lasts_until_it_is_closed_or_lifted(tmp_path: Path) -> None:
    folder = str(tmp_path)
    begin(folder, 1, 100.0)
    record.append(folder, "quarantined", 200.0, reason="tried.")
    assert record.history(record.events(folder)).quarantined_at == 200.0
    record.append(folder, "closed", 300.0)
    told = record.history(record.events(folder))
    assert not told.quarantined_at
    assert told.tried, "a fault that comes again is not a new one"
    record.append(folder, "lifted", 400.0)
    assert record.history(record.events(folder)) == record.History()


def test_causes_that_take_turns_are_asked_for_once_each(tmp_path: Path) -> None:
    folder = str(tmp_path)
    for number, cause in enumerate(("temporal-slow temporal", "http-tls web")):
        record.append(folder, "person", 100.0 + number, run=f"r{number}", cause=cause, reason="")
    told = record.history(record.events(folder))
    assert all(told.asked_before(cause, "r2") for cause in ("temporal-slow temporal", "http-tls web"))
    assert not told.asked_before("http-tls web", "r1"), "by itself"
    begin(folder, 1, 200.0)
    assert not record.history(record.events(folder)).asked, "after a step it is asked again"


def test_who_was_told_of_a_run_is_known_whatever_was_lifted(tmp_path: Path) -> None:
    folder = str(tmp_path)
    record.append(folder, "told", 100.0, run="r1", ways=["webhook", "mail"])
    record.append(folder, "told", 200.0, run="r2", ways=["webhook"])
    record.append(folder, "lifted", 300.0)
    record.append(folder, "told", 400.0, run="r2", ways=["mail"])
    told = record.history(record.events(folder))
    assert (told.reached("r1"), told.reached("r2")) == (("mail", "webhook"), ("mail", "webhook"))


def test_all_that_one_step_starts_is_known_to_the_run_that_continues_it(tmp_path: Path) -> None:
    folder = str(tmp_path)
    step = Step(Rung.START_SERVICE, "temporal", "", "exited", "exited temporal", "because.", also=("postiz",))
    record.append(folder, "begun", 100.0, **record.begun(step, "run", 1))
    assert record.history(record.events(folder)).tried[0].also == ("postiz",)


@settings(deadline=None)
@given(st.integers(0, 400))
def test_a_record_that_was_cut_anywhere_can_be_read_and_continued(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = str(tmp_path_factory.mktemp("record"))
    begin(folder, 1, 100.0)
    record.append(folder, "ended", 105.0, number=1, outcome="")
    path = Path(folder) / record.FILE
    os.truncate(path, min(cut, path.stat().st_size))
    whole = record.events(folder)
    record.append(folder, "closed", 200.0)
    assert record.events(folder)[:-1] == whole
    assert record.events(folder)[-1]["event"] == "closed"


def test_lines_that_are_not_understood_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / record.FILE
    path.write_text('{"event": "begun", "at": 1}\nnonsense\n[]\n{"event": "later", "at": 2}\n')
    assert record.history(record.events(str(tmp_path))) == record.History()


def test_a_long_record_is_shortened_to_its_newest_lines(tmp_path: Path) -> None:
    path = tmp_path / record.FILE
    lines = [json.dumps({"event": "closed", "at": number}) for number in range(record.MOST_LINES + 1)]
    path.write_text("\n".join(lines) + "\n")
    record.shorten(str(tmp_path))
    kept = record.events(str(tmp_path))
    assert len(kept) == record.KEPT_LINES
    assert kept[-1]["at"] == record.MOST_LINES


def test_no_second_run_acts_meanwhile(tmp_path: Path) -> None:
    with (
        record.alone(str(tmp_path)),
        pytest.raises(record.RecordFailed, match="Another run"),
        record.alone(str(tmp_path)),
    ):
        pass
    with record.alone(str(tmp_path)):
        pass


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(record.RecordFailed, match="no step was taken"), record.alone(str(tmp_path / "state")):
        pass
    with pytest.raises(record.RecordFailed, match="no step was taken"):
        record.append(str(tmp_path / "state"), "closed", 1.0)
    with pytest.raises(record.RecordFailed, match="no step was taken"):
        record.events(str(tmp_path / "state"))


def test_a_damaged_record_stops_no_recovery(tmp_path: Path) -> None:
    folder = str(tmp_path)
    begin(folder, 1, 100.0)
    damage = (
        b"\xff\xfe\x00\n"
        b'{"event": "begun", "at": 1, "number": null}\n'
        b'{"event": "begun", "at": 1, "number": 9, "run": "run"}\n'
        b'{"event": "ended", "number": 8}\n'
        b'{"event": ["closed"], "at": 2}\n'
    )
    with (tmp_path / record.FILE).open("ab") as stream:
        stream.write(damage)
    record.append(folder, "ended", 105.0, number=1, outcome="")
    found = record.events(folder)
    assert [event["event"] for event in found] == ["begun", "ended"]
    assert record.next_number(found) == 2
    assert [step["number"] for step in report.steps(found, "run")] == [1]


@pytest.mark.parametrize("odd", ["one\u2028two", "one\x85two", "one\udcfftwo", "one\ntwo", "naïve"])
def test_whatever_a_reason_holds_is_one_line_and_comes_back(tmp_path: Path, odd: str) -> None:
    record.append(str(tmp_path), "quarantined", 100.0, reason=odd)
    assert record.history(record.events(str(tmp_path))).quarantine_reason == odd


def test_a_line_that_the_disk_takes_only_half_is_written_to_its_end_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, room = os.write, [10, 1000]

    def narrow(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(descriptor, data[: room.pop(0)])

    monkeypatch.setattr(record.os, "write", narrow)
    record.append(str(tmp_path), "closed", 1.0)
    assert [event["at"] for event in record.events(str(tmp_path))] == [1.0]
    room[:] = [10]
    with pytest.raises(record.RecordFailed, match="No space left"):
        record.append(str(tmp_path), "closed", 2.0)
