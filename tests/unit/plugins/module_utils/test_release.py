"""The journal and the plan of an upgrade: pure, and torn files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ImageConfig
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput, StackError, Unfinished
from ansible_collections.selfhost.postiz.plugins.module_utils.release import (
    breaks,
    evidence,
    journal,
    keeping,
    leftovers,
    plan,
    records,
    report,
    running,
    steps,
    watch,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    BACK,
    BACK_STEPS,
    FORWARD,
    FORWARD_STEPS,
    Owner,
    Release,
    ServiceImage,
    repository,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen, Target, compose_changes
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import ARGUMENT_SPEC, Parameters, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.layout import compose_text
from ansible_collections.selfhost.postiz.plugins.module_utils.temporal.cli import Answer, Trouble
from hypothesis import given, settings
from hypothesis import strategies as st

ME = "root@here:boot:100:5"
OLD = ServiceImage("postiz", "registry.example/postiz:v1.0.0", "sha256:old", "sha256:d-old")
NEW = ServiceImage("postiz", "registry.example/postiz:v2.0.0", "sha256:new", "sha256:d-new")
REDIS = ServiceImage("redis", "redis:7", "sha256:redis")
CONTAINER = Container("c", "postiz-1", OLD.reference, "running", "", {}, (), ())


def parameters(**more: object) -> Parameters:
    given_ = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    images = [{"service": "postiz", "image": NEW.reference, "digest": ""}]
    return parse({**given_, "project": "p", "directory": "/d", "owner": ME, "images": images, **more})


def seen(**more: object) -> Seen:
    found = Seen(
        containers=(CONTAINER,),
        running=(OLD,),
        version="v1.0.0",
        targets=(Target(NEW, True, "v2.0.0"),),
        transaction=None,
        records=(),
        present=frozenset(),
        compose_changes=(),
        managed=True,
        now=1000.0,
    )
    return replace(found, **more)


def codes(found: plan.Plan) -> list[str]:
    return [finding.code for finding in found.findings]


def begun(directory: Path, direction: str = FORWARD, owner: str = ME) -> None:
    (directory / "state" / "upgrade").mkdir(parents=True)
    journal.begin(str(directory), 900.0, "run", owner, direction, (NEW,), 1)


def test_nothing_to_do_when_the_image_is_the_one_that_runs() -> None:
    found = plan.judge(parameters(), seen(targets=(Target(OLD, True, "v1.0.0"),)))
    assert (found.decision, found.changes, codes(found)) == (plan.NOTHING, (), [])


def test_an_upgrade_pulls_by_digest_what_is_not_there() -> None:
    wanted = replace(NEW, identifier="")
    found = plan.judge(parameters(), seen(targets=(Target(wanted, False, "v2.0.0"),)))
    assert found.decision == plan.UPGRADE
    assert [image.pinned for image in found.pull] == ["registry.example/postiz@sha256:d-new"]


def test_the_plan_is_a_table_with_what_is_pulled_and_what_changes_in_the_files() -> None:
    wanted = replace(NEW, identifier="")
    there = seen(targets=(Target(wanted, False, "v2.0.0"),), compose_changes=("services.postiz.image: a -> b",))
    lines = report.planned(parameters(), there, plan.judge(parameters(), there))["report"].splitlines()
    assert lines[2:] == [
        "SERVICE  IMAGE",
        "postiz   old -> digest d-new  registry.example/postiz:v2.0.0",
        "To be pulled: registry.example/postiz@sha256:d-new",
        "",
        "Changes in the compose file:",
        "  services.postiz.image: a -> b",
    ]


@pytest.mark.parametrize(
    ("version", "wanted", "code"),
    [
        ("v2.0.0", "v1.9.9", "upgrade-goes-back"),
        ("v2.11.3", "v2.12.0", "upgrade-skip"),
        ("v2.21.7", "v2.23.0", "upgrade-break"),
    ],
)
def test_versions_are_judged(version: str, wanted: str, code: str) -> None:
    assert codes(plan.judge(parameters(), seen(version=version, targets=(Target(NEW, True, wanted),)))) == [code]


def test_an_acknowledged_break_stops_nothing() -> None:
    wanted = parameters(acknowledge=["sweep-window"])
    assert codes(plan.judge(wanted, seen(version="v2.21.7", targets=(Target(NEW, True, "v2.23.0"),)))) == []


def test_a_stack_that_is_not_ours_is_not_upgraded() -> None:
    assert codes(plan.judge(parameters(), seen(managed=False))) == ["upgrade-no-stack"]
    assert "upgrade-no-stack" in codes(plan.judge(parameters(), seen(containers=(), running=())))


def test_a_registry_that_is_away_is_an_error() -> None:
    assert codes(plan.judge(parameters(), seen(targets=(Target(NEW, True, problem="no route."),)))) == [
        "upgrade-registry-away"
    ]


def test_back_needs_a_record_with_a_backup() -> None:
    with_backup = Release(1, "t", "v1.0.0", (OLD,), "/backup")
    now = {"running": (NEW,), "version": "v2.0.0", "present": frozenset({OLD.identifier})}
    found = plan.judge(parameters(images=[], to_release="previous"), seen(records=(with_backup,), **now))
    assert (found.decision, found.back_to, codes(found)) == (plan.ROLLBACK, 1, [])
    without = seen(records=(replace(with_backup, backup=""),), **now)
    assert codes(plan.judge(parameters(images=[], to_release="1"), without)) == ["rollback-no-backup"]
    assert codes(plan.judge(parameters(images=[], to_release="9"), without)) == ["rollback-no-release"]


def test_a_recorded_image_that_was_pruned_is_pulled_by_digest_or_missed() -> None:
    records_ = (Release(1, "t", "v1.0.0", (OLD, REDIS), "/backup"),)
    found = plan.judge(parameters(images=[], to_release="1"), seen(running=(NEW,), records=records_))
    assert found.pull == (OLD,)
    assert codes(found) == ["rollback-image-missing"]


def test_an_interrupted_upgrade_is_continued_and_one_to_another_target_undone(tmp_path: Path) -> None:
    begun(tmp_path)
    found = journal.transaction(journal.entries(str(tmp_path)))
    assert plan.judge(parameters(), seen(transaction=found)).decision == plan.CONTINUE
    other = parameters(images=[{"service": "postiz", "image": "registry.example/postiz:v3", "digest": ""}])
    assert plan.judge(other, seen(transaction=found)).decision == plan.RETURN


def test_an_interrupted_way_back_shows_where_it_leads_and_advises_no_release_that_has_failed(tmp_path: Path) -> None:
    begun(tmp_path)
    journal.note(str(tmp_path), 902.0, "turned", direction=BACK, cause="why", info={})
    found = journal.transaction(journal.entries(str(tmp_path)))
    assert found is not None
    there = seen(
        transaction=found,
        running=(NEW,),
        records=(Release(found.back_to, "t", "v1.0.0", (OLD,), "/backup"),),
        targets=(Target(NEW, True, "v2.0.0"),),
    )
    again = plan.judge(parameters(), there)
    assert (again.decision, again.unmet) == (plan.RETURN, "")
    assert [(change.before, change.after) for change in again.changes] == [(NEW, OLD)]
    third = {"service": "postiz", "image": "registry.example/postiz:v3", "digest": ""}
    target = Target(replace(NEW, reference="registry.example/postiz:v3", identifier="sha256:three"), True)
    assert (
        plan.judge(parameters(images=[third]), replace(there, targets=(target,))).unmet == "registry.example/postiz:v3"
    )


def test_a_release_that_is_not_named_is_bad_input() -> None:
    with pytest.raises(BadInput, match="to_release is empty"):
        parameters(images=[], to_release=" ")


@pytest.mark.parametrize("state", ["planned", "begun", "committed"])
def test_a_keep_of_nothing_is_told_before_anything(state: str) -> None:
    with pytest.raises(BadInput, match="keep is less than 1"):
        parameters(state=state, keep=0)


def test_a_proxy_that_complains_does_not_push_out_what_the_app_said() -> None:
    text = "app: cannot connect\n" + "".join(
        f"12:00:{number} no upstream, request {number}\n" for number in range(5000)
    )
    told = evidence.thinned(text + "app: ended\n", 50).splitlines()
    assert told[0] == "app: cannot connect"
    assert told[-1] == "app: ended"
    assert told[-2] == "12:00:4999 no upstream, request 4999"
    assert "[… 4980 more lines like the one before]" in told
    assert len(told) == 23
    assert evidence.thinned("a\nb\nc", 2) == "b\nc"


def test_a_cause_is_one_line() -> None:
    assert steps.first_cause("The disk\n  is full.") == "The disk is full."


@pytest.mark.parametrize(
    ("more", "stopped"),
    [
        ({"owner": "root@here:boot:200:6"}, True),
        ({"owner": "root@here:boot:200:6", "owner_alive": "no"}, False),
        ({"owner": "root@here:boot:200:6", "owner_alive": "yes", "stale_after": 1.0}, True),
        ({"owner": "root@there:boot:200:6", "stale_after": 50.0}, False),
        ({"owner": "root@there:boot:200:6", "break_lock": True}, False),
        ({}, False),
    ],
)
def test_who_may_take_over(tmp_path: Path, more: dict[str, object], stopped: bool) -> None:
    begun(tmp_path)
    found = journal.transaction(journal.entries(str(tmp_path)))
    assert codes(plan.judge(parameters(**more), seen(transaction=found))) == ["upgrade-under-way"] * stopped


def test_a_closed_journal_is_no_transaction(tmp_path: Path) -> None:
    begun(tmp_path)
    journal.note(str(tmp_path), 901.0, "closed", result="committed", release=2)
    assert journal.transaction(journal.entries(str(tmp_path))) is None


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=400))
def test_a_journal_cut_off_anywhere_is_read_and_written_on(cut: int) -> None:
    """Whatever a kill leaves of the last line, the lines before it count and the next entry is whole."""
    with tempfile.TemporaryDirectory() as folder:
        begun(Path(folder))
        place = Path(journal.path(folder))
        whole = place.read_bytes()
        journal.note(folder, 901.0, "started", step="stop", info={"text": "x" * 300})
        written = place.read_bytes()
        place.write_bytes(written[: len(whole) + min(cut, len(written) - len(whole))])
        journal.note(folder, 902.0, "started", step="backup")
        found = journal.transaction(journal.entries(folder))
        assert found is not None
        assert found.started == "backup"


def test_a_damaged_journal_says_so(tmp_path: Path) -> None:
    begun(tmp_path)
    with Path(journal.path(str(tmp_path))).open("a", encoding="utf-8") as stream:
        stream.write("no entry\n")
    with pytest.raises(journal.JournalDamaged, match="Line 2"):
        journal.entries(str(tmp_path))


def test_data_counts_as_touched_from_the_first_new_container_on(tmp_path: Path) -> None:
    begun(tmp_path)
    for step in FORWARD_STEPS:
        journal.note(str(tmp_path), 901.0, "started", step=step)
        found = journal.transaction(journal.entries(str(tmp_path)))
        assert found is not None
        assert found.data_touched == (FORWARD_STEPS.index(step) >= FORWARD_STEPS.index("recreate"))


def test_turning_back_forgets_no_step(tmp_path: Path) -> None:
    begun(tmp_path)
    for step in ("stop", "backup", "recreate"):
        journal.note(str(tmp_path), 901.0, "started", step=step)
        journal.note(str(tmp_path), 901.0, "done", step=step, info={"backup": "/b"} if step == "backup" else {})
    journal.note(str(tmp_path), 902.0, "turned", direction=BACK, cause="why")
    journal.note(str(tmp_path), 903.0, "started", step=BACK_STEPS[0])
    found = journal.transaction(journal.entries(str(tmp_path)))
    assert found is not None
    assert (found.direction, found.cause, found.requested, found.info["backup"]) == (BACK, "why", False, "/b")
    assert "recreate" in found.begun


def test_a_record_keeps_the_files_and_brings_them_back(tmp_path: Path) -> None:
    directory = str(tmp_path)
    (tmp_path / "compose.yaml").write_text("old\n")
    (tmp_path / ".env").write_text("SECRET=old\n")
    (tmp_path / ".env").chmod(0o600)
    (tmp_path / "dynamicconfig").mkdir()
    (tmp_path / "dynamicconfig" / "a.yaml").write_text("x\n")
    records.write(directory, Release(1, "t", "v1.0.0", (OLD,)))
    (tmp_path / "compose.yaml").write_text("new\n")
    assert records.place_files(directory, 1) == ("compose.yaml",)
    assert (tmp_path / "compose.yaml").read_text() == "old\n"
    records.set_backup(directory, 1, "/backup")
    assert records.read(directory) == (Release(1, "t", "v1.0.0", (OLD,), "/backup"),)


def test_a_record_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compose.yaml").write_text("x\n")
    (tmp_path / ".env").write_text("SECRET=x\n")
    (tmp_path / "dynamicconfig").mkdir()
    (tmp_path / "dynamicconfig" / "a.yaml").write_text("x\n")
    top, synced, rename = tmp_path / "state" / "releases", [], os.rename
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink().relative_to(top)))
    )
    monkeypatch.setattr(os, "rename", lambda *names: (synced.append("renamed"), rename(*names)))
    records.write(str(tmp_path), Release(1, "t", "v1.0.0", (OLD,)))
    before, after = synced[: synced.index("renamed")], synced[synced.index("renamed") + 1 :]
    below = {"files", "files/compose.yaml", "files/.env", "files/dynamicconfig", "files/dynamicconfig/a.yaml"}
    assert {".draft-1", *(f".draft-1/{name}" for name in below | {"release.json"})} <= set(before)
    assert after == ["."]


@pytest.mark.parametrize("name", ["compose.yaml", ".env"])
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_torn_record_changes_nothing(tmp_path: Path, name: str, how: str) -> None:
    """As a power failure left it."""
    for there in ("compose.yaml", ".env"):
        (tmp_path / there).write_text("old\n")
    records.write(str(tmp_path), Release(1, "t", "v1.0.0", (OLD,)))
    kept = tmp_path / "state" / "releases" / "0001" / "files" / name
    if how == "missing":
        kept.unlink()
    else:
        kept.write_text("")
    for there in ("compose.yaml", ".env"):
        (tmp_path / there).write_text("new\n")
    with pytest.raises(StackError, match=f"record of release 1 is not whole: {name} in .* is missing or empty"):
        records.place_files(str(tmp_path), 1)
    assert [(tmp_path / there).read_text() for there in ("compose.yaml", ".env")] == ["new\n", "new\n"]


def test_what_is_left_is_recorded_with_the_files_that_it_has_by_then(tmp_path: Path) -> None:
    """Of a release that was recorded before, too: its frontend's mount, or a setting, may have come since."""
    directory, compose = str(tmp_path), tmp_path / "compose.yaml"
    compose.write_text("as upgraded to\n")
    (tmp_path / ".env").write_text("SECRET=x\n")
    old = Release(3, "t", "v1.0.0", (OLD,), "/backup")
    records.write(directory, old)
    compose.write_text("with a mount\n")
    wanted = parameters(directory=directory)
    engine: Any = SimpleNamespace(images=lambda: SimpleNamespace(tag=lambda _identifier, _name: None))
    assert keeping.record_running(wanted, seen(records=(old,)), engine, Clock()) == 3
    compose.write_text("of the newer release\n")
    assert records.place_files(directory, 3) == ("compose.yaml",)
    assert compose.read_text() == "with a mount\n"
    assert records.read(directory) == (old,)
    assert [path.name for path in (tmp_path / "state" / "releases").iterdir()] == ["0003"]


def test_a_journal_of_another_user_says_how_to_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_given: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(journal.JournalDamaged) as caught:
        journal.entries(str(tmp_path))
    monkeypatch.undo()
    assert "become: true" in caught.value.remedy


@pytest.mark.parametrize("moves", [0, 1])
def test_a_record_that_is_replaced_is_never_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    """Killed before or after the former one has moved away: that one counts, its files too, until the new one is there."""
    directory, compose = str(tmp_path), tmp_path / "compose.yaml"
    compose.write_text("old\n")
    (tmp_path / ".env").write_text("SECRET=x\n")
    old = Release(3, "t", "v1.0.0", (OLD,), "/backup")
    records.write(directory, old)
    compose.write_text("new\n")
    rename, left = os.rename, [moves]

    def killed(source: str, target: str) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            records.write(directory, replace(old, at="later"))
    assert records.read(directory) == (old,)
    assert records.compose_text(directory, 3) == "old\n"
    records.set_backup(directory, 3, "/other")
    assert records.place_files(directory, 3) == ("compose.yaml",)
    compose.write_text("new\n")
    records.write(directory, replace(old, at="later"))
    assert records.read(directory) == (replace(old, at="later"),)
    assert [path.name for path in (tmp_path / "state" / "releases").iterdir()] == ["0003"]
    records.drop(directory, 3)
    assert list((tmp_path / "state" / "releases").iterdir()) == []


@pytest.mark.parametrize("decision", ["rollback", "upgrade"])
def test_the_way_back_tells_what_changes_in_the_compose_file(tmp_path: Path, decision: str) -> None:
    (tmp_path / "compose.yaml").write_text("services: {postiz: {image: old}}\n")
    (tmp_path / ".env").write_text("SECRET=x\n")
    records.write(str(tmp_path), Release(3, "t", "v1.0.0", (OLD,), "/backup"))
    (tmp_path / "compose.yaml").write_text("services: {postiz: {image: new}}\n")
    text = records.compose_text(str(tmp_path), 3)
    back = {3: compose_changes((tmp_path / "compose.yaml").read_text(), text)}
    there = seen(recorded_changes=back, compose_changes=("services.postiz.image: new -> newer",))
    found = plan.Plan(decision, (), (), (), "", 3, ())
    told = report.planned(parameters(directory=str(tmp_path)), there, found)
    expected = "services.postiz.image: new -> " + ("old" if decision == "rollback" else "newer")
    assert told["compose_changes"] == [expected]
    assert f"Changes in the compose file:\n  {expected}" in told["report"]


def test_what_is_left_is_recorded_with_the_names_that_its_files_have_by_then(tmp_path: Path) -> None:
    """The same image by another name: going back gives that name to it. One that was lost since is the record's."""
    directory = str(tmp_path)
    (tmp_path / "compose.yaml").write_text("x\n")
    old = Release(3, "t", "v1.0.0", (OLD,), "/backup")
    records.write(directory, old)
    engine: Any = SimpleNamespace(images=lambda: SimpleNamespace(tag=lambda _identifier, _name: None))

    def recorded_as(reference: str) -> str:
        now = seen(records=(old,), running=(replace(OLD, reference=reference),))
        assert keeping.record_running(parameters(directory=directory), now, engine, Clock()) == 3
        (release,) = records.read(directory)
        assert release.backup == "/backup"
        return release.images[0].reference

    assert recorded_as("registry/postiz:stable") == "registry/postiz:stable"
    assert recorded_as(OLD.identifier) == OLD.reference


def test_what_changes_in_a_compose_file() -> None:
    new = "services: {postiz: {image: b, command: [@IMAGE_COMMAND@]}}"
    assert compose_changes("services: {postiz: {image: a}}", new) == ("services.postiz.image: a -> b",)


def test_a_compose_file_that_somebody_broke_is_no_end_of_a_plan() -> None:
    (told,) = compose_changes("services: {postiz: [", "services: {postiz: {image: b}}")
    assert "no YAML" in told


def test_the_mount_of_a_frontend_follows_from_the_image(tmp_path: Path) -> None:
    """Its place in the template is no YAML; and that the newer image has another link is no news."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/0123456789ab").symlink_to(tmp_path)
    (tmp_path / "current").symlink_to("images/0123456789ab")
    template = (
        "services:\n  postiz:\n    image: @\n    volumes:\n"
        f'      @FRONTEND_BUNDLE "{tmp_path}/current" "/app/.next"@\n    restart: always\n'
    )
    written = compose_text(template.replace("image: @", "image: a"), ImageConfig("sha256:0123456789abcdef", (), ()))
    assert f'source: "{tmp_path}/images/0123456789ab"' in written
    assert compose_changes(written, template.replace("image: @", "image: b")) == ("services.postiz.image: a -> b",)


@pytest.mark.parametrize(
    ("reference", "name"),
    [("a:1", "a"), ("host:5000/a:1", "host:5000/a"), ("host:5000/a", "host:5000/a"), ("a@sha256:0", "a")],
)
def test_the_colon_of_a_port_is_no_tag(reference: str, name: str) -> None:
    assert repository(reference) == name


def test_an_owner_is_read_from_text() -> None:
    assert Owner.parse("root@here:boot:12:34") == Owner("root", "here", "boot", "12", "34")
    assert Owner.parse("me@mac::::77") == Owner("me", "mac", "", "", "", "77")
    assert Owner.parse("") == Owner("", "", "", "", "")


@pytest.mark.parametrize(
    ("owner", "again", "more", "stopped"),
    [
        # Two terminals on a controller that cannot tell its processes.
        ("me@mac:::", "me@mac:::", {}, True),
        ("me@mac::::1", "me@mac::::2", {}, True),
        ("me@mac::::1", "me@mac::::2", {"stale_after": 50.0}, False),
        ("me@mac::::1", "me@mac::::2", {"break_lock": True}, False),
        # Later calls of the same run.
        ("me@mac::::1", "me@mac::::1", {}, False),
        ("", "", {}, True),
    ],
)
def test_equal_names_are_one_run_only_with_a_process_or_a_token(
    tmp_path: Path, owner: str, again: str, more: dict[str, object], stopped: bool
) -> None:
    begun(tmp_path, owner=owner)
    found = journal.transaction(journal.entries(str(tmp_path)))
    wanted = parameters(owner=again, **more)
    assert codes(plan.judge(wanted, seen(transaction=found))) == ["upgrade-under-way"] * stopped


@pytest.mark.parametrize("text", ["latest", "", "v2", "2.x.1"])
def test_what_is_no_version(text: str) -> None:
    assert breaks.parse(text) is None
    assert breaks.between("v2.0.0", text) == ()


def test_another_major_version_of_postgresql_is_refused() -> None:
    server = ServiceImage("postiz-postgres", "postgres:17", "sha256:pg17")
    wanted = replace(server, reference="postgres:18", identifier="sha256:pg18")
    base = {"running": (OLD, server), "postgresql": {"postiz-postgres": "17"}}
    for major, expected in (("18", ["upgrade-postgresql-major"]), ("17", []), ("", [])):
        targets = (Target(NEW, True, "v2.0.0"), Target(wanted, True, "18", postgresql=major))
        assert codes(plan.judge(parameters(), seen(targets=targets, **base))) == expected


@pytest.mark.parametrize(
    ("command", "works"),
    [
        ("docker compose --project-directory /d --project-name p up --detach", True),
        ("docker-compose compose -p p up", True),
        ("docker compose --project-directory /d/ up --detach", True),
        ("docker compose --project-directory /d --project-name other up", False),
        ("docker compose --project-directory /d --project-name p config", False),
        ("docker compose --project-directory /elsewhere up", False),
        ("ansible-playbook up p /d", False),
    ],
)
def test_a_compose_of_a_killed_run_is_known_by_its_arguments(command: str, works: bool) -> None:
    assert leftovers.works_on(command.split(), "p", "/d") is works


class Passing(Clock):
    """Time passes only while somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_a_compose_of_a_killed_run_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Passing()
    monkeypatch.setattr(leftovers, "at_work", lambda *_given: (7,) if clock.time < 3 else ())
    leftovers.wait_until_gone("p", "/d", clock, 10)
    assert clock.time >= 3
    monkeypatch.setattr(leftovers, "at_work", lambda *_given: (7,))
    with pytest.raises(StackError, match="pid 7"):
        leftovers.wait_until_gone("p", "/d", clock, 10)


def test_a_step_of_a_killed_run_is_waited_for(tmp_path: Path) -> None:
    clock = Passing()
    with (
        journal.alone(str(tmp_path), clock, 5),
        pytest.raises(StackError, match="works on a step"),
        journal.alone(str(tmp_path), clock, 5),
    ):
        pass
    assert clock.time >= 5
    with journal.alone(str(tmp_path), clock, 5):
        pass


def test_a_journal_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    begun(tmp_path)
    place = Path(journal.path(str(tmp_path)))
    place.unlink()
    place.mkdir()
    with pytest.raises(Unfinished, match="cannot be written"):
        journal.note(str(tmp_path), 901.0, "started", step="stop")


def test_types_of_running_workflows_are_all_found_and_counted() -> None:
    there = {"postWorkflowV109": 300, "postWorkflowV105": 1, "missingPostWorkflow": 1}

    def ask(commands: Sequence[Sequence[str]]) -> tuple[Answer, ...]:
        found = []
        for words in commands:
            query = words[words.index("--query") + 1]
            if words[1] == "count":
                found.append(Answer({"count": str(there[query.split('"')[-2]])}))
                continue
            # A page shows the newest only: each is of one type here.
            new = [name for name in there if f'WorkflowType != "{name}"' not in query]
            found.append(Answer([{"type": {"name": name}} for name in new[:1]]))
        return tuple(found)

    assert running.count(ask).types == (("postWorkflowV109", 300), ("missingPostWorkflow", 1), ("postWorkflowV105", 1))
    told = running.count(lambda commands: (Answer(None, Trouble.DEADLINE, "too slow"),) * len(commands))
    assert (told.types, told.problem) == ((), "too slow")


def test_an_image_of_the_command_line_alone_is_to_be_kept_in_the_inventory() -> None:
    assert report.kept(NEW).startswith(f"Keep {NEW.reference} in the inventory (stack_postiz_image)")


def test_an_upgrade_that_may_still_run_is_named_in_the_plan(tmp_path: Path) -> None:
    begun(tmp_path, owner="ann@there:boot:200:6")
    there = seen(transaction=journal.transaction(journal.entries(str(tmp_path))))
    found = plan.judge(parameters(), there)
    assert "Unless it still runs: An upgrade of ann on there" in report.planned(parameters(), there, found)["report"]


def test_evidence_of_the_newest_failures_is_kept(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / "state" / "releases" / f"failed-{number}"
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    (tmp_path / "state" / "releases" / "0001").mkdir()
    evidence.prune(str(tmp_path), 2)
    assert sorted(path.name for path in (tmp_path / "state" / "releases").iterdir()) == ["0001", "failed-3", "failed-4"]


def test_the_end_of_a_way_back_tells_what_became_of_posts(tmp_path: Path) -> None:
    begun(tmp_path)
    found = journal.transaction(journal.entries(str(tmp_path)))
    assert found is not None
    left = {"id": "made", "state": "QUEUE", "due": "2026-11-25 09:00:00", "created": "2026-11-25 08:00:00"}
    posts = {"carried": ["a"], "held": ["b"], "unsent": ["c"], "left": [left]}
    told = report.closed(found, "returned", 1, (), 60.0, 12.0, posts)
    assert told["posts"] == posts
    for words in ("is kept: 1 (a)", "go out now: 1 (c)", "channels: 1 (b)", "made, QUEUE, due 2026-11-25 09:00:00"):
        assert words in told["report"]


def test_a_second_watcher_forgets_nothing_of_the_first(tmp_path: Path) -> None:
    place = str(tmp_path / "watch.json")
    watch._write(place, watch.Measurement(12.0, 60, "200"))
    watch._write(place, watch.Measurement(3.0, 20, "200"))
    assert watch._seen(place) == 12.0
    watch._write(place, watch.Measurement(13.0, 70, "200"))
    assert watch._seen(place) == 13.0
    assert [path.name for path in tmp_path.iterdir()] == ["watch.json"]


def test_a_name_that_another_stack_runs_by_is_told() -> None:
    other = Container(
        "o", "b-postiz-1", NEW.reference, "running", "", {"com.docker.compose.project": "b"}, (), (), "sha256:x"
    )
    assert codes(plan.judge(parameters(), seen(others=(other,)))) == ["upgrade-name-shared"]
    same = replace(other, image_identifier=NEW.identifier)
    assert codes(plan.judge(parameters(), seen(others=(same,)))) == []


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("p is unhealthy.\nFirst cause: backend: it ends.\n\nLAYER", "backend: it ends."),
        (
            "The folder cannot be written: No space left on device.",
            "The folder cannot be written: No space left on device.",
        ),
        ("", "a task failed; its message is above"),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_every_failure_has_a_first_cause(message: str, cause: str) -> None:
    assert steps.first_cause(message) == cause


@pytest.mark.parametrize(
    ("target", "known_as"),
    [
        (Target(NEW, True, "v2.0.0"), "sha256:new"),
        (Target(replace(NEW, identifier=""), False, "v2.0.0"), "registry.example/postiz@sha256:d-new"),
        (Target(ServiceImage("postiz", "postiz:v2.0.0"), False, "v2.0.0"), "postiz:v2.0.0"),
    ],
)
def test_the_future_image_is_named_before_its_tag_stands_for_it(target: Target, known_as: str) -> None:
    """What is not on the host yet is named as it is pulled."""
    there = seen(targets=(target,))
    told = report.planned(parameters(), there, plan.judge(parameters(), there))
    assert told["target_image"] == known_as
    assert (known_as in told["pull"]) == (not target.local)
