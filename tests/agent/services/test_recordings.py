"""The daily round of recordings: when each device is asked, what is written, what is remembered."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import DeviceError, DeviceTrouble, StoreFull
from agent.model import Device, Disk, RecordedChannel, RecordingReport, TimeSpan
from agent.outbox.notebook import SqliteNotebook
from agent.services.recordings import (
    AGAIN_S,
    DAY_S,
    FIRST_S,
    FIRST_SPREAD_S,
    SOON_S,
    RecordingRounds,
    states_of,
)
from protocol.codec import ENTRY_BYTES
from protocol.messages import RecordingState
from protocol.words import DeviceClass
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog
from tests.agent.services.fakes import device as shared

START = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
CHANNEL = RecordedChannel("", recording=True, recorded_days=30, recorded_ratio=1.0)
GOOD = RecordingReport(True, 30, Disk.OK, (CHANNEL,))
NONE = RecordingReport(False, 30, detail="none")


def device(name: str, device_class: DeviceClass = DeviceClass.SMART_CAMERA) -> Device:
    """Each at an address of its own."""
    return replace(shared(name, device_class), host=f"{name}.local")


class Village:
    """Devices whose answers are told to it, and the hours they are asked at."""

    def __init__(self, folder: Path, report: RecordingReport = GOOD) -> None:
        self.clock = ManualClock(START)
        self.log = FakeLog()
        self.report = report
        self.trouble: DeviceTrouble | None = None
        self.asked: list[tuple[str, float]] = []
        self.notebook = SqliteNotebook(folder / "notebook.db")
        self.rounds = self.started()

    def started(self) -> RecordingRounds:
        return RecordingRounds(self.read, log_=self.log, notebook=self.notebook, clock=self.clock)

    def read(self, of: Device, days: int, _stop: threading.Event) -> RecordingReport:
        assert days == 30
        self.asked.append((of.id, self.clock.monotonic()))
        if self.trouble is not None:
            raise DeviceError(self.trouble, of.id, "no")
        return self.report

    def pass_by(self, seconds: float, *, every_s: float = 300.0) -> None:
        """Let time go by; the worker looks as often."""
        for _ in range(int(seconds / every_s)):
            self.clock.advance(every_s)
            while self.rounds.step() == 0.0:
                pass

    def written(self) -> Sequence[RecordingState]:
        return [data for data in self.log.all(RecordingState) if isinstance(data, RecordingState)]


@pytest.fixture
def village(tmp_path: Path) -> Village:
    made = Village(tmp_path)
    made.rounds.add(device("nvr"))
    return made


@pytest.fixture(autouse=True)
def _closed(village: Village) -> object:
    yield
    village.notebook.close()


def test_a_device_is_asked_once_a_day_and_every_answer_is_written(village: Village) -> None:
    village.pass_by(10 * DAY_S)
    assert 10 <= len(village.asked) <= 11
    assert len(village.written()) == len(village.asked)
    assert village.written()[0].recorded_ratio == 1.0
    times = [at for _, at in village.asked]
    assert all(later - earlier >= AGAIN_S for earlier, later in pairwise(times))


def test_it_is_asked_within_the_hour_after_the_first_start(village: Village) -> None:
    village.pass_by(FIRST_S)
    assert village.asked == []
    village.pass_by(FIRST_SPREAD_S + 300)
    assert len(village.asked) == 1


def test_devices_are_asked_at_times_of_their_own(village: Village) -> None:
    for number in range(64):
        village.rounds.add(device(f"cam-{number}"))
    village.pass_by(DAY_S * 2)
    village.asked.clear()
    village.pass_by(DAY_S)
    hours = [int((at % DAY_S) // 3600) for _, at in village.asked]
    assert len(village.asked) >= 63
    assert len(set(hours)) >= 16
    assert max(hours.count(hour) for hour in hours) <= 12


def test_no_device_is_asked_twice_where_the_first_hour_meets_its_own_time(village: Village) -> None:
    for number in range(300):
        village.rounds.add(device(f"cam-{number}"))
    village.pass_by(DAY_S)
    by_device: dict[str, list[float]] = {}
    for name, at in village.asked:
        by_device.setdefault(name, []).append(at)
    pauses = [later - earlier for times in by_device.values() for earlier, later in pairwise(times)]
    assert min(pauses) >= AGAIN_S


def test_a_restart_does_not_ask_again(village: Village) -> None:
    village.pass_by(DAY_S + FIRST_SPREAD_S)
    count = len(village.asked)
    village.rounds = village.started()
    village.rounds.add(device("nvr"))
    asked_at = village.asked[-1][1]
    village.pass_by(AGAIN_S)
    assert len(village.asked) - count in (0, 1)
    assert all(at - asked_at >= AGAIN_S for _, at in village.asked[count:])


def test_a_device_without_recording_is_asked_weekly_over_restarts(village: Village) -> None:
    village.report = NONE
    for _ in range(4):
        village.pass_by(5 * DAY_S, every_s=1800)
        village.rounds = village.started()
        village.rounds.add(device("nvr"))
    assert len(village.asked) == 3
    assert [state.offered for state in village.written()] == [False] * 3
    assert village.written()[0].detail == "none"


def test_a_notebook_of_junk_is_as_none(village: Village) -> None:
    for junk in ("{", "[]", '{"asked": 3}', '{"asked": "9999-12-31T23:59:59-14:00", "offered": true}'):
        village.notebook.note("nvr", "recordings", junk)
        village.asked.clear()
        village.rounds = village.started()
        village.rounds.add(device("nvr"))
        village.pass_by(FIRST_S + FIRST_SPREAD_S + 600)
        assert len(village.asked) == 1


def test_a_change_is_written_and_asked_about_again(village: Village) -> None:
    village.pass_by(DAY_S)
    count = len(village.asked)
    village.report = replace(GOOD, channels=(replace(CHANNEL, recording=False),))
    village.pass_by(DAY_S)
    assert len(village.asked) == count + 2
    assert village.asked[-1][1] - village.asked[-2][1] == pytest.approx(SOON_S, abs=600)
    assert [state.recording for state in village.written()[count:]] == [False]
    assert village.log.entries[-1].severity == "WARN"


def test_a_word_about_the_disk_is_asked_about_at_once_and_written_when_new(village: Village) -> None:
    village.pass_by(DAY_S)
    count = len(village.asked)
    village.rounds.nudge("nvr")
    village.rounds.nudge("unknown")
    village.pass_by(300)
    assert (len(village.asked), len(village.written())) == (count + 1, count)
    village.report = replace(GOOD, disk=Disk.FULL)
    village.rounds.nudge("nvr")
    village.pass_by(300)
    assert village.written()[count].disk == "full"
    asked = len(village.asked)
    village.pass_by(DAY_S)
    assert len(village.asked) - asked in (1, 2), "the round goes on as if nothing had been"


def test_on_command_it_is_asked_at_once_and_written(village: Village) -> None:
    village.pass_by(DAY_S)
    count = len(village.asked)
    assert village.rounds.ask_now("nvr")
    assert not village.rounds.ask_now("nowhere")
    village.pass_by(300)
    assert (len(village.asked), len(village.written())) == (count + 1, count + 1)


@pytest.mark.parametrize(("kind", "most"), [(DeviceTrouble.UNREACHABLE, 25), (DeviceTrouble.AUTH_FAILED, 2)])
def test_a_device_that_fails_is_asked_hourly_and_a_refused_password_daily(
    village: Village, kind: DeviceTrouble, most: int
) -> None:
    village.trouble = kind
    village.pass_by(DAY_S)
    assert 1 <= len(village.asked) <= most
    assert village.written() == []
    village.trouble = None
    village.pass_by(DAY_S * 1.1)
    assert village.written()


def test_a_full_outbox_is_tried_again(village: Village) -> None:
    village.log.full = True
    with pytest.raises(StoreFull):
        village.pass_by(FIRST_S + FIRST_SPREAD_S + 300)
    village.log.full = False
    village.pass_by(SOON_S + 300)
    assert len(village.written()) == 1


def test_a_box_that_stops_writes_nothing_more(village: Village) -> None:
    def stopped(_device: Device, _days: int, stop: threading.Event) -> RecordingReport:
        village.rounds.close()
        assert stop.is_set()
        return GOOD

    village.rounds = RecordingRounds(
        stopped, log_=village.log, notebook=village.notebook, clock=village.clock
    )
    village.rounds.add(device("nvr"))
    village.rounds.ask_now("nvr")
    village.rounds.step()
    assert village.written() == []
    assert village.rounds.step() >= 0


def test_a_recorder_that_stands_in_the_ledger_once_a_channel_is_asked_once(village: Village) -> None:
    village.rounds.add(replace(device("nvr-2"), host="10.0.0.9"))
    village.rounds.add(replace(device("nvr-3"), host="10.0.0.9"))
    village.rounds.add(replace(device("nvr-4"), host="10.0.0.9", port=81))
    village.pass_by(FIRST_S + FIRST_SPREAD_S + 600)
    assert sorted(name for name, _ in village.asked) == ["nvr", "nvr-2", "nvr-4"]


def test_conferences_and_bare_streams_are_not_asked_and_integrated_devices_are(village: Village) -> None:
    others = [
        device("room", DeviceClass.CONFERENCE_ENDPOINT),
        replace(device("rtsp"), stream_path="/live"),
        device("police", DeviceClass.INTEGRATED),
    ]
    for one in others:
        village.rounds.add(one)
    village.pass_by(2 * DAY_S)
    assert {name for name, _ in village.asked} == {"nvr", "police"}


FIRST = datetime(2000, 1, 1, tzinfo=UTC)
times = st.integers(0, 31_000_000_000).map(lambda second: FIRST + timedelta(seconds=second))
channels = st.builds(
    RecordedChannel,
    channel=st.text(max_size=100),
    title=st.text(max_size=64),
    recording=st.sampled_from([None, True, False]),
    oldest=st.none() | times,
    newest=st.none() | times,
    recorded_days=st.none() | st.integers(0, 30),
    recorded_ratio=st.none() | st.floats(0, 1),
    gaps=st.lists(st.builds(TimeSpan, times, times), max_size=32).map(tuple),
    gaps_omitted=st.integers(0, 10_000),
    detail=st.text(max_size=300),
)


@given(st.builds(RecordingReport, st.booleans(), st.just(30), st.sampled_from(Disk), st.tuples(channels)))
def test_whatever_was_read_fits_the_wire(report: RecordingReport) -> None:
    for state in states_of(report):
        assert len(state.model_dump_json().encode()) < ENTRY_BYTES
        assert RecordingState.model_validate_json(state.model_dump_json()).channel == state.channel


def test_a_report_without_channels_is_one_entry() -> None:
    (state,) = states_of(RecordingReport(True, 30, Disk.ERROR, detail="nothing"))
    assert (state.offered, state.disk, state.recording, state.detail) == (True, "error", None, "nothing")
    now = datetime.now(UTC)
    gap = TimeSpan(now - timedelta(hours=1), now)
    two = RecordingReport(True, 30, channels=(replace(CHANNEL, channel="1", gaps=(gap,)), CHANNEL))
    assert [one.channel for one in states_of(two)] == ["1", ""]
