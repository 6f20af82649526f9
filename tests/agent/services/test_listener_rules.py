"""Which start ends by itself and which does not; what outlives a restart; whose words are told."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.model import CameraEvent
from agent.outbox.notebook import SqliteNotebook
from agent.services.listener import (
    CONDITION_S,
    HEALTH_PAUSE_S,
    LONGEST_S,
    MAX_ACTIVE_S,
    CameraEventPairing,
    Listener,
)
from agent.services.scene_book import NOTE_TOPIC, scene_entry
from protocol.messages import Scene
from protocol.words import DEVICE_HEALTH_TOPICS, Phase, SceneTopic
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog, device
from tests.agent.services.test_listener import FakeSubscription

AT = datetime(2026, 11, 23, tzinfo=UTC)
NUMBERS = itertools.count(1)
FAILED = CameraEvent(
    SceneTopic.STORAGE_FAILURE,
    active=True,
    initial=False,
    time=AT,
    source="disk-1",
    said="Device/HardwareFailure/tnshik:HardDiskError",
)


def pairing() -> CameraEventPairing:
    numbers = itertools.count(1)
    return CameraEventPairing(new_episode=lambda: f"episode-{next(numbers)}")


def listener(
    log: FakeLog, clock: ManualClock, book: SqliteNotebook, *pulls: Sequence[CameraEvent]
) -> Listener:
    return Listener(
        device(),
        FakeSubscription(*pulls),
        log_=log,
        clock=clock,
        new_episode=lambda: f"episode-{next(NUMBERS)}",
        notebook=book,
    )


def test_every_topic_has_its_rule_and_no_failure_ends_by_itself() -> None:
    assert set(LONGEST_S) == set(SceneTopic)
    assert all(LONGEST_S[topic] is None for topic in DEVICE_HEALTH_TOPICS)


@pytest.mark.parametrize("topic", SceneTopic)
def test_a_missing_end_is_ended_by_the_rule_of_its_topic(topic: SceneTopic) -> None:
    pair, longest_s = pairing(), LONGEST_S[topic]
    start = pair.take(replace(FAILED, topic=topic), mono_s=0)
    assert start is not None
    if longest_s is None:
        assert pair.expire(AT, mono_s=400 * CONDITION_S) == []
    else:
        assert pair.expire(AT, mono_s=longest_s) == []
        (end,) = pair.expire(AT, mono_s=longest_s + 1)
        assert (end.phase, end.episode, "no end" in end.reason) == (Phase.END, start.episode, True)


def test_a_night_is_no_missing_end() -> None:
    pair = pairing()
    assert pair.take(replace(FAILED, topic=SceneTopic.TOO_DARK), mono_s=0) is not None
    assert pair.expire(AT, mono_s=10 * MAX_ACTIVE_S) == []


def test_a_failure_travels_with_the_devices_own_word_and_part() -> None:
    start = pairing().take(FAILED, mono_s=0)
    assert start is not None
    entry = scene_entry(start)
    assert entry.topic == "tns1:Device/HardwareFailure/StorageFailure"
    assert (entry.phase, entry.reason) == (Phase.START, "Device/HardwareFailure/tnshik:HardDiskError disk-1")


def test_what_a_camera_sees_is_told_in_standard_words_alone() -> None:
    start = pairing().take(replace(FAILED, topic=SceneTopic.MOTION), mono_s=0)
    assert start is not None
    assert start.reason == ""


def test_a_state_that_is_over_ends_what_was_told_to_go_on() -> None:
    """The end came while the box did not hear the device; the replay after the new subscription tells it."""
    pair = pairing()
    start = pair.take(FAILED, mono_s=0)
    assert start is not None
    assert pair.take(replace(FAILED, initial=True), mono_s=1) is None
    end = pair.take(replace(FAILED, initial=True, active=False), mono_s=50)
    assert end is not None
    assert (end.phase, end.episode, end.duration_s) == (Phase.END, start.episode, 50)
    assert pair.take(replace(FAILED, initial=True, active=False), mono_s=51) is None


def test_a_failure_told_again_and_again_without_an_end_is_written_now_and_then() -> None:
    pair, pulse = pairing(), replace(FAILED, active=None)
    taken = [second for second in range(3600) if pair.take(pulse, mono_s=second) is not None]
    assert taken == [n * int(HEALTH_PAUSE_S) for n in range(6)]
    assert all(pair.take(replace(pulse, topic=SceneTopic.LINE_CROSSED), mono_s=n) for n in range(5))


def test_the_end_of_a_failure_is_told_over_a_restart_of_the_box(tmp_path: Path) -> None:
    log, clock, book = FakeLog(), ManualClock(), SqliteNotebook(tmp_path / "n.db")
    motion = replace(FAILED, topic=SceneTopic.MOTION)
    listener(log, clock, book, [replace(FAILED, time=clock.now()), motion]).step()
    clock.advance(3600)
    over = replace(FAILED, active=False, initial=True, time=clock.now())
    again = listener(log, clock, book, [replace(motion, active=False, initial=True), over], [])
    again.step()
    again.step()
    scenes = [entry.data for entry in log.entries if isinstance(entry.data, Scene)]
    assert [(one.topic, one.phase) for one in scenes] == [
        (SceneTopic.STORAGE_FAILURE, Phase.START),
        (SceneTopic.MOTION, Phase.START),
        (SceneTopic.MOTION, Phase.END),
        (SceneTopic.STORAGE_FAILURE, Phase.END),
    ]
    assert (scenes[2].duration_ms, scenes[3].duration_ms) == (None, 3_600_000)
    assert book.noted("gate-1", NOTE_TOPIC) == "[]"
    book.close()


@pytest.mark.parametrize(
    "document",
    ["", "{}", "[1]", '[{"topic": "x"}]', '[{"topic": "tns1:VideoSource/MotionAlarm", "source": "", '
     '"episode": "e", "since": "2026-01-01T00:00:00+00:00"}, {}]', '[{"topic": 1, "source": 1, "since": 1}]'],
)  # fmt: skip
def test_a_damaged_note_of_failures_keeps_nobody_from_listening(tmp_path: Path, document: str) -> None:
    log, book = FakeLog(), SqliteNotebook(tmp_path / "n.db")
    book.note("gate-1", NOTE_TOPIC, document)
    heard = listener(log, ManualClock(), book, [FAILED])
    heard.step()
    assert len(log.entries) == 1
    book.close()


def test_a_failure_takes_no_still_and_motion_does() -> None:
    log, asked = FakeLog(), list[str]()

    def still(name: str) -> None:
        asked.append(name)

    heard = Listener(
        device(),
        FakeSubscription([FAILED, replace(FAILED, topic=SceneTopic.MOTION)]),
        log_=log,
        clock=ManualClock(),
        new_episode=lambda: "episode-1",
        take_still=still,
    )
    heard.step()
    assert (len(log.entries), asked) == (2, ["gate-1"])


def test_a_clock_set_back_makes_no_negative_duration(tmp_path: Path) -> None:
    log, clock, book = FakeLog(), ManualClock(), SqliteNotebook(tmp_path / "n.db")
    listener(log, clock, book, [replace(FAILED, time=clock.now())]).step()
    clock.jump(-timedelta(days=400).total_seconds())
    listener(log, clock, book, [replace(FAILED, active=False, time=clock.now())]).step()
    (end,) = [entry.data for entry in log.entries[1:]]
    assert isinstance(end, Scene)
    assert end.duration_ms == 0
    book.close()
