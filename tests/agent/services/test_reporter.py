"""The box's log to the county and back, over a real broker."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.errors import StoreFull
from agent.outbox.courier import Courier
from agent.outbox.store import Store
from agent.services.reporter import BEAT_DEVICES, BoxFacts, Reporter
from protocol.codec import CENTRE_SOURCE, Received, decode_batch, decode_event, encode_event
from protocol.messages import (
    Acknowledgement,
    BoxEvent,
    Command,
    DeviceGauge,
    DeviceIdentity,
    Frozen,
    Gap,
    Now,
    Quarantined,
    Session,
    TwinDesired,
    TwinReported,
)
from protocol.topics import DELIVERY, UP_FILTERS, TopicClass, down_filters, parse_topic, topic_of
from runtime.backoff import Backoff
from runtime.clock import SystemClock
from runtime.link import Link, LinkDown, LinkSettings, Message
from runtime.worker import Worker
from tests.support.broker import Broker
from tests.support.processes import wait_until
from tests.support.wire import AT, BOX, KEY

CLOCK = SystemClock()


def quick() -> Backoff:
    return Backoff(base_s=0.05, ceiling_s=0.2)


class Centre:
    """A county that stores in memory and acknowledges; ``deaf`` and ``refused`` are switches."""

    def __init__(self, settings: LinkSettings) -> None:
        self.stored: dict[int, Received] = {}
        self.upto = 0
        self.epoch = ""
        self.deaf = False
        self.refuses: dict[int, str] = {}
        self.sessions: list[Session] = []
        self.beats: list[Now] = []
        self.twins: list[TwinReported] = []
        self.conflicts = 0
        self._numbers = itertools.count(1)
        self.link = Link(
            settings, client_id="centre", filters=[(text, 1) for text in UP_FILTERS], backoff=quick()
        )
        self._worker = Worker("centre", self._step, expected=(LinkDown,), backoff=quick())

    def start(self) -> None:
        self.link.start()
        self._worker.start()
        assert self.link.wait_connected(5)

    def stop(self) -> None:
        self._worker.stop()
        self.link.stop()

    def say(self, kind: TopicClass, data: Frozen, *, source: str = CENTRE_SOURCE, box: str = BOX) -> None:
        payload = encode_event(data, source=source, event_id=f"c-{next(self._numbers)}", at=AT)
        self.link.publish(topic_of(box, kind), payload, qos=1, retain=DELIVERY[kind].retained)

    def acknowledge(self) -> None:
        refused = tuple(sorted(self.refuses.items()))
        ack = Acknowledgement(epoch=self.epoch, upto=self.upto, missing=self._missing(), refused=refused)
        self.say(TopicClass.ACK, ack)

    def restore(self, upto: int) -> None:
        self.stored = {number: item for number, item in self.stored.items() if number <= upto}
        self.upto = upto

    def data(self) -> list[Frozen]:
        return [self.stored[number].entry.data for number in sorted(self.stored)]

    def _step(self) -> float:
        message = self.link.receive(0.1)
        if message is not None:
            self._take(message)
            message.acknowledge()
        return 0.0

    def _take(self, message: Message) -> None:
        topic = parse_topic(message.topic)
        if topic.kind is not TopicClass.LOG:
            data = decode_event(topic, message.payload).data
            kept: dict[type, list[Any]] = {Session: self.sessions, Now: self.beats, TwinReported: self.twins}
            kept[type(data)].append(data)
        elif not self.deaf:
            for item in decode_batch(topic, message.payload, key=KEY):
                assert isinstance(item, Received), item
                self._store(item)
            self.acknowledge()

    def _store(self, item: Received) -> None:
        number = item.entry.number
        self.epoch = item.entry.epoch
        if number in self.refuses and not isinstance(item.entry.data, Quarantined):
            return
        self.refuses.pop(number, None)
        known = self.stored.setdefault(number, item)
        self.conflicts += known.body_hash != item.body_hash
        gaps = {n: one.entry.data for n, one in self.stored.items() if isinstance(one.entry.data, Gap)}
        while True:
            gap = next((n for n, gap in gaps.items() if gap.first <= self.upto + 1 <= n), None)
            if gap is None and self.upto + 1 not in self.stored:
                return
            self.upto = gap or self.upto + 1

    def _missing(self) -> tuple[tuple[int, int], ...]:
        ranges, before = [], self.upto
        for number in sorted(number for number in self.stored if number > self.upto):
            if number > before + 1:
                ranges.append((before + 1, number - 1))
            before = number
        if self.refuses and max(self.refuses) > before:
            ranges.append((before + 1, max(self.refuses)))
        return tuple(ranges[:64])


class Box:
    """A store, a reporter and its link, on workers as in the app."""

    def __init__(self, settings: LinkSettings, folder: Path, **options: Any) -> None:
        self.store = Store(folder / "box.db", box=BOX, key=KEY, clock=CLOCK, **options)
        self.commands: list[Command] = []
        self.desired: list[TwinDesired] = []
        self.gauges: dict[str, DeviceGauge] = {}
        self.reporter = Reporter(
            BoxFacts(BOX, "四知村", "610522101", "0.1.0", self.store.boot_reason),
            outbox=self.store,
            courier=Courier(upto=self.store.upto),
            clock=CLOCK,
            gauges=lambda: self.gauges,
            heartbeat_s=0.3,
            canary_s=3600,
        )
        self.reporter.on_command = self.commands.append
        self.reporter.on_desired = self.desired.append
        self.link = Link(
            settings,
            client_id=BOX,
            filters=[(text, 1) for text in down_filters(BOX)],
            will=self.reporter.will,
            on_connected=self.reporter.announce,
            backoff=quick(),
        )
        self.reporter.attach(self.link)
        expected = (LinkDown, StoreFull)
        self._workers = [
            Worker("send", self.reporter.send_step, expected=expected, backoff=quick()),
            Worker("receive", self.reporter.receive_step, expected=expected, backoff=quick()),
        ]
        self.store.on_append(self._workers[0].wake)

    def start(self) -> None:
        for worker in self._workers:
            worker.start()
        self.link.start()

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()
        self.link.stop()
        self.store.close()

    def write(self, count: int) -> None:
        for _ in range(count):
            self.store.append(BoxEvent(what="noted", detail=str(self.store.last + 1)), at=CLOCK.now())


@contextmanager
def running(*parts: Any) -> Iterator[None]:
    for part in parts:
        part.start()
    try:
        yield
    finally:
        for part in reversed(parts):
            part.stop()


def drained(box: Box, centre: Centre, within_s: float = 20) -> None:
    wait_until(
        lambda: centre.upto == box.store.last == box.store.upto, within_s=within_s, what="all is acknowledged"
    )


def test_entries_appear_at_the_centre_and_the_acknowledgement_comes_back(
    broker: Broker, tmp_path: Path
) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    with running(centre, box):
        box.write(120)
        drained(box, centre)
        assert [int(data.detail) for data in centre.data() if isinstance(data, BoxEvent)] == list(
            range(1, 121)
        )
        assert box.store.waiting == 0
        box.write(1)
        drained(box, centre, within_s=5)


def test_sessions_heartbeats_and_the_twin_are_told(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    box.gauges = {f"cam-{number}": DeviceGauge() for number in range(BEAT_DEVICES + 50)}
    with running(centre, box):
        wait_until(lambda: len(centre.beats) >= 2, within_s=10, what="two heartbeats")
        (birth,) = centre.sessions
        assert (birth.status, birth.site, birth.civil_code) == ("online", "四知村", "610522101")
        assert birth.log_epoch == box.store.epoch
        assert {beat.session for beat in centre.beats} == {birth.session}
        assert len(centre.beats[0].devices) == BEAT_DEVICES
        box.reporter.report_twin(TwinReported(version=2))
        wait_until(lambda: centre.twins, within_s=5, what="twin")
        box.reporter.say_goodbye()
        wait_until(lambda: centre.sessions[-1].status == "planned_stop", within_s=5, what="planned stop")


def test_a_broker_that_is_killed_and_comes_back_loses_nothing(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    with running(centre, box):
        for _ in range(3):
            box.write(100)
            broker.kill()
            box.write(30)
            broker.start()
            box.write(10)
        drained(box, centre, within_s=30)
        assert centre.conflicts == 0
        assert sorted(centre.stored) == list(range(1, box.store.last + 1))
        online = [session.session for session in centre.sessions if session.status == "online"]
        assert online == sorted(online)


def test_a_centre_that_does_not_acknowledge_gets_everything_again(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    centre.deaf = True
    with running(centre, box):
        box.write(60)
        wait_until(lambda: centre.beats, within_s=10, what="connected")
        assert box.store.upto == 0
        centre.deaf = False
        drained(box, centre)


def test_a_centre_restored_from_a_backup_is_filled_up_again(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    with running(centre, box):
        box.write(200)
        drained(box, centre)
        centre.restore(50)
        centre.acknowledge()
        wait_until(lambda: centre.upto == 200, within_s=20, what="filled up again")
        drained(box, centre)
        assert len(centre.stored) == 200


def test_what_a_restored_centre_can_never_get_is_declared_once(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path, grace_s=0.0)
    with running(centre, box):
        box.write(600)
        drained(box, centre)
        wait_until(box.store.purge, within_s=5, what="purged")
        box.write(5)
        drained(box, centre)
        centre.restore(50)
        centre.acknowledge()
        drained(box, centre)
        gaps = [data for data in centre.data() if isinstance(data, Gap)]
        assert gaps == [Gap(first=51, last=600, entries=550, reason="purged")]
        assert box.store.last == 605
        assert centre.conflicts == 0


def test_an_outbox_that_overflowed_far_beyond_the_window_still_drains(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path, max_rows=600)
    box.write(1_400)
    with running(centre, box):
        drained(box, centre)
        (gap,) = (data for data in centre.data() if isinstance(data, Gap))
        assert (gap.first, gap.reason) == (401, "outbox_full")
        assert len(centre.stored) - 1 + gap.entries == 1_400


@pytest.mark.parametrize("bound", ["max_packet_size 2500", "message_size_limit 2500"])
def test_an_entry_the_broker_refuses_is_moved_and_its_neighbours_are_not(tmp_path: Path, bound: str) -> None:
    small = Broker(tmp_path / "small", extra=bound)
    small.start()
    centre, box = Centre(small.settings), Box(small.settings, tmp_path)
    long = DeviceIdentity.model_validate({"device_class": "smart_camera", "profiles": ["x" * 190] * 16})
    try:
        with running(centre, box):
            box.write(3)
            box.store.append(long, at=CLOCK.now())
            box.write(3)
            drained(box, centre, within_s=110)
            kinds = [type(data).__name__ for data in centre.data()]
            assert kinds == ["BoxEvent"] * 3 + ["Quarantined"] + ["BoxEvent"] * 3
    finally:
        small.stop()


def test_an_entry_the_centre_cannot_store_is_moved_and_a_wrong_key_moves_nothing(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    centre.refuses = {3: "schema"}
    with running(centre, box):
        box.write(5)
        drained(box, centre)
        kinds = [type(data).__name__ for data in centre.data()]
        assert kinds == ["BoxEvent", "BoxEvent", "Quarantined", "BoxEvent", "BoxEvent"]
        centre.refuses = {7: "mac"}
        box.write(5)
        wait_until(lambda: "check the entry key" in caplog.text, within_s=20, what="the key is suspected")
        for _ in range(10):
            centre.acknowledge()
        centre.refuses = {}
        centre.acknowledge()
        drained(box, centre)
        assert isinstance(centre.data()[6], BoxEvent)


def test_the_will_carries_the_number_of_its_session(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    with running(centre, box):
        wait_until(lambda: centre.sessions, within_s=10, what="birth")
        # somebody else takes the client id: the broker ends the old connection and publishes its will
        thief = Link(broker.settings, client_id=BOX)
        thief.start()
        wait_until(lambda: any(one.status == "offline" for one in centre.sessions), within_s=10, what="will")
        thief.stop()
        wait_until(
            lambda: centre.sessions[-1].status == "online" and len(centre.sessions) >= 3,
            within_s=10,
            what="a new birth",
        )
        births = [one.session for one in centre.sessions if one.status == "online"]
        wills = [one.session for one in centre.sessions if one.status == "offline"]
        assert wills[0] == births[0]
        assert births[-1] > wills[0]


def test_downward_messages_reach_their_room_and_others_are_refused(broker: Broker, tmp_path: Path) -> None:
    centre, box = Centre(broker.settings), Box(broker.settings, tmp_path)
    command = Command(command="cmd-1", verb="probe", expires=AT)
    with running(centre, box):
        wait_until(lambda: centre.sessions, within_s=10, what="connected")
        centre.link.publish(topic_of(BOX, TopicClass.COMMAND), b"{" * 20_000)
        centre.link.publish(topic_of(BOX, TopicClass.COMMAND), b"not json")
        centre.say(TopicClass.COMMAND, command, source=f"/box/{BOX}")
        centre.say(TopicClass.ACK, Acknowledgement(epoch="f" * 16, upto=10**6))
        centre.say(TopicClass.ACK, Acknowledgement(epoch=box.store.epoch, upto=10**6))
        centre.say(TopicClass.TWIN_DESIRED, TwinDesired(version=1))
        centre.say(TopicClass.COMMAND, command)
        wait_until(lambda: box.commands, within_s=10, what="command")
        assert box.commands == [command]
        assert box.desired == [TwinDesired(version=1)]
        assert box.store.upto == 0


def test_a_box_that_died_with_a_backlog_sends_it_after_its_restart(broker: Broker, tmp_path: Path) -> None:
    box = Box(broker.settings, tmp_path)
    box.write(70)
    box.store.append(BoxEvent(what="boot"), at=CLOCK.now())
    box.store.close()
    centre, reborn = Centre(broker.settings), Box(broker.settings, tmp_path)
    with running(centre, reborn):
        drained(reborn, centre)
        assert len(centre.stored) == 71
