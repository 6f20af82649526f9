"""PullMessages answers, recorded and made: what becomes an event, what is state, what is dropped."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from prometheus_client import REGISTRY

from agent.devices.notifications import Notice, Tally, read_told
from agent.model import CameraEvent
from protocol.words import SceneTopic
from tests.support.recorded import onvif_data

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def message(
    topic: str,
    *,
    data: dict[str, str],
    source: dict[str, str] | None = None,
    operation: str | None = "Changed",
    utc: str = "2026-05-01T07:59:58Z",
) -> str:
    marks = f' PropertyOperation="{operation}"' if operation else ""
    items = {part: _items(values) for part, values in (("Source", source or {}), ("Data", data))}
    return (
        f'<w:NotificationMessage><w:Topic Dialect="d">{topic}</w:Topic><w:Message>'
        f'<tt:Message UtcTime="{utc}"{marks}><tt:Source>{items["Source"]}</tt:Source>'
        f"<tt:Data>{items['Data']}</tt:Data></tt:Message></w:Message></w:NotificationMessage>"
    )


def _items(values: dict[str, str]) -> str:
    return "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in values.items())


def read(*messages: str) -> tuple[list[CameraEvent], Tally]:
    tally = Tally()
    text = (
        '<t:PullMessagesResponse xmlns:t="http://www.onvif.org/ver10/events/wsdl" '
        'xmlns:w="http://docs.oasis-open.org/wsn/b-2" xmlns:tt="http://www.onvif.org/ver10/schema" '
        f'xmlns:tns1="http://www.onvif.org/ver10/topics">{"".join(messages)}</t:PullMessagesResponse>'
    )
    notices = read_told(etree.fromstring(text), now=NOW, tally=tally).notices
    return [notice.event for notice in notices], tally


def test_a_changed_state_is_an_event_at_the_boxs_time() -> None:
    (event,), _ = read(
        message("tns1:VideoSource/MotionAlarm", data={"State": "true"}, source={"Source": "v1"})
    )
    assert event == CameraEvent(
        topic=SceneTopic.MOTION,
        active=True,
        initial=False,
        time=NOW,
        device_time=datetime(2026, 5, 1, 7, 59, 58, tzinfo=UTC),
        source="v1",
        said="VideoSource/MotionAlarm",
    )


def test_initialized_is_state_and_never_an_event() -> None:
    """Kerberos 173: a subscription replayed the current state as new events."""
    (event,), _ = read(
        message("tns1:VideoSource/MotionAlarm", data={"State": "true"}, operation="Initialized")
    )
    assert event.initial


def test_a_deleted_property_is_no_longer_so() -> None:
    (event,), _ = read(message("tns1:VideoSource/MotionAlarm", data={}, operation="Deleted"))
    assert event.active is False


@pytest.mark.parametrize("word", ["true", "1", "active", "True", " true "])
def test_every_spelling_of_true(word: str) -> None:
    (event,), _ = read(message("tns1:Device/Trigger/DigitalInput", data={"LogicalState": word}))
    assert event.active is True


@pytest.mark.parametrize(
    "item", ["IsMotion", "State", "Value", "motion", "active", "LogicalState", "ismotion"]
)
def test_motion_stands_in_many_items(item: str) -> None:
    (event,), _ = read(message("tns1:RuleEngine/CellMotionDetector/Motion", data={item: "true"}))
    assert event.active is True


def test_a_state_that_cannot_be_read_is_counted() -> None:
    events, tally = read(message("tns1:VideoSource/MotionAlarm", data={"State": "perhaps"}))
    assert events == []
    assert tally.total("value_unreadable") == 1


def test_a_crossed_line_is_a_pulse_and_a_counter_a_number() -> None:
    events, _ = read(
        message("tns1:RuleEngine/LineDetector/Crossed", data={"ObjectId": "7"}, operation=None),
        message("tns1:RuleEngine/CountAggregation/Counter", data={"Count": "41"}, operation=None),
    )
    assert [(event.active, event.count) for event in events] == [(None, None), (None, 41)]


def test_of_a_passage_only_the_count_is_read() -> None:
    (event,), _ = read(
        message(
            "tns1:RuleEngine/CountAggregation/Counter",
            data={"Count": "41", "PlateNumber": "TEST-PLATE"},
            source={"Rule": "TEST-PLATE", "Source": "v1"},
        )
    )
    assert "TEST-PLATE" not in repr(event)


@pytest.mark.parametrize(
    "topic", ["tns1:RuleEngine/Recognition/LicensePlate", "tns1:RuleEngine/Recognition/Face"]
)
def test_who_somebody_is_never_leaves_the_parser(topic: str) -> None:
    dropped = ("outpost_event_notes_total", {"kind": "identity_dropped"})
    before = REGISTRY.get_sample_value(*dropped) or 0.0
    events, tally = read(message(topic, data={"Plate": "TEST-PLATE", "Likelihood": "1"}))
    assert events == []
    assert tally.total("identity_dropped") == 1
    assert REGISTRY.get_sample_value(*dropped) == before + 1
    assert "TEST-PLATE" not in repr(tally.counts())


@pytest.mark.parametrize("utc", ["0000-00-00T00:00:00Z", "1970-01-01T00:00:00Z", "", "yesterday"])
def test_a_device_time_that_is_none_is_none(utc: str) -> None:
    (event,), _ = read(message("tns1:VideoSource/MotionAlarm", data={"State": "1"}, utc=utc))
    assert (event.time, event.device_time) == (NOW, None)


def test_unknown_topics_are_counted_by_name_and_bounded() -> None:
    names = ["".join(letters) for letters in itertools.product("abcdef", repeat=3)][:100]
    _, tally = read(*(message(f"tnsx:Made/{name}", data={}) for name in names))
    counts = tally.counts()
    assert len(counts) <= 65
    assert counts["topic_unknown", "tnsx:Made/aaa"] == 1
    assert tally.total("topic_unknown") == 100


def test_numbers_in_an_unknown_topic_make_no_new_one() -> None:
    _, tally = read(*(message(f"tnsx:Made/Up{n}", data={}) for n in range(100)))
    assert tally.counts() == {("topic_unknown", "tnsx:Made/Up#"): 100}


def test_recorded_milesight_messages_are_read() -> None:
    path = onvif_data() / "gBillal-ex_onvif" / "pull_messages.xml"
    content = etree.fromstring(path.read_bytes().lstrip()).find("{*}Body")
    assert content is not None
    tally = Tally()
    notices = read_told(content[0], now=NOW, tally=tally).notices
    assert sorted(notice.event.topic for notice in notices) == sorted(
        [
            SceneTopic.MOTION,
            SceneTopic.MOTION,
            SceneTopic.TOO_DARK,
            SceneTopic.TAMPER,
            SceneTopic.OBJECTS_INSIDE,
        ]
    )
    assert all(notice.event.initial for notice in notices)
    assert not tally.counts()


AXIS = {
    "VMD4_ANY_CHANGE.xml": (SceneTopic.MOTION, True, False),
    "VMD4_ANY_INIT.xml": (SceneTopic.MOTION, False, True),
    "VMD3_INIT.xml": (SceneTopic.MOTION, False, True),
    "GLOBAL_SCENE_CHANGE.xml": (SceneTopic.SCENE_CHANGE, False, True),
    "DAYNIGHT_INIT.xml": None,
    "PTZ_MOVE_START.xml": None,
    "RELAY_INIT.xml": (SceneTopic.RELAY, False, True),
    "PORT_0_INIT.xml": (SceneTopic.DIGITAL_INPUT, False, True),
    "PORT_ANY_INIT.xml": None,
}


def _axis(name: str) -> list[Notice]:
    root = etree.fromstring((onvif_data() / "Kane610-axis" / name).read_bytes())
    return read_told(root[0], now=NOW, tally=Tally()).notices


@pytest.mark.parametrize("name", AXIS)
def test_recorded_axis_event(name: str) -> None:
    told = [(n.event.topic, n.event.active, n.event.initial) for n in _axis(name)]
    assert told == ([] if AXIS[name] is None else [AXIS[name]])


VENDORS = {
    "tapo/test_tapo_tamper.json": SceneTopic.TAMPER,
    "tapo/test_tapo_line_crossed.json": SceneTopic.LINE_CROSSED,
    "tapo/test_tapo_intrusion.json": SceneTopic.OBJECTS_INSIDE,
    "tapo/test_tapo_cellmotiondetector_person.json": SceneTopic.MOTION,
    "tapo/test_tapo_cellmotiondetector_vehicle.json": SceneTopic.MOTION,
    "tapo/test_tapo_tpsmartevent_person.json": SceneTopic.MOTION,
    "tapo/test_tapo_tpsmartevent_vehicle.json": SceneTopic.MOTION,
    "tapo/test_tapo_tpsmartevent_pet.json": SceneTopic.MOTION,
    "hikvision/test_hikvision_alarm.json": SceneTopic.DIGITAL_INPUT,
    "generic/test_line_detector_crossed.json": SceneTopic.LINE_CROSSED,
}


@pytest.mark.parametrize("name", VENDORS)
def test_recorded_vendor_event(name: str) -> None:
    record = json.loads((onvif_data() / "openvideolibs-onvif-parsers" / name).read_text("utf-8"))
    inner = record["Message"]["_value_1"]
    (event,), _ = read(
        message(
            record["Topic"]["_value_1"],
            data=_recorded_items(inner["Data"]),
            source=_recorded_items(inner["Source"]),
            operation=inner["PropertyOperation"],
        )
    )
    assert event.topic is VENDORS[name]
    assert event.active is not False


def _recorded_items(part: dict[str, Any]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in part["SimpleItem"]}


def test_the_recordings_stay_where_they_are() -> None:
    assert not list(Path(__file__).parent.glob("*.xml"))
