"""Invariant 1 at the broker: acknowledged after the commit, tried again when the database is away."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from controller.db.transaction import DATABASE_DOWN, Store
from controller.ingest.receiver import Receiver
from controller.ingest.worker import FILTERS, TRIES, Ingest
from protocol.codec import decode_event, join_batch
from protocol.messages import BoxEvent
from protocol.topics import TopicClass, parse_topic, topic_of
from protocol.words import Rung
from runtime.backoff import Backoff
from runtime.link import Link, LinkDown
from runtime.worker import Worker
from tests.support.broker import Broker
from tests.support.postgres import Postgres
from tests.support.processes import wait_until
from tests.support.village import Centre, VillageBox


@dataclass
class Held:
    """A message of a broker that remembers whether it was acknowledged."""

    topic: str
    payload: bytes
    retained: bool = False
    acknowledged: int = 0

    def acknowledge(self) -> None:
        self.acknowledged += 1


@dataclass
class Wire:
    """A broker's end as a queue each way; ``up`` False refuses to publish."""

    inbox: queue.Queue[Held] = field(default_factory=queue.Queue)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    up: bool = True

    def receive(self, timeout_s: float) -> Held | None:
        return None if self.inbox.empty() else self.inbox.get()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        if not self.up:
            raise LinkDown("no line")
        self.published.append((topic, payload))


@pytest.fixture
def centre(store: Store) -> Centre:
    return Centre(store)


@pytest.fixture
def box(centre: Centre) -> VillageBox:
    return centre.box("b1")


def batch_of(box: VillageBox, *sequences: int) -> Held:
    payload = join_batch([box.log[number] for number in sequences])
    return Held(topic_of(box.id, TopicClass.LOG), payload)


@contextmanager
def outage(store: Store, request: pytest.FixtureRequest) -> Iterator[None]:
    """The database cannot be used: tables gone from the file, or no connection let in."""
    if store.engine.dialect.name == "sqlite":
        _run(store, "ALTER TABLE position RENAME TO position_away")
        yield
        _run(store, "ALTER TABLE position_away RENAME TO position")
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = str(store.engine.url.database)
    server.allow_connections(name, allow=False)
    yield
    server.allow_connections(name, allow=True)


def _run(store: Store, statement: str) -> None:
    with store.write() as transaction:
        transaction.connection.execute(text(statement))


def test_a_message_waits_while_the_database_is_away_and_is_acknowledged_once_after(
    centre: Centre, box: VillageBox, request: pytest.FixtureRequest
) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    wire = Wire()
    ingest = Ingest(wire, centre.receiver)
    message = batch_of(box, 1)
    wire.inbox.put(message)
    with outage(centre.store, request):
        for _ in range(3):
            with pytest.raises(DATABASE_DOWN):
                ingest.step()
        assert (message.acknowledged, wire.published) == (0, [])
    ingest.step()
    assert message.acknowledged == 1
    (acknowledgement,) = wire.published
    assert decode_event(parse_topic(acknowledgement[0]), acknowledgement[1]).data.upto == 1
    centre.assert_lawful()


def test_what_cannot_be_published_does_not_undo_the_commit(centre: Centre, box: VillageBox) -> None:
    box.write(BoxEvent(what="tick"))
    wire = Wire(up=False)
    message = batch_of(box, 1)
    wire.inbox.put(message)
    Ingest(wire, centre.receiver).step()
    assert message.acknowledged == 1
    assert centre.row("position")["upto"] == 1
    assert [ack["upto"] for ack in box.say("online")] == [1]


def test_poison_is_acknowledged_to_the_broker_and_nobody_else(centre: Centre, box: VillageBox) -> None:
    wire = Wire()
    poison = [
        Held("op/v1/b1/up/log", b"\x00" * 70_000),
        Held("nonsense", b""),
        Held("op/v1/stranger/up/log", b"[]"),
    ]
    for message in poison:
        wire.inbox.put(message)
    ingest = Ingest(wire, centre.receiver)
    for _ in poison:
        ingest.step()
    assert [message.acknowledged for message in poison] == [1, 1, 1]
    assert wire.published == []


class Allergic(Receiver):
    """Meets a bug of our own at one topic."""

    def receive(self, topic: str, payload: bytes, *, retained: bool = False) -> list[object]:  # type: ignore[override]
        if payload == b"allergen":
            raise ZeroDivisionError
        return list(super().receive(topic, payload, retained=retained))


def test_a_message_our_own_code_cannot_digest_is_given_up_and_the_next_goes_on(
    centre: Centre, box: VillageBox
) -> None:
    box.write(BoxEvent(what="tick"))
    wire = Wire()
    bad, good = Held("op/v1/b1/up/log", b"allergen"), batch_of(box, 1)
    wire.inbox.put(bad)
    wire.inbox.put(good)
    ingest = Ingest(wire, Allergic(centre.store, centre.clock))
    for _ in range(TRIES - 1):
        with pytest.raises(ZeroDivisionError):
            ingest.step()
    assert bad.acknowledged == 0
    ingest.step()
    ingest.step()
    assert (bad.acknowledged, good.acknowledged) == (1, 1)
    assert centre.row("position")["upto"] == 1


def test_gathered_heartbeats_survive_an_outage(
    centre: Centre, box: VillageBox, request: pytest.FixtureRequest
) -> None:
    box.beat()
    if centre.store.engine.dialect.name == "postgresql":
        with outage(centre.store, request), pytest.raises(DATABASE_DOWN):
            centre.receiver.flush()
    centre.receiver.flush()
    assert centre.row("box")["online"]


def test_every_class_upwards_is_subscribed_with_its_quality() -> None:
    assert dict(FILTERS) == {
        "op/v1/+/up/session": 1,
        "op/v1/+/up/now": 0,
        "op/v1/+/up/log": 1,
        "op/v1/+/up/twin": 1,
    }


# --- over a real broker --------------------------------------------------------------------------


@pytest.fixture
def running(centre: Centre, broker: Broker) -> Iterator[Link]:
    """The ingest of the centre at work; the link is a box's own."""
    centre_link = Link(broker.settings, client_id="centre", filters=FILTERS)
    ingest = Ingest(centre_link, centre.receiver)
    worker = Worker(
        "ingest", ingest.step, expected=DATABASE_DOWN, backoff=Backoff(base_s=0.05, ceiling_s=0.2)
    )
    box_link = Link(broker.settings, client_id="b1", filters=[("op/v1/b1/dn/ack", 1)])
    centre_link.start()
    box_link.start()
    worker.start()
    assert centre_link.wait_connected(10)
    assert box_link.wait_connected(10)
    yield box_link
    worker.stop()
    box_link.stop()
    centre_link.stop()


def send_until_heard(link: Link, box: VillageBox, *sequences: int) -> int:
    """Publish a batch until it is acknowledged: the centre's subscription may not stand yet."""
    held = batch_of(box, *sequences)
    for _ in range(20):
        link.publish(held.topic, held.payload)
        message = link.receive(1)
        if message is not None:
            message.acknowledge()
            found: int = decode_event(parse_topic(message.topic), message.payload).data.upto
            return found
    raise AssertionError("never acknowledged")


def test_a_batch_over_the_broker_is_committed_and_acknowledged(
    centre: Centre, box: VillageBox, running: Link
) -> None:
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.health("cam1", Rung.PICTURE_OK)
    assert send_until_heard(running, box, 1, 2) == 2
    assert centre.row("position")["upto"] == 2
    assert centre.row("incident")["category"] == "1003"


def test_poison_over_the_broker_stops_nobody(centre: Centre, box: VillageBox, running: Link) -> None:
    box.write(BoxEvent(what="tick"))
    assert send_until_heard(running, box, 1) == 1
    running.publish("op/v1/b1/up/log", b"\xff" * 5000)
    running.publish("op/v1/b1/up/session", b"[]")
    box.write(BoxEvent(what="tick"))
    assert send_until_heard(running, box, 2) == 2
    centre.clock.advance(2)
    wait_until(lambda: len(centre.rows("anomaly")) == 2, within_s=20, what="both anomalies are noted")
