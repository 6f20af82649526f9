"""Signing in: lock after five failures, idle and absolute ends, other sites kept out."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from controller.api.access import COOKIE
from controller.db import audit, tables
from controller.domain.refusals import Refused
from controller.domain.roles import Role
from controller.services.sign_in import Grant
from runtime.clock import ManualClock
from tests.support import doors

DUTY = {"login": "county-duty", "password": doors.PASSWORD}


def test_signing_in_gives_a_strict_cookie_and_shows_who_i_am(door: doors.Door) -> None:
    with door.guest() as client:
        answer = client.post("/v1/session", json=DUTY)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        me = client.get("/v1/me").json()
    assert me["caller"] == "account:county-duty"
    assert "accept" in me["actions"]
    assert me["place"] == "610522"


def test_the_cookie_is_secure_unless_told_otherwise(door: doors.Door) -> None:
    from controller.api.rooms import Rooms

    assert Rooms.__dataclass_fields__["secure_cookies"].default is True


def test_of_session_and_token_only_hashes_are_stored(door: doors.Door) -> None:
    token = door.rooms.sign_in.add_client("cases", Grant(Role.API_CLIENT), actor="test")
    with door.person(Role.LEADER) as client:
        session = client.cookies[COOKIE]
    with door.rooms.store.read() as connection:
        stored = str(connection.execute(select(tables.web_session)).all())
        stored += str(connection.execute(select(tables.api_client)).all())
        stored += str(connection.execute(select(tables.account)).all())
    for secret in (token, session, doors.PASSWORD):
        assert secret not in stored


def test_five_wrong_passwords_lock_for_fifteen_minutes(door: doors.Door, clock: ManualClock) -> None:
    with door.guest() as client:
        for _ in range(5):
            answer = client.post("/v1/session", json={**DUTY, "password": "wrong"})
            assert (answer.status_code, answer.json()["code"]) == (401, "credentials_wrong")
        answer = client.post("/v1/session", json=DUTY)
        assert (answer.status_code, answer.json()["code"]) == (429, "account_locked")
        assert answer.headers["retry-after"] == "900"
        clock.advance(899)
        assert client.post("/v1/session", json=DUTY).status_code == 429
        clock.advance(2)
        assert client.post("/v1/session", json=DUTY).status_code == 200


def test_four_wrong_ones_and_a_right_one_begin_anew(door: doors.Door) -> None:
    with door.guest() as client:
        for _ in range(2):
            for _ in range(4):
                client.post("/v1/session", json={**DUTY, "password": "wrong"})
            assert client.post("/v1/session", json=DUTY).status_code == 200


def test_an_unknown_login_is_answered_like_a_wrong_password_and_never_written_down(door: doors.Door) -> None:
    with door.guest() as client:
        answer = client.post("/v1/session", json={"login": "my-secret-typed-here", "password": "x"})
    assert answer.json()["code"] == "credentials_wrong"
    with door.rooms.store.read() as connection:
        assert "my-secret" not in str(audit.find(connection, before=None, limit=100))


def test_a_crowd_at_the_sign_in_is_turned_away(door: doors.Door) -> None:
    """Weighing a password is dear: a crowd must not take the threads that serve everybody else."""
    codes: list[str] = []

    def try_one(number: int) -> None:
        with door.guest() as client:
            credentials = {"login": f"nobody-{number}", "password": "wrong"}
            codes.append(client.post("/v1/session", json=credentials).json()["code"])

    crowd = [threading.Thread(target=try_one, args=(number,)) for number in range(60)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    assert len(codes) == len(crowd)
    assert set(codes) == {"credentials_wrong", "sign_in_busy"}
    with door.person(Role.LEADER) as client:
        assert client.get("/v1/me").status_code == 200


def test_a_session_ends_by_idleness_by_age_and_by_signing_out(door: doors.Door, clock: ManualClock) -> None:
    with door.person(Role.TOWN) as client:
        for _ in range(70):
            clock.advance(600)
            assert client.get("/v1/me").status_code == 200
        clock.advance(600)
        clock.advance(600)
        assert client.get("/v1/me").status_code == 401, "12 hours are over"
    with door.person(Role.TOWN) as client:
        clock.advance(901)
        assert client.get("/v1/me").status_code == 401, "15 minutes idle"
    with door.person(Role.TOWN) as client:
        kept = client.cookies[COOKIE]
        assert client.delete("/v1/session").status_code == 204
        answer = client.get("/v1/me", headers={"cookie": f"{COOKIE}={kept}"})
        assert answer.status_code == 401, "the old token is worth nothing"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
    ],
)
def test_another_site_cannot_act_with_the_cookie(door: doors.Door, headers: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        del client.headers["origin"]
        answer = client.request("DELETE", "/v1/session", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        assert client.get("/v1/me").status_code == 200
        assert client.delete("/v1/session", headers={"sec-fetch-site": "same-origin"}).status_code == 204


def test_an_account_ends_with_its_contract(door: doors.Door, clock: ManualClock) -> None:
    from datetime import timedelta

    rooms = door.rooms
    rooms.sign_in.add_account(
        "fixers", doors.PASSWORD, Grant(Role.CONTRACTOR, "610522"), lasts=timedelta(hours=1), actor="test"
    )
    with door.guest() as client:
        assert (
            client.post("/v1/session", json={"login": "fixers", "password": doors.PASSWORD}).status_code
            == 200
        )
        for _ in range(6):
            clock.advance(601)
            answer = client.get("/v1/me")
        assert answer.status_code == 401
        assert (
            client.post("/v1/session", json={"login": "fixers", "password": doors.PASSWORD}).status_code
            == 401
        )


def test_a_password_has_twelve_characters(door: doors.Door) -> None:
    with pytest.raises(Refused, match="12"):
        door.rooms.sign_in.add_account("shorty", "elevenchars", Grant(Role.LEADER), actor="test")


def test_every_attempt_is_in_the_audit_log(door: doors.Door) -> None:
    with door.guest() as client:
        client.post("/v1/session", json={**DUTY, "password": "wrong"})
        client.post("/v1/session", json=DUTY)
        client.delete("/v1/session")
    with door.rooms.store.read() as connection:
        rows = audit.find(connection, before=None, limit=3)
    assert [row.action for row, _ in rows] == ["sign_out", "sign_in", "sign_in_refused"]
    assert {row.remote for row, _ in rows[:2]} == {"127.0.0.1"}
