"""The scene book over a full disk, a power cut, a flood, and with clips: every start has its end."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import WatchSection
from agent.errors import StoreFull
from agent.model import CameraEvent, Exhibit, ExhibitKind, Finding, Frame, Image, PictureFault, Polygon
from agent.outbox.notebook import SqliteNotebook
from agent.services.clips import BURST, OVERDUE_S, ClipDesk, ClipTimes
from agent.services.episodes import Merging
from agent.services.listener import Listener
from agent.services.scene_book import BEGIN_BURST, NOTE_TOPIC, OWED_LIMIT, SceneBook
from agent.services.watcher import Watcher
from protocol.messages import Scene
from protocol.words import Phase, SceneTopic, SeenBy
from runtime.clock import ManualClock
from tests.agent.services.fakes import (
    GOOD,
    FakeAdapter,
    FakeJudge,
    FakeLog,
    FakeStills,
    FakeVideoRoom,
    device,
)
from tests.agent.services.test_listener import FakeSubscription
from tests.agent.services.test_listener_budget import open_episodes

AT = datetime(2026, 11, 23, tzinfo=UTC)
MOTION = CameraEvent(SceneTopic.MOTION, active=True, initial=False, time=AT)
TAMPER = replace(MOTION, topic=SceneTopic.TAMPER)
INSIDE = replace(MOTION, topic=SceneTopic.OBJECTS_INSIDE)
WATCH = WatchSection(motion_confirm_s=0, motion_hold_s=2, covered_confirm_s=4, clear_confirm_s=2)


def over(event: CameraEvent) -> CameraEvent:
    return replace(event, active=False)


def shown(_image: Image, _masks: Sequence[Polygon]) -> Exhibit:
    return Exhibit(ExhibitKind.STILL, b"jpeg")


class Village:
    """A box whose one camera tells of itself and is watched; log, notebook and clock outlive the box."""

    def __init__(self, folder: Path, *, times: ClipTimes | None = None, cool_down_s: float = 10.0) -> None:
        self.log, self.clock, self.notebook = FakeLog(), ManualClock(), SqliteNotebook(folder / "n.db")
        self.stills, self._numbers = FakeStills(), itertools.count()
        self._times, self._merging = times or ClipTimes(), Merging(cool_down_s=cool_down_s)
        self.switch_on()

    def switch_on(self) -> None:
        self.room = FakeVideoRoom()
        self.clips = ClipDesk(
            lambda name, since_s, until_s: self.watcher.record(name, since_s, until_s),
            stills=self.stills,
            clock=self.clock,
            times=self._times,
        )
        self.book = SceneBook(
            log_=self.log,
            clock=self.clock,
            notebook=self.notebook,
            merging=self._merging,
            clips=self.clips,
        )
        self.watcher = Watcher(
            self.room,
            log_=self.log,
            stills=self.stills,
            show=shown,
            judge_for=lambda _device: FakeJudge(),
            new_episode=self._episode,
            clock=self.clock,
            watch=WATCH,
            on_change=lambda _device: None,
            book=self.book,
        )
        self.watcher.add(device(), FakeAdapter(device(), GOOD))
        self.stream = self.room.streams["gate-1"]
        self._said = FakeSubscription()
        self.listener = Listener(
            device(),
            self._said,
            log_=self.log,
            clock=self.clock,
            new_episode=self._episode,
            take_still=self.watcher.take_still,
            notebook=self.notebook,
            book=self.book,
        )

    def _episode(self) -> str:
        return f"episode-{next(self._numbers)}"

    def switch_off(self) -> None:
        self.watcher.close()
        self.listener.close()
        self.clips.close()
        self.book.close()

    def camera(self, *events: CameraEvent) -> None:
        self._said.pulls.append([replace(event, time=self.clock.now()) for event in events])
        self.listener.step()

    def see(
        self,
        *present: SceneTopic,
        absent: Sequence[SceneTopic] = (),
        zone: str = "",
        fault: PictureFault | None = None,
    ) -> None:
        """Two pictures of one second."""
        for _ in range(2):
            frame = Frame(np.zeros((2, 2), np.uint8), 0.0, self.clock.monotonic(), key=True)
            self.stream.picture = frame.image
            findings = [
                Finding(topic, there, 0.9 * there, "because" * there, zone=zone, fault=fault)
                for topics, there in ((present, True), (absent, False))
                for topic in topics
            ]
            self.stream.on_findings(frame, findings)
            self.clock.advance(0.5)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)
            self.clips.step()
            self.book.step()

    @property
    def told(self) -> list[Scene]:
        return [entry.data for entry in self.log.entries if isinstance(entry.data, Scene)]


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path)


def test_camera_and_box_make_one_episode_in_the_log(village: Village) -> None:
    village.camera(MOTION)
    village.see(SceneTopic.MOTION)
    village.camera(over(MOTION))
    for _ in range(4):
        village.see(absent=[SceneTopic.MOTION])
    village.wait(11)
    start, end = village.told
    assert (start.phase, start.seen_by, start.sources) == (Phase.START, SeenBy.CAMERA, None)
    assert (end.phase, end.seen_by, end.sources) == (Phase.END, SeenBy.CAMERA, (SeenBy.CAMERA, SeenBy.BOX))
    assert (end.episode, end.score, end.reason) == (start.episode, 0.9, "because")
    assert end.evidence is not None, "the box's still"
    assert village.notebook.noted("gate-1", NOTE_TOPIC) == "[]"


def test_a_covered_lens_and_the_cameras_tamper_alarm_are_one(village: Village) -> None:
    village.camera(TAMPER)
    for _ in range(6):
        village.see(SceneTopic.TAMPER, fault=PictureFault.COVERED)
    village.camera(over(TAMPER))
    for _ in range(6):
        village.see(absent=[SceneTopic.TAMPER], fault=PictureFault.COVERED)
    village.wait(11)
    assert [one.phase for one in village.told] == [Phase.START, Phase.END]
    assert village.told[-1].sources == (SeenBy.CAMERA, SeenBy.BOX)


def test_a_power_cut_ends_what_only_the_box_saw_and_a_new_start_follows(village: Village) -> None:
    village.see(SceneTopic.MOTION)
    village.clock.advance(3600)
    village.switch_on()
    village.book.step()
    start, end = village.told
    assert (end.phase, end.episode, end.duration_ms) == (Phase.END, start.episode, None)
    assert "the box was cut off" in end.reason
    village.see(SceneTopic.MOTION)
    assert [one.phase for one in village.told] == [Phase.START, Phase.END, Phase.START]
    village.switch_on()
    village.book.step()
    assert open_episodes(village.told) == set()
    assert len(village.told) == 4


def test_a_power_cut_leaves_the_cameras_condition_to_the_camera(village: Village) -> None:
    for _ in range(6):
        village.see(SceneTopic.TAMPER, fault=PictureFault.COVERED)
    village.camera(TAMPER)
    village.clock.advance(3600)
    village.switch_on()
    village.camera()
    assert [one.phase for one in village.told] == [Phase.START]
    village.camera(replace(over(TAMPER), initial=True))
    village.wait(11)
    start, end = village.told
    assert (end.phase, end.episode, end.seen_by) == (Phase.END, start.episode, SeenBy.BOX)
    assert end.sources == (SeenBy.BOX, SeenBy.CAMERA)


def test_a_power_cut_while_only_the_box_still_sees_it_ends_it(village: Village) -> None:
    village.camera(TAMPER)
    for _ in range(6):
        village.see(SceneTopic.TAMPER, fault=PictureFault.COVERED)
    village.camera(over(TAMPER))
    village.switch_on()
    village.camera()
    assert [one.phase for one in village.told] == [Phase.START, Phase.END]
    assert "the box was cut off" in village.told[-1].reason


def test_a_note_of_an_older_box_is_understood(village: Village) -> None:
    noted = {"topic": SceneTopic.TAMPER, "source": "1", "episode": "old", "since": AT.isoformat()}
    old = json.dumps([noted])
    village.notebook.note("gate-1", NOTE_TOPIC, old)
    village.switch_on()
    village.camera(replace(over(TAMPER), source="1"))
    village.wait(11)
    assert [(one.phase, one.episode) for one in village.told] == [(Phase.END, "old")]


def test_what_the_disk_refuses_is_told_later_and_a_start_then_tells_both(village: Village) -> None:
    village.log.full = True
    with pytest.raises(StoreFull):
        village.camera(MOTION)
    village.see(SceneTopic.MOTION)
    assert village.told == []
    village.log.full = False
    village.book.step()
    (start,) = village.told
    assert (start.seen_by, start.sources) == (SeenBy.CAMERA, (SeenBy.CAMERA, SeenBy.BOX))
    assert (start.score, start.reason) == (0.9, "because")
    assert start.evidence is not None


def test_a_box_that_sees_too_much_is_held_back_and_what_lasts_is_told_late(village: Village) -> None:
    zones = [f"zone-{number}" for number in range(BEGIN_BURST + 10)]
    now = village.clock.monotonic()
    for _ in range(2):
        frame = Frame(np.zeros((2, 2), np.uint8), 0.0, now, key=True)
        findings = [Finding(SceneTopic.OBJECTS_INSIDE, True, 0.9, "in", zone=zone) for zone in zones]
        village.stream.on_findings(frame, findings)
    assert len(village.told) == BEGIN_BURST
    village.wait(5)
    assert len(village.told) == BEGIN_BURST + 5
    village.switch_off()
    assert open_episodes(village.told) == set()
    assert len(village.told) == 2 * (BEGIN_BURST + 5)


def test_what_is_owed_is_bounded_and_then_nothing_begins(village: Village) -> None:
    village.log.full = True
    for number in range(2 * OWED_LIMIT):
        village.see(SceneTopic.OBJECTS_INSIDE, zone=f"zone-{number}")
    assert village.book.page("gate-1").owed == OWED_LIMIT
    village.log.full = False
    village.switch_off()
    assert open_episodes(village.told) == set()


def test_a_stop_of_the_box_tells_what_lingers(village: Village) -> None:
    village.see(SceneTopic.MOTION)
    village.camera(MOTION)
    village.switch_off()
    assert [one.phase for one in village.told] == [Phase.START, Phase.END]
    assert village.notebook.noted("gate-1", NOTE_TOPIC) == "[]"


def test_two_sources_at_once_lose_nothing(village: Village) -> None:
    """The camera's thread and the stream's thread tell at the same time."""
    rounds = 30

    def camera() -> None:
        for number in range(rounds):
            village.camera(replace(INSIDE if number % 2 else MOTION, active=number % 4 < 2))

    def box() -> None:
        for number in range(rounds):
            village.see(SceneTopic.MOTION, zone="")
            village.see(absent=[SceneTopic.MOTION])
            if number % 3 == 0:
                village.see(absent=[SceneTopic.MOTION])
                village.book.step()

    threads = [threading.Thread(target=work) for work in (camera, box)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    village.switch_off()
    assert open_episodes(village.told) == set()
    assert village.told


# --- clips -----------------------------------------------------------------------------------------


@pytest.fixture
def filming(tmp_path: Path) -> Village:
    return Village(tmp_path, times=ClipTimes(before_s=5, after_s=20), cool_down_s=0)


def test_an_end_waits_for_the_clip_and_names_it(filming: Village) -> None:
    filming.camera(TAMPER)
    began_s = filming.clock.monotonic()
    filming.camera(over(TAMPER))
    filming.wait(15)
    assert [one.phase for one in filming.told] == [Phase.START]
    filming.wait(10)
    (recording,) = filming.stream.recordings
    assert (recording.since_s, recording.until_s) == (began_s - 5, began_s + 20)
    _, end = filming.told
    assert end.clip is not None
    assert end.evidence is None
    assert filming.stills.kept[-1][0].startswith(b"clip")
    assert end.duration_ms == 0, "the end is when it was, not when the clip was there"


def test_motion_alone_has_no_clip_and_an_intrusion_has(filming: Village) -> None:
    filming.camera(MOTION)
    filming.see(SceneTopic.OBJECTS_INSIDE, zone="gate")
    assert len(filming.stream.recordings) == 1


def test_without_seconds_there_is_no_clip(village: Village) -> None:
    village.camera(TAMPER)
    assert village.stream.recordings == []


def test_a_clip_that_cannot_be_made_holds_nothing_up(filming: Village) -> None:
    filming.camera(TAMPER)
    filming.stream.recordings[0].broken = True
    filming.camera(over(TAMPER))
    filming.wait(22)
    assert [(one.phase, one.clip) for one in filming.told] == [(Phase.START, None), (Phase.END, None)]


def test_a_clip_that_never_comes_is_waited_for_so_long(filming: Village) -> None:
    filming.camera(TAMPER)
    filming.stream.recordings[0].until_s = float("inf")
    filming.camera(over(TAMPER))
    filming.wait(OVERDUE_S)
    assert len(filming.told) == 1
    filming.wait(4)
    assert [(one.phase, one.clip) for one in filming.told] == [(Phase.START, None), (Phase.END, None)]


def test_one_device_gets_a_clip_at_a_time_and_a_few_an_hour(filming: Village) -> None:
    for number in range(100):
        filming.camera(TAMPER, INSIDE)
        assert len(filming.stream.recordings) <= 1 + number
        filming.wait(25)
        filming.camera(over(TAMPER), over(INSIDE))
        filming.wait(11)
    made = len(filming.stream.recordings)
    assert BURST <= made <= BURST + 3600 / 300 + 1
    ends = [one for one in filming.told if one.phase is Phase.END]
    assert sum(one.clip is not None for one in ends) == made
    assert open_episodes(filming.told) == set()


# --- all of it ---------------------------------------------------------------------------------------

deeds = st.lists(
    st.tuples(
        st.sampled_from(["camera", "camera", "box", "box", "box", "step", "stop", "cut", "full"]),
        st.sampled_from([MOTION, TAMPER, INSIDE]),
        st.booleans(),
        st.sampled_from([0.0, 1.0, 4.0, 20.0, 400.0]),
    ),
    max_size=40,
)


@given(deeds)
@settings(max_examples=60, deadline=None)
def test_whatever_befalls_the_log_is_well_formed_and_all_that_moves_ends(
    tmp_path_factory: pytest.TempPathFactory, told: Sequence[tuple[str, CameraEvent, bool, float]]
) -> None:
    village = Village(tmp_path_factory.mktemp("box"), times=ClipTimes(5, 5))
    for what, event, active, pause_s in told:
        village.clock.advance(pause_s)
        zone = "gate" if event is INSIDE else ""
        try:
            if what == "camera":
                village.camera(replace(event, active=active))
            elif what == "box" and active:
                village.see(event.topic, zone=zone)
            elif what == "box":
                village.see(absent=[event.topic], zone=zone)
            elif what == "step":
                village.wait(2)
            elif what == "full":
                village.log.full = active
            else:
                if what == "stop":
                    village.switch_off()
                village.switch_on()
        except StoreFull:
            assert village.log.full
        open_episodes(village.told)
    village.log.full = False
    village.camera()
    village.switch_off()
    village.switch_on()
    village.camera()
    village.wait(12)
    going_on = open_episodes(village.told)
    conditions = {one.episode for one in village.told if one.topic == SceneTopic.TAMPER}
    assert going_on <= conditions, "what moves has ended"
    village.notebook.close()
