"""What is encoded is decoded to the same, for every message the models can make."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.codec import (
    BATCH_BYTES,
    ENTRY_BYTES,
    Received,
    decode_batch,
    decode_event,
    encode_entry,
    join_batch,
)
from protocol.errors import ProtocolError, Refusal
from protocol.messages import ENTRY_KINDS, LARGEST, PLAIN_KINDS, DeviceGauge, Frozen, Gap, Now
from protocol.schemas import message_schema
from protocol.topics import DELIVERY, Topic, TopicClass
from protocol.words import FORBIDDEN_TOPICS, Phase, Rung, SeenBy
from tests.support.wire import (
    AT,
    BOX,
    EPOCH,
    EXAMPLES,
    KEY,
    LOG,
    entry_bytes,
    event_bytes,
    kind_of,
    topic_for,
)

ids = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)
words = st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True)
kinds = st.from_regex(r"[a-z0-9_.]{1,40}", fullmatch=True)
hashes = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
counts = st.integers(0, LARGEST)
shares = st.floats(0, 1)
times = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - made aware below
    max_value=datetime(2999, 12, 30),  # noqa: DTZ001
    timezones=st.timezones(),
).map(lambda moment: moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000))
epochs = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)


def made(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Frozen]:
    model = {**ENTRY_KINDS, **PLAIN_KINDS}[kind]
    return st.fixed_dictionaries(fields).map(model.model_validate)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


settings_maps = st.dictionaries(
    words.filter(lambda word: "name" not in word and "face" not in word),
    st.integers(-LARGEST, LARGEST) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | texts,
    max_size=8,
)
refusals = st.dictionaries(words, texts, max_size=8)
gaps = st.tuples(st.integers(1, LARGEST // 2), st.integers(0, 10**6)).map(
    lambda pair: {"first": pair[0], "last": pair[0] + pair[1], "entries": pair[1] + 1}
)

ENTRIES: dict[str, st.SearchStrategy[Frozen]] = {
    "device.health": made(
        "device.health",
        rung=st.sampled_from(Rung),
        reason=words,
        detail=texts,
        previous_rung=maybe(st.sampled_from(Rung)),
        clock_error_ms=maybe(st.integers(-LARGEST, LARGEST)),
        evidence=maybe(hashes),
    ),
    "device.identity": made(
        "device.identity",
        device_class=st.sampled_from(["smart_camera", "integrated", "face_capture"]),
        title=texts,
        gb_code=maybe(st.from_regex(r"[0-9]{20}", fullmatch=True)),
        vendor=texts,
        model=texts,
        serial=texts,
        mac_address=maybe(st.from_regex(r"([0-9A-F]{2}-){5}[0-9A-F]{2}", fullmatch=True)),
        profiles=st.lists(texts, max_size=8),
    ),
    "scene": made(
        "scene",
        topic=st.from_regex(r"tns1:[A-Za-z0-9_./:-]{1,60}", fullmatch=True).filter(
            lambda topic: not any(part.lower() in topic.lower() for part in FORBIDDEN_TOPICS)
        ),
        phase=st.sampled_from(Phase),
        seen_by=st.sampled_from(SeenBy),
        episode=st.from_regex(r"[0-9a-f]{1,40}", fullmatch=True),
        score=maybe(shares),
        reason=texts,
        box=maybe(st.fixed_dictionaries(dict.fromkeys(("left", "top", "right", "bottom"), shares))),
        count=maybe(st.integers(0, 10**9)),
        duration_ms=maybe(counts),
        evidence=maybe(hashes),
        zone=texts,
    ),
    "passage.count": made(
        "passage.count",
        hour=times,
        passages=counts,
        observed_s=st.integers(0, 3600),
        delay_ms=maybe(st.integers(-LARGEST, LARGEST)),
        late_ratio=maybe(shares),
        resets=counts,
    ),
    "recording.state": made(
        "recording.state",
        offered=st.booleans(),
        channel=texts,
        disk=st.sampled_from(["ok", "full", "error", "absent", "unknown"]),
        recording=maybe(st.booleans()),
        oldest=maybe(times),
        newest=maybe(times),
        recorded_days=maybe(st.integers(0, 366)),
        recorded_ratio=maybe(shares),
        gaps=st.lists(st.fixed_dictionaries({"begins": times, "ends": times}), max_size=8),
        gaps_omitted=counts,
        detail=texts,
    ),
    "command.result": made(
        "command.result",
        command=ids,
        verb=words,
        outcome=st.sampled_from(["done", "failed", "expired", "refused"]),
        detail=texts,
    ),
    "config.applied": made("config.applied", version=counts, refused=refusals),
    "box.event": made("box.event", what=words, detail=texts),
    "canary": made("canary", number=counts),
    "gap": st.tuples(gaps, words).map(lambda pair: Gap.model_validate({**pair[0], "reason": pair[1]})),
    "shed": made(
        "shed",
        since=times,
        until=times,
        entries=st.dictionaries(kinds, st.integers(1, LARGEST), min_size=1, max_size=32),
    ),
    "quarantined": made("quarantined", sha256=hashes, refused_because=texts),
}
gauges = st.fixed_dictionaries(
    {
        "rung": maybe(st.sampled_from(Rung)),
        "clock_error_ms": maybe(st.integers(-LARGEST, LARGEST)),
        "stream_kbps": maybe(counts),
        "stream_fps": maybe(st.floats(0, 1e6)),
        "loss_ratio": maybe(shares),
        "delay_ms": maybe(st.floats(0, 1e6)),
        "jitter_ms": maybe(st.floats(0, 1e6)),
    }
)
ranges = st.tuples(st.integers(1, LARGEST), st.integers(1, LARGEST))
EVENTS: dict[str, st.SearchStrategy[Frozen]] = {
    "session": made(
        "session",
        status=st.sampled_from(["online", "offline", "planned_stop"]),
        session=st.integers(1, LARGEST),
        log_epoch=epochs,
        version=texts,
        boot_reason=words,
        site=texts,
        civil_code=maybe(st.from_regex(r"[0-9]{6,15}", fullmatch=True)),
    ),
    "now": made(
        "now",
        session=st.integers(1, LARGEST),
        uptime_s=counts,
        log_epoch=epochs,
        last_sequence=counts,
        cpu_ratio=maybe(st.floats(0, 1e6)),
        memory_bytes=maybe(counts),
        devices=st.dictionaries(ids, gauges, max_size=8),
    ),
    "ack": made(
        "ack",
        epoch=epochs,
        upto=counts,
        missing=st.lists(ranges, max_size=8),
        refused=st.lists(st.tuples(st.integers(1, LARGEST), words), max_size=8),
    ),
    "twin.reported": made(
        "twin.reported", version=counts, software=texts, settings=settings_maps, refused=refusals
    ),
    "twin.desired": made("twin.desired", version=st.integers(1, LARGEST), settings=settings_maps),
    "command": made("command", command=ids, verb=words, device=maybe(ids), expires=times),
}


def test_every_kind_is_generated() -> None:
    assert set(ENTRIES) == set(ENTRY_KINDS)
    assert set(EVENTS) == set(PLAIN_KINDS)


@pytest.mark.parametrize("kind", sorted(ENTRIES))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_a_log_entry_survives_the_wire(kind: str, draw: st.DataObject) -> None:
    data = draw.draw(ENTRIES[kind])
    at, recorded_at = draw.draw(times), draw.draw(times)
    sequence = draw.draw(st.integers(1, LARGEST))
    subject = draw.draw(maybe(ids))
    severity = draw.draw(st.sampled_from(["INFO", "WARN", "ERROR"]))
    encoded = encode_entry(
        data,
        box=BOX,
        key=KEY,
        epoch=EPOCH,
        sequence=sequence,
        at=at,
        recorded_at=recorded_at,
        subject=subject,
        severity=severity,
    )
    (received,) = decode_batch(LOG, b"[" + encoded + b"]", key=KEY)
    assert isinstance(received, Received), received
    entry = received.entry
    assert entry.data == data
    assert (entry.time, entry.recordedtime, entry.number, entry.subject) == (
        at,
        recorded_at,
        sequence,
        subject,
    )
    assert (entry.epoch, entry.severitytext) == (EPOCH, severity)
    # whoever parses and writes the entry anew, with other white space and order, keeps its MAC
    other = json.dumps(dict(reversed(json.loads(encoded).items())), indent=1).encode()
    (again,) = decode_batch(LOG, b"[" + other + b"]", key=KEY)
    assert isinstance(again, Received)
    assert again.body_hash == received.body_hash


@pytest.mark.parametrize("kind", sorted(EVENTS))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_an_event_survives_the_wire(kind: str, draw: st.DataObject) -> None:
    data = draw.draw(EVENTS[kind])
    event = decode_event(topic_for(data), event_bytes(data))
    assert event.data == data
    assert event.time == AT


@pytest.mark.parametrize("data", EXAMPLES, ids=kind_of)
def test_the_schema_agrees_with_the_model(data: Frozen) -> None:
    kind = kind_of(data)
    validator = jsonschema.Draft202012Validator(message_schema(kind))
    message = json.loads(entry_bytes(data) if kind in ENTRY_KINDS else event_bytes(data))
    validator.validate(message)
    for missing in ("id", "source", "type", "time", "data"):
        assert not validator.is_valid({key: value for key, value in message.items() if key != missing})
    assert not validator.is_valid({**message, "type": "outpost.other.v1"})
    assert not validator.is_valid({**message, "source": "/box/../x"})


def test_times_are_utc_with_milliseconds_and_z() -> None:
    east = datetime.fromisoformat("2026-11-23T09:05:12.345678+08:00")
    data = next(data for data in EXAMPLES if kind_of(data) == "command").model_copy(update={"expires": east})
    assert b'"expires":"2026-11-23T01:05:12.345Z"' in event_bytes(data)


def test_the_heartbeat_of_a_full_box_fits_its_topic() -> None:
    beat = Now(
        session=LARGEST,
        uptime_s=LARGEST,
        log_epoch=EPOCH,
        devices={
            f"device-{number:033d}": DeviceGauge(
                rung=Rung.AUTHENTICATED, clock_error_ms=-(10**12), stream_kbps=99_950, stream_fps=100.0
            )
            for number in range(200)
        },
    )
    assert len(event_bytes(beat)) <= DELIVERY[TopicClass.NOW].limit_bytes
    assert BATCH_BYTES // ENTRY_BYTES >= 7


def test_an_empty_batch_is_none() -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_batch(Topic(BOX, TopicClass.LOG), join_batch([]), key=KEY)
    assert refused.value.refusal is Refusal.JSON
