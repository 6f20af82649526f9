"""What becomes of one MQTT message, without MQTT: topic and payload in, what to publish out.

Law (invariant 1): what is to be published as acknowledged has been committed when ``receive`` returns.
Whatever raises has changed nothing. A message that must not be let in is counted, noted once a second
and never stored; it is acknowledged to the broker, because poison that comes back blocks everything.
Heartbeats are gathered and written together: one commit for many, they may be lost anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from controller.db import anomalies, boxes
from controller.db.boxes import Credential
from controller.db.transaction import Store
from controller.metrics import INGEST_SECONDS, MESSAGES, REFUSED
from controller.services.applying import Reached, apply_received, reached
from controller.services.supervision import heard, take_heartbeat, take_session
from controller.services.village import Village
from protocol.codec import CENTRE_SOURCE, Received, decode_batch, decode_event, encode_event
from protocol.errors import ProtocolError, Refusal
from protocol.messages import Acknowledgement, Now, Session
from protocol.topics import DELIVERY, Topic, TopicClass, parse_topic, topic_of
from runtime.clock import Clock

log = logging.getLogger(__name__)

FLUSH_S: Final = 1.0
"""Heartbeats and refusals wait at most this long to be written together."""
FLUSH_BOXES: Final = 500
REFUSALS_KEPT: Final = 200
"""Different refusals remembered between two writes; a flood of more is counted, not described."""

Refused = tuple[str | None, Refusal, str]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Receiver:
    """Takes messages one at a time; not for several threads at once."""

    def __init__(self, store: Store, clock: Clock, *, case_prefix: str = "TG") -> None:
        self._store = store
        self._clock = clock
        self._case_prefix = case_prefix
        self._beats: dict[str, tuple[datetime, Now | None]] = {}
        self._refused: dict[Refused, int] = {}
        self._flushed_s = clock.monotonic()
        self._kinds: dict[TopicClass, Callable[[Topic, bytes, bool, Credential], list[Outgoing]]] = {
            TopicClass.LOG: self._take_log,
            TopicClass.SESSION: self._take_session,
            TopicClass.NOW: self._take_now,
            TopicClass.TWIN_REPORTED: self._take_twin,
        }

    def receive(self, topic: str, payload: bytes, *, retained: bool = False) -> list[Outgoing]:
        """Deal with one message; returns what to publish.

        Raises what the database raises; then nothing was changed, and the same message may be tried again.
        """
        try:
            parsed = parse_topic(topic)
            take = self._kinds.get(parsed.kind)
            if take is None:
                raise ProtocolError(Refusal.TOPIC, parsed.box, f"{topic} is not for the centre")
        except ProtocolError as refused:
            self._refuse(refused, box_id=None)
            return []
        MESSAGES.labels(kind=parsed.kind.value).inc()
        credential = self._credential(parsed.box)
        if credential is None or credential.revoked:
            self._refuse_box(parsed, revoked=credential is not None)
            return []
        try:
            return take(parsed, payload, retained, credential)
        except ProtocolError as refused:
            self._refuse(refused, box_id=parsed.box)
            return []

    def flush_if_due(self) -> None:
        """Write gathered heartbeats and refusals when it is time."""
        waited_s = self._clock.monotonic() - self._flushed_s
        if waited_s >= FLUSH_S or len(self._beats) >= FLUSH_BOXES:
            self.flush()

    def flush(self) -> None:
        """Write gathered heartbeats and refusals now. What the database does not take is kept."""
        self._flushed_s = self._clock.monotonic()
        if self._refused:
            self._write_refusals()
        if self._beats:
            self._write_beats()

    # --- the classes of messages -----------------------------------------------------------------

    def _take_log(self, topic: Topic, payload: bytes, retained: bool, known: Credential) -> list[Outgoing]:
        began_s = self._clock.monotonic()
        received, refused = self._admit(topic, decode_batch(topic, payload, key=known.mac_key))
        reports: list[Reached] = []
        if received:
            work = partial(_apply, received=received, retained=retained)
            reports = self._in_village(topic.box, work) or []
            INGEST_SECONDS.observe(self._clock.monotonic() - began_s)
        reports += self._reached(topic.box, set(refused) - {report.epoch for report in reports})
        return [
            self._acknowledgement(topic.box, report, refused=refused.get(report.epoch, {}))
            for report in reports
        ]

    def _admit(
        self, topic: Topic, decoded: list[Received | ProtocolError]
    ) -> tuple[list[Received], dict[str, dict[int, Refusal]]]:
        """What may be stored, and by epoch the sequences that may not."""
        received: list[Received] = []
        refused: dict[str, dict[int, Refusal]] = {}
        for item in decoded:
            if isinstance(item, Received):
                received.append(item)
                continue
            self._refuse(item, box_id=topic.box)
            if item.place is not None:
                epoch, sequence = item.place
                refused.setdefault(epoch, {})[sequence] = item.refusal
        return received, refused

    def _reached(self, box_id: str, epochs: set[str]) -> list[Reached]:
        if not epochs:
            return []
        with self._store.read() as connection:
            return [reached(connection, box_id, epoch) for epoch in sorted(epochs)]

    def _take_session(self, topic: Topic, payload: bytes, retained: bool, _: Credential) -> list[Outgoing]:
        session: Session = decode_event(topic, payload).data

        def take(village: Village) -> Reached | None:
            counted = take_session(village, session, retained=retained)
            if not counted or session.status != "online":
                return None
            return reached(village.transaction.connection, village.box.id, session.log_epoch)

        # a box that missed an acknowledgement gets the present one at its birth, and goes on from there
        report = self._in_village(topic.box, take)
        return [self._acknowledgement(topic.box, report)] if report is not None else []

    def _take_now(self, topic: Topic, payload: bytes, retained: bool, _: Credential) -> list[Outgoing]:
        beat: Now = decode_event(topic, payload).data
        if not retained:
            self._beats[topic.box] = (self._clock.now(), beat)
        return []

    def _take_twin(self, topic: Topic, payload: bytes, retained: bool, _: Credential) -> list[Outgoing]:
        decode_event(topic, payload)
        if not retained and topic.box not in self._beats:
            self._beats[topic.box] = (self._clock.now(), None)
        return []

    # --- inside ----------------------------------------------------------------------------------

    def _in_village(self, box_id: str, work: Callable[[Village], Any]) -> Any:
        """Run ``work`` on the box in one transaction; returns what it returns, None when the box is gone."""
        with self._store.write() as transaction:
            box = boxes.lock(transaction.connection, box_id)
            if box is None or box.revoked:
                return None
            village = Village(transaction, box, now=self._clock.now(), case_prefix=self._case_prefix)
            answer = work(village)
            village.save()
        return answer

    def _credential(self, box_id: str) -> Credential | None:
        with self._store.read() as connection:
            return boxes.credential(connection, box_id)

    def _acknowledgement(
        self, box_id: str, report: Reached, *, refused: Mapping[int, Refusal] = MappingProxyType({})
    ) -> Outgoing:
        now = self._clock.now()
        still = {number: why.value for number, why in refused.items() if number > report.upto}
        data = Acknowledgement(
            epoch=report.epoch,
            upto=report.upto,
            missing=report.missing,
            refused=tuple(sorted(still.items())),
        )
        event_id = f"{report.epoch}-{report.upto}-{int(now.timestamp() * 1000)}"
        delivery = DELIVERY[TopicClass.ACK]
        return Outgoing(
            topic_of(box_id, TopicClass.ACK),
            encode_event(data, source=CENTRE_SOURCE, event_id=event_id, at=now),
            delivery.qos,
            delivery.retained,
        )

    def _refuse_box(self, topic: Topic, *, revoked: bool) -> None:
        what = f"box {topic.box} is {'revoked' if revoked else 'not registered'}"
        refused = ProtocolError(Refusal.FOREIGN, topic.box, what)
        self._refuse(refused, box_id=topic.box if revoked else None)

    def _refuse(self, refused: ProtocolError, *, box_id: str | None) -> None:
        REFUSED.labels(refusal=refused.refusal.value).inc()
        key = (box_id, refused.refusal, refused.what)
        if key not in self._refused:
            if len(self._refused) >= REFUSALS_KEPT:
                key = (None, refused.refusal, "(more)")
            else:
                log.warning("from=%s refused=%s what=%s", refused.who, refused.refusal.value, key[2])
        self._refused[key] = self._refused.get(key, 0) + 1

    def _write_refusals(self) -> None:
        with self._store.write() as transaction:
            now = self._clock.now()
            for (box_id, refusal, what), times in self._refused.items():
                anomalies.note(
                    transaction.connection,
                    box_id=box_id,
                    refusal=refusal.value,
                    what=what,
                    at=now,
                    times=times,
                )
        self._refused.clear()

    def _write_beats(self) -> None:
        beats = self._beats
        with self._store.write() as transaction:
            special = boxes.in_need_of_care(transaction.connection, set(beats))
            boxes.mark_seen(
                transaction.connection, {i: at for i, (at, _) in beats.items() if i not in special}
            )
        self._beats = {}
        for box_id in special:
            _, beat = beats[box_id]
            self._in_village(box_id, partial(_care, beat=beat))


def _apply(village: Village, *, received: list[Received], retained: bool) -> list[Reached]:
    if not retained:
        heard(village)
    return apply_received(village, received)


def _care(village: Village, *, beat: Now | None) -> None:
    if beat is None:
        heard(village)
    else:
        take_heartbeat(village, beat)
