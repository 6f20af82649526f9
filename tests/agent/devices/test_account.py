"""The log-in: the token's arithmetic, and the rest after a refusal."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from lxml import etree

from agent.devices.account import Account
from agent.model import Secret

NOW = datetime(2026, 5, 1, 8, 0, 0, 750_000, tzinfo=UTC)


class Ticking:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def account(clock: Ticking | None = None) -> Account:
    return Account("admin", Secret("pass"), rest_s=600.0, monotonic=clock or Ticking(), now=lambda: NOW)


def _text(token: etree._Element, name: str) -> str:
    return token.findtext(f".//{{*}}{name}") or ""


def test_the_token_is_what_the_profile_says() -> None:
    token = account().token()
    created, nonce = _text(token, "Created"), base64.b64decode(_text(token, "Nonce"))
    proof = hashlib.sha1(nonce + created.encode() + b"pass", usedforsecurity=False).digest()
    assert _text(token, "Password") == base64.b64encode(proof).decode()
    assert created == "2026-05-01T08:00:00Z"
    assert _text(account().token(), "Nonce") != _text(token, "Nonce")


def test_the_token_is_written_by_the_devices_clock() -> None:
    login = account()
    login.set_clock(NOW.replace(microsecond=0) - timedelta(hours=1), box_utc=NOW)
    assert _text(login.token(), "Created") == "2026-05-01T07:00:00Z"


def test_whole_seconds_are_taken_at_their_middle() -> None:
    assert account().set_clock(NOW.replace(microsecond=0), box_utc=NOW) == -0.25


def test_a_refused_account_rests_and_then_may_be_used() -> None:
    clock = Ticking()
    login = account(clock)
    assert login.rest_left_s() == 0
    login.refused()
    assert login.rest_left_s() == 600
    clock.seconds += 599
    assert login.rest_left_s() == 1
    clock.seconds += 2
    assert login.rest_left_s() == 0


def test_the_operator_ends_the_rest() -> None:
    login = account()
    login.refused()
    login.forgiven()
    assert login.rest_left_s() == 0


def test_the_password_is_never_printed() -> None:
    assert "pass" not in repr(account().password)
