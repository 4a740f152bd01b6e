"""Parameters of stuck_posts_info and stuck_posts: what is refused, and how times are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Overrides
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.parameters import (
    ACT_SPEC,
    MOST_POSTS,
    ActRequest,
    moment,
    parse,
    parse_act,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import DEFAULTS

NAN, ENDLESS = float("nan"), float("inf")


def params(**changed: Any) -> dict[str, Any]:
    """As the module hands them over, without anything that the user need not say."""
    values = {name: entry.get("default") for name, entry in ACT_SPEC.items()}
    return {**values, "project": "postiz", "undo_directory": "/undo", **changed}


def act(**changed: Any) -> ActRequest:
    return parse_act(params(**changed), check_mode=False)


def test_the_defaults_look_at_everything_and_start_nothing_that_may_be_live() -> None:
    found = act()
    assert found.look == parse(params())
    chosen = found.look.selection
    assert (chosen.overdue_seconds, chosen.oldest) == (900.0, None)
    assert (chosen.organizations, chosen.channels, chosen.providers, chosen.posts) == ((), (), (), ())
    assert found.look.database == Overrides()
    assert found.look.temporal.wanted.queues == ("main",)
    assert found.settings.actions == DEFAULTS
    assert found.settings.accepted == frozenset()
    assert (found.undo, found.undo_file, found.undo_directory, found.check_mode) == (False, "", "/undo", False)


def test_what_is_given_arrives() -> None:
    found = parse_act(
        params(
            overdue_for=60.0,
            newer_than="2026-01-31T18:00:00Z",
            organizations=["o1"],
            channels=["c1"],
            providers=["x"],
            posts=["p1", "p2"],
            database_host="db",
            database_port=6432,
            database_tls_mode="verify-full",
            database_tls_ca_path="/ca.pem",
            actions={"worker-dead": "reschedule", "no-workflow": "none"},
            not_before="2026-02-01T00:00:00+01:00",
            accept_duplicate_risk=["p1"],
            state="undone",
            undo_file="/undo/x.undo.jsonl",
        ),
        check_mode=True,
    )
    chosen = found.look.selection
    assert chosen.oldest == datetime(2026, 1, 31, 18)  # noqa: DTZ001
    assert (chosen.organizations, chosen.channels, chosen.providers, chosen.posts) == (
        ("o1",),
        ("c1",),
        ("x",),
        ("p1", "p2"),
    )
    assert found.look.database == Overrides("db", 6432, "verify-full", "/ca.pem")
    assert found.settings.actions == {
        **DEFAULTS,
        PostClass.WORKER_DEAD: Action.RESCHEDULE,
        PostClass.NO_WORKFLOW: Action.NONE,
    }
    assert found.settings.not_before == datetime(2026, 1, 31, 23)  # noqa: DTZ001
    assert found.settings.accepted == {"p1"}
    assert (found.undo, found.undo_file, found.check_mode) == (True, "/undo/x.undo.jsonl", True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"limit": -1}, "limit is -1, which is less than 0."),
        ({"scan_limit": -1}, "scan_limit is -1, which is less than 0."),
        ({"statement_timeout": 0.0}, "statement_timeout must be more than 0.001 seconds, and is 0."),
        # Less than a millisecond would be no timeout at all.
        ({"statement_timeout": 0.0001}, "statement_timeout must be more than 0.001 seconds, and is 0.0001."),
        ({"statement_timeout": ENDLESS}, "statement_timeout must be more than 0.001 seconds, and is inf."),
        ({"overdue_for": -1e12}, "overdue_for must be more than -3.1536e+08 seconds, and is -1e+12."),
        ({"overdue_for": NAN}, "overdue_for must be more than -3.1536e+08 seconds, and is nan."),
        ({"overdue_for": 1e12}, "overdue_for must be more than -3.1536e+08 seconds, and is 1e+12."),
        ({"failing_attempts": 0}, "failing_attempts is 0, which is less than 1."),
        ({"deadline": 0}, "deadline is 0, which is less than 1."),
        ({"newer_than": "yesterday"}, "newer_than is 'yesterday', which is no time with a zone."),
        ({"spacing": 0.0}, "spacing must be more than 0.001 seconds, and is 0."),
        ({"spacing": NAN}, "spacing must be more than 0.001 seconds, and is nan."),
        ({"spacing": ENDLESS}, "spacing must be more than 0.001 seconds, and is inf."),
        ({"poke_at_once": -1}, "poke_at_once is -1, which is less than 0."),
        ({"burst_threshold": -1}, "burst_threshold is -1, which is less than 0."),
        ({"max_posts": 0}, f"max_posts is 0, and must be from 1 to {MOST_POSTS}."),
        ({"max_posts": MOST_POSTS + 1}, f"max_posts is 20001, and must be from 1 to {MOST_POSTS}."),
        ({"not_before": "2026-01-31T18:00:00"}, "not_before is '2026-01-31T18:00:00', which is no time with a zone."),
        ({"state": "undone"}, "state is undone, and undo_file is missing."),
        ({"fail_reason": " \n"}, "fail_reason is empty."),
        ({"actions": {"lost": "poke"}}, "actions: there is no class 'lost'."),
        ({"actions": {7: "poke"}}, "actions: there is no class 7."),
        ({"actions": {"worker-dead": "restart"}}, "actions: worker-dead: no such action: 'restart'."),
        ({"actions": {"worker-dead": None}}, "actions: worker-dead: no such action: None."),
        ({"actions": {"worker-dead": ["poke"]}}, "actions: worker-dead: no such action: ['poke']."),
        (
            {"actions": {"outcome-unknown": "poke"}},
            "poke is no action for posts of the class outcome-unknown.",
        ),
        ({"actions": {"has-release": "reschedule"}}, "reschedule is no action for posts of the class has-release."),
    ],
    ids=lambda value: "" if isinstance(value, str) else repr(value),
)
def test_what_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        act(**changed)
    assert refused.value.message.startswith(message)
    assert refused.value.remedy.endswith(".")


def test_posts_that_are_due_soon_may_be_taken_along() -> None:
    assert act(overdue_for=-3600.0).look.selection.overdue_seconds == -3600.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("2026-01-31T18:00:00Z", datetime(2026, 1, 31, 18)),  # noqa: DTZ001
        (" 2026-01-31 18:00:00Z ", datetime(2026, 1, 31, 18)),  # noqa: DTZ001
        ("2026-01-31 18:00:00 +01:00", datetime(2026, 1, 31, 17)),  # noqa: DTZ001
        ("2026-01-01T00:30:00+05:45", datetime(2025, 12, 31, 18, 45)),  # noqa: DTZ001
        ("2026-01-31T18:00:00-03:30", datetime(2026, 1, 31, 21, 30)),  # noqa: DTZ001
        ("2026-01-31T18:00:00.250Z", datetime(2026, 1, 31, 18, 0, 0, 250000)),  # noqa: DTZ001
    ],
)
def test_times(text: str | None, expected: datetime | None) -> None:
    assert moment(text, "not_before") == expected


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "2026-01-31",
        "2026-01-31T18:00Z",
        "2026-13-31T18:00:00Z",
        "2026-02-30T18:00:00Z",
        "2026-01-31T25:00:00Z",
        "0001-01-01T00:00:00Z",
        "0002-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "3000-01-01T00:00:00Z",
        "٢٠٢٦-01-31T18:00:00Z",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(BadInput, match=r"^not_before is "):
        moment(text, "not_before")
