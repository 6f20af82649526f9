"""The feed by cursor: every entry once, in commit order, at every pace, with writers at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from controller.db.transaction import FeedDraft, Store
from controller.domain.roles import Role
from controller.services.sign_in import Grant
from tests.support import doors


@pytest.fixture
def reader(door: doors.Door) -> Iterator[httpx.Client]:
    """A case system with a token for everything."""
    token = door.rooms.sign_in.add_client("cases", Grant(Role.API_CLIENT), actor="test")
    with door.program(token) as client:
        yield client


def announce(store: Store, name: str) -> None:
    with store.write() as transaction:
        draft = FeedDraft("outpost.box.state.v1", doors.NOON, "b1", {"name": name}, "610522101", box_id="b1")
        transaction.announce(draft)


def read_all(client: httpx.Client, *, limit: int, cursor: str | None = None) -> list[str]:
    """Ids of everything after ``cursor``."""
    found: list[str] = []
    while True:
        query: dict[str, str | int] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/feed", params=query).json()
        found += [entry["id"] for entry in page["entries"]]
        cursor = page["next"]
        if not page["more"]:
            return found


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_the_same_log_at_every_page_size(reader: httpx.Client, limit: int) -> None:
    whole = read_all(reader, limit=500)
    assert len(whole) == len(set(whole)) > 5
    assert read_all(reader, limit=limit) == whole


def test_a_reader_never_skips_while_writers_write(door: doors.Door, reader: httpx.Client) -> None:
    before = len(read_all(reader, limit=500))
    cursor: str | None = None
    found: list[str] = []

    def write() -> None:
        for _ in range(15):
            announce(door.rooms.store, "x")

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 60
    while len(found) < before + 60:
        assert time.monotonic() < deadline
        query: dict[str, str | int] = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        page = reader.get("/v1/feed", params=query).json()
        found += [entry["id"] for entry in page["entries"]]
        cursor = page["next"]
    for writer in writers:
        writer.join()
    assert found == read_all(reader, limit=500)
    assert len(set(found)) == len(found)


def test_a_filter_passes_what_it_leaves_out(reader: httpx.Client) -> None:
    page = reader.get("/v1/feed", params={"category": "20"}).json()
    assert [entry["data"]["category"] for entry in page["entries"]] == ["2001"]
    assert page["more"] is False
    assert reader.get("/v1/feed", params={"cursor": page["next"]}).json()["entries"] == []
    opened = reader.get("/v1/feed", params={"types": "outpost.incident.opened.v1"}).json()["entries"]
    assert {entry["type"] for entry in opened} == {"outpost.incident.opened.v1"}


def test_a_filter_never_widens_what_a_client_may_see(door: doors.Door) -> None:
    token = door.rooms.sign_in.add_client("c1003", Grant(Role.API_CLIENT, "610522", ("1003",)), actor="test")
    with door.program(token) as client:
        for asked in ("", "1", "10", "1003", "20"):
            query = {"category": asked} if asked else {}
            entries = client.get("/v1/feed", params=query).json()["entries"]
            assert {entry["data"]["category"] for entry in entries} <= {"1003"}, asked
        assert client.get("/v1/feed", params={"category": "10"}).json()["entries"]


def test_a_long_poll_answers_as_soon_as_something_is_committed(
    door: doors.Door, reader: httpx.Client
) -> None:
    cursor = reader.get("/v1/feed", params={"limit": 500}).json()["next"]
    answers: list[tuple[float, httpx.Response]] = []

    def wait() -> None:
        answer = reader.get("/v1/feed", params={"cursor": cursor, "wait_s": 25})
        answers.append((time.monotonic(), answer))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not door.rooms.bell._waiters:
        time.sleep(0.01)
    committed = time.monotonic()
    announce(door.rooms.store, "news")
    waiting.join(20)
    assert answers[0][0] - committed < 1.5, "woken by the commit, not by the look every two seconds"
    assert answers[0][1].json()["entries"][0]["data"] == {"name": "news"}


def test_an_empty_long_poll_ends_by_itself_with_a_cursor_to_go_on_from(reader: httpx.Client) -> None:
    cursor = reader.get("/v1/feed", params={"limit": 500}).json()["next"]
    page = reader.get("/v1/feed", params={"cursor": cursor, "wait_s": 1}).json()
    assert page == {"entries": [], "next": cursor, "more": False}
    assert reader.get("/v1/feed", params={"wait_s": 26}).status_code == 422


def test_a_restored_database_tells_its_readers(reader: httpx.Client) -> None:
    from controller.api.pages import seal

    answer = reader.get("/v1/feed", params={"cursor": seal("feed", 10**6)})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_beyond_end")
    for strange in ("x", seal("boxes", 1), seal("feed", "-1"), seal("feed", "9" * 19)):
        answer = reader.get("/v1/feed", params={"cursor": strange})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


def test_an_entry_is_the_same_cloudevent_as_the_webhook_sends(reader: httpx.Client) -> None:
    entry = reader.get("/v1/feed", params={"limit": 1}).json()["entries"][0]
    assert entry["specversion"] == "1.0"
    assert entry["source"] == "/centre"
    assert entry["sequence"] == f"{1:016d}"


def test_a_disabled_client_is_out_at_once(door: doors.Door, reader: httpx.Client) -> None:
    from sqlalchemy import update

    from controller.db import tables

    with door.rooms.store.write() as transaction:
        transaction.connection.execute(update(tables.api_client).values(disabled=True))
    answer = reader.get("/v1/feed")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
