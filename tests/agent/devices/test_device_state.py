"""What is kept of a device: its latest values, and the topics nobody knows; bounded, and over a restart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.devices import device_state, strange_topics
from agent.devices.device_state import READINGS, StateBook
from agent.devices.notifications import Stranger
from agent.devices.page import EVERY_S, URGENT_S, Page
from agent.devices.strange_topics import TOPICS, StrangeBook
from agent.model import DeviceReading
from agent.outbox.notebook import SqliteNotebook
from protocol.words import SceneTopic
from runtime.clock import ManualClock

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def usage(value: float, *, source: str = "") -> DeviceReading:
    return DeviceReading("processor_usage", value, NOW, unit="%", source=source)


def test_a_unit_once_known_stays_known_over_a_restart(tmp_path: Path) -> None:
    notebook = SqliteNotebook(tmp_path / "n.db")
    book = StateBook(notebook)
    assert [one.value for one in book.take("pelco", [usage(0.44)])] == [pytest.approx(44.0)]
    assert [one.value for one in book.take("trendnet", [usage(75.0), usage(0.8)])] == [75.0, 0.8]
    book.flush("trendnet")
    again = StateBook(notebook)
    assert [one.value for one in again.take("trendnet", [usage(0.5)])] == [0.5]
    notebook.close()


def test_the_latest_of_each_is_kept_and_read_back(tmp_path: Path) -> None:
    notebook = SqliteNotebook(tmp_path / "n.db")
    book = StateBook(notebook)
    never = DeviceReading("last_reset", None, NOW)
    reboot = DeviceReading("last_reboot", NOW - timedelta(days=1), NOW)
    failed = DeviceReading(SceneTopic.STORAGE_FAILURE, True, NOW, source="disk-1")
    book.take("cam", [usage(75.0), usage(80.0), never, reboot, failed])
    book.flush("cam")
    assert StateBook(notebook).of("cam") == book.of("cam")
    assert set(book.of("cam")) == {usage(80.0), never, reboot, failed}
    assert book.of("other") == []
    notebook.close()


def test_a_device_with_ever_new_values_costs_bounded_memory() -> None:
    book = StateBook()
    for number in range(10 * READINGS):
        book.take("cam", [usage(50.0, source=str(number))])
    assert len(book.of("cam")) == READINGS
    for number in range(2 * device_state.DEVICES):
        book.take(str(number), [usage(50.0)])
    assert len(book._states) == device_state.DEVICES


def test_topics_nobody_knows_are_counted_and_kept(tmp_path: Path) -> None:
    notebook = SqliteNotebook(tmp_path / "n.db")
    book = StrangeBook(notebook)
    met = Stranger("tnsx:Smart/Passage", (("Lane", "number"),))
    book.add("cam", [met, met], now=NOW)
    book.add("cam", [met], now=NOW + timedelta(hours=1))
    book.flush("cam")
    again = StrangeBook(notebook)
    assert again.all() == book.all()
    (kept,) = again.of("cam").topics
    assert (kept.topic, kept.items, kept.count) == (met.topic, met.items, 3)
    assert (kept.first, kept.last) == (NOW, NOW + timedelta(hours=1))
    again.add("cam", [met], now=NOW)
    assert again.of("cam").topics[0].count == 4
    notebook.close()


def test_a_device_that_invents_topics_is_bounded(tmp_path: Path) -> None:
    notebook = SqliteNotebook(tmp_path / "n.db")
    book = StrangeBook(notebook)
    longest = ("N" * 40, "element")
    for number in range(100 * TOPICS):
        name = "".join(chr(97 + number // place % 26) for place in (1, 26, 676))
        topic = f"tnsx:{'x' * 120}{name}"
        book.add("cam", [Stranger(topic, (longest,) * 12)], now=NOW)
    book.flush("cam")
    told = book.of("cam")
    assert (len(told.topics), told.beyond) == (TOPICS, 99 * TOPICS)
    assert len(notebook.notes(strange_topics.NOTE_TOPIC)["cam"]) < 64_000
    for number in range(2 * strange_topics.DEVICES):
        book.add(str(number), [Stranger("tnsx:A", ())], now=NOW)
    assert len(book._books) == strange_topics.DEVICES
    notebook.close()


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{",
        '{"topics": 1, "readings": 1}',
        '{"topics": [[1], {}], "readings": [[1], "x", [1,2,3,4,5,6]]}',
    ],
)
def test_a_damaged_note_is_none(tmp_path: Path, document: str) -> None:
    notebook = SqliteNotebook(tmp_path / "n.db")
    for topic in (strange_topics.NOTE_TOPIC, device_state.NOTE_TOPIC):
        notebook.note("cam", topic, document)
    assert StrangeBook(notebook).all()["cam"].topics == ()
    assert StateBook(notebook).of("cam") == []
    notebook.close()


def test_values_that_change_all_the_time_are_written_now_and_then(tmp_path: Path) -> None:
    clock, notebook = ManualClock(), SqliteNotebook(tmp_path / "n.db")
    page = Page(notebook, "cam", "x", monotonic=clock.monotonic)
    written = 0
    for second in range(3600):
        if page.due(urgent=False):
            page.write({"second": second})
            written += 1
        clock.advance(1)
    assert written == 3600 // EVERY_S
    assert not page.due(urgent=True) or URGENT_S < EVERY_S
    assert json.loads(notebook.noted("cam", "x") or "") == {"second": 3000}
    notebook.close()
