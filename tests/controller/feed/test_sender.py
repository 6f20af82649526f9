"""The webhook sender against receivers that really listen, refuse, hang, drip and vanish."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from controller.db import subscriptions, tables
from controller.db.subscriptions import Subscription
from controller.db.transaction import FeedDraft, Store
from controller.domain.roles import Scope
from controller.domain.targets import Target
from controller.feed.sender import Deliverer, Sender, SenderSettings, try_once
from controller.services.subscriptions import Subscriptions, new_secret
from runtime.clock import ManualClock, SystemClock
from tests.support.receiver import Got, Receiver, Reply, receiving

NOW = datetime(2025, 11, 23, 1, 5, 12, tzinfo=UTC)
QUICK = (0.05, 0.05, 0.05)


def announce(store: Store, *incidents: str, category: str = "1003", place: str = "610522101") -> None:
    """One feed entry for each incident, in one transaction."""
    with store.write() as transaction:
        for incident in incidents:
            transaction.announce(
                FeedDraft(
                    "outpost.incident.opened.v1",
                    NOW,
                    incident.lower(),
                    {"incident": incident},
                    place,
                    incident_id=incident,
                    category=category,
                )
            )


class Line:
    """One subscription to one receiver, stepped by hand."""

    def __init__(self, store: Store, url: str, port: int, *, schedule_s: tuple[float, ...] = QUICK) -> None:
        self.store = store
        self.clock = ManualClock(NOW)
        self.settings = SenderSettings((Target("127.0.0.1", port),), schedule_s, timeout_s=0.5, poll_s=1.0)
        service = Subscriptions(store, self.clock, allowed=self.settings.targets)
        added, self.secret = service.add(
            title="cases", url=url, scope=Scope(), types=(), actor="test", from_start=True
        )
        self.id = added.id
        self.deliverer = Deliverer(store, self.clock, self.settings, self.id, jitter=lambda: 0.0)

    def drain(self) -> None:
        """Step until there is nothing to do now."""
        for _ in range(200):
            if self.deliverer.step() > 0:
                return
        raise AssertionError("the deliverer never rests")

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.drain()

    @property
    def now(self) -> Subscription:
        with self.store.read() as connection:
            found = subscriptions.get(connection, self.id)
        assert found is not None
        return found

    def states(self) -> dict[int, str]:
        with self.store.read() as connection:
            rows = subscriptions.deliveries(connection, self.id, state=None, before=None, limit=100)
        return {row["position"]: row["state"] for row in rows}


@contextmanager
def line_to(
    store: Store, choose: Callable[[Got], Reply] | None = None, **options: tuple[float, ...]
) -> Iterator[tuple[Line, Receiver]]:
    with receiving(choose) as receiver:
        line = Line(store, receiver.url, receiver.port, **options)
        try:
            yield line, receiver
        finally:
            line.deliverer.close()


def incidents_of(receiver: Receiver) -> list[str]:
    return [got.event["data"]["incident"] for got in receiver.got]


def test_entries_arrive_once_in_order_signed_as_the_standard_says(store: Store) -> None:
    with line_to(store) as (line, receiver):
        announce(store, "A", "B", "A")
        line.drain()
        line.drain()
        assert incidents_of(receiver) == ["A", "B", "A"]
        assert line.now.position == 3
        for got in receiver.got:
            assert got.headers["webhook-id"] == got.event["id"]
            assert got.headers["content-type"] == "application/cloudevents+json"
            assert got.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
            stamp = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC).replace(tzinfo=None)
            expected = Webhook(line.secret).sign(got.headers["webhook-id"], stamp, got.body)
            assert got.headers["webhook-signature"] == expected


def test_a_fresh_signature_verifies_with_the_library_and_a_changed_body_does_not(store: Store) -> None:
    with receiving() as receiver:
        line = Line(store, receiver.url, receiver.port)
        attempt = try_once(store, SystemClock(), line.settings, line.id)
        line.deliverer.close()
    assert attempt.status == 204
    got = receiver.got[0]
    Webhook(line.secret).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(line.secret).verify(got.body + " ", got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(got.body, got.headers)


def test_a_receiver_that_is_away_holds_everything_and_gets_it_in_order(store: Store) -> None:
    away = [True]
    with line_to(store, lambda _: Reply(503 if away[0] else 204), schedule_s=(5.0, 300.0)) as (
        line,
        receiver,
    ):
        announce(store, "A", "B")
        line.drain()
        assert incidents_of(receiver) == ["A"]
        assert line.now.position == 0
        assert line.now.next_at == NOW + timedelta(seconds=5)
        line.pass_time(4.9)
        assert incidents_of(receiver) == ["A"], "not before its time"
        line.pass_time(0.2)
        assert incidents_of(receiver) == ["A", "A"]
        line.pass_time(299.0)
        assert incidents_of(receiver) == ["A", "A"]
        away[0] = False
        line.pass_time(2.0)
        assert incidents_of(receiver) == ["A", "A", "A", "B"]
        assert {got.headers["webhook-id"] for got in receiver.got[:3]} == {receiver.got[0].event["id"]}
        after = line.now
        assert (after.position, after.failures) == (2, 0)
        assert after.next_at is None


def test_retry_after_is_honoured(store: Store) -> None:
    reply = Reply(429, {"retry-after": "60"})
    with line_to(store, lambda _: reply) as (line, _receiver):
        announce(store, "A")
        line.drain()
        assert line.now.next_at == NOW + timedelta(seconds=60)


def test_a_refused_entry_steps_aside_with_its_incident_and_ends_as_a_dead_letter(store: Store) -> None:
    def choose(got: Got) -> Reply:
        return Reply(422 if got.event["data"]["incident"] == "BAD" else 204)

    with line_to(store, choose, schedule_s=(5.0, 60.0)) as (line, receiver):
        announce(store, "BAD", "A", "BAD", "B")
        line.drain()
        assert incidents_of(receiver) == ["BAD", "A", "B"], "the second of BAD waits behind the first"
        assert line.states() == {1: "waiting", 2: "delivered", 3: "waiting", 4: "delivered"}
        line.pass_time(5.1)
        line.pass_time(60.1)
        assert line.states()[1] == "dead"
        assert incidents_of(receiver).count("BAD") == 4, "three attempts, then its successor has its turn"


def test_a_revived_dead_letter_is_sent_again(store: Store) -> None:
    kind = [Reply(422)]
    with line_to(store, lambda _: kind[0], schedule_s=(5.0,)) as (line, _receiver):
        announce(store, "A")
        line.drain()
        line.pass_time(6)
        assert line.states() == {1: "dead"}
        kind[0] = Reply(204)
        Subscriptions(store, line.clock, allowed=()).revive(line.id, 1, actor="account:it")
        line.drain()
        assert line.states() == {1: "delivered"}


def test_410_switches_the_subscription_off(store: Store) -> None:
    with line_to(store, lambda _: Reply(410)) as (line, receiver):
        announce(store, "A", "B")
        line.drain()
        line.pass_time(100)
        assert len(receiver.got) == 1
        assert line.now.state == "disabled"
        assert "410" in line.now.why


def test_a_redirect_is_not_followed(store: Store) -> None:
    with (
        receiving() as elsewhere,
        line_to(store, lambda _: Reply(307, {"location": elsewhere.url})) as (line, _),
    ):
        announce(store, "A")
        line.drain()
        assert elsewhere.got == []
        assert line.now.position == 0
        assert "307" in line.now.why


def test_an_endless_answer_is_cut_at_the_deadline(store: Store) -> None:
    with line_to(store, lambda _: Reply(drip=True)) as (line, _):
        announce(store, "A")
        began = time.monotonic()
        line.drain()
        assert time.monotonic() - began < 5
        assert line.now.failures == 1


def test_a_target_that_left_the_allow_list_gets_nothing(store: Store) -> None:
    with line_to(store) as (line, receiver):
        announce(store, "A")
        line.deliverer.close()
        line.deliverer = Deliverer(store, line.clock, replace(line.settings, targets=()), line.id)
        line.drain()
        assert receiver.got == []
        assert "feed.targets" in line.now.why


def test_only_what_the_scope_and_the_types_admit_is_sent(store: Store) -> None:
    with receiving() as receiver:
        line = Line(store, receiver.url, receiver.port)
        with store.write() as transaction:
            transaction.connection.execute(
                tables.subscription.update().values(civil_code="610522101", categories=["20"])
            )
        announce(store, "A")
        announce(store, "B", category="2001")
        announce(store, "C", category="2001", place="610522102")
        line.drain()
        assert incidents_of(receiver) == ["B"]
        assert line.now.position == 3, "what is filtered out is passed"
        line.deliverer.close()


def test_a_crash_between_answer_and_commit_repeats_with_the_same_id(store: Store) -> None:
    with line_to(store) as (line, receiver):
        announce(store, "A")
        line.drain()
        with store.write() as transaction:  # as if the transaction of the delivery had not happened
            transaction.connection.execute(tables.delivery.delete())
            transaction.connection.execute(tables.subscription.update().values(position=0))
        line.drain()
        assert [got.event["id"] for got in receiver.got] == [receiver.got[0].event["id"]] * 2


def test_one_slow_receiver_delays_nobody_else_and_a_commit_wakes_the_sender(store: Store) -> None:
    release = Event()
    with receiving(lambda _: Reply(hold=release)) as slow, receiving() as quick:
        targets = (Target("127.0.0.1", slow.port), Target("127.0.0.1", quick.port))
        settings = SenderSettings(targets, QUICK, timeout_s=20, poll_s=20)
        service = Subscriptions(store, SystemClock(), allowed=targets)
        for receiver in (slow, quick):
            service.add(title="x", url=receiver.url, scope=Scope(), types=(), actor="test")
        sender = Sender(store, SystemClock(), settings)
        store.after_commit(sender.wake)
        sender.start()
        try:
            announce(store, "A")
            slow.wait_for(1)
            for incident in "BCDEF":
                began = time.monotonic()
                announce(store, incident)
                quick.wait_for("ABCDEF".index(incident) + 1)
                assert time.monotonic() - began < 5, "woken, not polled every 20 s"
            assert incidents_of(quick) == list("ABCDEF")
            assert incidents_of(slow) == ["A"]
            assert sender.alive
        finally:
            began = time.monotonic()
            sender.stop()
            release.set()
        assert time.monotonic() - began < 5, "a hanging receiver does not hold up the stop"
    with store.read() as connection:
        held = [found for found in subscriptions.find(connection) if found.url == slow.url]
    assert held[0].position == 0
    assert held[0].failures == 0, "being stopped is not the receiver's failure"


def test_a_new_subscription_is_noticed_and_a_removed_one_left_alone(store: Store) -> None:
    with receiving() as receiver:
        targets = (Target("127.0.0.1", receiver.port),)
        service = Subscriptions(store, SystemClock(), allowed=targets)
        sender = Sender(store, SystemClock(), SenderSettings(targets, QUICK, poll_s=0.05))
        sender.start()
        try:
            added, _ = service.add(title="x", url=receiver.url, scope=Scope(), types=(), actor="test")
            announce(store, "A")
            receiver.wait_for(1)
            service.remove(added.id, actor="test")
            announce(store, "B")
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                assert incidents_of(receiver) == ["A"]
                time.sleep(0.05)
        finally:
            sender.stop()


def test_a_token_in_a_receivers_address_stands_in_no_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="controller"), receiving(lambda _got: Reply(503)) as receiver:
        line = Line(store, f"{receiver.url}?access_token=TEST-TOKEN", receiver.port)
        try:
            announce(store, "A")
            line.drain()
        finally:
            line.deliverer.close()
    assert "holds" in caplog.text
    assert "TEST-TOKEN" not in caplog.text
