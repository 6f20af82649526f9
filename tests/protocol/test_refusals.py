"""What is not let in, and by which word it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.codec import (
    BATCH_ENTRIES,
    ENTRY_BYTES,
    Received,
    canonical,
    decode_batch,
    decode_entry,
    decode_event,
    is_intact,
    join_batch,
    mac_of,
)
from protocol.errors import ProtocolError, Refusal
from protocol.messages import BoxEvent, Canary, Gap, Scene
from protocol.topics import DELIVERY, Topic, TopicClass
from protocol.words import FORBIDDEN_TOPICS
from tests.support.wire import BOX, EPOCH, EXAMPLES, KEY, LOG, entry_bytes, event_bytes, payload_of, topic_for

NOW = Topic(BOX, TopicClass.NOW)
ENTRY = json.loads(entry_bytes(Canary(number=12)))
HEARTBEAT = json.loads(event_bytes(next(data for data in EXAMPLES if topic_for(data) == NOW)))


def refusal_of(topic: Topic, payload: bytes, *, key: bytes | None = KEY) -> Refusal:
    """The word by which a payload is refused, as a whole or its only entry."""
    try:
        if topic.kind is not TopicClass.LOG:
            decode_event(topic, payload)
        else:
            (only,) = decode_batch(topic, payload, key=key)
            if isinstance(only, ProtocolError):
                raise only
    except ProtocolError as refused:
        assert str(refused).isprintable()
        assert len(str(refused)) < 300
        return refused.refusal
    pytest.fail(f"let in: {payload[:200]!r}")


def signed(fields: dict[str, Any]) -> bytes:
    """A batch of one entry with these fields and the MAC that belongs to them."""
    return json.dumps([{**fields, "mac": mac_of(KEY, canonical(fields))}]).encode()


def changed(**fields: Any) -> dict[str, Any]:
    return {**ENTRY, **fields}


def with_data(**data: Any) -> dict[str, Any]:
    return {**ENTRY, "data": {**ENTRY["data"], **data}}


# --- before parsing ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TopicClass)
def test_size_is_looked_at_before_anything_is_parsed(kind: TopicClass) -> None:
    limit = DELIVERY[kind].limit_bytes
    assert refusal_of(Topic(BOX, kind), b"{" * 10_000_000) is Refusal.OVERSIZE
    assert refusal_of(Topic(BOX, kind), b"{" * (limit + 1)) is Refusal.OVERSIZE
    assert refusal_of(Topic(BOX, kind), b"{" * limit) is Refusal.JSON


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"<html>",
        b"{",
        b"[",
        b"null",
        b"1",
        b'"x"',
        b"{} {}",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + payload_of(Canary(number=1)),
        payload_of(Canary(number=1)).decode().encode("utf-16"),
        b"[" * 60_000,
        b"[" * 500 + b"]" * 500,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"{}",
        b"[]",
        b"[1]",
        b'["x"]',
        b"[[]]",
        b"[null]",
    ],
)
def test_what_is_no_batch_is_refused_as_json(payload: bytes) -> None:
    assert refusal_of(LOG, payload) is Refusal.JSON


@pytest.mark.parametrize("payload", [b"[]", b"null", b"1", b'"x"', b"\xff", b"{", b'{"a":1,"a":1}'])
def test_what_is_no_object_is_no_event(payload: bytes) -> None:
    assert refusal_of(NOW, payload) is Refusal.JSON


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "9007199254740993",
        "-9007199254740993",
        "1" * 5000,
        "[" * 16 + "]" * 16,
        '{"a":1,"a":1}',
        r'"\ud800"',
    ],
)
def test_json_that_readers_understand_differently_is_refused(value: str) -> None:
    text = json.dumps([with_data(extra="@")]).replace('"@"', value)
    assert refusal_of(LOG, text.encode()) is Refusal.JSON
    event = json.dumps({**HEARTBEAT, "extra": "@"}).replace('"@"', value)
    assert refusal_of(NOW, event.encode()) in (Refusal.JSON, Refusal.SCHEMA)


def test_a_batch_is_bounded_in_number() -> None:
    entries = [entry_bytes(Canary(number=1), number) for number in range(1, BATCH_ENTRIES + 2)]
    assert len(decode_batch(LOG, join_batch(entries[:BATCH_ENTRIES]), key=KEY)) == BATCH_ENTRIES
    assert refusal_of(LOG, join_batch(entries)) is Refusal.JSON


def test_an_entry_is_bounded_in_bytes_on_both_sides() -> None:
    assert refusal_of(LOG, signed(with_data(padding="x" * ENTRY_BYTES))) is Refusal.OVERSIZE
    with pytest.raises(ProtocolError) as refused:
        entry_bytes(
            next(data for data in EXAMPLES if data.kind == "device.identity").model_copy(  # type: ignore[attr-defined]
                update={"profiles": tuple("\N{GRINNING FACE}" * 200 for _ in range(16))}
            )
        )
    assert refused.value.refusal is Refusal.OVERSIZE


# --- type, version, source -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "refusal"),
    [
        ("outpost.canary.v2", Refusal.VERSION),
        ("outpost.canary.v0", Refusal.VERSION),
        ("outpost.canary.v01", Refusal.VERSION),
        ("outpost.canary.v", Refusal.VERSION),
        ("outpost.canary", Refusal.TYPE),
        ("outpost.v1", Refusal.TYPE),
        ("outpost..v1", Refusal.TYPE),
        ("outpost.recognition.v1", Refusal.TYPE),
        ("com.example.canary.v1", Refusal.TYPE),
        ("", Refusal.TYPE),
        (None, Refusal.TYPE),
        (1, Refusal.TYPE),
        ([], Refusal.TYPE),
        ("outpost.now.v1", Refusal.TYPE),
    ],
)
def test_an_unknown_type_or_version_is_refused_by_name(type_: object, refusal: Refusal) -> None:
    assert refusal_of(LOG, signed(changed(type=type_))) is refusal


@pytest.mark.parametrize("data", EXAMPLES, ids=lambda data: data.kind)
@pytest.mark.parametrize("kind", TopicClass)
def test_each_kind_is_let_in_on_its_own_topic_only(data: Any, kind: TopicClass) -> None:
    own = topic_for(data)
    topic = Topic(BOX, kind)
    if topic == own:
        return
    expected = {Refusal.TYPE, Refusal.FOREIGN, Refusal.JSON, Refusal.IDENTITY}
    assert refusal_of(topic, payload_of(data)) in expected


def test_a_log_entry_is_no_event_and_an_event_no_log_entry() -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_event(LOG, entry_bytes(Canary(number=1)))
    assert refused.value.refusal is Refusal.TYPE
    canary = {**HEARTBEAT, "data": {"number": 1}, "type": "outpost.now.v1"}
    assert refusal_of(LOG, json.dumps([canary]).encode()) is Refusal.MAC
    assert refusal_of(LOG, signed(canary)) is Refusal.TYPE


@pytest.mark.parametrize(
    "source", ["/box/village-2", "/centre", "", "village-1", None, 1, ["/box/village-1"]]
)
def test_a_message_of_somebody_else_is_foreign(source: object) -> None:
    assert refusal_of(LOG, signed(changed(source=source))) is Refusal.FOREIGN
    assert refusal_of(NOW, json.dumps({**HEARTBEAT, "source": source}).encode()) is Refusal.FOREIGN


def test_only_the_centre_speaks_downward() -> None:
    command = json.loads(event_bytes(next(data for data in EXAMPLES if data.kind == "command")))  # type: ignore[attr-defined]
    topic = Topic(BOX, TopicClass.COMMAND)
    assert decode_event(topic, json.dumps(command).encode())
    forged = json.dumps({**command, "source": f"/box/{BOX}"}).encode()
    assert refusal_of(topic, forged) is Refusal.FOREIGN


# --- fields --------------------------------------------------------------------------------------


def test_unknown_fields_are_ignored_at_any_depth() -> None:
    newer = {**with_data(colour={"deep": [1, {"er": None}]}), "x-newer": [1]}
    (received,) = decode_batch(LOG, signed(newer), key=KEY)
    assert isinstance(received, Received)
    assert received.entry.data == Canary(number=12)
    beat = {**HEARTBEAT, "newer": 1, "data": {**HEARTBEAT["data"], "newer": {"a": 1}}}
    assert (
        decode_event(NOW, json.dumps(beat).encode()).data
        == decode_event(NOW, json.dumps(HEARTBEAT).encode()).data
    )


@pytest.mark.parametrize(
    "fields",
    [
        {key: value for key, value in ENTRY.items() if key != missing}
        for missing in ("id", "time", "recordedtime", "epoch", "sequence", "data")
    ]
    + [
        changed(data=None),
        changed(data=[]),
        changed(data={}),
        with_data(number="5"),
        with_data(number=True),
        with_data(number=1.5),
        with_data(number=-1),
        with_data(number=None),
        changed(specversion="0.3"),
        changed(time=1795655112),
        changed(time="1795655112"),
        changed(time="2026-11-23T01:05:12"),
        changed(time="2026-11-23 01:05:12Z"),
        changed(time="2026-13-23T01:05:12Z"),
        changed(time="0001-01-01T00:00:00+14:00"),
        changed(time="9999-12-31T23:59:59Z"),
        changed(time="2026-11-23T01:05:12+99:00"),
        changed(subject="../x"),
        changed(subject="x" * 41),
        changed(epoch="0123456789ABCDEF"),
        changed(sequence="1"),
        changed(sequence="٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠١", id=f"{EPOCH}-٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠١"),
        changed(sequence="0" * 16, id=f"{EPOCH}-{'0' * 16}"),
        changed(sequence="9" * 16, id=f"{EPOCH}-{'9' * 16}"),
        changed(id=f"{EPOCH}-{2:016d}"),
        changed(severitytext="LOUD"),
        changed(dataref="http://elsewhere/"),
    ],
    ids=lambda fields: json.dumps(fields)[-60:],
)
def test_a_missing_or_ill_formed_field_is_refused(fields: dict[str, Any]) -> None:
    assert refusal_of(LOG, signed(fields)) is Refusal.SCHEMA


@pytest.mark.parametrize("topic", ["tns1:" + part + "X" for part in FORBIDDEN_TOPICS])
@pytest.mark.parametrize("spelling", [str, str.lower, str.upper])
def test_topics_that_identify_people_or_vehicles_are_never_carried(topic: str, spelling: Any) -> None:
    scene = json.loads(entry_bytes(next(data for data in EXAMPLES if isinstance(data, Scene))))
    scene["data"]["topic"] = spelling(topic)
    assert refusal_of(LOG, signed(scene)) is Refusal.SCHEMA


def test_a_gap_counts_what_it_covers() -> None:
    for gap in ({"first": 2, "last": 1, "entries": 1}, {"first": 1, "last": 2, "entries": 3}):
        with pytest.raises(ValueError, match="entries"):
            Gap.model_validate({**gap, "reason": "purged"})


# --- MAC -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mac",
    [None, "", "x" * 43, "é" * 43, 1, [], {}, mac_of(b"other key", canonical(ENTRY)), ENTRY["mac"] + "="],
)
def test_a_wrong_mac_is_refused_whatever_it_is(mac: object) -> None:
    assert refusal_of(LOG, json.dumps([{**ENTRY, "mac": mac}]).encode()) is Refusal.MAC
    missing = {key: value for key, value in ENTRY.items() if key != "mac"}
    assert refusal_of(LOG, json.dumps([missing]).encode()) is Refusal.MAC


def test_without_a_key_everything_is_refused() -> None:
    assert refusal_of(LOG, json.dumps([ENTRY]).encode(), key=None) is Refusal.MAC


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_changed_byte_is_refused_or_changes_no_meaning(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from([one for one in EXAMPLES if topic_for(one) is LOG]))
    payload = bytearray(payload_of(example))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != payload[place]))
    try:
        received = decode_batch(LOG, bytes(payload), key=KEY)
    except ProtocolError:
        return
    for item in received:
        if isinstance(item, Received):
            assert item.canonical == canonical(json.loads(entry_bytes(example)))


def test_every_bit_of_an_entry_is_under_the_mac() -> None:
    whole = entry_bytes(Canary(number=12))
    for place in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            assert not is_intact(bytes(flipped), box=BOX, key=KEY), bytes(flipped)
    assert is_intact(whole, box=BOX, key=KEY)
    assert not is_intact(whole, box="village-2", key=KEY)
    assert not is_intact(b"[" * 100_000, box=BOX, key=KEY)


def test_one_bad_entry_does_not_hold_up_its_neighbours_and_says_which_it_is() -> None:
    good = [entry_bytes(BoxEvent(what="boot"), number) for number in (1, 2, 3)]
    good[1] = good[1].replace(b"boot", b"root")
    first, second, third = decode_batch(LOG, join_batch(good), key=KEY)
    assert isinstance(first, Received)
    assert isinstance(second, ProtocolError)
    assert (second.refusal, second.place) == (Refusal.MAC, (EPOCH, 2))
    assert isinstance(third, Received)


@pytest.mark.parametrize("claimed", [None, "x", f"{EPOCH}-{'0' * 16}", f"{EPOCH}-{'9' * 16}", 5])
def test_an_entry_that_claims_no_place_has_none(claimed: object) -> None:
    (refused,) = decode_batch(LOG, signed(changed(id=claimed, data=None)), key=KEY)
    assert isinstance(refused, ProtocolError)
    assert refused.place is None


# --- anything at all -----------------------------------------------------------------------------

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(payload=st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(payload: bytes) -> None:
    refusal_of(LOG, payload)
    refusal_of(NOW, payload)


@settings(max_examples=250)
@given(field=st.sampled_from(sorted(ENTRY)), value=values)
def test_no_value_in_any_field_raises_anything_but_a_refusal(field: str, value: Any) -> None:
    fields = {**ENTRY, field: value}
    bad = {**fields, "mac": mac_of(KEY, canonical(fields))} if field != "mac" else fields
    try:
        decode_entry(LOG, bad, key=KEY)
    except ProtocolError as refused:
        assert str(refused).isprintable()


@settings(max_examples=150)
@given(field=st.sampled_from(sorted(HEARTBEAT["data"])), value=values)
def test_no_value_in_a_heartbeat_raises_anything_but_a_refusal(field: str, value: Any) -> None:
    beat = {**HEARTBEAT, "data": {**HEARTBEAT["data"], field: value}}
    try:
        decode_event(NOW, json.dumps(beat).encode())
    except ProtocolError as refused:
        assert str(refused).isprintable()
