"""Every start that the log has gets its end: over a full disk, a stop of the box, and a power cut."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import DeviceError, DeviceTrouble, StoreFull
from agent.model import CameraEvent
from agent.outbox.notebook import SqliteNotebook
from agent.services.listener import SOURCES_LIMIT, Listener
from agent.services.scene_book import NOTE_TOPIC, OWED_LIMIT
from protocol.messages import Scene
from protocol.words import Phase, SceneTopic
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog, device
from tests.agent.services.test_listener import FakeSubscription
from tests.agent.services.test_listener_budget import open_episodes

AT = datetime(2026, 11, 23, tzinfo=UTC)
START = CameraEvent(SceneTopic.MOTION, active=True, initial=False, time=AT)
END = replace(START, active=False)
FAILED = replace(START, topic=SceneTopic.STORAGE_FAILURE)
DARK = replace(START, topic=SceneTopic.TOO_DARK)


class Box:
    """What outlives a listener: the log, the notebook and the clock."""

    def __init__(self, folder: Path) -> None:
        self.log, self.clock, self.book = FakeLog(), ManualClock(), SqliteNotebook(folder / "n.db")
        self._numbers = itertools.count()

    def listener(self, *pulls: Sequence[CameraEvent] | DeviceError) -> Listener:
        return Listener(
            device(),
            FakeSubscription(*pulls),
            log_=self.log,
            clock=self.clock,
            new_episode=lambda: f"episode-{next(self._numbers)}",
            take_still=lambda _device: "ab" * 32,
            notebook=self.book,
        )

    @property
    def told(self) -> list[Scene]:
        return [entry.data for entry in self.log.entries if isinstance(entry.data, Scene)]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def shown(told: Sequence[Scene]) -> list[tuple[str, Phase]]:
    return [(scene.topic, scene.phase) for scene in told]


def test_what_the_disk_refuses_is_told_later_in_order(box: Box) -> None:
    heard = box.listener([START, FAILED, replace(START, source="2")], [END], [])
    box.log.full = True
    for _ in range(2):
        with pytest.raises(StoreFull):
            heard.step()
    assert box.book.noted("gate-1", NOTE_TOPIC) is None, "the log has no start yet"
    box.log.full = False
    heard.step()
    assert shown(box.told) == [
        (SceneTopic.MOTION, Phase.START),
        (SceneTopic.STORAGE_FAILURE, Phase.START),
        (SceneTopic.MOTION, Phase.START),
        (SceneTopic.MOTION, Phase.END),
    ]
    assert box.told[0].evidence is not None, "the still is of when it began"
    assert len(open_episodes(box.told)) == 2
    box.book.close()


def test_what_is_owed_is_bounded_and_never_without_partner(box: Box) -> None:
    flood = [replace(START, active=number % 2 == 0) for number in range(100)]
    heard = box.listener(*([flood] * 1000))
    box.log.full = True
    for _ in range(1000):
        box.clock.advance(1.0)
        with pytest.raises(StoreFull):
            heard.step()
    assert OWED_LIMIT <= heard._page.owed <= OWED_LIMIT + SOURCES_LIMIT
    box.log.full = False
    heard.close()
    assert open_episodes(box.told) == set()
    assert len(box.told) >= OWED_LIMIT
    box.book.close()


def test_a_stop_of_the_box_ends_what_moves_and_says_so(box: Box) -> None:
    heard = box.listener([START, FAILED, DARK])
    heard.step()
    box.clock.advance(7.0)
    heard.close()
    heard.close()
    end = box.told[-1]
    assert (end.topic, end.phase, end.duration_ms) == (SceneTopic.MOTION, Phase.END, 7000)
    assert "停机" in end.reason
    assert "the box stopped" in end.reason
    assert len(box.told) == 4
    over = [replace(one, active=False, initial=True) for one in (START, FAILED, DARK)]
    box.listener(over).step()
    assert open_episodes(box.told) == set()
    assert Counter(scene.phase for scene in box.told) == {Phase.START: 3, Phase.END: 3}
    box.book.close()


@pytest.mark.parametrize("gone", [False, True])
def test_the_start_after_a_power_cut_ends_what_moved_then(box: Box, *, gone: bool) -> None:
    box.listener([START, FAILED]).step()
    box.clock.advance(3600.0)
    if gone:
        with pytest.raises(DeviceError):
            box.listener(DeviceError(DeviceTrouble.UNREACHABLE, "gate-1", "no answer")).step()
    else:
        box.listener([replace(START, initial=True)]).step()
    end = box.told[-1]
    assert (end.topic, end.phase, end.duration_ms) == (SceneTopic.MOTION, Phase.END, None)
    assert end.episode == box.told[0].episode
    assert "the box was cut off" in end.reason
    assert len(open_episodes(box.told)) == 1, "the disk is still broken"
    again = box.listener([])
    again.step()
    assert len(box.told) == 3, "ended once"
    box.book.close()


def test_a_stop_on_a_full_disk_leaves_the_end_to_the_next_start(box: Box) -> None:
    heard = box.listener([START])
    heard.step()
    box.log.full = True
    heard.close()
    box.log.full = False
    assert len(open_episodes(box.told)) == 1
    box.listener([]).step()
    assert open_episodes(box.told) == set()
    box.book.close()


def test_a_motion_shorter_than_a_pull_writes_no_note(box: Box) -> None:
    box.listener([START, END]).step()
    assert box.book.noted("gate-1", NOTE_TOPIC) is None
    box.book.close()


EVENTS = [replace(one, active=active) for one in (START, FAILED, DARK) for active in (True, False)]


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(EVENTS)), st.booleans(), st.sampled_from(["", "stop", "cut"]))
    )
)
@settings(deadline=None)
def test_no_end_without_its_start_whatever_befalls_disk_and_power(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[list[CameraEvent], bool, str]]
) -> None:
    box = Box(tmp_path_factory.mktemp("box"))
    heard = box.listener()
    for events, full, then in steps:
        box.log.full = full
        box.clock.advance(5.0)
        heard._subscription = FakeSubscription(events)
        try:
            heard.step()
        except StoreFull:
            assert full
        if then == "stop":
            heard.close()
        if then:
            heard = box.listener()
    box.log.full = False
    heard._subscription = FakeSubscription([])
    heard.step()
    heard.close()
    moving = {scene.episode for scene in box.told if scene.topic == SceneTopic.MOTION}
    assert not open_episodes(box.told) & moving
    box.book.close()
