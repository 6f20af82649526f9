"""From the outbox to the county and back: the log, the heartbeat, acknowledgements, sessions."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from agent.metrics import ENTRIES_SENT, OUTBOX_OLDEST, REFUSED
from agent.ports import Outbox, OutboxRow, SendingState
from protocol.codec import decode_event, encode_event, join_batch
from protocol.errors import ProtocolError, Refusal
from protocol.messages import (
    Acknowledgement,
    Canary,
    Command,
    DeviceGauge,
    Frozen,
    Now,
    Session,
    TwinDesired,
    TwinReported,
)
from protocol.topics import DELIVERY, Topic, TopicClass, parse_topic, topic_of
from runtime.clock import Clock
from runtime.link import Link, LinkDown, Message, Receipt, Will
from runtime.memory import resident_bytes

log = logging.getLogger(__name__)

IDLE_PAUSE_S = 1.0
REFUSALS_TO_QUARANTINE = 5
POISON = (
    "oversize",
    "Packet too large",
    "Protocol error",
    "Payload format invalid",
    "Unspecified error",
    "Implementation specific",
)
"""Refusals that lie in the entry itself. ``Not authorized`` lies in the broker's rules: nothing is moved."""
ENTRY_REFUSALS = frozenset(
    {Refusal.OVERSIZE, Refusal.JSON, Refusal.TYPE, Refusal.VERSION, Refusal.SCHEMA, Refusal.IDENTITY}
)
"""Refusals of the centre that lie in the entry; ``mac`` and ``foreign`` lie in key and name."""
BEAT_DEVICES = 256
"""Devices in one heartbeat at most."""


@dataclass(frozen=True, slots=True)
class BoxFacts:
    """What the box tells about itself."""

    id: str
    title: str
    civil_code: str | None
    software: str
    boot_reason: str


class Reporter:
    """Two loops share it: ``send_step`` and ``receive_step``. The link is attached after it is made."""

    def __init__(
        self,
        facts: BoxFacts,
        *,
        outbox: Outbox,
        courier: SendingState,
        clock: Clock,
        gauges: Callable[[], dict[str, DeviceGauge]],
        heartbeat_s: float,
        canary_s: float,
    ) -> None:
        self._facts = facts
        self._outbox = outbox
        self._courier = courier
        self._clock = clock
        self._gauges = gauges
        self._heartbeat_s = heartbeat_s
        self._canary_s = canary_s
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._session = 0
        self._started_s = clock.monotonic()
        self._next_heartbeat_s = 0.0
        self._next_canary_s = self._started_s + min(canary_s, 10.0)
        self._next_purge_s = self._started_s + 3600.0
        self._canaries = 0
        self._under_way: deque[tuple[int, int, Receipt]] = deque()
        self._refusals: dict[int, int] = {}
        self._suspects: set[int] = set()
        """Entries of a refused batch: sent one by one, until it is known which of them it was."""
        self._refused_by = ""
        self._centre_refused: deque[tuple[int, str]] = deque()
        self._acknowledged_upto = 0
        self.on_command: Callable[[Command], None] = lambda _command: None
        self.on_desired: Callable[[TwinDesired], None] = lambda _desired: None

    def attach(self, link: Link) -> None:
        self._link = link

    # --- sessions ------------------------------------------------------------------------------

    def will(self) -> Will:
        """A new connection begins: take a new session number and leave its will."""
        self._session = self._outbox.next_session()
        return Will(topic_of(self._facts.id, TopicClass.SESSION), self._session_event("offline"))

    def announce(self) -> None:
        """The connection is up: say so. Runs on the link's thread."""
        with self._lock:
            self._courier.connected()
            self._next_heartbeat_s = 0.0
        self._publish(TopicClass.SESSION, self._session_event("online"))

    def say_goodbye(self) -> None:
        """A planned stop, best effort."""
        try:
            receipt = self._publish(TopicClass.SESSION, self._session_event("planned_stop"))
            receipt.wait(2.0)
        except LinkDown:
            log.info("box=%s stops without a link", self._facts.id)

    def report_twin(self, reported: TwinReported) -> None:
        """Publish what the box runs. Raises LinkDown."""
        self._publish(TopicClass.TWIN_REPORTED, self._event(reported, suffix=str(reported.version)))

    # --- sending -------------------------------------------------------------------------------

    def send_step(self) -> float:
        """Send what is due; returns the pause until something may be due again. Raises LinkDown."""
        self._write_canary()
        link = self._link
        if link is None or not link.connected:
            with self._lock:
                self._courier.disconnected()
            return IDLE_PAUSE_S
        self._collect_refusals()
        self._hear_refusals()
        self._beat()
        while self._send_batch(link):
            self._beat()  # a long backlog must not silence the heartbeat
        with self._lock:
            due_s = self._courier.due_in_s(now_s=self._clock.monotonic())
        return min(IDLE_PAUSE_S, self._beat_due_s(), *(() if due_s is None else (due_s + 0.01,)))

    def _send_batch(self, link: Link) -> bool:
        with self._lock:
            wanted = self._courier.next_range(last=self._outbox.last, now_s=self._clock.monotonic())
        if wanted is None:
            return False
        first, last = wanted
        if self._pass_over(first):
            return True
        rows = self._without_suspects(self._outbox.read(first, last))
        if not rows:
            return False
        last = rows[-1].sequence
        receipt = link.publish(
            topic_of(self._facts.id, TopicClass.LOG), join_batch([row.body for row in rows]), qos=1
        )
        ENTRIES_SENT.inc(len(rows))
        with self._lock:
            self._under_way.append((first, last, receipt))
            self._courier.sent(first, last, now_s=self._clock.monotonic())
        return True

    def _pass_over(self, first: int) -> bool:
        """Whether something is gone from ``first`` on. What no gap record covers is declared: the centre
        wants what this box no longer has (a restored centre, older than the grace period)."""
        hole = self._outbox.hole(first)
        if hole is None:
            return False
        last = hole.last
        if not hole.declared:
            log.error(
                "box=%s cannot send entries %d to %d again: declared as lost", self._facts.id, first, last
            )
            self._outbox.declare_missing(first, last, reason="purged")
            last -= 1  # the gap record stands there now
        if first <= last:
            with self._lock:
                self._courier.skip(first, last)
        return True

    def _without_suspects(self, rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
        """As many rows as may go together: a suspect goes alone."""
        if not rows or rows[0].sequence in self._suspects:
            return rows[:1]
        following = min((number for number in self._suspects if number > rows[0].sequence), default=None)
        return rows if following is None else [row for row in rows if row.sequence < following]

    def _collect_refusals(self) -> None:
        """A refused batch is tried again by the timer, entry by entry; one refused often alone is moved."""
        while (done := self._next_done()) is not None:
            first, last, receipt = done
            if receipt.refusal is None:
                self._suspects.difference_update(range(first, last + 1))
                continue
            if receipt.refusal != self._refused_by:
                self._refused_by = receipt.refusal
                log.warning("box=%s entries %d-%d refused: %s", self._facts.id, first, last, receipt.refusal)
            if not receipt.refusal.startswith(POISON):
                continue
            self._suspects.update(range(first, last + 1))
            if first == last:
                self._count_refusal(first, receipt.refusal)

    def _hear_refusals(self) -> None:
        """What the centre cannot store holds up all behind it: after some tries its hash goes instead."""
        with self._lock:
            heard, self._centre_refused = self._centre_refused, deque()
            upto = self._acknowledged_upto
        for sequence, word in heard:
            if word in ENTRY_REFUSALS:
                self._count_refusal(sequence, f"the centre: {word}")
            elif word != self._refused_by:
                self._refused_by = word
                log.error(
                    "box=%s the centre refuses its entries as %s: check the entry key / 请检查条目密钥",
                    self._facts.id,
                    word,
                )
        self._refusals = {number: times for number, times in self._refusals.items() if number > upto}
        self._suspects = {number for number in self._suspects if number > upto}

    def _next_done(self) -> tuple[int, int, Receipt] | None:
        with self._lock:
            return self._under_way.popleft() if self._under_way and self._under_way[0][2].done else None

    def _count_refusal(self, sequence: int, because: str) -> None:
        self._refusals[sequence] = self._refusals.get(sequence, 0) + 1
        if self._refusals[sequence] >= REFUSALS_TO_QUARANTINE:
            self._outbox.quarantine(sequence, because=because)
            self._refusals.pop(sequence, None)
            self._suspects.discard(sequence)

    def _beat(self) -> None:
        now_s = self._clock.monotonic()
        if now_s < self._next_heartbeat_s:
            return
        self._next_heartbeat_s = now_s + self._heartbeat_s
        OUTBOX_OLDEST.set(self._outbox.oldest_waiting_s())
        beat = Now(
            session=self._session,
            uptime_s=int(now_s - self._started_s),
            outbox_rows=self._outbox.waiting,
            outbox_oldest_s=int(self._outbox.oldest_waiting_s()),
            log_epoch=self._outbox.epoch,
            last_sequence=self._outbox.last,
            cpu_ratio=round(time.process_time() / max(1.0, now_s - self._started_s), 3),
            memory_bytes=resident_bytes(),
            devices=dict(islice(self._gauges().items(), BEAT_DEVICES)),
        )
        self._publish(TopicClass.NOW, self._event(beat, suffix=str(int(now_s * 1000))))
        if now_s >= self._next_purge_s:
            self._next_purge_s = now_s + 3600.0
            self._outbox.purge()

    def _beat_due_s(self) -> float:
        return max(0.0, self._next_heartbeat_s - self._clock.monotonic())

    def _write_canary(self) -> None:
        now_s = self._clock.monotonic()
        if now_s >= self._next_canary_s:
            self._next_canary_s = now_s + self._canary_s
            self._canaries += 1
            self._outbox.append(Canary(number=self._canaries), at=self._clock.now())

    # --- receiving -----------------------------------------------------------------------------

    def receive_step(self) -> float:
        """Deal with one downward message."""
        link = self._link
        if link is None:
            return IDLE_PAUSE_S
        message = link.receive(0.5)
        if message is not None:
            self._handle(message)
        return 0.0

    def _handle(self, message: Message) -> None:
        try:
            topic = parse_topic(message.topic)
            if topic.box != self._facts.id:
                log.warning("box=%s ignored a message for %s", self._facts.id, topic.box)
                return
            self._dispatch(topic, message.payload)
        except ProtocolError as error:
            REFUSED.labels(refusal=error.refusal).inc()
            log.warning("box=%s refused a downward message: %s", self._facts.id, error)
        finally:
            message.acknowledge()

    def _dispatch(self, topic: Topic, payload: bytes) -> None:
        data = decode_event(topic, payload).data
        match data:
            case Acknowledgement():
                self._acknowledged(data)
            case Command():
                self.on_command(data)
            case TwinDesired():
                self.on_desired(data)
            case _:
                log.warning("box=%s ignored %s on %s", self._facts.id, data.kind, topic)

    def _acknowledged(self, ack: Acknowledgement) -> None:
        if ack.epoch != self._outbox.epoch:
            log.info("box=%s ignored an acknowledgement of another epoch %s", self._facts.id, ack.epoch)
            return
        with self._lock:
            fell_back = self._courier.acknowledged(
                ack.upto, ack.missing, last=self._outbox.last, now_s=self._clock.monotonic()
            )
            self._acknowledged_upto = ack.upto
            self._centre_refused.extend(ack.refused)
        self._outbox.acknowledged(ack.upto)
        if fell_back:
            log.warning("box=%s the centre fell back to %d and is filled up again", self._facts.id, ack.upto)

    # --- inside --------------------------------------------------------------------------------

    def _session_event(self, status: str) -> bytes:
        data = Session(
            status=status,
            session=max(1, self._session),
            log_epoch=self._outbox.epoch,
            version=self._facts.software,
            boot_reason=self._facts.boot_reason,
            site=self._facts.title,
            civil_code=self._facts.civil_code,
        )
        return self._event(data, suffix=f"{self._session}-{status}")

    def _event(self, data: Frozen, *, suffix: str) -> bytes:
        kind: str = data.kind  # type: ignore[attr-defined]
        return encode_event(
            data,
            source=f"/box/{self._facts.id}",
            event_id=f"{self._outbox.epoch}-{kind}-{suffix}",
            at=self._clock.now(),
        )

    def _publish(self, kind: TopicClass, payload: bytes) -> Receipt:
        link = self._link
        if link is None:
            raise LinkDown("no link yet")
        delivery = DELIVERY[kind]
        return link.publish(
            topic_of(self._facts.id, kind), payload, qos=delivery.qos, retain=delivery.retained
        )
