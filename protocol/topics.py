"""Which topics exist, who may write them, and how large a payload each may carry.

Law: ``op/v1/{box}/{up|dn}/{class}`` and nothing else. The box id stands early so that one ACL line
fences every box; the place in the county is data, never a topic level.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.errors import ProtocolError, Refusal
from protocol.ids import is_id
from protocol.versions import TOPIC_VERSION


class TopicClass(StrEnum):
    """The last two levels of a topic: direction and class."""

    SESSION = "up/session"
    NOW = "up/now"
    LOG = "up/log"
    TWIN_REPORTED = "up/twin"
    ACK = "dn/ack"
    TWIN_DESIRED = "dn/twin"
    COMMAND = "dn/cmd"

    @property
    def upward(self) -> bool:
        return self.value.startswith("up/")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a class travels: MQTT QoS, whether it is retained, and the largest payload in bytes."""

    qos: int
    retained: bool
    limit_bytes: int


DELIVERY: Final[dict[TopicClass, Delivery]] = {
    TopicClass.SESSION: Delivery(1, True, 4 * 1024),
    TopicClass.NOW: Delivery(0, False, 32 * 1024),
    TopicClass.LOG: Delivery(1, False, 64 * 1024),
    TopicClass.TWIN_REPORTED: Delivery(1, True, 128 * 1024),
    TopicClass.ACK: Delivery(1, False, 16 * 1024),
    TopicClass.TWIN_DESIRED: Delivery(1, True, 128 * 1024),
    TopicClass.COMMAND: Delivery(1, False, 16 * 1024),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic taken apart."""

    box: str
    kind: TopicClass

    def __str__(self) -> str:
        return f"op/{TOPIC_VERSION}/{self.box}/{self.kind.value}"


def topic_of(box: str, kind: TopicClass) -> str:
    """The topic of one box and class. Raises ProtocolError(TOPIC) when ``box`` is not an id."""
    if not is_id(box):
        raise ProtocolError(
            Refusal.TOPIC, box or "(empty)", f"box id {box!r} does not match [a-z0-9-]{{1,40}}"
        )
    return str(Topic(box, kind))


def parse_topic(text: str) -> Topic:
    """Take a topic apart; raises ProtocolError(TOPIC) for anything that is not exactly one of ours."""
    parts = text.split("/")
    if len(parts) != 5 or parts[0] != "op" or parts[1] != TOPIC_VERSION or not is_id(parts[2]):
        raise ProtocolError(Refusal.TOPIC, text, "expected op/v1/{box}/{up|dn}/{class}")
    try:
        return Topic(parts[2], TopicClass(f"{parts[3]}/{parts[4]}"))
    except ValueError:
        raise ProtocolError(Refusal.TOPIC, text, f"unknown class {parts[3]}/{parts[4]}") from None


UP_FILTERS: Final = tuple(f"op/{TOPIC_VERSION}/+/{kind.value}" for kind in TopicClass if kind.upward)
"""What the centre subscribes to."""


def down_filters(box: str) -> tuple[str, ...]:
    """What one box subscribes to: its own downward topics, by name."""
    return tuple(topic_of(box, kind) for kind in TopicClass if not kind.upward)
