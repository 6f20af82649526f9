"""By hand: events and values as they come, the values a device told, the topics nobody knows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.cli.telling import READING_WORDS, reading_rows
from agent.devices.device_state import StateBook
from agent.devices.strange_topics import StrangeBook
from agent.devices.topic_table import MEANINGS
from agent.model import DeviceReading
from agent.outbox.notebook import SqliteNotebook
from protocol.words import SceneTopic
from simulator.device.pull_points import Items
from tests.agent.cli.test_devices import Run, county, logging_left_as_it_was, run
from tests.agent.devices.messages import message, told
from tests.support.virtual_county import RunningCounty

__all__ = ["county", "logging_left_as_it_was", "run"]
NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def tell(county: RunningCounty, topic: str, data: Items, *, operation: str | None = "Changed") -> None:
    county.call(lambda: county.device("cam").events.tell(topic, source=(), data=data, operation=operation))


def test_events_are_told_in_words_with_the_values_beside_them(run: Run, county: RunningCounty) -> None:
    tell(county, "tns1:Device/HardwareFailure/StorageFailure", (("Failed", "true"),))
    tell(county, "tns1:Monitoring/ProcessorUsage", (("Value", "0.44"),))
    status, out, _ = run("events", "cam")
    assert status == 0
    assert "存储故障 Storage failure" in out
    assert "处理器占用 processor  44 %" in out
    lines = json.loads(run("events", "cam", "--json")[1])
    assert "tns1:Device/HardwareFailure/StorageFailure" in {line.get("topic") for line in lines}


def test_show_tells_what_the_device_said_of_itself(run: Run, county: RunningCounty) -> None:
    tell(county, "tns1:Monitoring/OperatingTime/LastReset", (("Status", "1970-01-01T00:00:00Z"),))
    tell(county, "tns1:Device/HardwareFailure/FanFailure", (("Failed", "true"),))
    run("events", "cam")
    status, out, _ = run("show", "cam")
    assert status == 0
    assert "上次复位 last reset" in out and "从未 never" in out
    assert "风扇故障 Fan failure" in out
    readings = json.loads(run("show", "cam", "--json")[1])["readings"]
    assert {"last_reset", SceneTopic.FAN_FAILURE} <= {one["name"] for one in readings}


def test_topics_nobody_knows_are_shown_by_name_and_never_by_value(run: Run, county: RunningCounty) -> None:
    assert "没有未识别的事件主题" in run("topics")[1]
    for _ in range(3):
        tell(county, "tns1:Smart/Passage", (("Lane", "TEST-PLATE"), ("Speed", "41")), operation=None)
        tell(county, "tns1:RuleEngine/Recognition/LicensePlate", (("Plate", "TEST-PLATE"),), operation=None)
    tell(county, "tns1:Smart/Passage", (("Lane", "TEST-PLATE"), ("Speed", "41")))
    run("events", "cam")
    for words in (("topics",), ("topics", "cam"), ("topics", county.device("cam").ip)):
        status, out, err = run(*words)
        assert status == 0
        assert "Smart/Passage" in out and "Lane: text, Speed: number" in out
        assert "TEST-PLATE" not in out + err
        assert "LicensePlate" not in out + err
    (document,) = json.loads(run("topics", "cam", "--json")[1])
    (topic,) = document["topics"]
    assert (document["device"], topic["topic"]) == ("cam", "Smart/Passage")
    assert topic["count"] >= 1
    assert json.loads(run("topics", "police", "--json")[1]) == [
        {"device": "police", "beyond": 0, "dropped": 0, "topics": []}
    ]
    assert run("topics", "nowhere")[0] == 2


def test_what_the_service_heard_is_seen_by_hand(run: Run, tmp_path: Path) -> None:
    notebook = SqliteNotebook(tmp_path / "notebook.db")
    reboot = DeviceReading("last_reboot", NOW - timedelta(days=1), NOW)
    StateBook(notebook).take("cam", [reboot])
    found, _ = told(message("tnsx:Smart/Gate", data={"Open": "true"}))
    StrangeBook(notebook).add("cam", found.strangers, now=NOW)
    notebook.close()
    assert "上次重启 last reboot" in run("show", "cam")[1]
    assert "tnsx:Smart/Gate" in run("topics")[1]


def test_every_value_that_is_kept_has_its_word() -> None:
    assert {meant.name for meant in MEANINGS.values() if meant.name} == set(READING_WORDS)


def test_a_value_is_written_with_its_unit_and_its_part() -> None:
    rows = reading_rows(
        [
            DeviceReading("link_speed", 100.0, NOW, unit="Mbit/s", source="eth0"),
            DeviceReading(SceneTopic.STORAGE_FAILURE, False, NOW, source="disk-1"),
        ]
    )
    assert rows[0][0] == "网口速率 link speed eth0"
    assert "100 Mbit/s（" in str(rows[0][1])
    assert rows[1][0] == "存储故障 Storage failure disk-1"
    assert "否 no（" in str(rows[1][1])
