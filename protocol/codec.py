"""Bytes to messages and back: limits before parsing, canonical form, MAC.

Law: nothing is parsed before its size is known to be within the limit of its topic; nothing is
believed before topic, source and (for log entries) MAC agree. The JSON is I-JSON (RFC 7493): UTF-8, no
key twice, no number beyond 2**53, no half of a surrogate pair, and at most 16 levels deep.

The canonical form of an entry is its JSON with sorted keys, no white space, UTF-8, without ``mac``.
Both the MAC and the body hash are taken over it, so they survive a re-serialisation on the way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from protocol.errors import ProtocolError, Refusal
from protocol.identity import refuse_identity
from protocol.messages import (
    ENTRY_KINDS,
    LARGEST,
    PLAIN_KINDS,
    Acknowledgement,
    Command,
    Entry,
    Event,
    Frozen,
    Now,
    Session,
    TwinDesired,
    TwinReported,
    format_time,
    type_name,
)
from protocol.topics import DELIVERY, Topic, TopicClass
from protocol.versions import MESSAGE_VERSION

BATCH_ENTRIES = 50
"""Entries in one MQTT message at most: fifty bring 29 of the 38 times that batching can save."""
BATCH_BYTES = DELIVERY[TopicClass.LOG].limit_bytes
ENTRY_BYTES = 8 * 1024
"""One entry at most; the largest of ours, an identity with 16 profiles, stays under 5 KiB."""
WINDOW_ENTRIES = 400
"""Unacknowledged entries on the way at most."""
CENTRE_SOURCE = "/centre"
"""``source`` of every downward message."""

PLAIN_KIND_OF: Final[dict[TopicClass, str]] = {
    TopicClass.SESSION: Session.kind,
    TopicClass.NOW: Now.kind,
    TopicClass.TWIN_REPORTED: TwinReported.kind,
    TopicClass.ACK: Acknowledgement.kind,
    TopicClass.TWIN_DESIRED: TwinDesired.kind,
    TopicClass.COMMAND: Command.kind,
}
"""What may stand on each topic but ``up/log``."""
_ENTRY_ID: Final = re.compile(r"([0-9a-f]{16})-([0-9]{16})")
_ID_MAPS: Final = {TopicClass.NOW: (("data", "devices"),)}
"""Objects whose keys are ids: a device may be called ``face-1``."""


@dataclass(frozen=True, slots=True)
class Received:
    """An entry that was let in: the model, its canonical bytes and their SHA-256."""

    entry: Entry[Any]
    canonical: bytes
    body_hash: str


# --- canonical form and MAC --------------------------------------------------------------------


def canonical(fields: dict[str, Any]) -> bytes:
    """The canonical bytes of an entry given as a JSON object; ``mac`` is left out.

    Raises UnicodeEncodeError (a ValueError) for half of a surrogate pair.
    """
    body = {key: value for key, value in fields.items() if key != "mac"}
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def mac_of(key: bytes, body: bytes) -> str:
    """HMAC-SHA256 of ``body``, base64url without padding, 43 characters."""
    return base64.urlsafe_b64encode(hmac.digest(key, body, "sha256")).decode().rstrip("=")


# --- encoding ----------------------------------------------------------------------------------


def encode_event(
    data: Frozen, *, source: str, event_id: str, at: datetime, subject: str | None = None
) -> bytes:
    """One plain event (everything but log entries) as structured JSON."""
    kind: str = data.kind  # type: ignore[attr-defined]
    event = Event[Any](
        id=event_id,
        source=source,
        type=type_name(kind),
        time=at,
        subject=subject,
        data=data.model_dump(mode="json", exclude_none=True),
    )
    return event.model_dump_json(exclude_none=True).encode()


def encode_entry(
    data: Frozen,
    *,
    box: str,
    key: bytes,
    epoch: str,
    sequence: int,
    at: datetime,
    recorded_at: datetime,
    subject: str | None = None,
    severity: str = "INFO",
) -> bytes:
    """One log entry, MAC included, as the bytes the outbox keeps. Raises ProtocolError(OVERSIZE)."""
    kind: str = data.kind  # type: ignore[attr-defined]
    number = f"{sequence:016d}"
    fields: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{epoch}-{number}",
        "source": f"/box/{box}",
        "type": type_name(kind),
        "time": format_time(at),
        "recordedtime": format_time(recorded_at),
        "datacontenttype": "application/json",
        "epoch": epoch,
        "sequence": number,
        "severitynumber": {"INFO": 9, "WARN": 13, "ERROR": 17}[severity],
        "severitytext": severity,
        "data": data.model_dump(mode="json", exclude_none=True),
    }
    if subject is not None:
        fields["subject"] = subject
    evidence = getattr(data, "evidence", None)
    if evidence is not None:
        fields["dataref"] = f"sha256:{evidence}"
    fields["mac"] = mac_of(key, canonical(fields))
    encoded = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    if len(encoded) > ENTRY_BYTES:
        raise ProtocolError(Refusal.OVERSIZE, box, f"entry of {len(encoded)} bytes, limit {ENTRY_BYTES}")
    return encoded


def join_batch(entries: Sequence[bytes]) -> bytes:
    """CloudEvents batch format of entries already encoded."""
    return b"[" + b",".join(entries) + b"]"


# --- decoding ----------------------------------------------------------------------------------


def decode_event(topic: Topic, payload: bytes) -> Event[Any]:
    """A plain event of ``topic``; ``data`` is the model of its type. Raises ProtocolError.

    Its type must be the one of the topic, its source the topic's box, or the centre on downward topics.
    """
    fields = _load(topic, payload)
    if not isinstance(fields, dict):
        raise ProtocolError(Refusal.JSON, topic.box, "expected a JSON object")
    _refuse_foreign(topic, fields)
    model = _model_of(fields, PLAIN_KINDS, who=topic.box)
    if model is not PLAIN_KINDS.get(PLAIN_KIND_OF.get(topic.kind, "")):
        raise ProtocolError(Refusal.TYPE, topic.box, f"type {fields['type']!r} on {topic}")
    return _validate(Event[model], payload, who=topic.box)  # type: ignore[valid-type]


def decode_batch(topic: Topic, payload: bytes, *, key: bytes | None) -> list[Received | ProtocolError]:
    """The entries of one ``up/log`` message, in their order.

    Raises ProtocolError when the message as a whole cannot be read. An entry that is wrong by itself
    comes back as its ProtocolError, so that one bad entry does not hold up its neighbours. ``key`` is
    the box's MAC key; None refuses everything as MAC (an unknown box has no key).
    """
    fields = _load(topic, payload)
    if not isinstance(fields, list) or not 1 <= len(fields) <= BATCH_ENTRIES:
        raise ProtocolError(Refusal.JSON, topic.box, f"expected an array of 1 to {BATCH_ENTRIES} entries")
    return [_entry_or_error(topic, item, key) for item in fields]


def _entry_or_error(topic: Topic, fields: object, key: bytes | None) -> Received | ProtocolError:
    try:
        return decode_entry(topic, fields, key=key)
    except ProtocolError as refused:
        refused.place = _claimed_place(fields)
        return refused


def _claimed_place(fields: object) -> tuple[str, int] | None:
    claimed = _ENTRY_ID.fullmatch(str(fields.get("id"))) if isinstance(fields, dict) else None
    if claimed is None or not 1 <= int(claimed[2]) <= LARGEST:
        return None
    return claimed[1], int(claimed[2])


def decode_entry(topic: Topic, fields: object, *, key: bytes | None) -> Received:
    """One entry given as parsed JSON: source, MAC, then model. Raises ProtocolError."""
    if not isinstance(fields, dict):
        raise ProtocolError(Refusal.JSON, topic.box, "an entry must be a JSON object")
    _refuse_foreign(topic, fields)
    try:
        body = canonical(fields)
    except UnicodeEncodeError as error:
        raise ProtocolError(Refusal.JSON, topic.box, f"entry {fields.get('id')!r}: {error.reason}") from error
    if len(body) > ENTRY_BYTES:
        raise ProtocolError(Refusal.OVERSIZE, topic.box, f"entry of {len(body)} bytes, limit {ENTRY_BYTES}")
    if not _is_made_with(key, fields.get("mac"), body):
        raise ProtocolError(Refusal.MAC, topic.box, f"entry {fields.get('id')!r}")
    model = _model_of(fields, ENTRY_KINDS, who=topic.box)
    whole = body[:-1] + f',"mac":"{fields["mac"]}"}}'.encode()
    entry = _validate(Entry[model], whole, who=topic.box)  # type: ignore[valid-type]
    if entry.id != f"{entry.epoch}-{entry.sequence}" or not 1 <= entry.number <= LARGEST:
        raise ProtocolError(Refusal.SCHEMA, topic.box, f"id {entry.id!r} is not epoch-sequence")
    return Received(entry, body, hashlib.sha256(body).hexdigest())


def is_intact(body: bytes, *, box: str, key: bytes) -> bool:
    """Whether an entry of one's own, as ``encode_entry`` made it, is still what it was."""
    try:
        fields = json.loads(body)
        return (
            isinstance(fields, dict)
            and fields.get("source") == f"/box/{box}"
            and _is_made_with(key, fields.get("mac"), canonical(fields))
        )
    except (ValueError, RecursionError):
        return False


def _is_made_with(key: bytes | None, mac: object, body: bytes) -> bool:
    if key is None or not isinstance(mac, str) or not mac.isascii():
        return False
    return hmac.compare_digest(mac, mac_of(key, body))


def _refuse_foreign(topic: Topic, fields: dict[str, Any]) -> None:
    wanted = f"/box/{topic.box}" if topic.kind.upward else CENTRE_SOURCE
    if fields.get("source") != wanted:
        raise ProtocolError(Refusal.FOREIGN, topic.box, f"source {fields.get('source')!r} on topic {topic}")


def _load(topic: Topic, payload: bytes) -> object:
    limit = DELIVERY[topic.kind].limit_bytes
    if len(payload) > limit:
        raise ProtocolError(Refusal.OVERSIZE, topic.box, f"{len(payload)} bytes on {topic}, limit {limit}")
    try:
        message: object = _DECODER.decode(payload.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError(Refusal.JSON, topic.box, f"{topic}: {error}") from error
    refuse_identity(message, who=topic.box, id_maps=_ID_MAPS.get(topic.kind, ()))
    return message


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _exact(digits: str) -> int:
    if len(digits) > 17 or not -LARGEST <= (number := int(digits)) <= LARGEST:
        raise ValueError("a number beyond 2**53")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return number


_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse_constant, object_pairs_hook=_once, parse_int=_exact, parse_float=_finite
)


def _model_of(fields: dict[str, Any], kinds: dict[str, type[Frozen]], *, who: str) -> type[Frozen]:
    name = fields.get("type")
    if not isinstance(name, str) or not name.startswith("outpost."):
        raise ProtocolError(Refusal.TYPE, who, f"type {name!r}")
    kind, _, version = name.removeprefix("outpost.").rpartition(".")
    if kind not in kinds:
        raise ProtocolError(Refusal.TYPE, who, f"type {name!r}")
    if version != f"v{MESSAGE_VERSION}":
        raise ProtocolError(Refusal.VERSION, who, f"{name!r}; this side speaks v{MESSAGE_VERSION}")
    return kinds[kind]


M = TypeVar("M", bound=Frozen)


def _validate(model: type[M], encoded: bytes, *, who: str) -> M:
    """Strict, as JSON: ``true`` is no number and ``"5"`` none either."""
    try:
        return model.model_validate_json(encoded, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(Refusal.SCHEMA, who, f"{place}: {first['msg']}") from error
