"""The plan: who gets which time, what is refused, and what holds whatever is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.model import Action, Judged, PostClass
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.plan import (
    ALLOWED,
    BY_DEFAULT,
    DEFAULTS,
    PROTECTED,
    Plan,
    Settings,
    build,
    check,
    for_all,
    free_slots,
)
from hypothesis import given
from hypothesis import strategies as st
from posts_samples import NOW, UNHURRIED, every, judged, settings

MINUTE = timedelta(seconds=60)
SENDING = (Action.POKE, Action.RESCHEDULE)


class Calendar:
    """Posts that are there already, and what the plan asked about them."""

    def __init__(self, busy: Mapping[str, Sequence[datetime]] | None = None) -> None:
        self.busy = busy or {}
        self.moved: list[str] = []

    def __call__(
        self, channels: Sequence[str], first: datetime, last: datetime, moved: Sequence[str]
    ) -> Mapping[str, list[datetime]]:
        self.moved = list(moved)
        return {
            channel: sorted(moment for moment in self.busy.get(channel, ()) if first <= moment < last)
            for channel in channels
        }


def plan(posts: Sequence[Judged], calendar: Calendar | None = None, **changed: object) -> Plan:
    return build(posts, settings(**changed), NOW, calendar or Calendar())


def overdue(count: int, channel: str = "c1", post_class: PostClass = PostClass.NO_WORKFLOW) -> list[Judged]:
    """Posts of one channel, oldest first."""
    return [
        judged(post_class, id=f"{channel}-{number}", channel=channel, due=NOW - timedelta(hours=count - number))
        for number in range(count)
    ]


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("post_class", PostClass)
def test_every_class_and_action_has_an_answer(post_class: PostClass, action: Action) -> None:
    possible = ALLOWED[post_class] | (
        {Action.RESCHEDULE, Action.HOLD, Action.DELETE} if post_class in PROTECTED else set()
    )
    if action not in possible:
        with pytest.raises(
            BadInput, match=f"^{action.value} is no action for posts of the class {post_class.value}"
        ) as refused:
            check({post_class: action})
        assert refused.value.remedy.startswith("choose one of: ")
        return
    check({post_class: action})
    made = plan([judged(post_class, already_posted=True)], actions={post_class: action})
    if action is Action.NONE:
        assert made == Plan((), ())
    elif action in ALLOWED[post_class]:
        assert [(item.action, item.start) for item in made.items] == [
            (action, action in SENDING or (post_class, action) == (PostClass.GHOST, Action.END_WORKFLOW))
        ]
    else:
        assert made.items == ()
        assert "accept_duplicate_risk" in made.skipped[0].reason


def test_channels_take_turns_within_a_slot() -> None:
    """All channels' posts at the same instant are a burst for Temporal and the worker."""
    posts = [one for channel in ("c1", "c2", "c3", "c4") for one in overdue(3, channel)]
    made = plan(posts, actions={PostClass.NO_WORKFLOW: Action.RESCHEDULE})
    first = sorted(item.due for item in made.items if item.due)[:4]
    assert first == [NOW + timedelta(seconds=number * 61 / 4) for number in range(4)]


@pytest.mark.parametrize("post_class", PROTECTED)
def test_a_post_that_may_be_live_starts_only_by_its_own_id(post_class: PostClass) -> None:
    posts = [judged(post_class, id="p1", running=True), judged(post_class, id="p2", running=True)]
    made = plan(posts, actions={post_class: Action.RESCHEDULE}, accepted=frozenset({"p2"}))
    assert [(item.id, item.end, item.start) for item in made.items] == [("p2", True, True)]
    assert [one.judged.row.id for one in made.skipped] == ["p1"]


def test_a_post_that_may_be_live_is_marked_as_failed_whatever_its_workflow_does() -> None:
    made = plan([judged(PostClass.OUTCOME_UNKNOWN, running=True)], actions={PostClass.OUTCOME_UNKNOWN: Action.FAIL})
    assert [(item.state, item.end, item.start) for item in made.items] == [("ERROR", True, False)]


def test_an_accepted_id_opens_no_other_class() -> None:
    ids = frozenset({"p1"})
    for post_class in (PostClass.HAS_RELEASE, PostClass.PUBLISHING, PostClass.NOT_QUEUED):
        made = plan([judged(post_class)], actions={post_class: Action.RESCHEDULE}, accepted=ids)
        assert made.items == ()


def test_a_workflow_that_may_not_sleep_is_not_ended() -> None:
    post = judged(PostClass.RUNNING_OVERDUE, running=True)
    made = plan([post], actions={PostClass.RUNNING_OVERDUE: Action.HOLD})
    assert [one.reason for one in made.skipped] == ["its workflow cannot be proved to sleep, so it is not ended"]
    made = plan([replace(post, endable=True)], actions={PostClass.RUNNING_OVERDUE: Action.HOLD})
    assert [(item.state, item.end, item.start) for item in made.items] == [("DRAFT", True, False)]


def test_only_already_posted_is_set_right() -> None:
    posts = [
        judged(PostClass.LIVE_ERROR, id="p1", already_posted=True, release=True, state="ERROR"),
        judged(PostClass.LIVE_ERROR, id="p2", release=True, state="ERROR"),
    ]
    made = plan(posts)
    assert [(item.id, item.action, item.state, item.start) for item in made.items] == [
        ("p1", Action.MARK_PUBLISHED, "PUBLISHED", False)
    ]
    assert [(one.judged.row.id, one.reason) for one in made.skipped] == [
        ("p2", "its error is another one than 'Already posted', and would be lost")
    ]


def test_a_ghost_is_ended_and_started_again_only_where_its_post_is_wanted() -> None:
    posts = [
        judged(PostClass.GHOST, id="deleted", deleted=True, running=True, endable=True),
        judged(PostClass.GHOST, id="draft", state="DRAFT", running=True, endable=True),
        judged(PostClass.GHOST, id="moved", due=NOW + MINUTE, running=True, endable=True),
    ]
    assert [(item.id, item.end, item.start, item.writes) for item in plan(posts).items] == [
        ("deleted", True, False, False),
        ("draft", True, False, False),
        ("moved", True, True, False),
    ]


def test_max_posts_says_the_number() -> None:
    assert len(plan(overdue(3), max_posts=3).items) == 3
    with pytest.raises(
        BadInput, match=r"^4 posts would be changed, and max_posts is 3; nothing was changed"
    ) as refused:
        plan(overdue(4), max_posts=3)
    assert "max_posts: 4" in refused.value.remedy


def test_posts_beyond_poke_at_once_get_times_after_the_pokes() -> None:
    calendar = Calendar()
    made = plan(overdue(5), calendar, poke_at_once=2, spacing_seconds=60.0)
    assert [item.action for item in made.items] == [Action.POKE, Action.POKE, *[Action.RESCHEDULE] * 3]
    assert [item.due for item in made.items[:2]] == [None, None]
    assert made.items[2].due is not None
    assert made.items[2].due >= NOW + MINUTE
    assert calendar.moved == ["c1-2", "c1-3", "c1-4"]


def test_the_oldest_are_poked_in_whatever_order_they_come() -> None:
    made = plan(list(reversed(overdue(3))), poke_at_once=1)
    assert [(item.id, item.action) for item in made.items] == [
        ("c1-0", Action.POKE),
        ("c1-1", Action.RESCHEDULE),
        ("c1-2", Action.RESCHEDULE),
    ]


def test_posts_of_the_future_keep_their_times_however_many_they_are() -> None:
    ahead = [
        judged(PostClass.SCHEDULED_LOST, id=f"f{number}", due=NOW + timedelta(hours=number + 1)) for number in range(40)
    ]
    made = plan([*ahead, *overdue(2)], poke_at_once=1)
    by_id = {item.id: item for item in made.items}
    assert all(
        (by_id[one.row.id].action, by_id[one.row.id].due, by_id[one.row.id].start) == (Action.POKE, None, True)
        for one in ahead
    )
    assert [by_id[f"c1-{number}"].action for number in range(2)] == [Action.POKE, Action.RESCHEDULE]


def test_the_first_time_counts_from_the_database_s_now() -> None:
    (item,) = plan(overdue(1), actions=every_of(Action.RESCHEDULE), not_before_seconds=180.0).items
    assert item.due == NOW + timedelta(seconds=180)


def every_of(action: Action) -> Mapping[PostClass, Action]:
    return {PostClass.NO_WORKFLOW: action}


def test_nobody_is_poked_at_once_when_that_is_0() -> None:
    made = plan(overdue(2), poke_at_once=0)
    assert made.items[0].due == NOW
    assert {item.action for item in made.items} == {Action.RESCHEDULE}


def test_small_channels_are_left_alone() -> None:
    posts = [*overdue(3, "c1", PostClass.WORKER_DEAD), *overdue(4, "c2", PostClass.WORKER_DEAD)]
    actions = {PostClass.WORKER_DEAD: Action.RESCHEDULE}
    assert {item.judged.row.channel for item in plan(posts, actions=actions, burst_threshold=3).items} == {"c2"}
    assert len(plan(posts, actions=actions, burst_threshold=0).items) == 7
    held = plan(posts, actions={PostClass.WORKER_DEAD: Action.HOLD}, burst_threshold=9)
    assert len(held.items) == 7


def test_slots_are_a_little_longer_than_the_spacing_and_step_around_what_is_there() -> None:
    actions = {PostClass.NO_WORKFLOW: Action.RESCHEDULE}
    second = NOW + timedelta(seconds=61)
    # Without the slack, the clocks of two workflows could put one more into a minute.
    assert [item.due for item in plan(overdue(2), actions=actions).items] == [NOW, second]
    just_gone = Calendar({"c1": [NOW - timedelta(seconds=1)]})
    assert [item.due for item in plan(overdue(1), just_gone, actions=actions).items] == [NOW + MINUTE]


def test_not_before() -> None:
    actions = {PostClass.NO_WORKFLOW: Action.RESCHEDULE}
    later = NOW + timedelta(hours=3)
    assert [item.due for item in plan(overdue(1), actions=actions, not_before=later).items] == [later]
    assert [item.due for item in plan(overdue(1), actions=actions, not_before=NOW - MINUTE).items] == [NOW]


MILLISECONDS = st.integers(-600_000, 3_600_000).map(lambda value: NOW + timedelta(milliseconds=value))


@UNHURRIED
@given(st.integers(0, 30), st.sampled_from([1.0, 10.0, 20.0, 60.0, 3600.0]), st.lists(MILLISECONDS, max_size=30))
def test_free_slots(count: int, spacing: float, busy: list[datetime]) -> None:
    length = timedelta(seconds=spacing)
    found = free_slots(count, NOW, length, busy)
    assert len(found) == count
    assert found == sorted(found)
    assert all(moment >= NOW for moment in found)
    assert all(after - before >= length for before, after in pairwise(found))
    for moment in found:
        assert all(abs(moment - other) >= length - timedelta(milliseconds=1) for other in busy)


POSTS = st.lists(
    st.builds(
        lambda post_class, channel, minutes, running, endable, flags: judged(
            post_class,
            channel=channel,
            due=NOW - timedelta(minutes=minutes),
            running=running,
            endable=running and endable,
            release=post_class in (PostClass.HAS_RELEASE, PostClass.LIVE_ERROR),
            already_posted=flags,
        ),
        st.sampled_from(PostClass),
        st.sampled_from(["c1", "c2"]),
        st.integers(0, 50),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=25,
).map(lambda posts: [replace(one, row=replace(one.row, id=f"p{number:02}")) for number, one in enumerate(posts)])


def allowed(post_class: PostClass) -> st.SearchStrategy[Action]:
    return st.sampled_from(sorted(ALLOWED[post_class] | ({Action.RESCHEDULE} if post_class in PROTECTED else set())))


SETTINGS = st.builds(
    settings,
    actions=st.fixed_dictionaries({post_class: allowed(post_class) for post_class in PostClass}),
    spacing_seconds=st.sampled_from([20.0, 60.0, 7.5]),
    not_before=st.none() | MILLISECONDS,
    poke_at_once=st.integers(0, 3),
    burst_threshold=st.integers(0, 3),
    accepted=st.frozensets(st.sampled_from(["p00", "p01", "p02", "p03"])),
)
BUSY = st.fixed_dictionaries({"c1": st.lists(MILLISECONDS, max_size=10), "c2": st.lists(MILLISECONDS, max_size=10)})


@UNHURRIED
@given(POSTS, SETTINGS, BUSY)
def test_what_holds_for_every_plan(posts: list[Judged], wanted: Settings, busy: dict[str, list[datetime]]) -> None:
    made = build(posts, wanted, NOW, Calendar(busy))
    for item in made.items:
        if item.judged.post_class in PROTECTED and item.action is not Action.FAIL:
            assert item.id in wanted.accepted
        if item.judged.row.release:
            assert item.action is Action.MARK_PUBLISHED
        if item.judged.running and item.end and item.judged.post_class not in PROTECTED:
            assert item.judged.endable
        assert (item.due is not None) == (item.action is Action.RESCHEDULE)
        assert not (item.start and item.judged.running and not item.end)
    ids = [item.id for item in made.items] + [one.judged.row.id for one in made.skipped]
    assert len(ids) == len(set(ids))
    for channel in ("c1", "c2"):
        moved = [item for item in made.items if item.due and item.judged.row.channel == channel]
        assert [item.judged.row.due for item in moved] == sorted(item.judged.row.due for item in moved)
        times = [item.due for item in moved if item.due]
        assert times == sorted(times)
        assert all(moment >= max(NOW, wanted.not_before or NOW) for moment in times)
        spacing = timedelta(seconds=wanted.spacing_seconds)
        assert all(after - before >= spacing for before, after in pairwise(times))
        assert all(abs(moment - other) >= spacing for moment in times for other in busy[channel])
        most = int(60 / wanted.spacing_seconds)
        assert all(sum(1 for other in times if moment <= other < moment + MINUTE) <= most for moment in times)


@UNHURRIED
@given(POSTS, SETTINGS, BUSY, st.data())
def test_a_plan_does_not_depend_on_the_order_of_the_rows(
    posts: list[Judged], wanted: Settings, busy: dict[str, list[datetime]], data: st.DataObject
) -> None:
    first = build(posts, wanted, NOW, Calendar(busy))
    assert build(posts, wanted, NOW, Calendar(busy)) == first
    assert build(data.draw(st.permutations(posts)), wanted, NOW, Calendar(busy)) == first


def test_the_defaults_start_nothing_that_may_be_live() -> None:
    check(DEFAULTS)
    for one in PostClass:
        made = plan([judged(one, already_posted=True, running=True)])
        assert not any(item.start for item in made.items if one is not PostClass.NO_WORKFLOW)


@pytest.mark.parametrize("post_class", [PostClass.NO_WORKFLOW, PostClass.OLDER_THAN_SWEEP, PostClass.SCHEDULED_LOST])
def test_a_post_that_was_changed_a_moment_ago_is_not_poked(post_class: PostClass) -> None:
    """Postiz writes the row, lists, ends what runs, and starts: a poke in between would go out twice."""
    fresh = judged(post_class, id="fresh", updated=NOW - timedelta(seconds=59))
    settled = judged(post_class, id="settled", updated=NOW - timedelta(seconds=60))
    made = plan([fresh, settled], actions={post_class: Action.POKE})
    assert [item.id for item in made.items] == ["settled"]
    assert [(one.judged.row.id, one.reason[:29]) for one in made.skipped] == [
        ("fresh", "it was changed a moment ago: ")
    ]
    # Nor does it take the place of one that may be poked.
    both = plan([fresh, settled], actions={post_class: Action.POKE}, poke_at_once=1)
    assert [(item.id, item.action) for item in both.items] == [("settled", Action.POKE)]
    # What Postiz starts then must not meet a draft, nor a post that goes out now as well.
    assert plan([fresh], actions={post_class: Action.HOLD}).items == ()
    assert plan([fresh], actions={post_class: Action.RESCHEDULE}).items == ()
    assert len(plan([fresh], actions={post_class: Action.RESCHEDULE}, not_before_seconds=60.0).items) == 1
    # What an interrupted run of ours changed, nobody else is about to start.
    ours = plan([fresh], actions={post_class: Action.POKE}, ours=frozenset({"fresh"}))
    assert [item.id for item in ours.items] == ["fresh"]


def test_what_may_be_live_is_failed_at_once() -> None:
    fresh = judged(PostClass.OUTCOME_UNKNOWN, id="fresh", updated=NOW)
    assert len(plan([fresh], actions={PostClass.OUTCOME_UNKNOWN: Action.FAIL}).items) == 1
    moved = {PostClass.OUTCOME_UNKNOWN: Action.RESCHEDULE}
    assert len(plan([fresh], actions=moved, accepted=frozenset({"fresh"})).items) == 1


def test_of_ghosts_only_a_queued_post_is_held() -> None:
    posts = [
        judged(PostClass.GHOST, id="deleted", deleted=True, running=True, endable=True),
        judged(PostClass.GHOST, id="draft", state="DRAFT", running=True, endable=True),
        judged(PostClass.GHOST, id="moved", due=NOW + MINUTE, running=True, endable=True),
    ]
    made = plan(posts, actions={PostClass.GHOST: Action.HOLD})
    assert [(item.id, item.state, item.end, item.start) for item in made.items] == [("moved", "DRAFT", True, False)]
    assert {one.judged.row.id for one in made.skipped} == {"deleted", "draft"}


@pytest.mark.parametrize("action", BY_DEFAULT)
def test_an_action_for_all_is_for_those_that_allow_it(action: Action) -> None:
    check(for_all(action))
    made = plan(
        [judged(post_class, id=post_class.value) for post_class in PostClass],
        actions=for_all(action),
        poke_at_once=20,
    )
    for item in made.items:
        assert item.action is action
        assert item.judged.post_class not in PROTECTED or action is Action.FAIL


def test_the_same_action_for_all_is_checked_class_by_class() -> None:
    check(every(Action.NONE))
    for action in (Action.POKE, Action.MARK_PUBLISHED, Action.END_WORKFLOW, Action.HOLD):
        with pytest.raises(BadInput):
            check(every(action))
