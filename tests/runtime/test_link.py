"""The broker link against a real mosquitto."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from runtime.backoff import Backoff
from runtime.link import Link, LinkDown, Message, Will
from tests.support.broker import Broker
from tests.support.processes import wait_until


@contextmanager
def linked(broker: Broker, name: str, **options: Any) -> Iterator[Link]:
    link = Link(broker.settings, client_id=name, backoff=Backoff(base_s=0.05, ceiling_s=0.2), **options)
    link.start()
    try:
        assert link.wait_connected(5)
        yield link
    finally:
        link.stop()
        assert not link.alive


def take(link: Link) -> Message:
    message = link.receive(5)
    assert message is not None
    return message


def test_a_published_message_reaches_the_subscriber_once_and_is_acknowledged(broker: Broker) -> None:
    with linked(broker, "centre", filters=[("t/#", 1)]) as centre, linked(broker, "box") as box:
        wait_until(
            lambda: box.publish("t/probe", b"?").wait(1) and centre.receive(0.2),
            within_s=5,
            what="subscribed",
        )
        while centre.receive(0.2):
            pass
        assert box.publish("t/1", b"hello").wait(5)
        message = take(centre)
        assert (message.topic, message.payload, message.retained) == ("t/1", b"hello", False)
        message.acknowledge()
        assert centre.receive(0.3) is None


def test_an_unacknowledged_message_comes_again_after_the_subscriber_died(broker: Broker) -> None:
    settings = broker.settings
    keep = type(settings)(host=settings.host, port=settings.port, session_expiry_s=60)
    first = Link(keep, client_id="centre", filters=[("t/#", 1)])
    first.start()
    assert first.wait_connected(5)
    with linked(broker, "box") as box:
        wait_until(
            lambda: box.publish("t/1", b"x").wait(1) and first.receive(0.2), within_s=5, what="subscribed"
        )
        first.stop()
        second = Link(keep, client_id="centre", filters=[("t/#", 1)])
        second.start()
        try:
            assert take(second).payload == b"x"
        finally:
            second.stop()


def test_it_comes_back_with_a_new_will_after_the_broker_was_killed(broker: Broker) -> None:
    sessions = itertools.count(1)
    births: list[int] = []

    def will() -> Will:
        births.append(next(sessions))
        return Will("t/will", str(births[-1]).encode())

    with linked(broker, "box", will=will, filters=[("t/in", 1)]) as box:
        broker.kill()
        wait_until(lambda: not box.connected, within_s=5, what="the loss is noticed")
        with pytest.raises(LinkDown):
            box.publish("t/1", b"x")
        broker.start()
        assert box.wait_connected(10)
        assert births[-1] >= 2
        with linked(broker, "other") as other:
            wait_until(
                lambda: other.publish("t/in", b"y").wait(1) and box.receive(0.2),
                within_s=5,
                what="resubscribed",
            )


def test_the_will_speaks_when_the_connection_breaks_and_is_silent_on_a_clean_stop(broker: Broker) -> None:
    with linked(broker, "centre", filters=[("w/#", 1)]) as centre:
        clean = Link(broker.settings, client_id="clean", will=lambda: Will("w/clean", b"gone", retain=False))
        clean.start()
        assert clean.wait_connected(5)
        clean.stop()
        with linked(broker, "thief-victim", will=lambda: Will("w/broken", b"gone", retain=False)):
            thief = Link(broker.settings, client_id="thief-victim")
            thief.start()
            assert thief.wait_connected(5)
            assert take(centre).topic == "w/broken"
            thief.stop()
        topics = {message.topic for message in iter(lambda: centre.receive(0.3), None) if message}
        assert "w/clean" not in topics


def test_a_full_inbox_stops_reading_and_loses_nothing(broker: Broker) -> None:
    with (
        linked(broker, "centre", filters=[("t/#", 1)], inbox_limit=3) as centre,
        linked(broker, "box") as box,
    ):
        wait_until(
            lambda: box.publish("t/p", b"?").wait(1) and centre.receive(0.2), within_s=5, what="subscribed"
        )
        while centre.receive(0.2):
            pass
        receipts = [box.publish("t/n", str(number).encode()) for number in range(60)]
        assert all(receipt.wait(10) for receipt in receipts)
        got: list[int] = []
        while len(got) < 60:
            message = take(centre)
            message.acknowledge()
            got.append(int(message.payload))
        assert got == list(range(60))


def test_what_is_larger_than_the_broker_takes_is_refused_here_and_the_link_lives_on(tmp_path: Any) -> None:
    small = Broker(tmp_path / "small", extra="max_packet_size 500")
    small.start()
    try:
        with linked(small, "box") as box:
            refused = box.publish("t/1", b"x" * 2000)
            assert not refused.wait(1)
            assert refused.refusal is not None
            assert "oversize" in refused.refusal
            assert box.publish("t/1", b"small").wait(5)
    finally:
        small.stop()


def test_a_topic_the_acl_denies_is_reported_as_refused(tmp_path: Any) -> None:
    (tmp_path / "acl").write_text("topic readwrite allowed/#\n")
    fenced = Broker(tmp_path / "fenced", extra=f"acl_file {tmp_path / 'acl'}")
    fenced.start()
    try:
        with linked(fenced, "box") as box:
            assert box.publish("allowed/1", b"x").wait(5)
            denied = box.publish("other/1", b"x")
            assert not denied.wait(5)
            assert denied.refusal == "Not authorized"
    finally:
        fenced.stop()


def test_no_broker_is_not_a_crash(broker: Broker) -> None:
    broker.stop()
    link = Link(broker.settings, client_id="box", backoff=Backoff(base_s=0.01, ceiling_s=0.05))
    link.start()
    try:
        assert not link.wait_connected(0.5)
        assert link.alive
        broker.start()
        assert link.wait_connected(5)
    finally:
        link.stop()


def test_publishing_while_acknowledgements_come_in_never_locks_up(broker: Broker) -> None:
    """paho holds a lock while it reports a PUBACK that its publish() takes: ours must not cross it."""
    with linked(broker, "box") as box:
        receipts = [box.publish(f"t/{number}", b"x") for number in range(900)]
        assert all(receipt.wait(20) for receipt in receipts)
