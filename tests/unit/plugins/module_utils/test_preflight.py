"""A host in a snapshot, and every finding that it can give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    ImageFacts,
    Manifest,
    Origin,
    Release,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import (
    Container,
    EngineInfo,
    ImageConfig,
    Mount,
    Volume,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import (
    EnginePermissionDenied,
    EngineTooOld,
    EngineUnreachable,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Severity, describe, error
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import Transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import (
    PreflightParameters,
    StackParameters,
    WantedPort,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.preflight import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.snapshot import EngineState, HostSnapshot

GIB = 1024**3
POSTIZ = WantedPort("postiz", "127.0.0.1", 4007)
CONSOLE = WantedPort("temporal-ui", "127.0.0.1", 8080)
WANTED = PreflightParameters(
    stack=StackParameters("postiz", "/opt/postiz", "postiz:1", False, {}, {}),
    url="https://postiz.example.org",
    ports=(POSTIZ, CONSOLE),
    images=("postiz:1",),
    pull="missing",
    dynamic_config="{}",
    dynamic_config_source="stack_dynamic_config",
    min_free_bytes=5 * GIB,
    min_memory_bytes=3 * GIB,
)
ENGINE = EngineState(EngineInfo("20.10.24", "1.41", "x86_64", 4 * GIB, "/var/lib/docker"), (), (), None, (), {})
GOOD = HostSnapshot(ENGINE, None, "2.40.3", {"/opt/postiz": 9 * GIB}, {}, None, "", ())


def container(project: str, service: str, directory: str, *mounts: Mount) -> Container:
    labels = {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.project.working_dir": directory,
    }
    return Container("0" * 64, f"{project}-{service}-1", "image", "running", "Up", labels, (), mounts)


def with_engine(**values: Any) -> HostSnapshot:
    return replace(GOOD, engine=replace(ENGINE, **values))


def with_info(**values: Any) -> HostSnapshot:
    return with_engine(info=replace(ENGINE.info, **values))


def test_a_good_host_has_no_finding() -> None:
    assert judge(WANTED, GOOD) == ()


ANONYMOUS = Mount("volume", "a" * 64, "/var/lib/postgresql/data")
OLD_VOLUME = Volume("old_postgres-volume", {"com.docker.compose.project": "old"})


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (replace(GOOD, engine=None, engine_problem=EngineUnreachable("x", "y")), "engine-unreachable"),
        (replace(GOOD, engine=None, engine_problem=EnginePermissionDenied("x", "y")), "engine-permission-denied"),
        (replace(GOOD, compose_version=""), "compose-missing"),
        (replace(GOOD, compose_version="2.17.9"), "compose-too-old"),
        (replace(GOOD, compose_version="v1.29.2"), "compose-too-old"),
        (replace(GOOD, env_file_problem="Permission denied"), "env-file-unreadable"),
        (replace(GOOD, port_obstacles={POSTIZ: "nginx has it"}), "port-taken"),
        (replace(GOOD, engine=None, engine_problem=EngineTooOld("x", "y")), "engine-too-old"),
        (with_info(architecture="riscv64"), "architecture-unsupported"),
        (with_info(memory_bytes=2 * GIB), "memory-low"),
        (replace(with_engine(missing_images=("a",)), free_bytes={"/": GIB}), "disk-low"),
        (with_engine(missing_images=("a",), pull_obstacles={"a": "denied"}), "image-not-pullable"),
        (with_engine(containers=(container("postiz", "postiz", "/srv/other"),)), "project-in-other-directory"),
        (with_engine(version="v2.23.0", wanted_version="v2.21.8"), "upgrade-goes-back"),
        (replace(with_engine(volumes=(OLD_VOLUME,)), recorded_project="old"), "volumes-orphaned"),
        (
            with_engine(containers=(container("old", "postiz", "/opt/postiz"),), volumes=(OLD_VOLUME,)),
            "volumes-orphaned",
        ),
        (
            with_engine(containers=(container("postiz", "temporal-postgresql", "/opt/postiz", ANONYMOUS),)),
            "anonymous-volumes",
        ),
    ],
)
def test_each_problem_has_its_code_and_stops_the_run(seen: HostSnapshot, code: str) -> None:
    (finding,) = judge(WANTED, seen)
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert finding.evidence
    assert finding.remedy


def test_a_frontend_of_another_image() -> None:
    """Only an image that is there can be told from another one."""
    origin = Origin("built", "x", "/app/apps/frontend/.next", ())
    bundle = Release("b1-1111", Manifest("b1", ImageFacts("postiz:0", "sha256:1"), origin, 1, 1, "", ""))
    mine, other = ImageConfig("sha256:1", (), ()), ImageConfig("sha256:2", (), ())
    assert judge(WANTED, replace(with_engine(postiz_image=mine), frontend=bundle)) == ()
    assert judge(WANTED, replace(with_engine(postiz_image=None), frontend=bundle)) == ()
    (finding,) = judge(WANTED, replace(with_engine(postiz_image=other), frontend=bundle))
    assert (finding.code, finding.severity) == ("bundle-image-mismatch", Severity.ERROR)
    assert "made for postiz:0, and the stack would run postiz:1" in finding.evidence


@pytest.mark.parametrize("wanted", ["v2.23.0", "v2.24.0", "latest", ""])
def test_an_image_that_is_not_known_to_be_older_is_no_obstacle(wanted: str) -> None:
    assert judge(WANTED, with_engine(version="v2.23.0", wanted_version=wanted)) == ()
    assert judge(WANTED, with_engine(version="", wanted_version=wanted)) == ()


def test_an_upgrade_judges_the_way_back_itself() -> None:
    seen = with_engine(version="v2.23.0", wanted_version="v2.21.8")
    assert judge(replace(WANTED, upgrading=True), seen) == ()


def test_whoever_upgrades_a_stack_that_is_not_there_is_told_to_free_no_port() -> None:
    taken = {POSTIZ: "another stack has it"}
    wanted = replace(WANTED, upgrading=True)
    assert judge(wanted, replace(with_engine(containers=()), port_obstacles=taken)) == ()
    own = container("postiz", "postiz", "/opt/postiz")
    (finding,) = judge(wanted, replace(with_engine(containers=(own,)), port_obstacles=taken))
    assert finding.code == "port-taken"


def test_all_findings_come_at_once() -> None:
    wanted = replace(WANTED, url="nonsense", dynamic_config=None)
    findings = judge(wanted, replace(GOOD, compose_version="", engine=None, engine_problem=EngineUnreachable("x", "y")))
    assert [finding.code for finding in findings] == [
        "url-malformed",
        "dynamic-config-missing",
        "engine-unreachable",
        "compose-missing",
    ]
    assert describe(findings).startswith("4 problems found, nothing was changed:")


def test_low_space_under_a_complete_stack_is_a_warning() -> None:
    (finding,) = judge(WANTED, replace(GOOD, free_bytes={"/": GIB}))
    assert (finding.code, finding.severity) == ("disk-low", Severity.WARNING)


def test_two_services_on_one_port() -> None:
    findings = judge(replace(WANTED, ports=(POSTIZ, replace(CONSOLE, port=4007))), GOOD)
    assert [finding.code for finding in findings] == ["port-taken", "port-taken"]


def test_images_that_may_not_be_pulled() -> None:
    (finding,) = judge(replace(WANTED, pull="never"), with_engine(missing_images=("a:1",)))
    assert (finding.code, finding.component) == ("image-not-pullable", "a:1")


def test_stacks_of_other_names_are_nobodys_business() -> None:
    assert (
        judge(WANTED, with_engine(containers=(container("other", "postiz", "/opt/other"),), volumes=(OLD_VOLUME,)))
        == ()
    )


def test_an_unfinished_upgrade_is_not_provisioned_over() -> None:
    begun = Transaction("run", "root@here:b:1:2", 0.0, 0.0, "forward", (), 1, False, frozenset(), frozenset(), "stop")
    seen = replace(GOOD, upgrade=begun)
    (finding,) = judge(WANTED, seen)
    assert finding.code == "upgrade-under-way"
    assert "root on here, process 1" in finding.evidence
    assert "its last step is stop" in finding.evidence
    assert "playbook upgrade again" in finding.remedy
    assert judge(replace(WANTED, upgrading=True), seen) == ()


@pytest.mark.parametrize("upgrading", [False, True])
def test_an_unfinished_restore_is_neither_provisioned_over_nor_upgraded(upgrading: bool) -> None:
    wanted = replace(WANTED, upgrading=upgrading)
    found = error("restore-under-way", "postiz", "seen.", "do.")
    assert judge(wanted, replace(GOOD, restore=found)) == (found,)


def test_a_restore_on_the_way_back_of_an_upgrade_is_a_part_of_it() -> None:
    back = Transaction("run", "root@here:b:1:2", 0.0, 0.0, "back", (), 1, True, frozenset(), frozenset(), "")
    seen = replace(GOOD, upgrade=back, restore=error("restore-under-way", "postiz", "seen.", "do."))
    (finding,) = judge(WANTED, seen)
    assert finding.code == "upgrade-under-way"
    assert "no step has begun" in finding.evidence
    assert "playbook rollback again" in finding.remedy
    assert judge(replace(WANTED, upgrading=True), seen) == ()
