"""When a backup may be put over what is there."""

from __future__ import annotations

from dataclasses import replace

import backup_samples as samples
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import report, restore_report
from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_judge as judge
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import PARTS, Exclusion
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.rules import EMPTY_DATABASE
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.store import Backup
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import errors_of

NOTHING = judge.Accepted(False, False, False)
ALL = judge.Accepted(True, True, True)
SAME = judge.Live(
    True, True, "", {"posts made": 0}, {"postiz-postgres": 17, "temporal-postgresql": 16}, "v2.23.0", "a secret"
)


def codes(live: judge.Live, accepted: judge.Accepted = NOTHING, under_way: bool = False) -> list[str]:
    return [item.code for item in errors_of(judge.judge(samples.MANIFEST, PARTS, live, accepted, under_way))]


def test_over_the_same_and_over_nothing() -> None:
    assert codes(SAME) == []
    assert codes(judge.WIPED) == []


def test_newer_data_is_told_and_can_be_accepted() -> None:
    newer = replace(SAME, since={"posts made": 3, "channels": 0})
    (finding,) = judge.judge(samples.MANIFEST, PARTS, newer, NOTHING, False)
    assert finding.code == "backup-newer-data"
    assert "3 posts made" in finding.evidence
    assert "channels" not in finding.evidence
    assert "-e restore_accept_loss=true" in finding.remedy
    (one,) = judge.judge(samples.MANIFEST, PARTS, replace(SAME, since={"posts made": 1}), NOTHING, False)
    assert "lost: 1 post made." in one.evidence
    assert codes(newer, ALL) == []
    (told,) = judge.judge(samples.MANIFEST, PARTS, newer, ALL, False)
    assert told.remedy.startswith("the loss is accepted")
    # The old data is gone already.
    assert codes(newer, under_way=True) == []


@pytest.mark.parametrize(
    ("parts", "since", "found"),
    [
        (("uploads",), {"posts made": 3, "posts published": 1}, []),
        (
            ("uploads", "config"),
            {"posts made": 3, "media": 2},
            ["Since the backup of {}, this would be lost: 2 media."],
        ),
        (("config",), {"posts made": 3, "media": 2}, []),
        (("temporal",), {"posts made": 3}, ["Since the backup of {}, this would be lost: 3 posts made."]),
    ],
)
def test_only_what_the_parts_take_away_must_be_accepted(
    parts: tuple[str, ...], since: dict[str, int], found: list[str]
) -> None:
    findings = judge.judge(samples.MANIFEST, parts, replace(SAME, since=since), NOTHING, False)
    assert [item.evidence for item in findings] == [text.format(samples.MANIFEST.taken_at) for text in found]


def test_who_cannot_tell_is_not_trusted() -> None:
    assert codes(replace(SAME, told=False, why_not="its PostgreSQL services do not run")) == ["backup-newer-data"]


@pytest.mark.parametrize(
    ("majors", "accepted", "found"),
    [
        ({"temporal-postgresql": 17}, NOTHING, ["backup-wrong-version"]),
        ({"temporal-postgresql": 17}, ALL, []),
        ({"temporal-postgresql": 15}, NOTHING, ["backup-wrong-version"]),
        ({"temporal-postgresql": 15}, ALL, ["backup-wrong-version"]),
        ({}, NOTHING, []),
    ],
)
def test_versions(majors: dict[str, int], accepted: judge.Accepted, found: list[str]) -> None:
    assert codes(replace(SAME, majors=majors), accepted) == found


def test_secret() -> None:
    assert codes(replace(SAME, jwt_secret="another")) == ["jwt-secret-changed"]
    assert codes(replace(SAME, jwt_secret="another"), ALL) == []
    assert codes(replace(SAME, jwt_secret=None)) == []


SHARED = replace(
    samples.MANIFEST,
    servers=(samples.MANIFEST.servers[0],),
    databases=tuple(replace(item, service="postiz-postgres") for item in samples.MANIFEST.databases),
    exclusions=(
        Exclusion("database:postiz-postgres/notes", "kept elsewhere"),
        Exclusion("database:postiz-postgres/postgres", EMPTY_DATABASE),
    ),
)
VOLUME = "postgres-volume"


def test_databases_that_would_be_gone_with_a_volume_are_never_accepted() -> None:
    there = [samples.POSTS, replace(samples.WORKFLOWS, service="postiz-postgres"), samples.EMPTY]
    assert judge.others(SHARED, PARTS, [VOLUME], {VOLUME: there}) == ()
    found = judge.others(SHARED, ("database",), [VOLUME], {VOLUME: there})
    assert found == ("postiz-postgres/temporal",)
    (finding,) = judge.judge(SHARED, ("database",), replace(SAME, others=found), ALL, False)
    assert finding.code == "backup-other-databases"
    assert finding.component == "postiz-postgres"
    assert "postiz-postgres/temporal" in finding.evidence
    assert "restore_volumes=kept" in finding.remedy
    assert errors_of((finding,))
    # Made since the backup.
    made = replace(samples.POSTS, name="made since", kind="other")
    assert judge.others(SHARED, PARTS, [VOLUME], {VOLUME: [*there, made]}) == ("postiz-postgres/made since",)
    assert judge.others(SHARED, ("uploads",), [VOLUME], {VOLUME: there}) == ()
    assert judge.judge(SHARED, ("database",), replace(SAME, others=found), ALL, True) == ()


def test_of_a_server_that_is_silent_the_backup_tells_what_it_holds() -> None:
    names = ("postiz-postgres/notes", "postiz-postgres/temporal")
    assert judge.others(SHARED, ("database",), [VOLUME], {}) == names
    assert judge.others(SHARED, ("database",), [], {}) == ()


def test_only_servers_of_the_parts_are_asked() -> None:
    other = replace(SAME, majors={"temporal-postgresql": 15})
    assert judge.judge(samples.MANIFEST, ("database",), other, NOTHING, False) == ()
    assert [item.service for item in judge.wanted_servers(samples.MANIFEST, ("temporal",))] == ["temporal-postgresql"]


def test_rows_that_differ() -> None:
    posts = samples.MANIFEST.databases[1]
    assert judge.differences(posts, dict(posts.rows), dict(posts.posts)) == ()
    found = judge.differences(posts, {"public.Post": 4, "public.Media": 0, "public.New": 1}, {"QUEUE": 4})
    assert [text.partition(":")[0] for text in found] == ["public.New", "public.Post", "posts by state"]


@pytest.mark.parametrize(
    ("version", "parts", "found"),
    [
        ("v2.22.1", ("database",), ["backup-newer-release"]),
        ("v2.22.1", PARTS, []),
        ("v2.23.0", ("database",), []),
        ("v2.100.0", ("database",), []),
        ("", ("database",), []),
        ("nightly", ("database",), []),
    ],
)
def test_an_older_release_would_drop_columns(version: str, parts: tuple[str, ...], found: list[str]) -> None:
    live = replace(SAME, version=version)
    assert [item.code for item in judge.judge(samples.MANIFEST, parts, live, NOTHING, False)] == found
    assert errors_of(judge.judge(samples.MANIFEST, parts, live, ALL, False)) == ()


def test_files_that_the_backup_does_not_hold_put_no_release_in_place() -> None:
    live = replace(SAME, version="v2.22.1")
    bare = replace(samples.MANIFEST, files=(), parts=("database", "temporal", "uploads"))
    assert [item.code for item in judge.judge(bare, PARTS, live, NOTHING, False)] == ["backup-newer-release"]


def test_the_plan_tells_each_thing_and_what_refuses_it() -> None:
    findings = judge.judge(samples.MANIFEST, PARTS, replace(SAME, since={"posts made": 1}), NOTHING, False)
    payload, _diff = restore_report.planned(Backup("/b", samples.MANIFEST), PARTS, True, None, findings)
    lines = payload["report"].splitlines()
    assert "restored: database postiz-db-local of postiz-postgres." in lines
    assert any(line.startswith("restored: compose files and what they mount (config.tar)") for line in lines)
    assert lines[-2] == "It is refused as it is asked for, because of:"
    assert lines[-1].startswith("[backup-newer-data]")
    whole, _diff = restore_report.planned(Backup("/b", samples.MANIFEST), PARTS, True, None, ())
    assert "refused" not in whole["report"]


@pytest.mark.parametrize(("number", "text"), [(0, "0 kB"), (1, "1 kB"), (12_000, "12 kB"), (1_250_000, "1.2 MB")])
def test_sizes_are_told_in_units_that_show_them(number: int, text: str) -> None:
    assert report.size(number) == text


def test_a_post_that_went_out_is_not_asked_to_be_made_anew() -> None:
    left = [
        {"id": f"p{state}", "state": state, "due": "d", "created": "c"} for state in ("QUEUE", "PUBLISHED", "ERROR")
    ]
    heading, *lines = restore_report.left_behind(left, "/b")
    assert heading.endswith("make anew those that did not go out:")
    assert lines == [
        "  pQUEUE, QUEUE, due d, made c",
        "  pPUBLISHED, PUBLISHED (it went out: do not make it anew), due d, made c",
        "  pERROR, ERROR (look at its channel first), due d, made c",
    ]
