"""Invariant 8: no field that could carry a face, a plate, a name or an identity number can exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import canonical, decode_batch, decode_event, mac_of
from protocol.errors import ProtocolError, Refusal
from protocol.identity import DEPTH_LIMIT, FORBIDDEN_WORDS, identity_words, refuse_identity
from protocol.messages import Now, TwinDesired, TwinReported
from protocol.schemas import all_schemas
from protocol.topics import Topic, TopicClass
from protocol.words import DeviceClass, Phase, Reason, Rung, SceneTopic, SeenBy
from tests.support.wire import BOX, EPOCH, EXAMPLES, KEY, LOG, event_bytes, payload_of, topic_for

SAMPLES = ("face", "plate_no", "licensePlate", "person-name", "name", "id_card", "人脸", "姓名", "\u0066ace")


def property_names(schema: object) -> Iterator[str]:
    """Names of properties at any depth of a schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from property_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from property_names(value)


@pytest.mark.parametrize(("name", "schema"), all_schemas().items(), ids=list(all_schemas()))
def test_no_schema_has_a_field_that_could_identify_somebody(name: str, schema: dict[str, Any]) -> None:
    names = set(property_names(schema))
    assert names or name.startswith("log")
    assert {field for field in names if identity_words(field)} == set()


def test_the_walk_would_see_such_a_field() -> None:
    schema: dict[str, Any] = {
        "$defs": {"X": {"properties": {"deep": {"anyOf": [{"properties": {"faceId": {}}}]}}}}
    }
    assert [field for field in property_names(schema) if identity_words(field)] == ["faceId"]


@pytest.mark.parametrize(
    "key",
    [
        *SAMPLES,
        *FORBIDDEN_WORDS,
        "face_id",
        "FaceID",
        "best-face",
        "license_plate",
        "LicencePlate",
        "real_name",
        "watch-list",
        "person.id",
        "owner_name",
        "audio_track",
        "x" * 100 + "_face",
        "ｆａｃｅ_id",
        "fa\u200bce",
    ],
)
def test_forbidden_words_are_found_in_every_spelling(key: str) -> None:
    assert identity_words(key)


@pytest.mark.parametrize(
    "key",
    ["interface", "surface", "template", "mac_address", "title", "site", "facet", "hostname", "replated", ""],
)
def test_harmless_keys_are_harmless(key: str) -> None:
    assert not identity_words(key)


@pytest.mark.parametrize(
    "word", [*Rung, *Reason, *Phase, *SeenBy, *(t.rpartition("/")[2] for t in SceneTopic)]
)
def test_our_own_words_are_harmless(word: str) -> None:
    assert not identity_words(word)


@pytest.mark.parametrize("key", SAMPLES)
@pytest.mark.parametrize("data", EXAMPLES, ids=lambda data: data.kind)
def test_a_payload_with_such_a_field_at_any_depth_is_refused(data: Any, key: str) -> None:
    topic = topic_for(data)
    whole = json.loads(payload_of(data))
    message = whole[0] if isinstance(whole, list) else whole
    for poisoned in (
        {**message, key: 1},
        {**message, "data": {**message["data"], key: None}},
        {**message, "data": {**message["data"], "newer": [{"deeper": {key: "x"}}]}},
    ):
        if topic is LOG:
            poisoned["mac"] = mac_of(KEY, canonical(poisoned))
        for ascii_only in (True, False):
            text = json.dumps([poisoned] if topic is LOG else poisoned, ensure_ascii=ascii_only)
            with pytest.raises(ProtocolError) as refused:
                if topic is LOG:
                    decode_batch(topic, text.encode(), key=KEY)
                else:
                    decode_event(topic, text.encode())
            assert refused.value.refusal is Refusal.IDENTITY


def test_an_escaped_key_is_seen_too() -> None:
    beat = event_bytes(Now(session=1, uptime_s=1, log_epoch=EPOCH)).replace(
        b'"uptime_s"', b'"\\u0066ace":1,"uptime_s"'
    )
    with pytest.raises(ProtocolError) as refused:
        decode_event(Topic(BOX, TopicClass.NOW), beat)
    assert refused.value.refusal is Refusal.IDENTITY


def test_a_device_may_be_called_after_what_it_is_for() -> None:
    names = [f"{device_class.value.replace('_', '-')}-1" for device_class in DeviceClass] + [
        "face-1",
        "plate-2",
    ]
    beat = Now.model_validate(
        {"session": 1, "uptime_s": 1, "log_epoch": EPOCH, "devices": {name: {} for name in names}}
    )
    assert decode_event(Topic(BOX, TopicClass.NOW), event_bytes(beat)).data == beat
    text = event_bytes(beat).replace(b'"face-1":{}', b'"face-1":{"face":1}')
    with pytest.raises(ProtocolError):
        decode_event(Topic(BOX, TopicClass.NOW), text)


def test_text_that_only_looks_like_such_a_field_is_let_in() -> None:
    detail = 'the device said {"face": 1, "name": 2}'
    payload = payload_of(
        next(data for data in EXAMPLES if data.kind == "device.health").model_copy(update={"detail": detail})  # type: ignore[attr-defined]
    )
    (received,) = decode_batch(LOG, payload, key=KEY)
    assert not isinstance(received, ProtocolError)


@pytest.mark.parametrize("model", [TwinDesired, TwinReported])
def test_no_setting_is_named_so(model: Any) -> None:
    with pytest.raises(ValueError, match="could identify a person"):
        model(version=1, settings={"face_threshold": 0.5})


def test_nesting_is_bounded() -> None:
    message: object = {}
    for _ in range(DEPTH_LIMIT - 1):
        message = [message]
    refuse_identity(message, who="b1")
    with pytest.raises(ProtocolError) as refused:
        refuse_identity([message], who="b1")
    assert refused.value.refusal is Refusal.JSON


@given(prefix=st.from_regex(r"[a-z]{0,6}_", fullmatch=True), word=st.sampled_from(sorted(FORBIDDEN_WORDS)))
def test_a_word_of_its_own_is_always_found(prefix: str, word: str) -> None:
    assert identity_words(prefix + word)
    assert identity_words(word.upper())
