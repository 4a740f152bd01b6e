"""Parameters of stuck_posts_info and stuck_posts: what is refused, and how times are read."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
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
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import DEFAULTS, build
from posts_samples import NOW, judged

POST_CLASSES_OF_A_QUEUED_POST = (
    PostClass.NO_WORKFLOW,
    PostClass.SCHEDULED,
    PostClass.SCHEDULED_LOST,
    PostClass.OLDER_THAN_SWEEP,
    PostClass.WORKER_DEAD,
    PostClass.CHANNEL_BROKEN,
    PostClass.RUNNING_OVERDUE,
    PostClass.FAILING,
    PostClass.GHOST,
)
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
        ({"statement_timeout": 0.0}, "statement_timeout is 0 seconds, and must be from 0.001 to 86400."),
        # Less than a millisecond would be no timeout at all.
        ({"statement_timeout": 0.0001}, "statement_timeout is 0.0001 seconds, and must be from 0.001 to 86400."),
        ({"statement_timeout": ENDLESS}, "statement_timeout is inf, which is no number of seconds."),
        ({"overdue_for": -1e12}, "overdue_for is -1000000000000 seconds, and must be from -315360000 to 315360000."),
        ({"overdue_for": NAN}, "overdue_for is nan, which is no number of seconds."),
        ({"overdue_for": -ENDLESS}, "overdue_for is -inf, which is no number of seconds."),
        ({"overdue_for": 1e12}, "overdue_for is 1000000000000 seconds, and must be from -315360000 to 315360000."),
        ({"horizon": -1.0}, "horizon is -1 seconds, and must be from 0 to 315360000."),
        ({"horizon": ENDLESS}, "horizon is inf, which is no number of seconds."),
        ({"not_before_in": -1.0}, "not_before_in is -1 seconds, and must be from 0 to 315360000."),
        ({"lock_timeout": NAN}, "lock_timeout is nan, which is no number of seconds."),
        (
            {"not_before": "2026-01-31T18:00:00Z", "not_before_in": 60.0},
            "not_before and not_before_in are both given.",
        ),
        ({"failing_attempts": 0}, "failing_attempts is 0, which is less than 1."),
        ({"deadline": 0}, "deadline is 0, which is less than 1."),
        ({"newer_than": "yesterday"}, "newer_than is 'yesterday', which is no time with a zone."),
        ({"spacing": 0.0}, "spacing is 0 seconds, and must be from 0.001 to 2592000."),
        ({"spacing": NAN}, "spacing is nan, which is no number of seconds."),
        ({"spacing": ENDLESS}, "spacing is inf, which is no number of seconds."),
        ({"poke_at_once": -1}, "poke_at_once is -1, which is less than 0."),
        ({"burst_threshold": -1}, "burst_threshold is -1, which is less than 0."),
        ({"max_posts": 0}, f"max_posts is 0, and must be from 1 to {MOST_POSTS}."),
        ({"max_posts": MOST_POSTS + 1}, f"max_posts is {MOST_POSTS + 1}, and must be from 1 to {MOST_POSTS}."),
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


def test_an_action_that_needs_an_id_says_so() -> None:
    with pytest.raises(BadInput) as refused:
        act(actions={"outcome-unknown": "poke"})
    assert refused.value.remedy == (
        "choose one of: delete, fail, hold, none, reschedule. delete, hold, reschedule: only to ids in accept_duplicate_risk."
    )


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


def test_an_action_for_all_takes_the_place_of_the_defaults() -> None:
    actions = act(action_default="hold", actions={"channel-broken": "fail"}).settings.actions
    for post_class in POST_CLASSES_OF_A_QUEUED_POST:
        assert actions[post_class] is (Action.FAIL if post_class is PostClass.CHANNEL_BROKEN else Action.HOLD)
    assert Action.POKE not in actions.values()
    assert Action.MARK_PUBLISHED not in actions.values()
    assert set(act(action_default="none").settings.actions.values()) == {Action.NONE}


def documented(text: str) -> Any:
    """The options of the documented way to hold what is foreseen to fail."""
    tasks = [task for task in yaml.safe_load(text) if "predicted" in str(task.get("when"))]
    (found,) = tasks
    return found["selfhost.postiz.stuck_posts"]


@pytest.mark.parametrize("post_class", POST_CLASSES_OF_A_QUEUED_POST)
@pytest.mark.parametrize("where", ["docs", "module"])
def test_the_documented_way_holds_a_foreseen_post_whatever_became_of_it(where: str, post_class: PostClass) -> None:
    if where == "docs":
        page = REPOSITORY.joinpath("docs/post_failures.md").read_text(encoding="utf-8")
        (text,) = (part.split("```")[0] for part in page.split("```yaml")[1:] if "stuck_posts:" in part)
    else:
        source = REPOSITORY.joinpath("plugins/modules/post_failures_info.py").read_text(encoding="utf-8")
        text = source.split('EXAMPLES = r"""')[1].split('"""')[0]
    given = {**documented(text), "posts": ["p1"]}
    found = act(**given).settings
    late = timedelta(hours=1 if post_class is not PostClass.SCHEDULED_LOST else -1)
    post = judged(post_class, due=NOW - late, running=post_class in RUNS, endable=True)
    (item,) = build([post], found, NOW, lambda *_asked: {}).items
    assert (item.action, item.state, item.start) == (Action.HOLD, "DRAFT", False)


RUNS = (PostClass.RUNNING_OVERDUE, PostClass.FAILING, PostClass.GHOST, PostClass.SCHEDULED)
REPOSITORY = Path(__file__).parents[5]
