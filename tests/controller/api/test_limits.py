"""What every request meets: the cap on bodies, safe headers, problems in both languages."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from controller.domain.roles import Role
from tests.support import doors


def test_a_declared_body_over_the_cap_is_refused_unread(door: doors.Door) -> None:
    with door.guest() as client:
        answer = client.post("/v1/session", content=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_an_undeclared_endless_body_is_cut(door: doors.Door) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    with door.guest() as client:
        answer = client.post("/v1/session", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/v1/me", "/v1/nothing", "/sign-in", "/static/app.css", "/nothing"])
def test_every_answer_carries_the_safe_headers(door: doors.Door, path: str) -> None:
    with door.guest() as client:
        headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers


def test_errors_are_problems_in_both_languages(door: doors.Door) -> None:
    with door.guest() as client:
        answer = client.get("/v1/nothing")
        wrong = client.put("/v1/me")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"], problem["type"]) == (
        404,
        "not_found",
        "urn:outpost:problem:not_found",
    )
    assert problem["title"] == "没有这一项"
    assert problem["title_en"]
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"login": 1}', b"\xff\xfe", b'{"login":"a"}', b"[" * 5000])
def test_broken_json_is_a_problem_not_a_bug(door: doors.Door, body: bytes) -> None:
    with door.guest() as client:
        answer = client.post("/v1/session", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "input_invalid")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/session", {"login": "a\0", "password": "x"}),
        ("GET", "/v1/devices/b1%00", None),
        ("GET", "/v1/incidents?state=%00", None),
        ("GET", "/sites/%00", None),
    ],
)
def test_what_the_database_cannot_hold_is_no_bug(
    door: doors.Door, method: str, path: str, body: object, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL takes no NUL; who sends one is told no, and fills no log with tracebacks."""
    with door.person(Role.LEADER) as client:
        answer = client.request(method, path, json=body)
    assert answer.status_code < 500
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_bug_says_nothing_of_itself(door: doors.Door) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        with door.rooms.store.write() as transaction:
            transaction.connection.execute(text("ALTER TABLE incident_history RENAME TO gone"))
        with door.rooms.store.read() as connection:
            incident = connection.execute(text("SELECT id FROM incident LIMIT 1")).scalar_one()
        answer = client.get(f"/v1/incidents/{incident}/history")
    assert answer.status_code in (500, 503)
    assert "incident_history" not in answer.text
    assert "Traceback" not in answer.text


def test_the_documents_own_pages_are_off(door: doors.Door) -> None:
    with door.guest() as client:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert client.get(path).status_code == 404


def test_garbage_on_the_socket_leaves_the_door_open(door: doors.Door) -> None:
    parts = urlsplit(door.url)
    for garbage in (b"\x16\x03\x01\x02\x00", b"GET " + b"/" * 100_000, b"\0" * 100):
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as raw:
            raw.sendall(garbage)
    with door.guest() as client:
        assert client.get("/v1/me").status_code == 401
