"""Invariant 5, the pure half: an incident moves along the table, and everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.incidents import (
    ACTION_WORDS,
    STATE_WORDS,
    TRANSITIONS,
    Action,
    IllegalTransition,
    Note,
    State,
    allowed,
    step,
)
from controller.domain.roles import ACTIONS

LISTED = {
    (None, "open", "NEW"),
    ("NEW", "accept", "ACCEPTED"),
    ("NEW", "reject", "REJECTED"),
    ("ACCEPTED", "assign", "ASSIGNED"),
    ("ASSIGNED", "sign", "ACKED"),
    ("ASSIGNED", "return", "RETURNED"),
    ("RETURNED", "assign", "ASSIGNED"),
    ("ACKED", "assign", "ASSIGNED"),
    ("ACKED", "feed_back", "FEEDBACK"),
    ("FEEDBACK", "verify", "VERIFIED"),
    ("FEEDBACK", "rework", "REWORK"),
    ("REWORK", "feed_back", "FEEDBACK"),
    ("VERIFIED", "evaluate", "EVALUATED"),
    ("VERIFIED", "close", "CLOSED"),
    ("EVALUATED", "close", "CLOSED"),
    ("EVALUATED", "reopen", "REOPENED"),
    ("CLOSED", "reopen", "REOPENED"),
    ("REOPENED", "assign", "ASSIGNED"),
}
"""The county's list, written down a second time on purpose."""

OPEN_STATES = [state for state in State if state.open]


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("action", list(Action))
def test_every_pair_is_in_the_list_or_refused(state: State | None, action: Action) -> None:
    expected = {to for before, word, to in LISTED if before == state and word == action}
    if action is Action.CANCEL and state in OPEN_STATES:
        expected = {"CANCELLED"}
    try:
        found = {str(step(state, action, text="t", unit="u", actor="account:a", handler="account:b"))}
    except IllegalTransition:
        found = set()
    assert found == expected


def test_an_action_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(IllegalTransition, match="explode"):
        step(State.NEW, "explode", case_no="TG20260301-000001")


def test_a_refusal_says_what_is_possible_in_both_languages() -> None:
    with pytest.raises(IllegalTransition) as refused:
        step(State.NEW, "sign", case_no="TG20260301-000001")
    assert "受理" in refused.value.zh
    assert "accept" in refused.value.en


@pytest.mark.parametrize(("state", "action"), [pair for pair in TRANSITIONS if TRANSITIONS[pair].needs])
def test_what_an_action_needs_must_be_there(state: State, action: Action) -> None:
    with pytest.raises(IllegalTransition, match="needs"):
        step(state, action, text=" ", unit="")


@pytest.mark.parametrize("action", ["verify", "rework"])
def test_nobody_checks_their_own_work(action: str) -> None:
    with pytest.raises(IllegalTransition, match="cannot check"):
        step(State.FEEDBACK, action, text="t", actor="account:a", handler="account:a")
    assert step(State.FEEDBACK, "verify", actor="system", handler="system") is State.VERIFIED


@given(st.lists(st.sampled_from(list(Action)), max_size=30))
def test_no_walk_leaves_the_states_or_gets_stuck_open(actions: list[Action]) -> None:
    state: State | None = None
    for action in [Action.OPEN, *actions]:
        if action in allowed(state):
            state = step(state, action, text="t", unit="u", actor="account:a")
        assert state is not None
        assert allowed(state) or not state.open


def test_an_ended_incident_can_only_be_reopened() -> None:
    for state in State:
        if not state.open:
            assert allowed(state) in ([], [Action.REOPEN])


def test_every_state_and_action_has_words_in_both_languages() -> None:
    for zh, en in [*(STATE_WORDS[s] for s in State), *(ACTION_WORDS[a] for a in (*Action, *Note))]:
        assert zh and en


def test_every_action_people_may_take_is_somebodys() -> None:
    assert set(ACTIONS) == set(Action) - {Action.OPEN}
