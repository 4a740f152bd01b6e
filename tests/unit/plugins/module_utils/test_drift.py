"""Whether Compose would find anything to do: only then is it started."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.drift import (
    expected_networks,
    half_made,
    parse_hashes,
    services_differ,
)
from hypothesis import given
from hypothesis import strategies as st

HASHES = {"postiz": "aa", "postiz-redis": "bb"}
IMAGES = frozenset({"sha256:1", "sha256:2"})
NETWORKS = {"postiz": frozenset({"x_temporal-network", "social"}), "postiz-redis": frozenset({"x_postiz-network"})}
COMPOSE = {
    "services": {
        "postiz": {"networks": {"temporal-network": {}, "social": {}}},
        "postiz-redis": {"networks": ["postiz-network"]},
    },
    "networks": {"temporal-network": {}, "postiz-network": None, "social": {"name": "social", "external": True}},
}


def container(service: str, config_hash: str, image: str = "sha256:1", state: str = "running") -> Container:
    labels = {"com.docker.compose.service": service, "com.docker.compose.config-hash": config_hash}
    return Container(
        f"id-{service}", f"x-{service}-1", "name", state, "", labels, (), (), image, tuple(NETWORKS.get(service, ()))
    )


POSTIZ = container("postiz", "aa")
REDIS = container("postiz-redis", "bb", "sha256:2")


def test_nothing_differs() -> None:
    assert not services_differ(HASHES, [REDIS, POSTIZ], IMAGES, NETWORKS)


@pytest.mark.parametrize(
    "containers",
    [
        [POSTIZ],
        [POSTIZ, POSTIZ, REDIS],
        [POSTIZ, REDIS, container("left-over", "cc")],
        [POSTIZ, replace(REDIS, state="exited")],
        [POSTIZ, replace(REDIS, state="paused")],
        [container("postiz", "older"), REDIS],
        [container("postiz", ""), REDIS],
        [container("postiz", "aa", "sha256:0"), REDIS],
        [replace(POSTIZ, networks=("social",)), REDIS],
        [],
    ],
    ids=[
        "missing",
        "scaled",
        "orphan",
        "ended",
        "paused",
        "older",
        "foreign",
        "older-image",
        "without-a-network",
        "nothing",
    ],
)
def test_what_compose_would_repair(containers: list[Container]) -> None:
    assert services_differ(HASHES, containers, IMAGES, NETWORKS)


def test_a_compose_that_cannot_be_asked_is_run() -> None:
    assert services_differ(parse_hashes(""), [], IMAGES, NETWORKS)
    assert services_differ(parse_hashes("no such file or directory\n"), [POSTIZ, REDIS], IMAGES, NETWORKS)


def test_networks_have_the_names_of_the_engine() -> None:
    assert expected_networks(COMPOSE, "x") == NETWORKS


def test_what_never_ran_is_half_made() -> None:
    assert half_made([POSTIZ, replace(REDIS, state="created")]) == (replace(REDIS, state="created"),)


def test_the_answer_of_compose() -> None:
    assert parse_hashes("postiz aa\npostiz-redis bb\n\n") == HASHES


@given(st.lists(st.sampled_from([POSTIZ, REDIS, replace(POSTIZ, state="dead"), container("other", "aa")]), max_size=4))
def test_nothing_differs_means_exactly_one_sound_container_each(containers: list[Container]) -> None:
    same = not services_differ(HASHES, containers, IMAGES, NETWORKS)
    assert same == (
        sorted(item.identifier for item in containers) == ["id-postiz", "id-postiz-redis"]
        and ({item.state for item in containers} == {"running"})
    )
