"""Everything that a stack keeps is taken, or left out by name, or told."""

from __future__ import annotations

import backup_samples as samples
import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.coverage import Chosen, Coverage, judge
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import PARTS, Exclusion
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.project import Elsewhere, Project
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Volume

LIVE = (samples.POSTS, samples.WORKFLOWS, samples.EMPTY)


def covered(project: Project, *exclusions: Exclusion, parts: tuple[str, ...] = PARTS) -> Coverage:
    folders = {place.bind: True for place in project.places if place.bind}
    return judge(project, LIVE, folders, Chosen(parts, exclusions))


def uncovered(found: Coverage) -> list[str]:
    assert {finding.code for finding in found.findings} <= {"backup-uncovered"}
    return [finding.component for finding in found.findings]


def test_upstreams_stack_is_covered() -> None:
    found = covered(samples.project())
    assert found.findings == ()
    assert [item.name for item in found.databases] == ["postiz-db-local", "temporal"]
    assert {copy.place.key: copy.freeze for copy in found.copies} == {
        "postiz-uploads": False,
        "postiz-config": False,
        "temporal-elasticsearch-data": True,
    }
    assert {item.name for item in found.exclusions} == {"database:postiz-postgres/postgres", "volume:postiz-redis-data"}
    assert all(item.reason for item in found.exclusions)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (samples.place("grafana", "grafana", "/var/lib/grafana"), "volume:grafana"),
        (samples.place("grafana-data", "grafana", "/data", anonymous=True), "volume:grafana-data"),
        (samples.place("x", "other", "/srv", volume=None, bind="/srv/data"), "bind:/srv/data"),
        # Redis by its name only: a volume of another program at the same path is another thing.
        (samples.place("data", "queue", "/data", image="mongo:7"), "volume:data"),
    ],
)
def test_what_nobody_knows_is_told_and_can_be_left_out(place: object, name: str) -> None:
    project = samples.project(places=(*samples.project().places, place))
    assert uncovered(covered(project)) == [name]
    found = covered(project, Exclusion(name, "of no use"))
    assert found.findings == ()
    assert Exclusion(name, "of no use") in found.exclusions


def test_a_volume_that_no_container_mounts() -> None:
    labels = {"com.docker.compose.volume": "old"}
    project = samples.project(unused=(Volume("postiz_old", labels),))
    assert uncovered(covered(project)) == ["volume:old"]
    assert covered(project, Exclusion("volume:old", "an earlier layout")).findings == ()
    assert covered(project, parts=("database",)).findings == ()


def test_a_server_that_does_not_run() -> None:
    servers = (samples.server("postiz-postgres"), samples.server("temporal-postgresql", running=False))
    assert uncovered(covered(samples.project(servers=servers))) == ["database:temporal-postgresql"]


def test_data_elsewhere() -> None:
    project = samples.project(elsewhere=(Elsewhere("database:db.example/postiz", "Postiz keeps its posts elsewhere."),))
    assert uncovered(covered(project)) == ["database:db.example/postiz"]
    assert covered(project, Exclusion("database:db.example/postiz", "backed up by its host")).findings == ()


def test_no_database_of_postiz() -> None:
    found = judge(samples.project(), [samples.WORKFLOWS], {}, Chosen(PARTS, ()))
    assert uncovered(found) == ["database"]


def test_parts() -> None:
    found = covered(samples.project(), parts=("database",))
    assert found.findings == ()
    assert [item.name for item in found.databases] == ["postiz-db-local"]
    assert found.copies == ()
    assert {item.name for item in found.exclusions} >= {
        "database:temporal-postgresql/temporal",
        "volume:postiz-uploads",
    }


def test_folders_of_the_host() -> None:
    places = (
        samples.place("u", "postiz", "/uploads", volume=None, bind="/srv/uploads"),
        samples.place(
            "d", "temporal", "/etc/temporal/x", volume=None, bind="/opt/postiz/dynamicconfig", writable=False
        ),
        samples.place("t", "temporal", "/etc/localtime", volume=None, bind="/etc/localtime", writable=False),
    )
    found = covered(samples.project(places=places))
    assert found.findings == ()
    assert [copy.place.bind for copy in found.copies] == ["/srv/uploads"]
    assert found.folders == ("/opt/postiz/dynamicconfig",)
