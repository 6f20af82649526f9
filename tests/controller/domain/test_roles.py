"""Roles and scopes as tables."""

from __future__ import annotations

import pytest

from controller.domain.incidents import Action
from controller.domain.refusals import REFUSALS
from controller.domain.roles import ACTIONS, MATRIX, PEOPLE, Permission, Role, Scope, scope_of


def test_every_role_stands_in_the_matrix() -> None:
    assert set(MATRIX) == set(Role)


def test_every_action_of_the_loop_has_somebody_who_may_take_it() -> None:
    assert set(ACTIONS) == {str(action) for action in Action if action is not Action.OPEN}
    for action, roles in ACTIONS.items():
        assert roles, action
        assert all(Permission.ACT in MATRIX[role] for role in roles), action


def test_the_auditor_sees_logs_only() -> None:
    assert MATRIX[Role.AUDITOR] == {Permission.AUDIT, Permission.ANOMALIES}
    assert all(Permission.AUDIT not in MATRIX[role] for role in Role if role is not Role.AUDITOR)


def test_machines_never_sign_in() -> None:
    assert {Role.BOX, Role.API_CLIENT}.isdisjoint(PEOPLE)


@pytest.mark.parametrize(
    ("asked", "given"), [((), ("10",)), (("1003",), ("1003",)), (("20",), ("none",)), (("10", "30"), ("10",))]
)
def test_a_contractor_never_sees_more_than_maintenance(
    asked: tuple[str, ...], given: tuple[str, ...]
) -> None:
    assert scope_of(Role.CONTRACTOR, place="610522", categories=asked).categories == given


def test_a_scope_admits_by_place_and_category() -> None:
    scope = Scope("610522101", ("20",))
    assert scope.admits("610522101201", "2001")
    assert not scope.admits("610522102201", "2001")
    assert not scope.admits("610522101201", "1003")
    assert not scope.admits("610522101201", None), "a verdict is device maintenance"


def test_every_refusal_speaks_both_languages() -> None:
    for code, kind in REFUSALS.items():
        assert kind.zh, code
        assert kind.en.isascii(), code
        assert 400 <= kind.status < 600
