"""The loop between the broker and the receiver.

Law (invariant 1): a message is acknowledged to the broker after its transaction committed. When the
database is down the same message waits in hand and is tried again, with back-off, before any other. A
message that our own code cannot digest is given up after a few tries: nothing of it was committed or
acknowledged to its box, which will send it again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from controller.db.transaction import DATABASE_DOWN
from controller.ingest.receiver import Outgoing, Receiver
from controller.metrics import INGEST_GIVEN_UP, INGEST_RETRIES
from protocol.topics import DELIVERY, UP_FILTERS, TopicClass
from runtime.link import LinkDown

log = logging.getLogger(__name__)

TRIES: Final = 3
"""Tries of a message that meets a bug."""
RECEIVE_S: Final = 0.2

FILTERS: Final[tuple[tuple[str, int], ...]] = tuple(
    (text, max(DELIVERY[kind].qos for kind in TopicClass if text.endswith(kind.value))) for text in UP_FILTERS
)
"""What the centre subscribes to, with the QoS of each class."""


class Incoming(Protocol):
    """A message of the broker."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def retained(self) -> bool: ...
    def acknowledge(self) -> None: ...


class BrokerLink(Protocol):
    """What the loop needs of ``runtime.link.Link``."""

    def receive(self, timeout_s: float) -> Incoming | None: ...
    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> object: ...


class Ingest:
    """``step`` deals with one message. Give it to a ``Worker`` that expects ``DATABASE_DOWN``."""

    def __init__(self, link: BrokerLink, receiver: Receiver) -> None:
        self._link = link
        self._receiver = receiver
        self._held: Incoming | None = None
        self._tries = 0

    def step(self) -> float:
        """One message, or none within a moment; returns the pause in seconds. Raises ``DATABASE_DOWN``."""
        message = self._held if self._held is not None else self._link.receive(RECEIVE_S)
        if message is not None:
            self._deal_with(message)
        self._flush()
        return 0.0

    def _deal_with(self, message: Incoming) -> None:
        self._held = message
        try:
            outgoing = self._receiver.receive(message.topic, message.payload, retained=message.retained)
        except DATABASE_DOWN:
            INGEST_RETRIES.inc()
            raise
        except Exception:
            if not self._give_up(message):
                raise
            outgoing = []
        self._held, self._tries = None, 0
        message.acknowledge()
        self._publish(outgoing)

    def _give_up(self, message: Incoming) -> bool:
        """Whether this was the last try; the loop must survive a message that our code cannot digest."""
        self._tries += 1
        if self._tries < TRIES:
            return False
        INGEST_GIVEN_UP.inc()
        log.exception("topic=%s given up after %d tries; its box will send it again", message.topic, TRIES)
        return True

    def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        for message in outgoing:
            try:
                self._link.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
            except LinkDown:
                # the box asks again at its next birth
                log.info("topic=%s not published: the link is down", message.topic)

    def _flush(self) -> None:
        try:
            self._receiver.flush_if_due()
        except DATABASE_DOWN:
            raise
        except Exception:
            # heartbeats may be lost, and one box's trouble must not stop the others' logs
            INGEST_GIVEN_UP.inc()
            log.exception("heartbeats could not be written")
