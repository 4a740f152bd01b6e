"""Which step is chosen, and that none is ever chosen that must not be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.codes import containers, pm2, temporal
from ansible_collections.selfhost.postiz.plugins.module_utils.codes.table import CODES
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Verdict
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.choose import choose, touches_postiz
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.ladder import LADDERS, POSTIZ
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import (
    Cause,
    Decision,
    History,
    Kind,
    Limits,
    Rung,
    Situation,
    Tried,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_000_000.0
LIMITS = Limits(attempts=4, window=3600, cooldown=60, settle=150)
LONG = 10_000.0


def cause(code: str, component: str = "orchestrator", service: str = "postiz", app: str = "orchestrator") -> Cause:
    return Cause(code, component, "seen.", "do.", service, app)


def situation(*causes: Cause, **given: object) -> Situation:
    whole = Situation(Verdict.UNHEALTHY, causes, "", NOW - LONG, False, "postiz", "")
    return replace(whole, **given)  # type: ignore[arg-type]


def tried(number: int, rung: Rung, key: str, ago: float, **given: object) -> Tried:
    service = str(given.pop("service", "postiz"))
    step = Tried("run", number, rung, key, service, "", key.split()[0], NOW - ago, NOW - ago + 5)
    return replace(step, **given)  # type: ignore[arg-type]


def chosen(found: Situation, *steps: Tried, seen_for: float = LONG, **history: object) -> Decision:
    return choose(found, replace(History(tried=steps), **history), seen_for, NOW, LIMITS)  # type: ignore[arg-type]


def test_every_code_of_the_look_has_a_ladder() -> None:
    looked_at = {*containers.CODES, *pm2.CODES, *temporal.CODES, "posts-overdue", "posts-unknown"}
    # Warnings never make a stack unhealthy.
    looked_at -= {"app-log", "pm2-settling", "sweeper-failing", "task-queue-backlog"}
    assert looked_at <= set(LADDERS)
    assert set(LADDERS) <= set(CODES)


def test_every_ladder_goes_up_and_says_why_it_has_none() -> None:
    for code, steps in LADDERS.items():
        forces = [rung.force for rung in steps.rungs]
        assert forces == sorted(set(forces)), code
        assert all(rung.acts for rung in steps.rungs), code
        assert bool(steps.rungs) != bool(steps.why), code


@pytest.mark.parametrize(
    ("code", "component", "rung"),
    [
        ("worker-not-polling", "orchestrator", Rung.END_PROCESS_GROUP),
        ("ghost-process", "orchestrator", Rung.END_PROCESS_GROUP),
        ("hung-at-start", "backend", Rung.END_PROCESS_GROUP),
        ("port-held-by-ghost", "backend", Rung.RESTART_CONTAINER),
        ("exited", "temporal", Rung.START_SERVICE),
        ("sweeper-failed", "orchestrator", Rung.RESTORE_SWEEPER),
        ("namespace-missing", "temporal", Rung.RESTORE_NAMESPACE),
        ("posts-overdue", "posts", Rung.REPAIR_POSTS),
    ],
)
def test_the_least_step_comes_first(code: str, component: str, rung: Rung) -> None:
    decision = chosen(situation(cause(code, component, app=component)))
    assert (decision.kind, decision.step.rung) == (Kind.ACT, rung)


def test_what_did_not_help_is_not_tried_again_and_the_next_one_is_above() -> None:
    found = situation(cause("worker-not-polling"))
    key = "worker-not-polling orchestrator"
    first = tried(1, Rung.END_PROCESS_GROUP, key, 1200)
    second = tried(2, Rung.RESTART_CONTAINER, key, 900)
    third = tried(3, Rung.RECREATE_CONTAINER, key, 600)
    assert chosen(found, first).step.rung is Rung.RESTART_CONTAINER
    assert chosen(found, first, second).step.rung is Rung.RECREATE_CONTAINER
    assert chosen(found, first, second, third).step.rung is Rung.RESTART_STACK
    without = replace(found, compose_gone="compose.yaml is not on this host any more.")
    assert chosen(without, first, second).step.rung is Rung.RESTART_STACK


def test_what_helped_may_be_done_again_until_the_attempts_are_used_up() -> None:
    found = situation(cause("worker-not-polling"))
    steps = [
        tried(number, Rung.END_PROCESS_GROUP, "worker-not-polling orchestrator", 3000 - 600 * number, helped=True)
        for number in range(1, 5)
    ]
    assert chosen(found, *steps[:1]).step.rung is Rung.END_PROCESS_GROUP
    assert chosen(found, *steps).kind is Kind.QUARANTINE


def test_a_ladder_that_is_used_up_ends_in_quarantine_with_what_was_tried() -> None:
    decision = chosen(
        situation(cause("oom-killed", "postiz-postiz-1", app="")),
        tried(1, Rung.RESTART_CONTAINER, "oom-killed postiz-postiz-1", 900),
    )
    assert decision.kind is Kind.QUARANTINE
    assert "restart_container" in decision.reason


def test_old_steps_are_forgotten() -> None:
    step = tried(1, Rung.END_PROCESS_GROUP, "worker-not-polling orchestrator", LIMITS.window + 1)
    assert chosen(situation(cause("worker-not-polling")), step).step.rung is Rung.END_PROCESS_GROUP


def test_what_may_pass_is_waited_for_and_the_step_after_it_is_told() -> None:
    decision = chosen(situation(cause("worker-not-polling")), seen_for=3.0)
    assert decision.kind is Kind.WAIT
    assert decision.then[0].rung is Rung.END_PROCESS_GROUP
    assert decision.until - NOW == pytest.approx(LADDERS["worker-not-polling"].patience - 3.0)


def test_a_person_is_asked_at_once_where_no_step_helps() -> None:
    full = situation(cause("exited", "postiz-postgres", "postiz-postgres"), for_person="The disk is full.")
    assert chosen(full, seen_for=0.0).kind is Kind.PERSON
    assert chosen(situation(cause("temporal-refused", "temporal", "temporal")), seen_for=0.0).kind is Kind.PERSON


def test_dependencies_may_be_started_within_the_quiet_window_of_postiz() -> None:
    booting = situation(cause("exited", "temporal", "temporal"), booted_at=NOW - 10)
    assert chosen(booting).step.rung is Rung.START_SERVICE
    assert chosen(situation(cause("ghost-process"), booted_at=NOW - 10)).kind is Kind.WAIT


def test_one_step_starts_everything_that_stands_still() -> None:
    names = ("postiz-postgres", "temporal", "postiz")
    decision = chosen(situation(*(cause("exited", name, name, "") for name in names)))
    assert decision.step.service == "postiz-postgres"
    assert decision.step.also == ("postiz", "temporal")


def test_an_interrupted_step_is_brought_to_its_end() -> None:
    begun = tried(7, Rung.RESTART_CONTAINER, "worker-not-polling orchestrator", 30, finished_at=0.0)
    decision = chosen(situation(cause("exited", "postiz", "postiz", ""), booted_at=0.0), begun, seen_for=0.0)
    assert (decision.kind, decision.step.rung, decision.step.resumes) == (Kind.ACT, Rung.RESTART_CONTAINER, 7)


def test_an_interrupted_restart_that_was_done_all_the_same_is_not_done_again() -> None:
    begun = tried(7, Rung.RESTART_CONTAINER, "worker-not-polling orchestrator", 300, finished_at=0.0)
    decision = chosen(situation(cause("worker-not-polling"), booted_at=NOW - 290), begun)
    assert decision.step.rung is Rung.RECREATE_CONTAINER


def test_quarantine_is_quiet_until_the_stack_is_healthy_again() -> None:
    assert chosen(situation(cause("exited", "temporal", "temporal")), quarantined_at=NOW - 60).kind is Kind.QUIET
    healthy = situation(verdict=Verdict.HEALTHY)
    assert chosen(healthy, quarantined_at=NOW - 60).kind is Kind.CLOSE
    assert chosen(healthy).kind is Kind.NOTHING


def test_a_service_without_a_container_is_only_made_anew() -> None:
    found = situation(cause("missing-container", "temporal", "temporal", ""), absent=frozenset({"temporal"}))
    assert chosen(found).step.rung is Rung.RECREATE_CONTAINER
    assert chosen(replace(found, compose_gone="no file.")).kind is Kind.QUARANTINE


KEYS = st.tuples(
    st.sampled_from(sorted(LADDERS)), st.sampled_from(["orchestrator", "backend", "postiz", "temporal", "frontend"])
)
RUNGS = st.sampled_from([rung for rung in Rung if rung.acts])
STEPS = st.lists(
    st.builds(
        lambda rung, key, ago, took, helped: Tried(
            "run", 0, rung, " ".join(key), "postiz", "", key[0], NOW - ago, NOW - ago + took, helped
        ),
        RUNGS,
        KEYS,
        st.floats(1, 5000),
        st.sampled_from([0.0, 0.5]),
        st.booleans(),
    ),
    max_size=6,
).map(
    lambda steps: tuple(
        # Only the last one can be unfinished.
        replace(step, number=number, finished_at=step.finished_at if number == len(steps) else step.begun_at + 0.5)
        for number, step in enumerate(sorted(steps, key=lambda item: item.begun_at), 1)
    )
)
CAUSES = st.lists(
    KEYS.map(lambda key: cause(key[0], key[1], "temporal" if key[1] == "temporal" else "postiz", key[1])), max_size=3
)
SITUATIONS = st.builds(
    Situation,
    st.sampled_from(Verdict),
    CAUSES.map(tuple),
    st.sampled_from(["", "", "", "The disk is full."]),
    st.floats(0, 1000).map(lambda ago: NOW - ago),
    st.booleans(),
    st.just("postiz"),
    st.sampled_from(["", "gone."]),
)
HISTORIES = st.builds(History, STEPS, st.sampled_from([0.0, 0.0, NOW - 5]), st.just(""), st.just(""), st.booleans())
LIMIT_SETS = st.builds(Limits, st.integers(1, 6), st.floats(60, 4000), st.floats(0, 300), st.floats(0, 300))


@given(SITUATIONS, HISTORIES, st.floats(0, 500), LIMIT_SETS)
def test_no_step_is_ever_chosen_that_must_not_be(
    found: Situation, history: History, seen_for: float, limits: Limits
) -> None:
    decision = choose(found, history, seen_for, NOW, limits)
    recent = [item for item in history.tried if NOW - item.begun_at <= limits.window]
    if decision.kind is not Kind.ACT:
        assert not decision.step.rung.acts
        return
    step = decision.step
    assert found.verdict is Verdict.UNHEALTHY, "neither what is starting nor what cannot be told is acted on"
    assert not history.quarantined_at
    assert not found.for_person
    first = found.cause[0]
    assert LADDERS[first.code].rungs or step.resumes, "a person's code"
    if step.resumes:
        assert not history.tried[-1].finished_at
        assert step.resumes == history.tried[-1].number
        return
    assert len(recent) < limits.attempts
    before = [item for item in recent if item.cause == step.cause and item.finished_at]
    assert all(step.rung.force >= item.rung.force for item in before), "never below what was tried"
    assert all(step.rung is not item.rung for item in before if not item.helped), "never again what failed"
    assert step.rung in LADDERS[first.code].rungs
    if touches_postiz(step, found) and not found.settled:
        assert found.booted_at + limits.settle <= NOW, "in the quiet window"
    if recent and recent[-1].finished_at and not recent[-1].helped and recent[-1].cause == step.cause:
        assert recent[-1].finished_at + limits.cooldown <= NOW
    assert seen_for >= LADDERS[first.code].patience


@given(SITUATIONS, HISTORIES, LIMIT_SETS)
def test_recovery_ends(found: Situation, history: History, limits: Limits) -> None:
    """Whatever fails again and again: after so many steps nothing is done any more."""
    now, steps = NOW, list(history.tried)
    for _attempt in range(40):
        decision = choose(found, History(tried=tuple(steps)), LONG, now, limits)
        if decision.kind is Kind.WAIT:
            now = max(decision.until, now + 1.0)
        elif decision.kind is Kind.ACT:
            step = decision.step
            steps = [item for item in steps if item.number != step.resumes]
            number = len(steps) + 100
            steps.append(Tried("run", number, step.rung, step.cause, step.service, step.app, step.code, now, now + 0.1))
            now += 0.1
        else:
            return
    assert found.verdict in (Verdict.SETTLING, Verdict.UNKNOWN) or not found.cause or limits.window < 600


def test_postiz_is_named_as_the_ladders_name_it() -> None:
    assert POSTIZ == "postiz"


def test_a_step_whose_run_may_still_live_is_waited_for() -> None:
    open_step = tried(1, Rung.RESTART_CONTAINER, "exited postiz", 10.0, finished_at=0.0, touched_at=NOW - 5)
    stopped = situation(cause("exited", "postiz", app=""), booted_at=0.0)
    decision = chosen(stopped, open_step)
    assert (decision.kind, decision.until) == (Kind.WAIT, NOW + 15)
    decision = chosen(stopped, replace(open_step, touched_at=NOW - 21, begun_at=NOW - 30))
    assert (decision.kind, decision.step.resumes) == (Kind.ACT, 1)


def test_a_locked_person_at_a_network_is_asked_for_at_once_whatever_was_tried() -> None:
    locked = situation(cause("identity-checkpoint", "meta", app=""), flows=True)
    assert chosen(locked, seen_for=0.0).kind is Kind.PERSON
    assert chosen(locked, seen_for=0.0, quarantined_at=NOW - 100, quarantine_reason="tried.").kind is Kind.PERSON


@pytest.mark.parametrize("rung", [Rung.END_PROCESS_GROUP, Rung.RESTORE_SWEEPER, Rung.REPAIR_POSTS])
def test_an_interrupted_step_that_stops_no_container_is_not_resumed_for_one_that_stands_still(rung: Rung) -> None:
    begun = tried(7, rung, "worker-not-polling orchestrator", 30, finished_at=0.0)
    decision = chosen(situation(cause("exited", "postiz-redis", "postiz-redis", "")), begun)
    assert (decision.step.rung, decision.step.service, decision.step.resumes) == (
        Rung.START_SERVICE,
        "postiz-redis",
        0,
    )


def test_posts_that_could_not_be_spread_are_no_reason_for_more_force() -> None:
    stopped = situation(cause("exited", "postiz", "postiz", ""), booted_at=0.0)
    before = tried(1, Rung.START_SERVICE, "exited postiz", 600, unspread=True)
    assert chosen(stopped, before).step.rung is Rung.START_SERVICE
    many = tuple(replace(before, number=number) for number in range(1, 5))
    assert chosen(stopped, *many).kind is Kind.QUARANTINE


def test_a_clock_that_was_set_back_holds_nothing_back() -> None:
    ahead = tried(1, Rung.END_PROCESS_GROUP, "worker-not-polling orchestrator", -86400)
    decision = chosen(situation(cause("worker-not-polling")), ahead, replace(ahead, number=2, finished_at=0.0))
    assert (decision.kind, decision.step.rung) == (Kind.ACT, Rung.END_PROCESS_GROUP)
