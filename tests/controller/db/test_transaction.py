"""The one place that commits: positions without gaps, in the order of commits, whatever the writers do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from controller.db import tables
from controller.db.transaction import FeedDraft, Store, Transaction, feed_position, new_ulid

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def draft(subject: str) -> FeedDraft:
    return FeedDraft(type="outpost.box.state.v1", time=AT, subject=subject, data={}, civil_code="610522101")


def positions(store: Store) -> list[int]:
    with store.read() as connection:
        return list(connection.execute(select(tables.feed.c.position).order_by("position")).scalars())


def test_entries_of_one_transaction_get_consecutive_positions(store: Store) -> None:
    with store.write() as transaction:
        for number in range(3):
            transaction.announce(draft(f"b{number}"))
    assert positions(store) == [1, 2, 3]


def test_a_transaction_that_fails_leaves_no_hole(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as transaction:
        transaction.announce(draft("b1"))
        raise RuntimeError
    with store.write() as transaction:
        transaction.announce(draft("b2"))
    assert positions(store) == [1]


def test_writers_at_the_same_time_never_make_a_reader_skip(store: Store) -> None:
    """While eight writers commit, a reader that follows the cursor sees 1, 2, 3 ... in that order."""
    writers = [threading.Thread(target=_write_some, args=(store, name)) for name in range(8)]
    seen: list[int] = []
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers) or len(seen) < 80:
        with store.read() as connection:
            rows = connection.execute(
                select(tables.feed.c.position)
                .where(tables.feed.c.position > (seen[-1] if seen else 0))
                .order_by("position")
            )
            seen.extend(rows.scalars())
    for writer in writers:
        writer.join()
    assert seen == list(range(1, 81))


def _write_some(store: Store, name: int) -> None:
    for number in range(10):
        with store.write() as transaction:
            transaction.announce(draft(f"w{name}-{number}"))


def test_listeners_are_called_after_the_commit_and_only_for_the_feed(store: Store) -> None:
    heard: list[int] = []

    def listen() -> None:
        with store.read() as connection:
            heard.append(feed_position(connection))

    store.after_commit(listen)
    with store.write() as transaction:
        transaction.announce(draft("b1"))
        assert heard == []
    with store.write() as transaction:
        _add_box(transaction)
    assert heard == [1]


def test_a_listener_that_fails_does_not_undo_the_commit(store: Store) -> None:
    def fail() -> None:
        raise RuntimeError("listener")

    store.after_commit(fail)
    with store.write() as transaction:
        transaction.announce(draft("b1"))
    assert positions(store) == [1]


def test_a_read_keeps_nothing(store: Store) -> None:
    with store.read() as connection:
        _add_box(Transaction(connection))
    with store.read() as connection:
        assert connection.execute(select(tables.box.c.id)).all() == []


def test_times_come_back_aware_and_equal(store: Store) -> None:
    with store.write() as transaction:
        _add_box(transaction)
    with store.read() as connection:
        assert connection.execute(select(tables.box.c.created_at)).scalar_one() == AT


def test_a_naive_time_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="has no zone"), store.write() as transaction:
        _add_box(transaction, at=datetime(2026, 3, 1, 8, 0))  # noqa: DTZ001


def _add_box(transaction: Transaction, *, at: datetime = AT) -> None:
    transaction.connection.execute(
        insert(tables.box).values(id="b1", civil_code="610522101", mac_key=b"k" * 32, created_at=at)
    )


def test_ulids_sort_by_time() -> None:
    early, late = new_ulid(AT), new_ulid(datetime(2026, 3, 1, 8, 1, tzinfo=UTC))
    assert early < late
    assert len(early) == 26
