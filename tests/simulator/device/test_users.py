"""Accounts: who is accepted and when an account locks itself."""

from __future__ import annotations

from simulator.device.users import LockOut, Refusal, Users


class Clock:
    """A monotonic clock the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _users(clock: Clock, tries: int = 3) -> Users:
    return Users("admin", "right", lock_out=LockOut(tries, 60.0), monotonic=clock)


def _try(users: Users, password: str, name: str = "admin") -> Refusal | None:
    return users.judge(name, lambda secret: secret == password)


def test_the_right_proof_is_accepted_and_others_are_not() -> None:
    users = _users(Clock())
    assert _try(users, "right") is None
    assert _try(users, "wrong") is Refusal.WRONG_PASSWORD
    assert _try(users, "right", "root") is Refusal.UNKNOWN_USER


def test_wrong_tries_lock_the_account_for_the_right_password_too() -> None:
    clock = Clock()
    users = _users(clock)
    for _ in range(3):
        _try(users, "wrong")
    assert _try(users, "right") is Refusal.LOCKED
    clock.now += 59.9
    assert _try(users, "right") is Refusal.LOCKED
    clock.now += 0.2
    assert _try(users, "right") is None


def test_a_right_try_between_wrong_ones_keeps_the_account_open() -> None:
    users = _users(Clock())
    for password in ("wrong", "wrong", "right", "wrong", "wrong"):
        _try(users, password)
    assert _try(users, "right") is None


def test_without_a_limit_the_account_never_locks() -> None:
    users = _users(Clock(), tries=0)
    for _ in range(50):
        _try(users, "wrong")
    assert _try(users, "right") is None


def test_credentials_switched_off_are_wrong_and_count() -> None:
    users = _users(Clock())
    users.credentials_refused = True
    assert [_try(users, "right") for _ in range(4)] == [*[Refusal.WRONG_PASSWORD] * 3, Refusal.LOCKED]
