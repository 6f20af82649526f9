"""The table of topics: recorded devices, values that are kept, health, and what identifies somebody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.devices.notifications import Stranger, Told
from agent.devices.strange_topics import NOTE_TOPIC, StrangeBook
from agent.devices.topic_parsers import percent_of
from agent.devices.topic_table import MEANINGS, SCENE_SHAPES, Shape
from agent.devices.topics import Kind, kind_of
from agent.model import DeviceReading
from agent.outbox.notebook import SqliteNotebook
from protocol.words import FORBIDDEN_TOPICS, SceneTopic
from tests.agent.devices.messages import NOW, message, told
from tests.support import event_topics
from tests.support.recorded import onvif_data

SECRET = "TEST-PLATE"


def test_every_recorded_topic_means_what_the_golden_table_says() -> None:
    """Renew with ``python -m tests.support.event_topics --write`` and read the difference."""
    assert event_topics.table(onvif_data()) == event_topics.GOLDEN.read_text("utf-8")


def test_no_recorded_topic_is_unknown() -> None:
    found = event_topics.rows(onvif_data())
    assert len(found) > 90
    assert sum(row.messages for row in found.values()) > 35
    assert [topic for topic in found if kind_of(topic) is Kind.UNKNOWN] == []


def test_a_row_of_the_table_says_either_what_is_told_or_what_is_kept() -> None:
    for key, meant in MEANINGS.items():
        assert (meant.shape in SCENE_SHAPES) == (meant.topic is not None), key
        assert bool(meant.name) != (meant.topic is not None), key
        assert bool(meant.items) != (meant.shape is Shape.PULSE), key
        assert kind_of(key.replace("*", "X")) is Kind.MEANT, key


# --- health and values -------------------------------------------------------------------------------


def test_a_storage_failure_is_told_with_its_part_and_kept() -> None:
    found, _ = told(
        message(
            "tns1:Device/HardwareFailure/StorageFailure", data={"Failed": "true"}, source={"Token": "disk-1"}
        )
    )
    (notice,) = found.notices
    assert (notice.event.topic, notice.event.active) == (SceneTopic.STORAGE_FAILURE, True)
    assert (notice.event.source, notice.event.said) == ("disk-1", "Device/HardwareFailure/StorageFailure")
    assert found.readings == [DeviceReading(SceneTopic.STORAGE_FAILURE, True, NOW, source="disk-1")]


@pytest.mark.parametrize("operation", ["Initialized", "Changed", None])
def test_a_disk_error_without_a_value_is_a_pulse(operation: str | None) -> None:
    """Recorded Hikvision trees declare HardDiskError with a source and no data."""
    found, tally = told(
        message(
            "tns1:Device/HardwareFailure/tnshik:HardDiskError",
            data={},
            source={"HardDiskNo": "1"},
            operation=operation,
        )
    )
    event = found.notices[0].event
    assert (event.active, event.source) == (None, "1")
    assert event.initial == (operation == "Initialized")
    assert not tally.counts()


@pytest.mark.parametrize(
    ("topic", "item", "means"),
    [
        ("tnsaxis:Storage/Alert", "alert", SceneTopic.STORAGE_FAILURE),
        ("tnsaxis:Storage/Disruption", "disruption", SceneTopic.STORAGE_FAILURE),
        ("tns1:Device/tnsaxis:HardwareFailure/FanFailure", "fan_failure", SceneTopic.FAN_FAILURE),
        ("tns1:Device/tnsaxis:Casing/Open", "Open", SceneTopic.CASING_OPEN),
        ("tns1:Device/tnsaxis:Network/Lost", "lost", SceneTopic.NETWORK_BROKEN),
        ("tns1:Device/HardwareFailure/TemperatureCritical", "Critical", SceneTopic.TEMPERATURE_CRITICAL),
        ("tns1:Device/tnshik:Network/EthernetBroken", "State", SceneTopic.NETWORK_BROKEN),
    ],
)
def test_health_of_a_make_has_a_start_and_an_end(topic: str, item: str, means: SceneTopic) -> None:
    found, _ = told(message(topic, data={item: "1"}), message(topic, data={item: "0"}))
    assert [(one.event.topic, one.event.active) for one in found.notices] == [(means, True), (means, False)]


def test_who_was_refused_and_from_where_stays_unread() -> None:
    found, _ = told(
        message(
            "tns1:Device/SecurityPolicy/AuthFailed",
            data={"SourceIPv4": "192.0.2.7", "UserName": SECRET},
            source={"Token": SECRET, "NetworkInterface": "eth0"},
            operation=None,
        )
    )
    assert found.notices[0].event.topic is SceneTopic.ACCESS_REFUSED
    assert SECRET not in repr(found)
    assert "192.0.2.7" not in repr(found)


def test_a_rule_whose_property_is_there_goes_on_until_it_is_deleted() -> None:
    topic = "tns1:RuleEngine/ObjectAbandoned"
    found, _ = told(
        message(topic, data={"ObjectId": "7"}),
        message(topic, data={}, operation="Deleted"),
        message(topic, data={"ObjectId": "8"}, operation=None),
        message(topic, data={"ObjectId": "8"}, operation="Initialized"),
    )
    assert [(one.event.active, one.event.initial) for one in found.notices] == [
        (True, False),
        (False, False),
        (None, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("said", "percent_known", "percent"),
    [(0.44, False, 44.0), (75.0, False, 75.0), (0.8, True, 0.8), (1.0, False, 100.0), (0.0, False, 0.0)],
)
def test_usage_is_a_share_or_percent(said: float, percent_known: bool, percent: float) -> None:
    """Pelco says 0.44, TRENDnet 75."""
    assert percent_of(said, says_percent=percent_known) == pytest.approx(percent)


@pytest.mark.parametrize("value", ["-1", "101", "nan", "inf", "", "busy", "1e999"])
def test_a_usage_that_is_none_is_counted(value: str) -> None:
    found, tally = told(message("tns1:Monitoring/ProcessorUsage", data={"Value": value}))
    assert found == Told()
    assert tally.total("value_unreadable") == 1


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("2025-04-17T15:31:49Z", datetime(2025, 4, 17, 15, 31, 49, tzinfo=UTC)),
        ("2025-04-17T15:31:49", datetime(2025, 4, 17, 15, 31, 49, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", None),
        ("0000-00-00T00:00:00Z", None),
    ],
)
def test_1970_is_never(said: str, means: datetime | None) -> None:
    found, _ = told(message("tns1:Monitoring/OperatingTime/LastReset", data={"Status": said}))
    assert found.readings == [DeviceReading("last_reset", means, NOW)]


def test_a_link_tells_its_speed() -> None:
    link = (
        '<tt:ElementItem Name="Link"><tt:NetworkInterfaceConnectionSetting><tt:AutoNegotiation>true'
        "</tt:AutoNegotiation><tt:Speed>100</tt:Speed><tt:Duplex>Full</tt:Duplex>"
        "</tt:NetworkInterfaceConnectionSetting></tt:ElementItem>"
    )
    found, _ = told(message("tns1:Monitoring/LinkStatus", data={}, source={"Token": "eth0"}, more=link))
    assert found.readings == [DeviceReading("link_speed", 100.0, NOW, unit="Mbit/s", source="eth0")]


@pytest.mark.parametrize(
    ("utc", "usable"),
    [
        ("0000-00-00T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("2028-05-01T08:00:00Z", datetime(2028, 5, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_the_boxs_time_counts_whatever_the_device_says(utc: str, usable: datetime | None) -> None:
    found, _ = told(
        message("tns1:Device/HardwareFailure/FanFailure", data={"Failed": "true"}, utc=utc),
    )
    event = found.notices[0].event
    assert (event.time, event.device_time) == (NOW, usable)


def test_doors_and_presets_are_known_and_not_ours() -> None:
    found, tally = told(
        message("tns1:Door/State/DoorMode", data={"State": "Locked"}),
        message("tns1:AccessControl/Duress", data={"CredentialHolderName": SECRET}),
        message("tns1:PTZController/PTZPresets/Reached", data={"PresetToken": "1"}),
    )
    assert found == Told()
    assert tally.total("topic_not_ours") == 3


# --- who somebody is -----------------------------------------------------------------------------------

identity_topics = st.one_of(
    st.sampled_from(
        [
            "tns1:RuleEngine/Recognition/Face",
            "tns1:RuleEngine/Recognition/LicensePlate",
            "tns1:RuleEngine/MyRuleDetector/FaceDetect",
            "tns1:AccessControl/AccessGranted/Credential",
            "tns1:AccessControl/Denied/CredentialNotFound/Card",
            "tnshik:Smart/FaceSnap",
        ]
    ),
    st.tuples(
        st.sampled_from(["tns1:RuleEngine/", "tnsx:Smart/", "tns1:VideoSource/MotionAlarm/", ""]),
        st.sampled_from([part.strip("/") for part in FORBIDDEN_TOPICS]),
        st.sampled_from(["", "/Result", "Engine", "/a/b/c"]),
    ).map("".join),
)
names = st.sampled_from(["Plate", "State", "IsMotion", "Count", "Status", "Name", "Token", "Source", "a"])
values = st.sampled_from([SECRET, f"{SECRET} 1", f"x{SECRET}"])
item_sets = st.dictionaries(names, values, max_size=4)


@given(
    topic=identity_topics,
    data=item_sets,
    source=item_sets,
    key=item_sets,
    operation=st.sampled_from(["Initialized", "Changed", "Deleted", None]),
)
def test_nothing_of_a_recognition_is_passed_on_or_kept(
    topic: str, data: dict[str, str], source: dict[str, str], key: dict[str, str], operation: str | None
) -> None:
    text = message(topic, data=data, source=source, key=key, operation=operation, utc=SECRET)
    found, tally = told(text)
    assert found == Told(dropped=1)
    assert tally.counts() == {("identity_dropped", ""): 1}


@given(
    step=st.sampled_from(["Passage", "Result", "Gate"]),
    data=item_sets,
    source=item_sets,
    made=st.text(max_size=20),
)
def test_of_an_unknown_message_no_value_is_kept(
    step: str, data: dict[str, str], source: dict[str, str], made: str
) -> None:
    found, tally = told(message(f"tnsx:Smart/{step}", data=data, source={**source, "Lane": SECRET}))
    if "Plate" in {**data, **source}:
        assert found == Told(dropped=1)
        assert tally.counts() == {("identity_dropped", ""): 1}
    else:
        (stranger,) = found.strangers
        assert ("Lane", "text") in stranger.items
    book = StrangeBook()
    book.add("cam", [*found.strangers, *_made(made)], now=NOW)
    assert SECRET not in repr((found, tally.counts(), book.all()))


def _made(name: str) -> list[Stranger]:
    try:
        return told(message("tnsx:Smart/Made", data={name: SECRET}))[0].strangers
    except etree.XMLSyntaxError:  # no XML holds such a character
        return []


def test_what_a_device_writes_into_names_is_cut_out_of_them() -> None:
    found, _ = told(message("tnsx:Passage/\u4eacA12345", data={"\u4eacA12345": "1", "Lane7": "2"}))
    assert found.strangers == [Stranger("tnsx:Passage/…", (("Lane#", "number"), ("…", "number")))]


def test_nothing_of_a_recognition_reaches_the_notebook(tmp_path: Path) -> None:
    book = SqliteNotebook(tmp_path / "notebook.db")
    strangers = StrangeBook(book)
    found, _ = told(
        message("tns1:RuleEngine/Recognition/LicensePlate", data={"Plate": SECRET}),
        message("tnsx:Smart/Passage", data={"Lane": SECRET}),
    )
    strangers.add("cam", found.strangers, now=NOW, dropped=found.dropped)
    assert strangers.of("cam").dropped == 1
    written = book.notes(NOTE_TOPIC)["cam"]
    assert "tnsx:Smart/Passage" in written
    assert SECRET not in written
    assert "LicensePlate" not in written
    book.close()


@given(
    order=st.permutations(["State", "Rule", "ObjectId", "Extra"]),
    active=st.booleans(),
)
def test_a_value_is_found_by_its_name_wherever_it_stands(order: list[str], active: bool) -> None:
    values = dict.fromkeys(order, "7") | {"State": str(active).lower()}
    data = {name: values[name] for name in order}
    found, _ = told(message("tns1:VideoSource/MotionAlarm", data=data, source={"Rule": "x", "Source": "v1"}))
    assert [(one.event.active, one.event.source) for one in found.notices] == [(active, "v1")]


def test_a_topic_is_read_whichever_prefix_and_dialect_its_maker_chose() -> None:
    axis = (
        '<w:NotificationMessage><w:Topic xmlns:q="http://www.onvif.org/ver10/topics" '
        'xmlns:a="http://www.axis.com/2009/event/topics" '
        'Dialect="http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple"> q:Device/a:HardwareFailure/'
        "StorageFailure\n</w:Topic><w:Message><tt:Message UtcTime='2026-05-01T07:59:58Z' "
        "PropertyOperation='Changed'><tt:Source><tt:SimpleItem Name='disk_id' Value='SD_DISK'/></tt:Source>"
        "<tt:Data><tt:SimpleItem Name='disruption' Value='1'/></tt:Data></tt:Message></w:Message>"
        "</w:NotificationMessage>"
    )
    found, _ = told(axis)
    (notice,) = found.notices
    assert (notice.event.topic, notice.event.active, notice.event.source) == (
        SceneTopic.STORAGE_FAILURE,
        True,
        "SD_DISK",
    )
